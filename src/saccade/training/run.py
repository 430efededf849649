"""The state of a run, and its loop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from saccade.errors import CheckpointError, DivergenceError
from saccade.gates import use_form
from saccade.training.checkpoint import BEST, LAST, STATE, save_state, save_weights
from saccade.training.evaluate import Score
from saccade.training.optimisers import optimisers
from saccade.training.recipe import Recipe
from saccade.training.report import Epoch, RunReport
from saccade.training.schedules import learning_rate
from saccade.training.tasks import tasks

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class StepProgress:
    """How far a run has come.

    Attributes:
        step: steps done.
        steps: of the whole run.
        loss: of this step's batch, in nats.
        rate: learning rate of this step.
        images_per_second: since the run's start.
        accuracy: of the last evaluation, 0..1, or None.
    """

    step: int
    steps: int
    loss: float
    rate: float
    images_per_second: float
    accuracy: float | None


@dataclass
class _Progress:
    """What a run's state holds besides weights, optimiser and random states: plain values alone."""

    step: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    loader_seconds: float = 0.0
    best: float = -1.0
    resumed: int = 0
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    losses: list[float] = dataclasses.field(default_factory=list)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class Run:
    """A run from its recipe to its report.

    Args:
        recipe: what to do.
        training: the training images.
        test: the test images.
        directory: of the run's files.
        fabric: launched already.
    """

    def __init__(self, recipe: Recipe, training: Any, test: Any, directory: Path, fabric: Fabric) -> None:
        self.recipe = recipe
        self.test = test
        self.directory = directory
        self.fabric = fabric
        self.task = tasks.get(recipe.task)
        self.training = training
        self.batches = self.task.batches(
            training, recipe, fabric.global_rank, fabric.world_size, fabric.device.type == "cuda"
        )
        self.steps = max(1, round(recipe.epochs * self.batches.per_epoch))
        self.network = self.task.build(recipe)
        self.size = self.task.size(self.network, recipe)
        self.network.to(memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)
        self.network.to(fabric.device)
        if fabric.device.type == "cpu":
            # Of the forms of a deformable kernel that give the same, the one with the fastest gradients on a CPU.
            use_form(self.network, "grid_sample")
        whole: Any = torch.compile(self.network) if recipe.compile else self.network
        self.model, self.optimiser = fabric.setup(whole, optimisers.get(recipe.optimiser)(self.network, recipe))
        self.progress = _Progress()

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to a saved state.

        Raises:
            CheckpointError: it is another recipe's.
        """
        if state.get("fingerprint") != self.recipe.fingerprint:
            raise CheckpointError(
                f"{str(self.directory)!r} holds a run of another recipe ({state.get('recipe')}, "
                f"{state.get('fingerprint')}, not {self.recipe.fingerprint}); choose another folder"
            )
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available() and state["cuda_random"]:
            torch.cuda.set_rng_state_all(state["cuda_random"])
        self.progress = _Progress(**state["progress"])
        self.progress.resumed += 1

    def finish(
        self, save_every: float, on_step: Callable[[StepProgress], None] | None, environment: dict[str, Any]
    ) -> RunReport:
        """Does the steps that are left.

        Args:
            save_every: seconds between saved states within an epoch.
            on_step: called after every step.
            environment: kept in the report.

        Raises:
            DivergenceError: the loss is not finite.
            CheckpointError: a file cannot be written.
        """
        progress = self.progress
        saved = time.monotonic()
        self.model.train()
        while progress.step < self.steps:
            start = time.perf_counter()
            loss, rate = self._step()
            progress.step += 1
            progress.losses.append(loss)
            progress.seconds += time.perf_counter() - start
            ended = progress.step % self.batches.per_epoch == 0 or progress.step == self.steps
            if ended:
                self._end_epoch()
            if ended or time.monotonic() - saved >= save_every:
                self.save()
                saved = time.monotonic()
            if on_step is not None:
                on_step(self._told(loss, rate))
        return self._report(environment)

    def save(self) -> None:
        """Writes the state to go on from, from the first process alone.

        Raises:
            CheckpointError: it cannot be written.
        """
        if not self.fabric.is_global_zero:
            return
        state = {
            "recipe": self.recipe.name,
            "fingerprint": self.recipe.fingerprint,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "progress": dataclasses.asdict(self.progress),
        }
        save_state(self.directory / STATE, state)

    def _step(self) -> tuple[float, float]:
        """Does one step and returns its loss and learning rate."""
        recipe, step = self.recipe, self.progress.step
        start = time.perf_counter()
        batch = self.batches.at(step)
        self.progress.loader_seconds += time.perf_counter() - start
        rate = learning_rate(recipe, step, self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        total = torch.zeros((), device=self.fabric.device)
        for index, part in enumerate(self.task.parts(batch, recipe.accumulate)):
            last = index + 1 == recipe.accumulate
            with nullcontext() if last else self.fabric.no_backward_sync(self.model):
                loss = self.task.loss(self.model, part, recipe, self.fabric.device)
                self.fabric.backward(loss / recipe.accumulate)
            total += loss.detach() / recipe.accumulate
        value = float(total)
        if not math.isfinite(value):
            raise DivergenceError(
                f"the loss is {value} at step {step} (epoch {step / self.batches.per_epoch:.2f}, learning rate "
                f"{rate:.4g}); the last good state is in {str(self.directory)!r}: lower it with --set "
                f"learning_rate={recipe.learning_rate / 2:g}, or give --set warm_up=0.1"
            )
        self.optimiser.step()
        self.optimiser.zero_grad()
        return value, rate

    def _end_epoch(self) -> None:
        """Evaluates where the recipe says so, keeps the weights, and adds a line to the history."""
        progress, recipe = self.progress, self.recipe
        epoch = progress.step / self.batches.per_epoch
        last = progress.step == self.steps
        due = last or (recipe.evaluate_every > 0 and round(epoch) % recipe.evaluate_every == 0)
        score = self._evaluated() if due else None
        mean = sum(progress.losses) / len(progress.losses)
        line = Epoch(
            epoch,
            progress.step,
            mean,
            score.accuracy if score else None,
            score.loss if score else None,
            progress.seconds,
        )
        progress.history.append(dataclasses.asdict(line))
        progress.losses.clear()
        if not self.fabric.is_global_zero:
            return
        notes = {"recipe": recipe.name, "fingerprint": recipe.fingerprint, "step": str(progress.step)}
        save_weights(self.directory / LAST, self.network.state_dict(), notes)
        if score is not None and score.accuracy > progress.best:
            progress.best = score.accuracy
            save_weights(self.directory / BEST, self.network.state_dict(), notes)

    def _evaluated(self) -> Score:
        start = time.perf_counter()
        score = self.task.evaluate(self.network, self.test, self.recipe, self.fabric.device)
        self.progress.evaluation_seconds += time.perf_counter() - start
        self.progress.metrics = dict(score.metrics)
        return score

    def _told(self, loss: float, rate: float) -> StepProgress:
        progress = self.progress
        measured = [line["accuracy"] for line in progress.history if line["accuracy"] is not None]
        speed = progress.step * self.recipe.batch / progress.seconds
        return StepProgress(progress.step, self.steps, loss, rate, speed, measured[-1] if measured else None)

    def _report(self, environment: dict[str, Any]) -> RunReport:
        progress = self.progress
        history = tuple(Epoch(**line) for line in progress.history)
        final = history[-1]
        images = progress.step * self.recipe.batch
        return RunReport(
            recipe=self.recipe.to_dict(),
            fingerprint=self.recipe.fingerprint,
            accuracy=final.accuracy or 0.0,
            best_accuracy=progress.best,
            test_loss=final.test_loss or 0.0,
            steps=progress.step,
            images=images,
            seconds=progress.seconds,
            evaluation_seconds=progress.evaluation_seconds,
            loader_seconds=progress.loader_seconds,
            images_per_second=images / progress.seconds,
            parameters=self.size.parameters,
            gate_parameters=self.size.gate_parameters,
            macs=self.size.macs,
            training_images=len(self.training),
            test_images=len(self.test),
            resumed=progress.resumed,
            metrics=progress.metrics,
            history=history,
            environment=environment,
        )

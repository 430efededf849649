"""The state of a run, and its loop."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from saccade.errors import CheckpointError, DivergenceError, RecipeError
from saccade.training.checkpoint import BEST, LAST, STATE, save_state, save_weights
from saccade.training.evaluate import Score
from saccade.training.optimisers import optimisers
from saccade.training.processes import align, on_first, summed
from saccade.training.progress import Progress, StepProgress
from saccade.training.recipe import Recipe
from saccade.training.report import Epoch, RunReport
from saccade.training.schedules import learning_rate
from saccade.training.seeds import Purpose, derived
from saccade.training.split import Splits
from saccade.training.synchronised_norm import synchronise_batch_norms
from saccade.training.tasks import tasks

if TYPE_CHECKING:
    from lightning_fabric import Fabric

STEPS_BETWEEN_LOOKS = 20
"""Steps on an accelerator, or over several processes, between two looks at the losses, each of which waits for all."""

Log = Callable[[int, Mapping[str, float]], None]
"""Takes a step and numbers by name."""


class Run:
    """A run from its recipe to its report.

    Args:
        recipe: what to do.
        splits: the images.
        directory: of the run's files.
        fabric: launched already.

    Raises:
        RecipeError: a batch cannot be shared evenly.
    """

    def __init__(self, recipe: Recipe, splits: Splits, directory: Path, fabric: Fabric) -> None:
        parts = fabric.world_size * recipe.accumulate
        if recipe.batch % parts:
            raise RecipeError(
                f"a batch of {recipe.batch} cannot be shared evenly by {fabric.world_size} process(es) in "
                f"{recipe.accumulate} part(s) each; give --set batch={math.ceil(recipe.batch / parts) * parts}"
            )
        self.recipe, self.splits, self.directory, self.fabric = recipe, splits, directory, fabric
        self.task = tasks.get(recipe.task)
        pinned = fabric.device.type == "cuda"
        self.batches = self.task.batches(splits.training, recipe, fabric.global_rank, fabric.world_size, pinned)
        self.steps = max(1, round(recipe.epochs * self.batches.per_epoch))
        network = self.task.build(recipe)
        self.size = self.task.size(network, recipe)
        if recipe.synchronise_norms and fabric.world_size > 1:
            network = synchronise_batch_norms(network, fabric.device)
        self.network = network.to(memory_format=_order(recipe)).to(fabric.device)
        whole: Any = torch.compile(self.network) if recipe.compile else self.network
        self.model, self.optimiser = fabric.setup(whole, optimisers.get(recipe.optimiser)(self.network, recipe))
        alone_on_cpu = fabric.device.type == "cpu" and fabric.world_size == 1
        self.steps_between_looks = 1 if alone_on_cpu else STEPS_BETWEEN_LOOKS
        self.progress = Progress()
        self._unseen: list[Tensor] = []

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a saved state.

        Raises:
            CheckpointError: it is another recipe's, or does not fit the network.
        """
        if state.get("fingerprint") != self.recipe.fingerprint:
            raise CheckpointError(
                f"{str(self.directory)!r} holds a run of another recipe ({state.get('recipe')}, "
                f"{state.get('fingerprint')}, not {self.recipe.fingerprint}); choose another folder"
            )
        self._settle_sums()
        try:
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.fabric.strategy.precision.load_state_dict(state.get("precision", {}))
            self.progress = Progress(**state["progress"])
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the run's state in {str(self.directory)!r} does not fit its recipe's network: "
                f"{' '.join(str(error).split())[:200]}; choose another folder"
            ) from error
        self.progress.resumed += 1

    def finish(
        self,
        save_every: float,
        on_step: Callable[[StepProgress], None] | None = None,
        log: Log | None = None,
    ) -> None:
        """Does the steps that are left.

        Args:
            save_every: seconds between saved states within an epoch.
            on_step: called in the first process when losses have been looked at: after every step in a single process
                on the CPU.
            log: called in the first process with what a step or an epoch measured.

        Raises:
            DivergenceError: the loss or a weight is not finite.
            CheckpointError: a file cannot be written.
        """
        progress = self.progress
        saved = start = time.monotonic()
        self.model.train()
        while progress.step < self.steps:
            self.step()
            ended = progress.step % self.batches.per_epoch == 0 or progress.step == self.steps
            if not ended and progress.step % self.steps_between_looks:
                continue
            due = self._look(time.monotonic() - saved >= save_every)
            progress.seconds += time.monotonic() - start
            if ended:
                self._end_epoch()
            if ended or due:
                self.save()
                saved = time.monotonic()
            if self.fabric.is_global_zero:
                self._tell(ended, on_step, log)
            start = time.monotonic()

    def step(self) -> None:
        """Does one step; its loss is looked at later."""
        recipe, step = self.recipe, self.progress.step
        start = time.perf_counter()
        batch = self.batches.at(step)
        self.progress.loader_seconds += time.perf_counter() - start
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step, self.steps)
        self._seed(step)
        total = torch.zeros((), device=self.fabric.device)
        for index, part in enumerate(self.task.parts(batch, recipe.accumulate)):
            last = index + 1 == recipe.accumulate
            with nullcontext() if last else self.fabric.no_backward_sync(self.model):
                loss = self.task.loss(self.model, part, recipe, self.fabric.device)
                self.fabric.backward(loss / recipe.accumulate)
            total += loss.detach() / recipe.accumulate
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._unseen.append(total)
        self.progress.step += 1

    def save(self) -> None:
        """Writes the state to go on from, in the first process alone.

        Raises:
            CheckpointError: it cannot be written.
        """
        on_first(self.fabric, lambda: save_state(self.directory / STATE, self._state()))

    def report(self, environment: Mapping[str, Any], budget: Mapping[str, Any] | None = None) -> RunReport:
        """Returns what the finished run has to say.

        Args:
            environment: machine, versions, date and command.
            budget: what the length was derived from, or None.
        """
        progress, splits = self.progress, self.splits
        history = tuple(Epoch(**line) for line in progress.history)
        final = history[-1]
        images = progress.step * self.recipe.batch
        return RunReport(
            recipe=self.recipe.to_dict(),
            fingerprint=self.recipe.fingerprint,
            accuracy=final.accuracy or 0.0,
            best_accuracy=progress.best,
            best_step=progress.best_step,
            best_test_accuracy=self._test_accuracy_of_best() if splits.validation is not None else None,
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
            training_images=len(splits.training),
            validation_images=0 if splits.validation is None else len(splits.validation),
            test_images=len(splits.test),
            classes=splits.training.classes,
            processes=self.fabric.world_size,
            device=self.fabric.device.type,
            resumed=progress.resumed,
            metrics=progress.metrics,
            history=history,
            budget=None if budget is None else dict(budget),
            environment=dict(environment),
        )

    def _look(self, due: bool) -> bool:
        """Looks at the losses since the last look, averaged over processes; the only wait for the device.

        Args:
            due: whether this process's clock says that the state is to be saved.

        Returns:
            What the first process's clock says.

        Raises:
            DivergenceError: one of them is not finite.
        """
        flag = float(due and self.fabric.is_global_zero)
        values = torch.stack([*self._unseen, torch.tensor(flag, device=self.fabric.device)])
        losses: list[float] = summed(self.fabric, values).tolist()
        asked = losses.pop() > 0
        first = self.progress.step - len(losses)
        self._unseen.clear()
        for index, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise self._diverged(f"the loss is {loss}", first + index)
        self.progress.losses += [loss / self.fabric.world_size for loss in losses]
        if asked or first + len(losses) == self.steps or self.progress.step % self.batches.per_epoch == 0:
            self._check_weights()
        return asked

    def _check_weights(self) -> None:
        """Raises DivergenceError where a weight that is about to be saved is not finite."""
        floating = [tensor for tensor in self.network.state_dict().values() if tensor.is_floating_point()]
        if not bool(torch.isfinite(torch.stack(torch._foreach_norm(floating))).all()):
            raise self._diverged("a weight is not finite", self.progress.step - 1)

    def _diverged(self, what: str, step: int) -> DivergenceError:
        recipe = self.recipe
        kept = f"the last good state is in {str(self.directory)!r}: "
        return DivergenceError(
            f"{what} at step {step} (epoch {step / self.batches.per_epoch:.2f}, learning rate "
            f"{learning_rate(recipe, step, self.steps):.4g}); {kept if (self.directory / STATE).is_file() else ''}"
            f"train anew with --set learning_rate={recipe.learning_rate / 2:g}, or with --set warm_up=0.1"
        )

    def _seed(self, step: int) -> None:
        """Makes what the network draws a function of seed, step and process, so that no random state is to be kept."""
        seed = derived(self.recipe.seed, Purpose.NETWORK, step, self.fabric.global_rank)
        if self.fabric.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _end_epoch(self) -> None:
        """Evaluates where the recipe says so, keeps the weights, and adds a line to the history."""
        progress, recipe, splits = self.progress, self.recipe, self.splits
        epoch = progress.step / self.batches.per_epoch
        last = progress.step == self.steps
        due = last or (recipe.evaluate_every > 0 and round(epoch) % recipe.evaluate_every == 0)
        align(self.fabric, self.network)
        held_out = self._score(splits.validation) if due and splits.validation is not None else None
        test = self._score(splits.test) if last or (due and splits.validation is None) else None
        line = Epoch(
            epoch,
            progress.step,
            sum(progress.losses) / len(progress.losses),
            test.accuracy if test else None,
            test.loss if test else None,
            progress.seconds,
            held_out.accuracy if held_out else None,
            held_out.loss if held_out else None,
        )
        progress.history.append(dataclasses.asdict(line))
        progress.metrics = dict(test.metrics) if test else progress.metrics
        progress.losses.clear()
        chosen_by = test if splits.validation is None else held_out
        better = chosen_by is not None and chosen_by.accuracy > progress.best
        if better and chosen_by is not None:
            progress.best, progress.best_step = chosen_by.accuracy, progress.step
        on_first(self.fabric, lambda: self._save_weights([LAST, BEST] if better else [LAST]))

    def _save_weights(self, names: list[str]) -> None:
        notes = {
            "recipe": json.dumps(self.recipe.to_dict()),
            "fingerprint": self.recipe.fingerprint,
            "step": str(self.progress.step),
            "classes": json.dumps(self.splits.training.classes),
            "format": "pt",
        }
        for name in names:
            save_weights(self.directory / name, self.network.state_dict(), notes)

    def _settle_sums(self) -> None:
        """Has gradients summed over processes in the order that they have after a run's first step.

        Torch orders them anew after the first backward pass, and sums of three processes and more depend on it. What
        the pass does to weights and statistics is to be overwritten.
        """
        if self.fabric.world_size == 1:
            return
        self.model.train()
        part = next(iter(self.task.parts(self.batches.at(0), self.recipe.accumulate)))
        self.fabric.backward(self.task.loss(self.model, part, self.recipe, self.fabric.device))
        self.optimiser.zero_grad()

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "fingerprint": self.recipe.fingerprint,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "progress": dataclasses.asdict(self.progress),
        }

    def _score(self, images: Any) -> Score:
        start = time.perf_counter()
        score = self.task.evaluate(self.network, images, self.recipe, self.fabric.device, self.fabric)
        self.progress.evaluation_seconds += time.perf_counter() - start
        return score

    def _test_accuracy_of_best(self) -> float:
        """Returns what the weights that were chosen by the images held out reach on the test images."""
        final = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        best = on_first(self.fabric, lambda: load_file(self.directory / BEST))
        self.network.load_state_dict(best)
        score = self._score(self.splits.test)
        self.network.load_state_dict(final)
        return score.accuracy

    def _tell(self, ended: bool, on_step: Callable[[StepProgress], None] | None, log: Log | None) -> None:
        """Tells those who listen how far the run has come."""
        progress = self.progress
        step = progress.step
        line = progress.history[-1] if ended else {}
        loss = line["training_loss"] if ended else progress.losses[-1]
        rate = learning_rate(self.recipe, step - 1, self.steps)
        if log is not None:
            names = ("accuracy", "test_loss", "validation_accuracy", "validation_loss")
            log(step, {"training_loss": loss, "learning_rate": rate}
                | {name: line[name] for name in names if line.get(name) is not None})  # fmt: skip
        if on_step is None:
            return
        measured = [
            accuracy
            for past in progress.history
            for accuracy in (past["validation_accuracy"], past["accuracy"])
            if accuracy is not None
        ]
        pace = progress.seconds / step
        on_step(
            StepProgress(
                step,
                self.steps,
                loss,
                rate,
                self.recipe.batch / pace,
                measured[-1] if measured else None,
                pace * (self.steps - step),
                ended,
            )
        )


def _order(recipe: Recipe) -> torch.memory_format:
    return torch.channels_last if recipe.channels_last else torch.contiguous_format

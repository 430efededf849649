"""One run: fine-tune, measure before and after on every clip, write what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from saccade.errors import SinkError
from saccade.experiments.tolerant_training.report import NAME, Clip, Findings
from saccade.experiments.tolerant_training.trade_off import trade_off
from saccade.measure import Environment
from saccade.training.checkpoint import save_json, save_text, save_weights
from saccade.training.images import Images
from saccade.training.tolerant import TolerantRecipe, TolerantStep, fine_tune

THRESHOLDS = (0.003, 0.01, 0.03, 0.1, 0.3)
SHOWN_STEPS = 20
"""Steps kept in the report, evenly spaced."""


def prepare_folder(folder: Path) -> None:
    """Makes the folder of the results.

    Raises:
        SinkError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{NAME}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SinkError(
            f"cannot write to {str(folder)!r}: {error.strerror}; choose another folder with --out"
        ) from error


def run(
    network: nn.Module,
    model: str,
    images: Images,
    clips: Mapping[str, Callable[[], Iterable[Tensor]]],
    recipe: TolerantRecipe,
    preprocess: Callable[[Tensor], Tensor],
    folder: Path,
    command: str,
    on_step: Callable[[TolerantStep], None],
    on_clip: Callable[[str], None],
) -> Findings:
    """Writes the fine-tuned weights and the report into a folder.

    Args:
        network: in eval mode, on the CPU.
        model: its name, as the user typed it.
        images: pictures to train with.
        clips: by name, a function that returns the network's inputs from the first frame on.
        recipe: of the fine-tuning.
        preprocess: from (N, 3, H, W) uint8 RGB to the network's input.
        folder: exists already.
        command: what was typed.
        on_step: called after every step.
        on_clip: called before each clip with its name.

    Raises:
        DivergenceError: the loss is not finite.
        CheckpointError: a file cannot be written.
        ExperimentError: a clip has no frame.
    """
    seen: list[TolerantStep] = []

    def keep(step: TolerantStep) -> None:
        if step.step % max(1, recipe.steps // SHOWN_STEPS) == 0 or step.step + 1 == recipe.steps:
            seen.append(step)
        on_step(step)

    tuned = fine_tune(network, images, recipe, preprocess, keep)
    save_weights(folder / f"{NAME}.safetensors", tuned.state_dict(), {"model": model})
    found = []
    size = (0, 0)
    for name, frames in clips.items():
        on_clip(name)
        first = next(iter(frames()), None)
        size = size if first is None else (first.shape[2], first.shape[3])
        with torch.inference_mode():
            before = trade_off(network, network, frames(), THRESHOLDS)
            after = trade_off(tuned, network, frames(), THRESHOLDS)
        found.append(Clip(name, before, after))
    findings = Findings(model, size, recipe, tuple(seen), tuple(found), Environment.here(1, command))
    save_json(folder / f"{NAME}.json", findings.to_dict())
    save_text(folder / f"{NAME}.md", findings.to_markdown())
    return findings

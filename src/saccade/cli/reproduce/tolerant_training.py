"""saccade reproduce tolerant-training: a network that needs less work in a tolerant stream, if it can be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.preprocess_options import (
    MeanOption,
    ScaleOption,
    SizeOption,
    StdOption,
    changed,
    preprocessing_changes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from saccade.cli.preprocess import Preprocessing


def tolerant_training(
    clips: Annotated[list[str], typer.Argument(help="Video files or folders of images to measure on.")],
    model: Annotated[str, typer.Option(help="A network of one output: torchvision:NAME, timm:NAME, module:factory.")],
    data: Annotated[Path, typer.Option(help="Folder with train/CLASS/*.png; the labels are not read.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights and the report.")],
    weights: Annotated[str | None, typer.Option(help="Trained weights: a file, or DEFAULT.")] = None,
    size: SizeOption = None,
    image_size: Annotated[int, typer.Option(min=8, help="Side in pixels of the pictures to train with.")] = 32,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of each clip, at most.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the fine-tuning.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pairs of frames a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    work: Annotated[float | None, typer.Option(help="Weight of the expected work in the loss.")] = None,
    faithful: Annotated[float | None, typer.Option(help="Weight of the difference from the network as it was.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all draws.")] = None,
    scale: ScaleOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
) -> None:
    """Fine-tune a network so that its streams need less work at the same error, and measure whether they do."""
    from rich.console import Console
    from rich.progress import Progress
    from torch import nn

    from saccade.cli.models import choose_model
    from saccade.errors import ExperimentError, ModelError
    from saccade.experiments.tolerant_training.run import prepare_folder, run
    from saccade.training.images import load_images
    from saccade.training.tolerant import TolerantRecipe

    given = {
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "work": work,
        "faithful": faithful,
        "seed": seed,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    recipe = replace(TolerantRecipe(), **changes)
    chosen = choose_model(model, weights)
    if not isinstance(chosen.model, nn.Module):
        raise ModelError(f"{model!r} is an ONNX file, which cannot be trained; give a torch module")
    preprocessing = changed(chosen.preprocessing, preprocessing_changes(size, scale, mean, std, None, False))
    readers = {Path(clip).name: _frames(clip, preprocessing, frames) for clip in clips}
    if len(readers) < len(clips):
        raise typer.BadParameter(f"two clips have the same name, by which the report tells them apart: {sorted(clips)}")
    for name, read in readers.items():  # a clip that cannot be read is found before the training, not after it
        if next(iter(read()), None) is None:
            raise ExperimentError(f"the clip {name!r} has no frame; give another")
    images = load_images(data, "train", image_size)
    prepare_folder(out)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("fine-tuning", total=recipe.steps)
        findings = run(
            chosen.model,
            model,
            images,
            readers,
            recipe,
            _pixels(preprocessing),
            out,
            _command(model, weights, size, frames, given),
            lambda step: progress.advance(task),
            lambda clip: progress.console.print(f"measuring on {clip}"),
        )
    typer.echo(findings.to_markdown())


def _frames(clip: str, preprocessing: Preprocessing, limit: int | None) -> Callable[[], Iterable[Tensor]]:
    def read() -> Iterator[Tensor]:
        from saccade.cli.bench.frames import model_frames
        from saccade.video import open_source

        with open_source(clip) as source:
            for frame in model_frames(source, preprocessing, limit):
                yield frame.tensor

    return read


def _pixels(preprocessing: Preprocessing) -> Callable[[Tensor], Tensor]:
    """Returns the preprocessing of pictures that already have their size."""
    import torch

    mean = torch.as_tensor(preprocessing.mean).reshape(-1, 1, 1)
    std = torch.as_tensor(preprocessing.std).reshape(-1, 1, 1)
    return lambda pixels: (pixels.float() * preprocessing.scale - mean) / std


def _command(
    model: str, weights: str | None, size: str | None, frames: int | None, given: dict[str, int | float | None]
) -> str:
    """Returns what was typed, without the folders' names, which belong to the machine."""
    words = ["saccade reproduce tolerant-training CLIP...", f"--model {model}", "--data DIR --out DIR"]
    words += [f"--weights {Path(weights).name}"] if weights else []
    words += [f"--size {size}"] if size else []
    words += [f"--frames {frames}"] if frames else []
    words += [f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None]
    return " ".join(words)

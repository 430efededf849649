"""What a GPU alone can show: mixed precision, batches made ahead, compiled networks, and several runs on one device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.errors import DivergenceError
from saccade.experiments.gate_comparison import compare
from saccade.gates import list_gates
from saccade.training import Batches, Recipe, train
from saccade.training.ahead import Ahead
from saccade.training.inputs import load_splits
from saccade.training.processes import launch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_batches_made_ahead_are_those_of_their_steps(folder: Path, recipe: Recipe) -> None:
    splits = load_splits(recipe, folder, launch("32-true", "cpu", 1, 1))
    plain, ahead = Batches(splits.training, recipe), Ahead(Batches(splits.training, recipe))
    for step in (0, 1, 2, 7, 8, 3):
        for expected, given in zip(plain.at(step), ahead.at(step), strict=True):
            assert given.is_pinned()
            assert torch.equal(given, expected)


@pytest.mark.parametrize("gate", [None, "das", "triplet"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_network_learns_in_every_precision(
    precision: str, gate: str | None, folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    own = recipe.replace(precision=precision, epochs=12).with_gate(gate)
    report = train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda")
    assert report.device == "cuda"
    assert report.history[-1].training_loss < report.history[0].training_loss
    weights = load_file(tmp_path / "run" / "last.safetensors")
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights.values())


@pytest.mark.parametrize("gate", list_gates())
def test_every_gate_trains_in_bfloat16(gate: str, folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.replace(precision="bf16-mixed", network="resnet18-small-images", epochs=1)
    own = own.replace(image_size=16).with_gate(gate)  # whose last stage still has places: 2 x 2
    report = train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda")
    assert report.gate_parameters > 0


def test_the_gpu_and_the_cpu_take_nearly_the_same_steps(folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.replace(epochs=1).with_gate("das")
    losses = {
        name: train(own, folder, tmp_path / name, cache=tmp_path, accelerator=name).history[-1].training_loss
        for name in ("cpu", "cuda")
    }
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.02)


def test_a_run_that_was_stopped_goes_on(folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.replace(precision="16-mixed", evaluate_every=1)

    class StoppedError(Exception):
        pass

    def stop(told: object) -> None:
        if getattr(told, "step", 0) >= 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda", on_step=stop)
    report = train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda", resume=True)
    assert report.resumed == 1
    assert [line.step for line in report.history] == [4, 8, 12, 16]


def test_a_loss_that_is_not_finite_names_its_step(folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.replace(learning_rate=1e30, epochs=12, schedule="constant")
    with pytest.raises(DivergenceError, match=r"at step [0-9]+ \(epoch"):
        train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda")


def test_a_compiled_network_trains(folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    own = recipe.replace(compile=True, precision="bf16-mixed", epochs=2).with_gate("das")
    report = train(own, folder, tmp_path / "run", cache=tmp_path, accelerator="cuda")
    plain = train(own.replace(compile=False), folder, tmp_path / "plain", cache=tmp_path, accelerator="cuda")
    assert report.history[-1].training_loss == pytest.approx(plain.history[-1].training_loss, rel=0.1)


def test_several_runs_share_a_device(folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    contenders = {"none": recipe.replace(epochs=1), "se": recipe.replace(epochs=1).with_gate("se")}
    runs = compare(
        contenders, [0, 1], folder, tmp_path / "out", cache=tmp_path, accelerator="cuda", devices=1, per_device=3
    )
    assert [(run.label, run.seed, run.report.device) for run in runs] == [
        ("none", 0, "cuda"), ("se", 0, "cuda"), ("none", 1, "cuda"), ("se", 1, "cuda"),
    ]  # fmt: skip

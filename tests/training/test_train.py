"""Training runs: what they learn, leave behind, and survive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.errors import CheckpointError, DataError, DivergenceError
from saccade.models.weights import load_weights
from saccade.training import Recipe, StepProgress, build_network, evaluate, load_images, train
from saccade.training.checkpoint import save_state


def test_a_run_learns_the_colours_and_its_weights_give_the_reported_accuracy(
    folder: Path, tmp_path: Path, recipe: Recipe
) -> None:
    recipe = recipe.replace(epochs=20)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert report.accuracy > 0.9
    assert report.steps == 80
    network = build_network(recipe)
    load_weights(network, tmp_path / "run" / "last.safetensors")
    test = load_images(folder, "test", 8, tmp_path)
    assert evaluate(network, test, recipe, torch.device("cpu")).accuracy == report.accuracy
    assert json.loads((tmp_path / "run" / "report.json").read_text())["accuracy"] == report.accuracy


@pytest.mark.parametrize("stop", [3, 4, 9])
def test_a_run_stopped_at_any_step_ends_in_the_same_bits(
    folder: Path, tmp_path: Path, recipe: Recipe, stop: int
) -> None:
    recipe = recipe.with_gate("das", options={"start": "identity"})

    def interrupt(told: StepProgress) -> None:
        if told.step == stop:
            raise KeyboardInterrupt

    whole = train(recipe, folder, tmp_path / "whole", cache=tmp_path, accelerator="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, folder, tmp_path / "parts", cache=tmp_path, accelerator="cpu", save_every=0, on_step=interrupt)
    parts = train(recipe, folder, tmp_path / "parts", cache=tmp_path, accelerator="cpu", resume=True)
    assert parts.resumed == 1
    assert [line.training_loss for line in parts.history] == [line.training_loss for line in whole.history]
    first, second = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_accumulated_parts_make_nearly_the_same_step(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=0.25, learning_rate=0.01)
    losses = [
        train(recipe.replace(accumulate=parts), folder, tmp_path / str(parts), cache=tmp_path, accelerator="cpu")
        for parts in (1, 2)
    ]
    # The batch norms see half of the batch at a time, so the losses are close and no more.
    assert losses[0].history[0].training_loss == pytest.approx(losses[1].history[0].training_loss, rel=0.3)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(
    folder: Path, tmp_path: Path, recipe: Recipe
) -> None:
    recipe = recipe.replace(learning_rate=1e30, warm_up=0.0)
    with pytest.raises(DivergenceError, match=r"loss is (nan|inf) at step \d+"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", save_every=0)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["progress"]["step"] >= 1
    assert not (tmp_path / "run" / "report.json").exists()


def test_a_folder_with_a_run_is_not_overwritten(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=0.25)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert train(recipe, folder, tmp_path / "run", resume=True).accuracy == report.accuracy
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe.replace(seed=1), folder, tmp_path / "run", resume=True)


def test_a_state_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", {"step": 1})
    before = (tmp_path / "state.pt").read_bytes()

    class Full:
        def __reduce__(self) -> str:
            raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match=r"No space left.*unharmed"):
        save_state(tmp_path / "state.pt", {"step": Full()})
    assert (tmp_path / "state.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_another_number_of_classes_and_too_few_images_are_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(DataError, match="classes=3"):
        train(recipe.replace(classes=4), folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    with pytest.raises(DataError, match="do not fill one batch"):
        train(recipe.replace(batch=64), folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert not (tmp_path / "run").exists()

"""Training runs: what they learn, leave behind, and survive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.errors import CheckpointError, DataError, DivergenceError, RecipeError
from saccade.models.weights import load_weights
from saccade.training import Recipe, StepProgress, build_network, evaluate, load_images, train
from saccade.training.run import Run


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


@pytest.mark.parametrize("change", [{"accumulate": 2}, {"accumulate": 8}, {"channels_last": False}])
def test_accumulated_parts_and_memory_formats_make_the_same_steps(
    folder: Path, tmp_path: Path, plain: Recipe, change: dict[str, object]
) -> None:
    reports = [
        train(own, folder, tmp_path / str(index), cache=tmp_path, accelerator="cpu")
        for index, own in enumerate((plain, plain.replace(**change)))
    ]
    weights = [load_file(tmp_path / str(index) / "last.safetensors") for index in range(2)]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-5)
    losses = [[line.training_loss for line in report.history] for report in reports]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_mixed_precision_trains_on_a_cpu_and_leaves_weights_in_float32(
    folder: Path, tmp_path: Path, recipe: Recipe
) -> None:
    recipe = recipe.replace(epochs=1).with_gate("das", options={"start": "identity"})
    whole = train(recipe, folder, tmp_path / "32", cache=tmp_path, accelerator="cpu")
    mixed = train(recipe.replace(precision="bf16-mixed"), folder, tmp_path / "16", cache=tmp_path, accelerator="cpu")
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(tmp_path / "16" / "last.safetensors").values())
    assert mixed.history[0].training_loss != whole.history[0].training_loss
    assert mixed.history[0].training_loss == pytest.approx(whole.history[0].training_loss, rel=0.1)


def test_what_a_machine_cannot_do_is_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"16-mixed needs an accelerator.*bf16-mixed"):
        train(recipe.replace(precision="16-mixed"), folder, tmp_path / "run", accelerator="cpu")
    with pytest.raises(RecipeError, match="no accelerator 'abacus'"):
        train(recipe, folder, tmp_path / "run", accelerator="abacus")
    with pytest.raises(RecipeError, match="precision"):
        recipe.replace(precision="8-mixed")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler, which torch.compile needs on a CPU")
@pytest.mark.slow
def test_a_compiled_network_trains_as_one_that_is_not(folder: Path, tmp_path: Path, plain: Recipe) -> None:
    plain = plain.replace(epochs=0.5)
    losses = [
        train(plain.replace(compile=own), folder, tmp_path / str(own), cache=tmp_path, accelerator="cpu").history
        for own in (False, True)
    ]
    assert losses[1][0].training_loss == pytest.approx(losses[0][0].training_loss, rel=1e-4)
    load_weights(build_network(plain), tmp_path / "True" / "last.safetensors")


@pytest.mark.parametrize("steps_between_looks", [1, 3])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(
    folder: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, steps_between_looks: int
) -> None:
    step = Run.step

    def poisoned(run: Run) -> None:
        run.steps_between_looks = steps_between_looks
        step(run)
        if run.progress.step == 6:
            run._unseen[-1] += float("nan")

    monkeypatch.setattr(Run, "step", poisoned)
    with pytest.raises(DivergenceError, match=r"loss is nan at step 5 .*last good state.*learning_rate=0.025"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", save_every=0)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["progress"]["step"] == (5 if steps_between_looks == 1 else 4)
    assert not (tmp_path / "run" / "report.json").exists()


def test_weights_that_are_not_finite_are_not_saved(
    folder: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Run.step

    def poisoned(run: Run) -> None:
        step(run)
        if run.progress.step == 4:
            next(run.network.parameters()).data[0] = float("inf")

    monkeypatch.setattr(Run, "step", poisoned)
    with pytest.raises(DivergenceError, match="a weight is not finite at step 3"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", save_every=0)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["progress"]["step"] == 3
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_folder_with_a_run_is_not_overwritten(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=0.25)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert train(recipe, folder, tmp_path / "run", resume=True).accuracy == report.accuracy
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe.replace(seed=1), folder, tmp_path / "run", resume=True)


def test_another_number_of_classes_and_too_few_images_are_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(DataError, match="classes=3"):
        train(recipe.replace(classes=4), folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    with pytest.raises(DataError, match="do not fill one batch"):
        train(recipe.replace(batch=64), folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert not (tmp_path / "run").exists()

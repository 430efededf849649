"""What a run leaves: weights that say what they are, a card for people, events for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from saccade.cli.models import choose_model
from saccade.errors import WeightsError
from saccade.training import Recipe, RunReport, load_trained, train


@pytest.fixture(scope="session")
def gated_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a finished run with a gate and images held out, and with events."""
    directory = tmp_path_factory.mktemp("gated")
    recipe = Recipe(
        "tiny", network="cifar-resnet8", width=4, classes=3, image_size=8, epochs=2, batch=8, learning_rate=0.05,
        crop_padding=1, validation=0.25, paper="A paper", cost="seconds",
    ).with_gate("das", "stages", {"start": "identity", "alpha": 0.5})  # fmt: skip
    environment = {"machine": "a machine", "threads": 1, "versions": {"torch": "2"}, "command": "saccade train tiny"}
    train(
        recipe, folder, directory / "run", cache=directory, accelerator="cpu", tensorboard=True, environment=environment
    )
    return directory / "run"


def test_weights_are_loaded_back_into_the_network_that_they_name(gated_run: Path) -> None:
    trained = load_trained(gated_run / "last.safetensors")
    assert trained.classes == ("blue", "green", "red")
    assert trained.recipe.to_dict() == json.loads((gated_run / "report.json").read_text())["recipe"] | {
        "mean": trained.recipe.mean, "std": trained.recipe.std, "milestones": ()
    }  # fmt: skip
    assert not trained.network.training
    saved = load_file(gated_run / "last.safetensors")
    state = trained.network.state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(state[name], saved[name]) for name in saved)


def test_the_program_takes_them_as_a_model_with_its_preprocessing_and_classes(gated_run: Path, folder: Path) -> None:
    chosen = choose_model(str(gated_run / "last.safetensors"))
    assert chosen.categories == ("blue", "green", "red")
    assert chosen.preprocessing.size == (8, 8)
    network = load_trained(gated_run / "last.safetensors").network
    with Image.open(folder / "test" / "red" / "0.png") as picture:
        import numpy as np

        frame = chosen.preprocessing(np.asarray(picture))
    assert isinstance(chosen.model, torch.nn.Module)
    assert torch.equal(chosen.model(frame), network(frame))
    with pytest.raises(WeightsError, match="leave --weights and --gate out"):
        choose_model(str(gated_run / "last.safetensors"), "DEFAULT")


def test_files_that_are_not_a_runs_weights_are_refused(tmp_path: Path, gated_run: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        load_trained(tmp_path / "none.safetensors")
    save_file({"a": torch.ones(1)}, str(tmp_path / "plain.safetensors"))
    with pytest.raises(WeightsError, match=r"does not say what network.*saccade train"):
        load_trained(tmp_path / "plain.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((gated_run / "last.safetensors").read_bytes()[:100])
    with pytest.raises(WeightsError, match="not a safetensors file that can be read"):
        load_trained(tmp_path / "cut.safetensors")


def test_the_card_says_what_the_report_says(gated_run: Path) -> None:
    card = (gated_run / "report.md").read_text()
    report = RunReport.from_dict(json.loads((gated_run / "report.json").read_text()))
    assert report.best_test_accuracy is not None
    for said in (
        f"accuracy {100 * report.accuracy:.2f} %", f"accuracy {100 * report.best_test_accuracy:.2f} %",
        "9 held-out training images", f"{report.parameters:,} parameters", f"{report.macs / 1e6:.2f} M",
        "blue, green, red", "| learning_rate | 0.05 |", "| gate | das |", "paper: A paper", "a machine, 1 thread(s)",
        "saccade train tiny", "![losses and accuracies by epoch](curves.png)", "Use and limits",
    ):  # fmt: skip
        assert said in card, said
    with Image.open(gated_run / "curves.png") as picture:
        assert picture.size > (500, 200)


def test_events_hold_the_losses_the_rates_and_the_accuracies(gated_run: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = event_accumulator.EventAccumulator(str(gated_run / "tensorboard"))
    events.Reload()
    history = json.loads((gated_run / "report.json").read_text())["history"]
    found = events.Scalars("training_loss")
    assert [scalar.step for scalar in found] == [line["step"] for line in history]
    assert [scalar.value for scalar in found] == pytest.approx([line["training_loss"] for line in history])
    held = [scalar.value for scalar in events.Scalars("validation_accuracy")]
    assert held == pytest.approx([line["validation_accuracy"] for line in history])
    assert [scalar.value for scalar in events.Scalars("accuracy")] == pytest.approx([history[-1]["accuracy"]])
    assert "learning_rate" in events.Tags()["scalars"]

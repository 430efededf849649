"""A whole run, as small as can be, from digits to files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from saccade.errors import ExperimentError, PolicyError
from saccade.experiments.spatial_attention import table_1
from saccade.experiments.spatial_attention.digits import Digits, load_digits
from saccade.experiments.spatial_attention.network import Training, steps, trained_network
from saccade.experiments.spatial_attention.run import run
from saccade.experiments.spatial_attention.settings import Settings

TINY = dataclasses.replace(
    Settings.fast_run(),
    frames=4,
    digits=2,
    timed_draws=2,
    draws=2,
    thresholds=(0.0, 1.0, 4.0, 9.0),
    scene=(96, 128),
    scene_frames=3,
    networks=(("segmenter", "lraspp_mobilenet_v3_large"),),
)


@pytest.fixture(scope="module")
def few() -> Digits:
    """Returns digits enough to run, not to learn."""
    digits = load_digits(None)
    return dataclasses.replace(digits, train_images=digits.train_images[:96], train_labels=digits.train_labels[:96])


@pytest.fixture(scope="module")
def finished(few: Digits, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, dict[str, list[int]]]:
    """Returns the folder of a run, its JSON, and the steps of each stage: announced, taken."""
    folder = tmp_path_factory.mktemp("run")
    stages: dict[str, list[int]] = {}

    def track(stage: str, count: int):
        stages[stage] = [count, 0]

        def advance(line: str) -> None:
            stages[stage][1] += 1

        return advance

    run(few, TINY, folder, "the command", track)
    return folder, json.loads((folder / "spatial-attention.json").read_text()), stages


def test_a_run_writes_markdown_json_figures_and_weights_and_nothing_else(finished):
    folder, _, _ = finished
    assert sorted(path.name for path in folder.iterdir()) == [
        "figure-4.png", "figure-5.png", "figure-6.png", "high-resolution.png", "spatial-attention.json",
        "spatial-attention.md", "spatial-attention.safetensors",
    ]  # fmt: skip
    for name in ("figure-4", "figure-5", "figure-6", "high-resolution"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300


def test_every_stage_takes_as_many_steps_as_it_announces(finished):
    _, _, stages = finished
    assert all(taken == announced for announced, taken in stages.values()), stages


def test_cnn2_cnn3_at_zero_and_the_engine_agree_with_cnn1_on_every_frame(finished):
    _, found, _ = finished
    exact = [row for row in found["table_1"] if row["contender"] in (table_1.CNN2, table_1.AT_ZERO, table_1.ENGINE)]
    assert len(exact) == 9
    # The engine's kernels add up in an order of their own; CNN2 and CNN3 share torch's linear layers with CNN1.
    limits = {table_1.ENGINE: 1e-4}
    assert all(row["largest_difference_from_cnn1"] <= limits.get(row["contender"], 1e-5) for row in exact)
    assert all(row["frames_that_tell_the_same_as_cnn1"] == row["frames"] == 16 for row in exact)


def test_work_and_time_fall_with_what_stands_still(finished):
    _, found, _ = finished
    of = {(row["experiment"], row["contender"]): row for row in found["table_1"]}
    assert of["I", table_1.ENGINE]["work"] == pytest.approx(1 / 4)
    assert of["I", table_1.CNN2]["work"] == 1
    assert of["II corrected", table_1.AT_ZERO]["work"] > of["I", table_1.AT_ZERO]["work"]
    assert found["ratios"]["I"]["cnn3_corrected_over_cnn2"] < 0.6


def test_published_rule_tells_one_digit_only_from_a_threshold_of_four_on(finished):
    _, found, _ = finished
    published = [point for point in found["figure_6"] if point["rule"] == "published" and point["threshold"] >= 4]
    assert len(published) == 4
    assert {point["different_digits_told"] for point in published} == {1}
    at_zero = [point for point in found["figure_6"] if point["rule"] == "corrected" and point["threshold"] == 0]
    assert all(point["largest_difference_from_cnn1"] <= 1e-5 for point in at_zero)


def test_the_report_names_its_digits_machine_and_command_and_no_folder(finished):
    folder, found, _ = finished
    text = (folder / "spatial-attention.md").read_text()
    for word in ("scikit-learn", "`the command`", found["environment"]["machine"], "torch", "Table 1", "figure-6.png"):
        assert word in text
    assert str(folder) not in text + json.dumps(found)


def test_weights_are_trained_once_and_again_only_when_something_changed(few, tmp_path):
    training, path = Training(epochs=1), tmp_path / "weights.safetensors"

    def says(digits: Digits, training: Training) -> set[str]:
        taken: list[str] = []
        trained_network(digits, training, path, taken.append)
        assert len(taken) == steps(digits, training)
        return set(taken)

    trained, found = {"epoch 1 of 1"}, {"the weights were there"}
    first = trained_network(few, training, path)
    assert says(few, training) == found
    again = trained_network(few, training, path)
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), again.parameters(), strict=True))
    other_digits = dataclasses.replace(few, train_labels=few.train_labels.flip(0))
    assert says(other_digits, training) == trained
    assert says(other_digits, Training(epochs=1, seed=1)) == trained
    path.write_bytes(b"broken")
    assert says(few, training) == trained


def test_training_is_the_same_for_the_same_seed_and_leaves_the_random_state_alone(few, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one = trained_network(few, Training(epochs=1), tmp_path / "one.safetensors")
    assert torch.equal(torch.rand(1), expected)
    two = trained_network(few, Training(epochs=1), tmp_path / "two.safetensors")
    assert all(torch.equal(left, right) for left, right in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"threshold": -1.0}, PolicyError, "0 or more"),
        ({"shift": 3, "frames": 10}, ExperimentError, "room for 18"),
        ({"shift": 0}, ExperimentError, "1 to 18"),
        ({"digits": 0}, ExperimentError, "at least 1"),
        ({"threads": 0}, ExperimentError, "at least 1"),
    ],
)
def test_settings_that_cannot_be_run_are_an_error_at_once(fields, error, told):
    with pytest.raises(error, match=told):
        dataclasses.replace(Settings(), **fields)


def test_each_fix_of_the_sequence_can_be_left_out():
    motions = dataclasses.replace(Settings(), fix_aperture=False).motions
    assert motions["II corrected"].scrolling
    assert motions["II corrected"].background == -1
    motions = dataclasses.replace(Settings(), fix_background=False).motions
    assert motions["II corrected"].background == 0
    assert not motions["II corrected"].scrolling

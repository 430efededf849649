"""What a comparison says of its runs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from saccade.errors import CheckpointError, DivergenceError, RecipeError
from saccade.experiments.gate_comparison import (
    Finished,
    compare,
    finished_runs,
    holm,
    paired_difference,
    rows,
    run_name,
    summarise,
    to_markdown,
)
from saccade.training import Recipe, RunReport
from saccade.training import budget as budgets


def test_an_interval_is_students() -> None:
    interval = summarise([0.1, 0.2, 0.3])
    assert interval.mean == pytest.approx(0.2)
    assert interval.half_width == pytest.approx(4.302653 * 0.1 / math.sqrt(3))
    assert interval.p == pytest.approx(0.0741799)  # of t = 2 sqrt 3 with 2 degrees of freedom


def test_one_value_has_no_interval() -> None:
    assert summarise([0.5]).half_width is None


def test_differences_are_taken_seed_by_seed() -> None:
    found = paired_difference({0: 0.5, 1: 0.7, 3: 0.9}, {1: 0.6, 0: 0.3, 2: 0.1})
    assert found is not None
    assert found.count == 2
    assert found.mean == pytest.approx(0.15)
    assert paired_difference({0: 0.5}, {1: 0.5}) is None


def test_names_of_files_hold_no_odd_characters() -> None:
    assert run_name("das@blocks:alpha=0.1", 2) == "das_blocks_alpha=0.1-seed2"


def test_holm_multiplies_the_smallest_by_their_number_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def report(accuracy: float, budget: Mapping[str, Any] | None = None) -> RunReport:
    """Returns the report of a run of which only the accuracy matters."""
    return RunReport(
        recipe=Recipe("tiny").to_dict(), fingerprint="", accuracy=accuracy, best_accuracy=accuracy, test_loss=1.0,
        steps=10, images=640, seconds=1.0, evaluation_seconds=1.0, loader_seconds=0.1, images_per_second=640.0,
        parameters=1000, gate_parameters=10, macs=10**6, training_images=640, test_images=100, resumed=0,
        budget=None if budget is None else dict(budget),
    )  # fmt: skip


def test_the_table_shows_p_beside_p_corrected_for_the_number_of_gates() -> None:
    values = {"none": (0.50, 0.51, 0.53), "se": (0.52, 0.54, 0.55), "das": (0.51, 0.51, 0.54)}
    budget = {"minutes": 3, "step_seconds": {"none": 0.1, "das": 0.25}}
    runs = [Finished(label, seed, report(own[seed], budget)) for label, own in values.items() for seed in range(3)]
    found = {row.label: row for row in rows(runs)}
    assert found["none"].corrected_p is None
    smaller, larger = found["se"], found["das"]
    assert smaller.difference is not None
    assert larger.difference is not None
    assert smaller.difference.p is not None
    assert larger.difference.p is not None
    assert smaller.difference.p < larger.difference.p
    assert smaller.corrected_p == pytest.approx(2 * smaller.difference.p)
    assert larger.corrected_p == pytest.approx(larger.difference.p)
    table = to_markdown(list(found.values()), runs, 9)
    assert f"| {smaller.difference.p:.3f} | {smaller.corrected_p:.3f} |" in table
    assert "budget of 3 minutes" in table
    assert "none 100, das 250" in table


def test_the_table_of_detectors_tells_their_ap() -> None:
    plain = report(0.36)
    run = Finished("none", 0, dataclasses.replace(plain, recipe={**plain.recipe, "task": "detection"}))
    table = to_markdown(rows([run]), [run], 1)
    assert "| AP % |" in table
    assert "those of backbone and pyramid alone" in table
    assert "accuracy" not in table


def tiny(gate: str | None) -> Recipe:
    """Returns a recipe of seconds."""
    plain = Recipe("tiny", network="cifar-resnet8", width=4, classes=2, batch=4, image_size=8, epochs=1)
    return plain.with_gate(gate)


def test_runs_go_on_beside_each_other_and_all_as_long_as_the_slowest_allows(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "_measured", lambda recipe, *_: (2.0 if recipe.gate else 1.0, 0.0))
    contenders = {"none": tiny(None), "se": tiny("se")}
    told: list[tuple[str, bool]] = []
    runs = compare(
        contenders, [0], squares, tmp_path / "out", budget=10 / 60, accelerator="cpu", per_device=2,
        on_run=lambda label, seed, run: told.append((label, run is not None)),
    )  # fmt: skip
    assert [(run.label, run.report.steps) for run in runs] == [("none", 4), ("se", 4)]
    assert sorted(told) == [("none", False), ("none", True), ("se", False), ("se", True)]
    assert all(run.report.budget is not None and run.report.budget["minutes"] == 10 / 60 for run in runs)
    assert [run.at_a_time for run in runs] == [2, 2]
    assert "Up to 2 runs went on at a time" in to_markdown(rows(runs), runs, 2)
    budget = json.loads((tmp_path / "out" / "budget.json").read_text())
    assert budget["step_seconds"] == {"none": 1.0, "se": 2.0}
    finished = finished_runs(contenders, [0], tmp_path / "out")
    assert [(run.report.steps, run.at_a_time) for run in finished] == [(4, 2), (4, 2)]
    monkeypatch.setattr(budgets, "_measured", lambda *_: pytest.fail("measured again"))
    for seed in (1, 2):
        state = tmp_path / "out" / "states" / f"se-seed{seed}"
        state.mkdir(parents=True)
        (state / "state.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"se-seed[12].*cannot be read"):
        compare({"se": tiny("se")}, [1, 2], squares, tmp_path / "out", accelerator="cpu", devices=2)


def test_a_loss_that_is_not_finite_is_told_with_its_gate_and_seed(squares: Path, tmp_path: Path) -> None:
    recipe = tiny("se").replace(learning_rate=1e30, epochs=4)
    with pytest.raises(DivergenceError, match=r"^se, seed 3: the loss is \S+ at step \d"):
        compare({"se": recipe}, [3], squares, tmp_path / "out", accelerator="cpu")


def test_a_comparison_that_was_begun_without_a_budget_gets_none_later(squares: Path, tmp_path: Path) -> None:
    words = ({"none": tiny(None)}, [0], squares, tmp_path / "out")
    runs = compare(*words, accelerator="cpu")
    with pytest.raises(CheckpointError, match="begun without a budget"):
        compare(*words, accelerator="cpu", budget=5)
    assert len(compare(*words, accelerator="cpu")) == len(runs)


def test_more_devices_than_there_are_are_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="99 devices were asked for"):
        compare({"none": tiny(None)}, [0], squares, tmp_path / "out", accelerator="cuda", devices=99)
    assert not (tmp_path / "out").exists()

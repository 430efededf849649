"""Runs made as long as so many minutes allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from saccade.errors import CheckpointError, RecipeError
from saccade.training import Recipe, train
from saccade.training import budget as budgets
from saccade.training.budget import _steps


@pytest.mark.parametrize(
    ("seconds", "every", "steps"),
    [(100, 0, 96), (4, 0, 0), (25, 0, 21), (100, 1, 70), (100, 2, 80), (9, 1, 5), (14.5, 1, 10), (3, 1, 0)],
)
def test_steps_and_evaluations_fit_into_the_seconds(seconds: float, every: int, steps: int) -> None:
    step, evaluation, per_epoch = 1.0, 4.0, 10
    assert _steps(seconds, step, evaluation, per_epoch, every) == steps
    evaluations = 1 if every == 0 else -(-steps // (every * per_epoch))
    assert steps == 0 or steps * step + evaluations * evaluation <= seconds


def test_a_budget_gives_the_length_and_a_resumed_run_keeps_it(
    folder: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "_measured", lambda *_: (1.0, 2.0))
    recipe = recipe.replace(schedule="steps", epochs=40, milestones=(20, 30), evaluate_every=0)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", budget=0.2)
    assert report.steps == 9  # 0.2 minutes less 3 % less an evaluation
    assert report.recipe["milestones"] == pytest.approx([20 * 2.25 / 40, 30 * 2.25 / 40])
    assert report.budget is not None
    assert report.budget["step_seconds"] == {"tiny": 1.0}
    monkeypatch.setattr(budgets, "_measured", lambda *_: pytest.fail("measured again"))
    (tmp_path / "run" / "report.json").unlink()
    again = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True)
    assert again.fingerprint == report.fingerprint
    assert train(recipe, folder, tmp_path / "run", cache=tmp_path, resume=True, accelerator="cpu").steps == 9
    with pytest.raises(CheckpointError, match=r"with a budget of 0\.2 minutes, not 5"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True, budget=5)
    (tmp_path / "run" / "report.json").unlink()
    with pytest.raises(CheckpointError, match=r"budget of 0\.2 minutes, not 5"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True, budget=5)


def test_a_run_that_was_begun_without_a_budget_gets_none_later(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=0.25)
    train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    with pytest.raises(CheckpointError, match="with no budget, not 5"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True, budget=5)
    (tmp_path / "run" / "report.json").unlink()
    with pytest.raises(CheckpointError, match="begun without a budget"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True, budget=5)
    train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True)


def test_measured_steps_are_those_of_the_machine_and_leave_no_trace(
    folder: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SECONDS_TO_MEASURE", 0.0)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", budget=0.005)
    assert report.budget is not None
    assert 0 < report.budget["step_seconds"]["tiny"] < 1
    fixed = recipe.with_length(report.recipe["epochs"])
    same = train(fixed, folder, tmp_path / "same", cache=tmp_path, accelerator="cpu")
    assert same.history[-1].training_loss == report.history[-1].training_loss


def test_a_budget_that_holds_no_step_is_refused(
    folder: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "_measured", lambda *_: (1.0, 2.0))
    with pytest.raises(RecipeError, match="does not hold one step"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", budget=0.04)
    with pytest.raises(RecipeError, match="more than 0"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", budget=-1)

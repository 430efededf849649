"""The report of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saccade.errors import SinkError
from saccade.experiments import experiments
from saccade.experiments.das_sizes import run as module
from saccade.experiments.das_sizes.printed import FIGURE_3, TABLE_1, TABLE_2
from saccade.experiments.das_sizes.run import run
from saccade.models import PlacementStudy, Variant

WANTED = ("ResNet-50", "ResNet-50 + DAS", "ResNet-50 + GSoP-Net", "ResNet-18 + EMCA")


@pytest.fixture
def few_rows(monkeypatch) -> None:
    """Leaves a few rows, so that a run is short."""

    class OneVariant(PlacementStudy):
        def variants(self) -> tuple[Variant, ...]:
            return super().variants()[:2]

    rows = [row for row in TABLE_1 if row.label in WANTED] + [TABLE_2[0], *FIGURE_3[3:]]
    monkeypatch.setattr(module, "ROWS", rows)
    monkeypatch.setattr(module, "PlacementStudy", OneVariant)


def test_a_run_writes_the_tables_and_the_numbers(few_rows, tmp_path: Path) -> None:
    labels: list[str] = []
    findings = run(tmp_path / "new" / "folder", "saccade reproduce das-sizes", labels.append)
    text = (tmp_path / "new" / "folder" / "das-sizes.md").read_text()
    assert "| ResNet-50 + DAS | 26.90 | 26.8991 | 36.9399 | paper | 4.39 | 4.3866 |" in text
    assert "in truth alpha = 0.5 and alpha = 1.0 are beyond its end" in text
    assert "the print is in units of 2^20 and 2^30: 11.19, and 1.70" in text
    assert "true: 8.65 million more parameters" in text
    numbers = json.loads((tmp_path / "new" / "folder" / "das-sizes.json").read_text())
    assert [row["printed"]["label"] for row in numbers["rows"]] == labels[:-1]
    assert numbers["claims"] == findings.claims()
    assert [row["gates"] for row in numbers["placements"]] == [0, 1]
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 2


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "count", lambda printed: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, "", lambda label: None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_before_anything_is_counted(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(module, "count", lambda printed: pytest.fail("counted"))
    with pytest.raises(SinkError, match=r"cannot write to .*file.*; choose another folder with --out"):
        run(tmp_path / "file" / "results", "", lambda label: None)


def test_the_experiment_is_listed() -> None:
    assert "das-sizes" in experiments.names()

"""One run: counting every row, and writing what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from saccade.errors import SinkError
from saccade.experiments.das_sizes.count import count, count_placements
from saccade.experiments.das_sizes.printed import ROWS
from saccade.experiments.das_sizes.report import NAME, Findings
from saccade.measure import Environment
from saccade.models.placement_study import PlacementStudy


def run(folder: Path, command: str, advance: Callable[[str], None]) -> Findings:
    """Counts every row and writes the report as Markdown and as JSON, both or neither.

    Args:
        folder: for the results; made where it is missing.
        command: what was typed.
        advance: called with the label of every row that is done.

    Raises:
        SinkError: the folder cannot be made or written to; nothing is counted then.
    """
    targets = [folder / f"{NAME}.md", folder / f"{NAME}.json"]
    drafts = [target.with_name(f".{target.name}.{os.getpid()}.partial") for target in targets]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            draft.touch()
    except OSError as error:
        raise SinkError(
            f"cannot write to {str(folder)!r}: {error.strerror}; choose another folder with --out"
        ) from error
    try:
        findings = _findings(command, advance)
        drafts[0].write_text(findings.to_markdown(), encoding="utf-8")
        drafts[1].write_text(json.dumps(findings.to_dict(), indent=1) + "\n", encoding="utf-8")
        for draft, target in zip(drafts, targets, strict=True):
            os.replace(draft, target)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return findings


def _findings(command: str, advance: Callable[[str], None]) -> Findings:
    rows = []
    for printed in ROWS:
        rows.append(count(printed))
        advance(printed.label)
    placements = count_placements(PlacementStudy())
    advance("placements")
    return Findings(rows, placements, Environment.here(1, command, ("saccade", "torch", "torchvision", "timm")))

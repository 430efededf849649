"""The counts beside the prints, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from saccade.experiments.das_sizes.count import PlacementRow, Row
from saccade.experiments.das_sizes.printed import BINARY
from saccade.measure import Environment
from saccade.models.sizes import Size

NAME = "das-sizes"
"""Of the report's files, without their endings."""

AXIS_END = 2.0e9
"""Where the printed axis of Figure 3 ends."""

_TITLES = {
    "Table 1": "Table 1: classifiers, 224x224, 1000 classes",
    "Table 2": "Table 2: Faster R-CNN with a feature pyramid, 80 classes",
    "Table 4": "Table 4: variants of DAS on ResNet-18",
    "Figure 3": "Figure 3: the axis, FLOPs against alpha on ResNet-18",
    "beyond": "Not in the paper",
}


@dataclass(frozen=True)
class Findings:
    """Everything that was counted.

    Attributes:
        rows: of the tables.
        placements: of the placement study, ResNet-18.
        environment: where it ran.
    """

    rows: list[Row]
    placements: list[PlacementRow]
    environment: Environment

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "experiment": NAME,
            "rows": [row.to_dict() for row in self.rows],
            "placements": [asdict(row) for row in self.placements],
            "claims": self.claims(),
            "environment": self.environment.to_dict(),
        }

    def claims(self) -> dict[str, dict[str, float]]:
        """Returns DAS against GSoP-Net on ResNet-50, which the paper's text compares, in both conventions."""
        das, gsop = self.sizes("ResNet-50 + DAS"), self.sizes("ResNet-50 + GSoP-Net")
        return {
            convention: {
                "fewer_parameters_in_millions": (theirs[0] - ours[0]) / 1e6,
                "fewer_flops_as_a_share": 1 - ours[1] / theirs[1],
            }
            for convention, ours, theirs in (
                ("paper", das.of("paper"), gsop.of("paper")),
                ("true", das.of("true"), gsop.of("true")),
            )
        }

    def sizes(self, label: str) -> Size:
        """Returns the size of a network of Table 1."""
        return next(row.size for row in self.rows if row.size is not None and row.printed.label == label)

    def to_markdown(self) -> str:
        """Returns the report."""
        sections = [_head(self), *(_table(self, table) for table in _TITLES), _claims(self), _placements(self)]
        return "\n".join(line for section in sections for line in (*section, "")).rstrip() + "\n"


def _head(found: Findings) -> Iterator[str]:
    environment = found.environment
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    yield "# Sizes of DAS and its peers (Salajegheh et al., arXiv 2311.12091)"
    yield ""
    yield f"`{environment.command}`; {versions}; {environment.date}. Counts do not depend on the machine."
    yield ""
    yield (
        "Millions of parameters and 10^9 multiply-accumulates (the paper's FLOPs). **Paper**: what the counter thop "
        "0.1.1 gives, which leaves out the deformable kernel of DAS and every other function without a module. "
        "**True**: everything that learns, and every product. **ptflops**: the counter ptflops 0.6, with biases, "
        "activations and pooled values."
    )
    yield ""
    yield (
        "How each print comes about is said in its own column: by the paper's convention (rounded unless it says cut "
        "off), by another, or by none. Base networks and peers of Table 1 are rows of the Triplet Attention paper and "
        "agree with ptflops; the rows of DAS agree with thop."
    )
    yield ""
    base, das = found.sizes("ResNet-50"), found.sizes("ResNet-50 + DAS")
    yield (
        f"So the table's 4.12 and 4.39 for ResNet-50 without and with DAS are of two counters. Counted alike, DAS adds "
        f"{(das.paper_macs - base.paper_macs) / 1e9:.3f} (thop), {(das.ptflops_macs - base.ptflops_macs) / 1e9:.3f} "
        f"(ptflops) or, with its kernel, {(das.macs - base.macs) / 1e9:.3f} (true) to {base.macs / 1e9:.3f}."
    )


def _table(found: Findings, table: str) -> Iterator[str]:
    rows = [row for row in found.rows if row.printed.table == table]
    yield f"## {_TITLES[table]}"
    yield ""
    if table == "Table 2":
        heads = ["backbone", "printed", "paper", "true", "print is", "note"]
        yield from _markdown(heads, (_detector_cells(row) for row in rows))
        return
    if table == "Figure 3":
        yield from _axis(rows)
    heads = [
        "",
        "printed M",
        "paper M",
        "true M",
        "print is",
        "printed G",
        "paper G",
        "ptflops G",
        "true G",
        "print is",
        "note",
    ]
    yield from _markdown(heads, (_classifier_cells(row) for row in rows))


def _markdown(heads: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 2)}---|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _detector_cells(row: Row) -> list[str]:
    printed = row.printed
    return [
        printed.label,
        printed.parameters or "",
        f"{row.paper_parameters / 1e6:.3f}",
        f"{row.true_parameters / 1e6:.3f}",
        row.parameters_match(),
        printed.note,
    ]


def _classifier_cells(row: Row) -> list[str]:
    printed, size = row.printed, row.size
    assert size is not None
    return [
        printed.label,
        printed.parameters or "",
        f"{row.paper_parameters / 1e6:.4f}",
        f"{row.true_parameters / 1e6:.4f}",
        row.parameters_match(),
        printed.flops or "",
        f"{size.paper_macs / 1e9:.4f}",
        f"{size.ptflops_macs / 1e9:.4f}",
        f"{size.macs / 1e9:.4f}",
        row.flops_match(),
        _note(row),
    ]


def _note(row: Row) -> str:
    printed, size = row.printed, row.size
    if printed.units != BINARY or size is None:
        return printed.note
    there = f"{row.paper_parameters / BINARY:.2f}, and {size.paper_macs / row.flops_unit:.2f} or "
    return f"{printed.note}: {there}{size.ptflops_macs / row.flops_unit:.2f} (ptflops)"


def _axis(rows: list[Row]) -> Iterator[str]:
    beyond = [row.printed.label for row in rows if row.size is not None and row.size.macs > AXIS_END]
    yield (
        "The printed axis runs from 1.8 to 2.0, without figures at the points. In the paper's convention all points "
        f"are on it; in truth {' and '.join(beyond)} are beyond its end."
    )
    yield ""


def _claims(found: Findings) -> Iterator[str]:
    claims = found.claims()
    yield "## Two claims of the text"
    yield ""
    yield (
        'DAS with ResNet-50 is said to use "32% less FLOPs and 1.39M less parameters" than GSoP-Net '
        "(6.41 and 4.39 x 10^9, 28.29 and 26.90 million)."
    )
    yield ""
    for convention in ("paper", "true"):
        claim = claims[convention]
        parameters, share = claim["fewer_parameters_in_millions"], claim["fewer_flops_as_a_share"]
        fewer = f"{parameters:.2f} million fewer" if parameters > 0 else f"{-parameters:.2f} million more"
        yield f"- {convention}: {fewer} parameters, {share:.0%} fewer FLOPs, both networks counted alike."


def _placements(found: Findings) -> Iterator[str]:
    yield "## How many gates, and where (Section 4.3, ResNet-18)"
    yield ""
    yield "The paper prints no table; these are the sizes of the variants of `saccade.models.PlacementStudy`."
    yield ""
    yield "| DAS | gates | paper M | true M | paper G | true G |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in found.placements:
        cells = (
            row.name,
            str(row.gates),
            f"{row.size.paper_parameters / 1e6:.4f}",
            f"{row.size.parameters / 1e6:.4f}",
            f"{row.size.paper_macs / 1e9:.4f}",
            f"{row.size.macs / 1e9:.4f}",
        )
        yield f"| {' | '.join(cells)} |"

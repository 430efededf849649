"""Counting the network of a row, and comparing the count with the print."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Any

import torch
from torch import nn

from saccade.experiments.das_sizes.printed import BINARY, Printed
from saccade.gates import fold
from saccade.models import create, detector
from saccade.models.placement_study import PlacementStudy
from saccade.models.sizes import Size, measure, parameters_of

DETECTOR_CLASSES = 81


@dataclass(frozen=True)
class Row:
    """A row of the paper and its counts.

    Attributes:
        printed: the paper's row.
        paper_parameters: what thop counts.
        true_parameters: all there are.
        size: parameters and MACs of a classifier; None of a detector, whose work depends on what is in the image.
    """

    printed: Printed
    paper_parameters: int
    true_parameters: int
    size: Size | None = None

    @property
    def flops_unit(self) -> int:
        """What the printed FLOPs count in: 10^9, or 2^30."""
        return 2**30 if self.printed.units == BINARY else 10**9

    def parameters_match(self) -> str:
        """Returns how the printed parameters come about: by "paper" or "true", as ``agreement`` says it."""
        unit = self.printed.units
        counts = {"paper": self.paper_parameters / unit, "true": self.true_parameters / unit}
        return agreement(self.printed.parameters, counts)

    def flops_match(self) -> str:
        """Returns how the printed FLOPs come about: by "paper" (thop) or "ptflops", as ``agreement`` says it."""
        if self.size is None:
            return ""
        unit = self.flops_unit
        counts = {"paper": self.size.paper_macs / unit, "ptflops": self.size.ptflops_macs / unit}
        return agreement(self.printed.flops, counts)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            **asdict(self),
            "parameters_match": self.parameters_match(),
            "flops_match": self.flops_match(),
        }


def agreement(printed: str | None, counts: dict[str, float]) -> str:
    """Returns which count gives a print, and how.

    Args:
        printed: a figure as it is printed, or None.
        counts: counts in the print's unit, the likeliest first.

    Returns:
        The name of the first count that gives it rounded; or else cut off, or else rounded up, which is then said;
        "no" where none does; "" without a print.
    """
    if printed is None:
        return ""
    for mode, remark in ((ROUND_HALF_EVEN, ""), (ROUND_DOWN, ", cut off"), (ROUND_UP, ", rounded up")):
        for name, count in counts.items():
            if Decimal(count).quantize(Decimal(printed), mode) == Decimal(printed):
                return f"{name}{remark}"
    return "no"


def count(printed: Printed) -> Row:
    """Builds the network of a row on shapes alone and counts it."""
    with torch.device("meta"):
        model = create(printed.network, printed.gate, **dict(printed.options))
        if printed.gate == "asr":
            fold(model)
        if printed.table == "Table 2":
            return _detector(printed, model)
    size = measure(model)
    return Row(printed, size.paper_parameters, size.parameters, size)


def _detector(printed: Printed, model: nn.Module) -> Row:
    whole = detector("faster_rcnn", model, classes=DETECTOR_CLASSES)
    return Row(printed, parameters_of(whole, "paper"), parameters_of(whole))


@dataclass(frozen=True)
class PlacementRow:
    """The size of one variant of the placement study.

    Attributes:
        name: of the variant.
        gates: how many it has.
        size: its parameters and MACs.
    """

    name: str
    gates: int
    size: Size


def count_placements(study: PlacementStudy) -> list[PlacementRow]:
    """Counts every variant of a placement study."""
    from saccade.gates import gates_of

    rows = []
    for variant in study.variants():
        with torch.device("meta"):
            model = study.build(variant)
        rows.append(PlacementRow(variant.name, len(gates_of(model)), measure(model)))
    return rows

"""What the paper prints, row by row, and what is known about each print.

Figures are kept as they are printed, so that their digits can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BINARY = 2**20


@dataclass(frozen=True)
class Printed:
    """One row of a table of the paper.

    Attributes:
        table: "Table 1", "Table 2", "Table 4" or "Figure 3"; "beyond" for what the paper does not print.
        label: the row's method, as printed or in words.
        network: the backbone, as ``saccade.models.create`` takes it.
        gate: the gate, or None.
        options: the gate's options.
        parameters: in millions, as printed; None where nothing is.
        flops: in thousands of millions, as printed; None where nothing is.
        units: what the print counts in: 10^6, or 2^20 (and 2^30 for the FLOPs).
        note: what is known about the print.
    """

    table: str
    label: str
    network: str
    gate: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    parameters: str | None = None
    flops: str | None = None
    units: int = 10**6
    note: str = ""


_BASE = "row of the Triplet Attention paper, whose FLOPs are those of another counter"
_EMCA = "the print is in units of 2^20 and 2^30"
_R101 = "no count gives 44.46: torchvision's ResNet-101 has 44.549 million"
_MOBILE_DAS = "seven gates, after the stages; no natural placement gives both prints rounded"
_ASR = "the gate folds into the batch norm, which leaves the backbone's size; the print is a rounded base"


def _table_1(network: str, rows: tuple[tuple[str, str | None, str | None, str | None, str], ...]) -> list[Printed]:
    title = {"resnet18": "ResNet-18", "resnet50": "ResNet-50", "resnet101": "ResNet-101", "mobilenet_v2": "MobileNetV2"}
    return [
        Printed(
            "Table 1",
            f"{title[network]}{f' + {label}' if gate else ''}",
            network,
            gate,
            (),
            parameters,
            flops,
            BINARY if gate == "emca" else 10**6,
            note,
        )
        for label, gate, parameters, flops, note in rows
    ]


TABLE_1 = (
    *_table_1(
        "resnet18",
        (
            ("", None, "11.69", "1.82", _BASE),
            ("SENet", "se", "11.78", "1.82", ""),
            ("BAM", "bam", "11.71", "1.83", ""),
            ("CBAM", "cbam", "11.78", "1.82", ""),
            ("Triplet Attention", "triplet", "11.69", "1.83", ""),
            ("EMCA", "emca", "11.19", "1.70", _EMCA),
            ("DAS", "das", "11.82", "1.86", ""),
        ),
    ),
    *_table_1(
        "resnet50",
        (
            ("", None, "25.56", "4.12", _BASE),
            ("SENet", "se", "28.07", "4.13", ""),
            ("BAM", "bam", "25.92", "4.21", ""),
            ("CBAM", "cbam", "28.09", "4.13", ""),
            ("GSoP-Net", "gsop", "28.29", "6.41", "no count of ours gives the printed FLOPs"),
            ("A2-Nets", "a2", "33.00", "6.50", "no natural reading gives the print; ours is the paper's block"),
            ("GCNet", "gcnet", "28.10", "4.13", ""),
            ("GALA", "gala", "29.40", None, "no natural reading gives the print; ours follows the paper's equations"),
            ("ABN", "abn", "43.59", "7.66", "both heads counted; no count of ours gives the printed FLOPs"),
            ("SRM", "srm", "25.62", "4.12", "its own parameters are bare weights, which thop cannot see"),
            ("Triplet Attention", "triplet", "25.56", "4.17", ""),
            ("EMCA", "emca", "25.04", "3.83", _EMCA),
            ("ASR", "asr", "26.00", None, _ASR),
            ("DAS", "das", "26.90", "4.39", ""),
        ),
    ),
    *_table_1(
        "resnet101",
        (
            ("", None, "44.46", "7.85", f"{_R101}; {_BASE}"),
            ("SENet", "se", "49.29", "7.86", ""),
            ("BAM", "bam", "44.91", "7.93", ""),
            ("CBAM", "cbam", "49.33", "7.86", ""),
            ("SRM", "srm", "44.68", "7.85", "its own parameters are bare weights, which thop cannot see"),
            ("Triplet Attention", "triplet", "44.56", "7.95", ""),
            ("ASR", "asr", "45.00", None, _ASR),
            ("DAS", "das", "45.89", "8.12", ""),
        ),
    ),
    *_table_1(
        "mobilenet_v2",
        (
            ("", None, "3.51", "0.32", _BASE),
            ("SENet", "se", "3.53", "0.32", ""),
            ("CBAM", "cbam", "3.54", "0.32", ""),
            ("Triplet Attention", "triplet", "3.51", "0.32", ""),
            ("DAS", "das", "3.57", "0.35", _MOBILE_DAS),
        ),
    ),
)

TABLE_2 = (
    Printed("Table 2", "ResNet-50", "resnet50", None, (), "41.7"),
    Printed("Table 2", "ResNet-101", "resnet101", None, (), "60.6"),
    Printed("Table 2", "SENet-50", "resnet50", "se", (), "44.2"),
    Printed("Table 2", "CBAM-50", "resnet50", "cbam", (), "44.2"),
    Printed("Table 2", "Triplet Attention-50", "resnet50", "triplet", (), "41.7"),
    Printed("Table 2", "DAS-50", "resnet50", "das", (), "43.0"),
)
"""Faster R-CNN with a feature pyramid, 80 classes and the background, batch norms of the backbone frozen."""

TABLE_4 = (
    Printed("Table 4", "a", "resnet18", "das_a", (), "12.766", "1.99", note="the nearest natural reading"),
    Printed("Table 4", "b", "resnet18", "das_b", (), "11.801", "1.846", note="one of several readings that fit"),
    Printed("Table 4", "c (DAS)", "resnet18", "das", (), "11.817", "1.856"),
    Printed("Table 4", "d", "resnet18", "das_d", (), "11.923", "1.915"),
    Printed("Table 4", "e", "resnet18", "das_e", (), "12.048", "1.879"),
    Printed("Table 4", "f", "resnet18", "das_f", (), "11.843", "1.849"),
    Printed("Table 4", "g", "resnet18", "das_g", (), "11.925", "1.917"),
    Printed("Table 4", "h", "resnet18", "das_h", (), "11.819", "1.858"),
)

FIGURE_3 = tuple(
    Printed("Figure 3", f"alpha = {alpha}", "resnet18", "das", (("alpha", alpha),))
    for alpha in (0.01, 0.1, 0.2, 0.5, 1.0)
)
"""The figure's axis is FLOPs, drawn from 1.8 to 2.0 without figures at the points."""

BEYOND = (
    Printed("beyond", "ResNet-18 + DAS, separable kernel", "resnet18", "das", (("kernel", "separable"),)),
    Printed("beyond", "ResNet-50 + DAS, separable kernel", "resnet50", "das", (("kernel", "separable"),)),
    Printed("beyond", "ResNet-50 + ECA", "resnet50", "eca"),
    Printed("beyond", "ResNet-50 + deformable attention (DAT)", "resnet50", "dat"),
    Printed("beyond", "ResNet-50 + DAS, alpha = 0.1", "resnet50", "das", (("alpha", 0.1),)),
)

ROWS = (*TABLE_1, *TABLE_2, *TABLE_4, *FIGURE_3, *BEYOND)

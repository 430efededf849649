"""Every size that the DAS paper prints, counted again."""

from __future__ import annotations

import functools

import pytest

from saccade.experiments.das_sizes.count import Row, agreement, count
from saccade.experiments.das_sizes.printed import BEYOND, FIGURE_3, ROWS, TABLE_1, TABLE_2, TABLE_4, Printed

NO_PARAMETERS = {"ResNet-50 + A2-Nets", "ResNet-50 + GALA", "ResNet-50 + ASR", "ResNet-101", "ResNet-101 + ASR"}
"""Rows whose printed parameters no count gives."""

NO_FLOPS = {"ResNet-50 + GSoP-Net", "ResNet-50 + A2-Nets", "ResNet-50 + ABN"}
"""Rows whose printed FLOPs no count gives."""

# Millions and 10^9, in the paper's convention and in truth, as worked out from the paper.
EXACT = {
    ("Table 1", "ResNet-18"): (11.68951, 1.82403, 11.68951, 1.82403),
    ("Table 4", "c (DAS)"): (11.81676, 1.85640, 12.449, 1.950),
    ("Table 4", "d"): (11.92290, 1.91548, 15.056, 2.378),
    ("Table 4", "e"): (12.04823, 1.87880, 12.04823, 1.87880),
    ("Table 4", "f"): (11.84262, 1.84893, 11.84262, 1.84893),
    ("Table 4", "g"): (11.92482, 1.91698, 15.058, 2.379),
    ("Table 4", "h"): (11.81868, 1.85790, 12.451, 1.952),
    ("Table 1", "ResNet-50 + DAS"): (26.8991, 4.3866, 36.940, 5.875),
    ("Table 1", "ResNet-101 + DAS"): (45.8912, 8.1193, 55.932, 9.608),
    ("Table 4", "a"): (12.7666, 1.989, None, None),
    ("Table 4", "b"): (11.8008, 1.8461, None, None),
    ("Table 1", "MobileNetV2 + DAS"): (3.5763, 0.3539, 3.835, 0.382),
    ("Figure 3", "alpha = 0.01"): (None, 1.8295, None, 1.836),
    ("Figure 3", "alpha = 0.1"): (None, 1.8424, None, 1.890),
    ("Figure 3", "alpha = 0.2"): (None, 1.8564, None, 1.950),
    ("Figure 3", "alpha = 0.5"): (None, 1.8988, None, 2.130),
    ("Figure 3", "alpha = 1.0"): (None, 1.9702, None, 2.433),
    ("beyond", "ResNet-18 + DAS, separable kernel"): (None, None, 11.889, None),
    ("beyond", "ResNet-50 + DAS, separable kernel"): (None, None, 28.022, None),
}

# Every learnable value of the gated networks, in millions.
COMPUTED = {
    "resnet18": {"se": 11.7766, "cbam": 11.7794, "bam": 11.7125, "triplet": 11.6919, "emca": 11.733},
    "resnet50": {
        "se": 28.0720, "cbam": 28.0896, "bam": 25.9151, "triplet": 25.5618, "srm": 25.6174, "gsop": 28.2852,
        "abn": 43.5849, "gcnet": 28.1050, "emca": 26.253, "asr": 25.557, "a2": 32.907, "gala": 40.13,
    },
    "resnet101": {"se": 49.2923, "cbam": 49.3302, "bam": 44.9072, "triplet": 44.5591, "srm": 44.6792, "asr": 44.549},
    "mobilenet_v2": {"se": 3.5333, "cbam": 3.5366, "triplet": 3.5100},
}  # fmt: skip


@functools.cache
def counted(printed: Printed) -> Row:
    return count(printed)


def name_of(printed: Printed) -> str:
    return f"{printed.table} {printed.label}"


@pytest.mark.parametrize("printed", TABLE_1 + TABLE_2 + TABLE_4, ids=name_of)
def test_printed_parameters_come_out_to_the_digit(printed) -> None:
    match = counted(printed).parameters_match()
    assert (match == "no") == (printed.label in NO_PARAMETERS and printed.table == "Table 1")
    if printed.gate is not None and printed.gate.startswith("das") and printed.network != "mobilenet_v2":
        assert match == ("paper, cut off" if printed.gate == "das_a" else "paper")


@pytest.mark.parametrize("printed", [row for row in ROWS if row.flops is not None], ids=name_of)
def test_printed_flops_come_out_to_the_digit(printed) -> None:
    match = counted(printed).flops_match()
    assert (match == "no") == (printed.label in NO_FLOPS)
    if printed.gate is not None and printed.gate.startswith("das"):
        assert match == "paper"


@pytest.mark.parametrize("printed", [row for row in ROWS if (row.table, row.label) in EXACT], ids=name_of)
def test_counts_are_those_worked_out_from_the_paper(printed) -> None:
    row = counted(printed)
    assert row.size is not None
    found = (row.paper_parameters / 1e6, row.size.paper_macs / 1e9, row.true_parameters / 1e6, row.size.macs / 1e9)
    for value, expected in zip(found, EXACT[printed.table, printed.label], strict=True):
        if expected is not None:
            digits = len(str(expected).partition(".")[2])
            assert round(value, max(digits, 3)) == expected


@pytest.mark.parametrize("printed", [row for row in TABLE_1 if row.gate in COMPUTED.get(row.network, {})], ids=name_of)
def test_every_learnable_value_of_a_gated_network_is_counted(printed) -> None:
    expected = COMPUTED[printed.network][printed.gate]
    digits = len(str(expected).partition(".")[2])
    assert round(counted(printed).true_parameters / 1e6, max(digits, 2)) == expected


def test_the_expected_rows_are_all_there() -> None:
    rows = {(row.table, row.label) for row in ROWS}
    assert set(EXACT) <= rows
    assert {(row.network, row.gate) for row in TABLE_1} >= {
        (network, gate) for network, gates in COMPUTED.items() for gate in gates
    }
    assert [len(table) for table in (TABLE_1, TABLE_2, TABLE_4, FIGURE_3)] == [34, 6, 8, 5]
    assert len(rows) == len(ROWS)


def test_the_detector_with_das_has_its_kernels_in_truth() -> None:
    row = counted(TABLE_2[-1])
    assert round(row.paper_parameters / 1e6, 1) == 43.0
    assert round(row.true_parameters / 1e6, 1) == 53.1
    assert row.flops_match() == ""


@pytest.mark.parametrize(
    ("printed", "counts", "expected"),
    [
        ("1.86", {"paper": 1.8564, "ptflops": 1.8551}, "paper"),
        ("4.12", {"paper": 4.1337, "ptflops": 4.1219}, "ptflops"),
        ("12.766", {"paper": 12.76664}, "paper, cut off"),
        ("3.51", {"paper": 3.504872}, "paper, rounded up"),
        ("29.40", {"paper": 40.1, "true": 40.1}, "no"),
        (None, {"paper": 1.0}, ""),
    ],
)
def test_how_a_print_comes_about(printed, counts, expected) -> None:
    assert agreement(printed, counts) == expected


def test_rows_beyond_the_paper_have_no_print() -> None:
    assert all(row.parameters is None and row.flops is None for row in (*BEYOND, *FIGURE_3))

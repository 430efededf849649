"""The published rule against a re-statement from the table of its deviations; the corrected one in the engine."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

import saccade
from saccade.errors import PolicyError
from saccade.policy import Borji, Keyframed, policies


def restated(change_map: list[list[float]], kernel: int, stride: int, padding: int, threshold: float, norm: str = "l1"):
    """Rows 1 to 3: windows start at (i, j) of the unpadded map, are clipped, and must exceed the threshold strictly."""
    height, width = len(change_map), len(change_map[0])
    rows, columns = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
    fired = [[False] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for p in range(i * stride, min(i * stride + kernel, height)):
                for q in range(j * stride, min(j * stride + kernel, width)):
                    total += change_map[p][q] if norm == "l1" else change_map[p][q] ** 2
            fired[i][j] = (total if norm == "l1" else math.sqrt(total)) > threshold
    return fired


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_published_rule_matches_its_restatement_on_a_thousand_random_maps(norm):
    generator = torch.Generator().manual_seed(0)
    fired_somewhere = 0
    for number in range(1000):
        height, width = (int(torch.randint(2, 11, (), generator=generator)) for _ in range(2))
        kernel, stride, padding = [(3, 1, 1), (2, 2, 0), (3, 1, 0), (3, 2, 1), (2, 2, 1)][number % 5]
        if min(height, width) + 2 * padding < kernel:
            continue
        threshold = [0.0, 0.5, 1.0, 2.0, 4.0, 9.0][number % 6]
        # Eighths are exact in binary, so that many a window comes out at the threshold itself, which must not fire.
        values = torch.randint(0, 17, (height, width), generator=generator) / 8
        values *= torch.rand(height, width, generator=generator) < [0.1, 0.5, 1.0][number % 3]
        rule = Borji.as_published(threshold, norm)
        change_map = rule.magnitude(values[None, None], torch.zeros(1, 1, height, width))
        given = rule.fires(change_map, (kernel, kernel), (stride, stride), (padding,) * 4, of_input=True)[0]
        expected = torch.tensor(restated(values.tolist(), kernel, stride, padding, threshold, norm))
        assert torch.equal(given, expected)
        hidden = (values > 0).float()
        given = rule.fires(hidden[None], (kernel, kernel), (stride, stride), (padding,) * 4)[0]
        assert torch.equal(given, torch.tensor(restated(hidden.tolist(), kernel, stride, padding, threshold)))
        fired_somewhere += bool(expected.any()) and not bool(expected.all())
    assert fired_somewhere > 300, "the maps must be ones on which the rule has something to decide"


def test_published_rule_decides_ties_of_grey_levels_as_sums_of_float32_do():
    # Grey levels in units of 2/255 add up to a whole threshold in many a window, up to rounding.
    generator = torch.Generator().manual_seed(0)
    ties = 0
    for _ in range(400):
        ink = torch.rand(10, 10, generator=generator) < 0.25
        values = torch.randint(0, 256, (2, 10, 10), generator=generator) * ink / 127.5 - 1
        rule = Borji.as_published(2.0)
        change_map = rule.magnitude(values[None, :1], values[None, 1:])
        given = rule.fires(change_map, (3, 3), (1, 1), (1, 1, 1, 1), of_input=True)[0]
        sums = [[change_map[0, i : i + 3, j : j + 3].sum() for j in range(10)] for i in range(10)]
        ties += sum(abs(float(total) - 2) < 1e-5 for row in sums for total in row)
        assert torch.equal(given, torch.tensor([[bool(total > 2) for total in row] for row in sums]))
    assert ties > 0


def _map(height: int, width: int, *places: tuple[int, int], value: float = 1.0) -> torch.Tensor:
    change_map = torch.zeros(1, height, width)
    for row, column in places:
        change_map[0, row, column] = value
    return change_map


def _places(fired: torch.Tensor) -> set[tuple[int, int]]:
    return {(row, column) for _, row, column in fired.nonzero().tolist()}


ONE = (1, 1, 1, 1)


def test_row_1_a_change_updates_the_outputs_above_and_to_the_left_of_it():
    change_map = _map(9, 9, (4, 5), value=2.0)
    published = Borji.as_published().fires(change_map, (3, 3), (1, 1), ONE, of_input=True)
    assert _places(published) == {(row, column) for row in (2, 3, 4) for column in (3, 4, 5)}
    corrected = Borji.corrected().fires(change_map, (3, 3), (1, 1), ONE, of_input=True)
    assert _places(corrected) == {(row, column) for row in (3, 4, 5) for column in (4, 5, 6)}
    assert len(_places(corrected) - _places(published)) == 5, "stale"
    assert len(_places(published) - _places(corrected)) == 5, "computed for nothing"


def test_row_2_windows_are_clipped_at_the_bottom_and_right_so_that_a_full_map_leaves_the_last_corner():
    full = torch.ones(1, 6, 7)
    published = Borji.as_published(1.0).fires(full, (3, 3), (1, 1), ONE, of_input=True)
    assert _places(~published) == {(5, 6)}
    assert Borji.corrected(1.0).fires(full, (3, 3), (1, 1), ONE, of_input=True).all()


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (2, 2, 0)])
def test_row_3_a_single_changed_hidden_cell_is_dropped(kernel, stride, padding):
    change_map = _map(8, 8, (3, 3))
    layer = (kernel, kernel), (stride, stride), (padding,) * 4
    assert not Borji.as_published().fires(change_map, *layer).any()
    assert Borji.as_published().fires(_map(8, 8, (2, 2), (3, 3)), *layer).any()
    assert Borji.corrected().fires(change_map, *layer).any()


@pytest.mark.parametrize("threshold", [4.0, 5.0, 9.0, 30.0])
def test_row_4_from_four_on_no_pooling_fires_and_from_nine_on_no_convolution(threshold):
    full = torch.ones(1, 8, 8)
    published, corrected = Borji.as_published(threshold), Borji.corrected(threshold)
    assert not published.fires(full, (2, 2), (2, 2), (0,) * 4).any()
    assert published.fires(full, (3, 3), (1, 1), ONE).any() == (threshold < 9)
    assert corrected.fires(full, (2, 2), (2, 2), (0,) * 4).all()
    assert corrected.fires(full, (3, 3), (1, 1), ONE).all()


def test_row_4_just_below_four_a_full_window_still_fires():
    assert Borji.as_published(3.99).fires(torch.ones(1, 4, 4), (2, 2), (2, 2), (0,) * 4).all()


def test_row_12_pooling_with_padding_pads_the_data_and_not_the_map():
    change_map = _map(6, 6, (0, 0), value=2.0)
    layer = (2, 2), (2, 2), ONE
    assert _places(Borji.as_published().fires(change_map, *layer)) == {(0, 0)}
    assert _places(Borji.as_published().fires(_map(6, 6, (1, 1), value=2.0), *layer)) == {(0, 0)}
    assert _places(Borji.corrected().fires(_map(6, 6, (1, 1)), *layer)) == {(1, 1)}


def test_norms_differ_where_a_change_is_spread_over_a_field():
    spread = torch.full((1, 1, 7, 7), 0.3)
    still = torch.zeros_like(spread)
    for norm, fires in (("l1", True), ("l2", False)):
        rule = Borji.corrected(1.0, norm)
        assert bool(rule.taken(spread, still).any()) == fires  # nine times .3 is 2.7; their root sum of squares is .9


def test_what_lies_in_a_fired_field_is_taken_over_whole_and_nothing_else():
    still = torch.zeros(1, 1, 9, 9)
    frame = still.clone()
    frame[0, 0, 2, 2], frame[0, 0, 2, 4], frame[0, 0, 7, 7] = 0.6, 0.6, 0.6
    # Together the first two exceed 1 in the fields around (2, 3); the third is alone.
    assert _places(Borji.corrected(1.0).taken(frame, still)) == {(2, 2), (2, 4)}


def test_slow_drift_is_taken_over_once_it_adds_up():
    torch.manual_seed(0)
    model = torch.nn.Conv2d(1, 2, 3, padding=1).eval()
    stream = saccade.incremental(model, policy=Borji.corrected(1.0), threads=1)
    frame = torch.zeros(1, 1, 8, 8)
    shares = []
    for step in range(8):
        frame = torch.full((1, 1, 8, 8), 0.04 * step)
        stream(frame)
        shares.append(stream.last_frame.input_share)
    # An inner field changes by 9 * .04 a step: more than 1 after three steps, counted from what was last taken over.
    # The fields of the corners, which hold four places, lie within larger ones that fire.
    assert shares[1:4] == [0, 0, 1]
    assert shares[4:7] == [0, 0, 1]


@pytest.mark.parametrize("threshold", [0.0, 0.5, 2.0])
def test_engine_equals_a_dense_pass_over_the_values_taken_over(threshold):
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 4, 3, padding=1)
    ).eval()
    rule = Borji.corrected(threshold)
    stream = saccade.incremental(model, policy=rule, threads=1)
    frame = torch.randn(1, 2, 12, 12)
    held, kept_back = frame.clone(), False
    for step in range(6):
        if step:
            frame = frame + 0.3 * torch.randn(frame.shape) * (torch.rand(1, 1, 12, 12) < 0.05)
            held = torch.where(rule.taken(frame, held)[:, None], frame, held)
        assert torch.equal(stream(frame), stream.dense(held))
        kept_back |= not torch.equal(held, frame)
    assert kept_back == (threshold > 0)


def test_a_frame_of_bytes_or_with_nan_is_compared_too():
    rule = Borji.corrected(5.0)
    still = torch.full((1, 1, 4, 4), 250, dtype=torch.uint8)
    darker = torch.full((1, 1, 4, 4), 249, dtype=torch.uint8)
    assert rule.taken(darker, still).any(), "nine grey levels a field, not 255 times nine"
    assert not Borji.corrected(10.0).taken(still, darker).any()
    broken = torch.zeros(1, 1, 4, 4)
    broken[0, 0, 1, 1] = torch.nan
    assert (0, 1, 1) in {tuple(place) for place in rule.taken(broken, torch.zeros(1, 1, 4, 4)).nonzero().tolist()}


def test_policy_borji_is_known_by_name_and_reads_its_threshold():
    assert policies.get("borji")() == Borji.corrected()
    assert Borji.parse("0.5") == Borji.corrected(0.5)
    with pytest.raises(PolicyError, match=r"such as borji:0\.5"):
        Borji.parse("little")
    with pytest.raises(PolicyError, match=r"borji:nan was given; expected a finite threshold"):
        Borji.parse("nan")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"threshold": -0.1}, "0 or more"),
        ({"threshold": math.nan}, "finite"),
        ({"norm": "l3"}, "l1 or l2"),
        ({"field": 2}, "odd"),
        ({"field": 3.0}, "an odd whole number from 1 up"),
        ({"reference": "first"}, "consumed or previous"),
    ],
)
def test_fields_that_make_no_sense_are_an_error(fields, told):
    with pytest.raises(PolicyError, match=told):
        Borji(**fields)


@pytest.mark.parametrize(
    "rule", [Borji.as_published(), Borji(in_place=True), Borji(compare_outputs=True), Borji(padded_map=False)], ids=str
)
@pytest.mark.parametrize("around", [lambda rule: rule, Keyframed], ids=["alone", "keyframed"])
def test_engine_refuses_all_but_the_corrected_rule_before_the_first_frame(rule, around):
    model = torch.nn.Conv2d(1, 1, 3, padding=1).eval()
    with pytest.raises(PolicyError, match=r"corrected rule .* `saccade reproduce spatial-attention`"):
        saccade.incremental(model, policy=around(rule), threads=1)
    with pytest.raises(PolicyError, match="corrected rule"):
        saccade.incremental(model, policy=around(rule), threads=1, ignore=torch.zeros(8, 8, dtype=torch.bool))
    with pytest.raises(PolicyError, match="corrected rule"):
        saccade.incremental(model, threads=1).with_policy(around(rule))


def test_exact_is_the_corrected_rule_at_zero_only():
    assert Borji.corrected(0.0).exact
    assert not Borji.corrected(0.1).exact
    assert not Borji.as_published(0.0).exact
    assert not dataclasses.replace(Borji.corrected(0.0), reference="previous").exact

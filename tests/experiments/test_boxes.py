"""Changed regions, and a network that runs inside their boxes only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from saccade.errors import ModelError, PolicyError
from saccade.experiments.spatial_attention.boxes import BoxedModel, labels
from saccade.policy.regions import Region, RegionRule


def _pictures() -> tuple[np.ndarray, np.ndarray]:
    before = np.random.default_rng(0).integers(0, 60, (64, 80, 3), dtype=np.uint8)
    after = before.copy()
    after[10:40, 20:45] += 150  # 750 pixels
    after[50:60, 50:60] += 150  # 100 pixels
    return before, after


def test_only_large_regions_that_differ_enough_count_and_their_boxes_are_grown():
    before, after = _pictures()
    assert RegionRule().find(after, before) == [Region(7, 17, 43, 48)]
    assert RegionRule(pixels=99, grow=0).find(after, before) == [Region(10, 20, 40, 45), Region(50, 50, 60, 60)]
    assert RegionRule(pixels=100).find(after, before) == [Region(7, 17, 43, 48)], "more than so many pixels"
    assert RegionRule(threshold=150).find(after, before) == [], "more than the threshold"
    assert RegionRule(threshold=149).find(after, before)
    assert RegionRule().find(before, before) == []


def test_boxes_stay_within_the_picture():
    before, after = np.zeros((30, 30, 3), np.uint8), np.full((30, 30, 3), 255, np.uint8)
    assert RegionRule(grow=9).find(after, before) == [Region(0, 0, 30, 30)]


def test_regions_that_touch_at_a_corner_only_are_two():
    before = np.zeros((60, 60, 3), np.uint8)
    after = before.copy()
    after[:30, :30] = after[30:, 30:] = 200
    assert len(RegionRule().find(after, before)) == 2


@pytest.mark.parametrize("fields", [{"threshold": -1.0}, {"pixels": -1}, {"grow": -1}, {"threshold": float("nan")}])
def test_negative_rules_are_an_error(fields):
    with pytest.raises(PolicyError, match=r"was given; expected a .*number"):
        RegionRule(**fields)


def _prepare(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255


def test_outputs_are_new_inside_the_boxes_and_old_outside():
    model = nn.Conv2d(3, 4, 1).eval().requires_grad_(False)
    boxed = BoxedModel(model, RegionRule(), _prepare)
    before, after = _pictures()
    torch.testing.assert_close(boxed(before), model(_prepare(before)))
    assert boxed.regions == []
    output = boxed(after)
    expected = model(_prepare(before))
    expected[..., 7:43, 17:48] = model(_prepare(after))[..., 7:43, 17:48]
    torch.testing.assert_close(output, expected)
    assert boxed.macs(after) == (36 * 31 * 12, 64 * 80 * 12)
    assert boxed(after).equal(output)
    assert boxed.regions == []


@pytest.mark.parametrize("consumed", [False, True])
def test_slow_changes_count_only_against_what_was_last_segmented(consumed):
    boxed = BoxedModel(nn.Conv2d(3, 2, 1).eval().requires_grad_(False), RegionRule(), _prepare, consumed=consumed)
    found = []
    for level in (0, 60, 120, 180, 240):
        boxed(np.full((30, 30, 3), level, np.uint8))
        found.append(len(boxed.regions))
    assert found == ([0, 0, 1, 0, 1] if consumed else [0, 0, 0, 0, 0])


def test_a_model_without_an_output_as_large_as_the_picture_is_an_error():
    boxed = BoxedModel(nn.Conv2d(3, 2, 3, stride=2).eval().requires_grad_(False), RegionRule(), _prepare)
    with pytest.raises(ModelError, match="expected one of"):
        boxed(np.zeros((30, 30, 3), np.uint8))


def test_labels_are_the_largest_channel_or_a_sign():
    assert labels(torch.tensor([[[[1.0]], [[3.0]], [[2.0]]]])).tolist() == [[1]]
    assert labels(torch.tensor([[[[0.5, -0.5]]]])).tolist() == [[1, 0]]

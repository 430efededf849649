"""Pairs of finds."""

from __future__ import annotations

import pytest
import torch

from saccade.agreement import Detections, matched_overlaps


def found(*boxes: tuple[float, float, float, float], labels: tuple[int, ...] | None = None) -> Detections:
    count = len(boxes)
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(count, 4)
    return Detections(corners, torch.ones(count), torch.tensor(labels or (0,) * count), relative=False)


def test_finds_are_paired_one_to_one_by_the_largest_overlap() -> None:
    first = found((0, 0, 10, 10), (0, 0, 10, 8))
    second = found((0, 0, 10, 9), (0, 0, 10, 10))
    # The equal boxes pair first; 80 of 90 remains for the others, though 90 of 100 would have been larger for one.
    assert matched_overlaps(first, second).tolist() == pytest.approx([1.0, 80 / 90])


def test_finds_of_other_classes_or_with_little_overlap_do_not_pair() -> None:
    first = found((0, 0, 10, 10), (20, 20, 30, 30), labels=(1, 2))
    second = found((0, 0, 10, 10), (20, 20, 30, 24.9), labels=(3, 2))
    assert matched_overlaps(first, second).tolist() == []
    assert matched_overlaps(first, second, least=0.4).tolist() == pytest.approx([0.49])


def test_nothing_found_pairs_with_nothing() -> None:
    assert matched_overlaps(found(), found((0, 0, 1, 1))).numel() == 0
    assert matched_overlaps(found((0, 0, 1, 1)), found()).numel() == 0


def test_masks_pair_by_their_own_overlap() -> None:
    masks = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    masks[0, 0, :2], masks[1, 0, :, :2] = True, True
    first, second = (
        Detections(torch.zeros(1, 4), torch.ones(1), torch.zeros(1, dtype=torch.long), False, mask) for mask in masks
    )
    assert matched_overlaps(first, second, by_mask=True).tolist() == []
    assert matched_overlaps(first, second, least=0.3, by_mask=True).tolist() == pytest.approx([4 / 12])
    assert matched_overlaps(first, first, by_mask=True).tolist() == [1.0]

"""What a tolerant stream of a network does on a clip, threshold by threshold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saccade.errors import ExperimentError
from saccade.policy import Near
from saccade.runtime import incremental


@dataclass(frozen=True)
class Point:
    """One threshold on one clip.

    Attributes:
        threshold: of ``near``, in units of sensitivity.
        share: multiply-adds over those of as many dense passes, 0..1.
        error: mean relative L2 error against the network's own dense pass.
    """

    threshold: float
    share: float
    error: float


@dataclass(frozen=True)
class TradeOff:
    """One network on one clip.

    Attributes:
        points: by threshold, rising.
        unfaithful: mean relative L2 difference of the dense outputs from those of the network as it was.
        other_class: share of places whose highest class is another than that of the network as it was.
        frames: how many.
    """

    points: tuple[Point, ...]
    unfaithful: float
    other_class: float
    frames: int

    def share_at(self, error: float) -> float | None:
        """Returns the share of multiply-adds at a mean error, on a line in the errors' logarithm; None outside."""
        ordered = sorted((point for point in self.points if point.error > 0), key=lambda point: point.error)
        for low, high in itertools.pairwise(ordered):
            if low.error <= error <= high.error:
                span = math.log(high.error / low.error)
                at = math.log(error / low.error) / span if span > 0 else 0.0
                return low.share + at * (high.share - low.share)
        return None


def trade_off(
    network: nn.Module, original: nn.Module, frames: Iterable[Tensor], thresholds: Sequence[float]
) -> TradeOff:
    """Runs a stream for each threshold over a clip.

    Args:
        network: in eval mode, on the CPU; returns one tensor (N, C, H, W) or (N, C).
        original: the network as it was.
        frames: the network's inputs (1, 3, H, W), one after the other.
        thresholds: of ``near``, at least one.

    Raises:
        ExperimentError: there is no frame.
    """
    streams = {threshold: incremental(network, policy=Near(threshold), threads=1) for threshold in thresholds}
    before = incremental(original, threads=1)
    errors: dict[float, float] = dict.fromkeys(thresholds, 0.0)
    unfaithful, other, count = 0.0, 0.0, 0
    for frame in frames:
        wanted = before(frame)
        dense = wanted if network is original else streams[thresholds[0]].dense(frame)
        for threshold, stream in streams.items():
            errors[threshold] += _difference(stream(frame), dense)
        unfaithful += _difference(dense, wanted)
        other += float((dense.argmax(1) != wanted.argmax(1)).float().mean())
        count += 1
    if not count:
        raise ExperimentError("the clip has no frame")
    points = []
    for threshold, stream in streams.items():
        report = stream.report()
        points.append(Point(threshold, report.macs_done / report.macs_dense, errors[threshold] / count))
    return TradeOff(tuple(points), unfaithful / count, other / count, count)


def _difference(given: Tensor, expected: Tensor) -> float:
    return float(torch.linalg.vector_norm(given - expected) / torch.linalg.vector_norm(expected))

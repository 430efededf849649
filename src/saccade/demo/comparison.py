"""The same frames through the dense model and through a stream, timed in turn and compared bit by bit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Outputs = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One frame through both.

    Attributes:
        index: of the frame.
        rgb: the frame, (H, W, 3) uint8.
        outputs: the detector's maps.
        identical: whether every bit of the stream's outputs equals that of the engine's dense pass.
        error: relative L2 difference between the stream's outputs and torch's.
        torch_milliseconds, dense_milliseconds, incremental_milliseconds: time of torch's own pass, of the
            engine's dense pass and of the stream.
        share: multiply-accumulates done over those of the dense pass, 0 to 1.
        input_share: share of the pixels that changed, 0 to 1.
        change_maps: which places were computed again, (N, H, W) bool each, by operator.
    """

    index: int
    rgb: npt.NDArray[np.uint8]
    outputs: Outputs
    identical: bool
    error: float
    torch_milliseconds: float
    dense_milliseconds: float
    incremental_milliseconds: float
    share: float
    input_share: float
    change_maps: dict[str, Any]


def compare(stream: Any, detector: torch.nn.Module, pictures: Iterable[npt.NDArray[np.uint8]]) -> Iterator[Comparison]:
    """Yields each picture's comparison.

    Args:
        stream: what ``saccade.incremental(detector)`` returned.
        detector: takes (1, 3, H, W) float32 in 0..1 and returns a tuple of tensors.
        pictures: (H, W, 3) uint8 each.
    """
    for index, rgb in enumerate(pictures):
        frame = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).unsqueeze(0).float().div(255)
        passes: dict[str, Callable[[torch.Tensor], Outputs]] = {
            "torch": detector, "dense": stream.dense, "incremental": stream,
        }  # fmt: skip
        results, milliseconds = {}, {}
        # The order turns from frame to frame, so that no pass always finds the caches warm.
        for name in sorted(passes, key=lambda name: (list(passes).index(name) + index) % len(passes)):
            if index == 0 and name != "incremental":
                _timed(passes[name], frame)  # planning and the first touch of memory are not the pass's time
            results[name], milliseconds[name] = _timed(passes[name], frame)
        last = stream.last_frame
        yield Comparison(
            index,
            rgb,
            results["incremental"],
            _identical(results["incremental"], results["dense"]),
            _error(results["incremental"], results["torch"]),
            milliseconds["torch"],
            milliseconds["dense"],
            milliseconds["incremental"],
            last.macs_done / max(last.macs_dense, 1),
            last.input_share,
            dict(stream.change_maps()),
        )


@dataclass
class Totals:
    """What a comparison came to, without its pictures.

    Attributes:
        torch_milliseconds, dense_milliseconds, incremental_milliseconds: one value a frame.
        shares, input_shares: one value a frame, 0 to 1.
        identical: how many frames were bit-identical to the dense pass.
        error: largest relative L2 difference from torch.
    """

    torch_milliseconds: list[float]
    dense_milliseconds: list[float]
    incremental_milliseconds: list[float]
    shares: list[float]
    input_shares: list[float]
    identical: int = 0
    error: float = 0.0

    @classmethod
    def empty(cls) -> Totals:
        """Returns totals of no frame."""
        return cls([], [], [], [], [])

    def add(self, comparison: Comparison) -> None:
        """Adds a frame."""
        self.torch_milliseconds.append(comparison.torch_milliseconds)
        self.dense_milliseconds.append(comparison.dense_milliseconds)
        self.incremental_milliseconds.append(comparison.incremental_milliseconds)
        self.shares.append(comparison.share)
        self.input_shares.append(comparison.input_share)
        self.identical += comparison.identical
        self.error = max(self.error, comparison.error)

    @property
    def frames(self) -> int:
        """How many frames there were."""
        return len(self.shares)

    def speed_up(self, milliseconds: list[float]) -> float:
        """Returns how many times faster the stream's median frame was than another pass's."""
        return statistics.median(milliseconds) / max(statistics.median(self.incremental_milliseconds), 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Returns medians, totals and every frame's values, as JSON can hold them."""
        passes = {
            "torch": self.torch_milliseconds,
            "dense": self.dense_milliseconds,
            "incremental": self.incremental_milliseconds,
        }
        return {
            "frames": self.frames,
            "bit_identical_frames": self.identical,
            "largest_relative_error_to_torch": self.error,
            "mean_share_of_macs": statistics.fmean(self.shares),
            "mean_share_of_input_changed": statistics.fmean(self.input_shares),
            "median_milliseconds": {name: statistics.median(values) for name, values in passes.items()},
            "speed_up_over_torch": self.speed_up(self.torch_milliseconds),
            "speed_up_over_dense": self.speed_up(self.dense_milliseconds),
            "milliseconds": passes,
            "share_of_macs": self.shares,
        }


def _timed(function: Callable[[torch.Tensor], Outputs], frame: torch.Tensor) -> tuple[Outputs, float]:
    """Returns a copy of the outputs, since a later pass may write over them, and the milliseconds."""
    with torch.inference_mode():
        start = time.perf_counter()
        outputs = function(frame)
        milliseconds = (time.perf_counter() - start) * 1000
        first, second = (output.clone() for output in outputs)
    return (first, second), milliseconds


def _identical(first: Outputs, second: Outputs) -> bool:
    return all(
        bool(torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32)))
        for a, b in zip(first, second, strict=True)
    )


def _error(outputs: Outputs, expected: Outputs) -> float:
    return max(float((a - b).norm() / b.norm().clamp(min=1e-12)) for a, b in zip(outputs, expected, strict=True))

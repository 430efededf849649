"""Beyond the paper: a digit moves on a 1080p still, seen by the paper's layers, a detector and a segmenter.

Paper: names high resolution, detection and segmentation as open.
Cost: about five minutes on one core at 1080p; --fast takes a quarter of the resolution.
Expected: the engine's time follows the share of work where layers are local; a network that averages over the whole
picture (squeeze and excitation) has to recompute all that follows, and saves little in exact mode.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from saccade.capture.detector import convolutional_part
from saccade.experiments.spatial_attention.contenders import ChangeDriven
from saccade.experiments.spatial_attention.scene import moving_digit
from saccade.experiments.spatial_attention.settings import Settings
from saccade.experiments.traffic import bytes_moved
from saccade.policy import Borji
from saccade.runtime import incremental


@dataclass(frozen=True)
class Watched:
    """One network on the scene; everything but ``cnn1_milliseconds`` is of the frames behind the first.

    Attributes:
        network: what it is.
        size: height and width of the scene.
        frames: counted.
        cnn1_milliseconds: a frame in torch, in the memory format named.
        memory_format: the faster one.
        engine_milliseconds: a frame in the engine, exact.
        first_milliseconds: of the first frame in the engine, which is dense.
        work: share of the multiply-adds executed.
        macs_dense: multiply-adds of a dense pass.
        bytes_dense: bytes that a dense pass moves at least.
        bytes_share: share of them moved, the comparison of frames included.
        largest_difference: largest absolute difference from torch, relative to the largest output.
        cnn2_milliseconds: one frame place by place, or None where it was not run.
        cnn3_milliseconds: a frame behind the first place by place, corrected at a threshold of 0, or None.
    """

    network: str
    size: tuple[int, int]
    frames: int
    cnn1_milliseconds: float
    memory_format: str
    engine_milliseconds: float
    first_milliseconds: float
    work: float
    macs_dense: int
    bytes_dense: int
    bytes_share: float
    largest_difference: float
    cnn2_milliseconds: float | None = None
    cnn3_milliseconds: float | None = None

    @property
    def speed_up(self) -> float:
        """How many times faster than CNN1 the engine is behind the first frame."""
        return self.cnn1_milliseconds / self.engine_milliseconds

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"speed_up": self.speed_up}


def high_resolution(
    model: nn.Sequential, digit: torch.Tensor, settings: Settings, advance: Callable[[str], None] = lambda line: None
) -> list[Watched]:
    """Returns what each network costs on the scene.

    Args:
        model: the paper's trained network, of which the layers in front of the fully connected ones are run.
        digit: (28, 28), from -1 to 1.
        settings: of the run.
        advance: called after every network.
    """
    height, width = settings.scene
    frames = list(moving_digit(digit, height, width, settings.scene_frames, settings.shift))
    layers = nn.Sequential(*list(model)[:6]).eval()
    grey = [frame.mean(1, keepdim=True) * 2 - 1 for frame in frames]
    rows = [_watch("the paper's layers in front of fc", layers, grey, settings, sequential=True)]
    advance("high resolution: the paper's layers")
    for what, name in settings.networks:
        rows.append(_watch(f"{what}: {name}", _from_torchvision(name, settings), frames, settings))
        advance(f"high resolution: {name}")
    return rows


def steps(settings: Settings) -> int:
    """Returns how many steps ``high_resolution`` announces."""
    return 1 + len(settings.networks)


def _from_torchvision(name: str, settings: Settings) -> nn.Module:
    """Returns a model with random weights, of a detector its backbone and heads.

    Neither work nor time of those depends on the weights; the boxes and their suppression, which follow, would.
    """
    import torchvision

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model: nn.Module = torchvision.models.get_model(name, weights=None, weights_backbone=None)
    parts = convolutional_part(model.eval().requires_grad_(False))
    return model if parts is None else parts.convolutional


def _watch(
    name: str, model: nn.Module, frames: list[torch.Tensor], settings: Settings, sequential: bool = False
) -> Watched:
    stream = incremental(model, threads=settings.threads)
    with torch.inference_mode():
        memory_format, dense, outputs = _fastest_cnn1(model, frames)
        stream(frames[0])  # plans and packs the weights, once a stream
        stream.reset()
        first = _timed(stream, frames[0])[0]
        seconds, done, moved, worst = [], [], [], 0.0
        for frame, expected in zip(frames[1:], outputs[1:], strict=True):
            elapsed, output = _timed(stream, frame)
            cost = stream.last_frame
            seconds.append(elapsed)
            done.append(cost.macs_done / cost.macs_dense)
            assert stream.program is not None
            moved.append(bytes_moved(stream.program, stream.change_maps()))
            worst = max(worst, _difference(output, expected))
        assert stream.program is not None
        bytes_dense, macs_dense = bytes_moved(stream.program, None), stream.last_frame.macs_dense
        slow = _place_by_place(model, frames) if sequential else (None, None)
    return Watched(
        name, settings.scene, len(seconds), dense * 1e3, memory_format, statistics.median(seconds) * 1e3, first * 1e3,
        statistics.fmean(done), macs_dense, bytes_dense, statistics.fmean(moved) / bytes_dense, worst, *slow,
    )  # fmt: skip


def _fastest_cnn1(model: nn.Module, frames: list[torch.Tensor]) -> tuple[str, float, list[Any]]:
    """Returns the memory format in which torch is faster on one frame, its median seconds a frame, and the outputs."""
    formats = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
    trials = {}
    for name, memory_format in formats.items():
        model.to(memory_format=memory_format)
        frame = frames[0].contiguous(memory_format=memory_format)
        trials[name] = min(_timed(model, frame)[0] for _ in range(2))
    fastest = min(trials, key=lambda name: trials[name])
    model.to(memory_format=formats[fastest])
    timed = [_timed(model, frame.contiguous(memory_format=formats[fastest])) for frame in frames]
    model.to(memory_format=torch.contiguous_format)
    return fastest, statistics.median(seconds for seconds, _ in timed), [output for _, output in timed]


def _timed(model: Callable[[Any], Any], frame: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    output = model(frame)
    return time.perf_counter() - began, output


def _difference(output: Any, expected: Any) -> float:
    """Returns the largest difference between two outputs, in units of the largest expected value."""
    given = [leaf for leaf in torch.utils._pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]
    right = [leaf for leaf in torch.utils._pytree.tree_leaves(expected) if isinstance(leaf, torch.Tensor)]
    if [leaf.shape for leaf in given] != [leaf.shape for leaf in right]:
        return math.inf
    return max(
        (
            float((one - other).abs().max() / other.abs().max().clamp(min=1e-12))
            for one, other in zip(given, right, strict=True)
            if one.is_floating_point() and one.numel()
        ),
        default=0.0,
    )


def _place_by_place(model: nn.Module, frames: list[torch.Tensor]) -> tuple[float, float]:
    """Returns milliseconds of CNN2 on one frame, and of CNN3 corrected at a threshold of 0 on a frame behind it."""
    assert isinstance(model, nn.Sequential)
    contender = ChangeDriven(model, Borji.corrected(0.0))
    first = _timed(contender, frames[0])[0]
    later = [_timed(contender, frame)[0] for frame in frames[1:3]]
    return first * 1e3, statistics.median(later) * 1e3

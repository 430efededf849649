"""A camera that pans: a canvas that stays with the world against the plain stream, on panning crops of real clips.

Run: SACCADE_DATA=/path/to/data python benchmarks/moving_camera.py fastestdet rows.json
and the same for cifar10-resnet20. Committed rows: benchmarks/rows/moving-camera-NETWORK.json.
Cost: a few minutes each on one core. Needs data/video and models in the folder that SACCADE_DATA names.

A square is cut from each frame of a fixed camera's clip, a given number of pixels further on in each frame, and turns
round at the clip's edge. A row's shares of multiply-adds are of a dense pass of the cut frame, first frames left out.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import torch
from networks import cifar_resnet20
from resized_fastestdet import resized

import saccade
from saccade.agreement import relative_error
from saccade.agreement.boxes import unmatched_share
from saccade.agreement.decoder import decode
from saccade.cli.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from saccade.measure import Environment, Record
from saccade.runtime.canvas import CanvasStream
from saccade.video import open_source

CLIPS = ("bottle-detection.mp4", "bgslib-video.avi", "car-detection.mp4")
SPEEDS = (1, 4, 8, 16)
POLICIES = ("exact", "frugal")
FIRST = 60
MARGIN = 128


@dataclass(frozen=True)
class Network:
    """A network for frames of one size, and for the canvas around them.

    Attributes:
        side: of the frame.
        stride: of its output.
        frames: of each clip.
        clips: that it is measured on.
    """

    name: str
    model: Any
    canvas_model: Any
    side: int
    stride: int
    frames: int
    clips: tuple[str, ...]
    preprocessing: Preprocessing


@dataclass
class Tally:
    """What is measured of one stream, frame by frame; the first frame is left out."""

    macs: list[float] = field(default_factory=list)
    policy_error: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    inner_error: list[float] = field(default_factory=list)
    disagreement: list[float] = field(default_factory=list)

    def means(self) -> dict[str, float | None]:
        """Returns the mean of each; None where nothing could be compared."""
        return {name: statistics.fmean(values) if values else None for name, values in vars(self).items()}


def networks(folder: Path, scratch: Path) -> list[Network]:
    """Returns FastestDet, whose every output sees most of the frame, and a ResNet-20, whose outputs see a part."""
    path = folder / "models" / "fastestdet-coco.onnx"
    canvas = scratch / "canvas.onnx"
    onnx.save(resized(onnx.load(str(path)), 352 + MARGIN, 352 + MARGIN), str(canvas))
    model = cifar_resnet20()
    weights = torch.load(folder / "models" / "cifar10-resnet20-12fca82f.th", map_location="cpu")["state_dict"]
    model.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    imagenet = Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return [
        Network("fastestdet", str(path), str(canvas), 352, 16, 40, CLIPS, Preprocessing(channels="bgr")),
        Network("cifar10-resnet20", model, model, 224, 32, 17, CLIPS[:1], imagenet),
    ]


def panned(clip: Path, network: Network, speed: int, still: bool) -> Iterator[torch.Tensor]:
    """Yields the cut frames; of one and the same picture where ``still``."""
    left, way, side = 0, 1, network.side
    with open_source(str(clip)) as source:
        size = source.size
        assert size is not None
        pictures = itertools.islice(source, FIRST, FIRST + network.frames)
        picture = next(pictures)
        for current in itertools.chain([picture], pictures):
            frame = network.preprocessing((picture if still else current).rgb)
            yield frame[..., :side, left : left + side].contiguous()
            if not 0 <= left + way * speed <= size[1] - side:
                way = -way
            left += way * speed


def measure(network: Network, clip: Path, speed: int, still: bool, policy: str) -> dict[str, Any]:
    """Returns a row: the plain stream, the canvas, and the canvas computed densely, against the frame's dense pass."""
    plain = saccade.incremental(network.model, policy=policy, threads=1)
    canvas = CanvasStream(network.canvas_model, policy, 1, margin=MARGIN)
    tallies = {"plain": Tally(), "canvas": Tally(), "dense_canvas": Tally()}
    for index, frame in enumerate(panned(clip, network, speed, still)):
        outputs = {"plain": plain(frame), "canvas": canvas(frame)}
        outputs["dense_canvas"] = canvas.dense()
        right = plain.dense(frame)
        dense = plain.last_frame.macs_dense
        if index == 0:
            continue
        tallies["plain"].macs.append(plain.last_frame.macs_done / dense)
        tallies["canvas"].macs.append(canvas.last_frame.macs_done / dense)
        tallies["plain"].policy_error.append(relative_error([outputs["plain"]], [right]))
        tallies["canvas"].policy_error.append(relative_error([outputs["canvas"]], [outputs["dense_canvas"]]))
        for name, tally in tallies.items():
            compare(tally, network, outputs[name], right, canvas.offset(32) if name != "plain" else (0, 0))
    return {
        "network": network.name,
        "clip": clip.name,
        "pixels_a_frame": speed,
        "still": still,
        "policy": policy,
        "frames": network.frames,
        "lost": canvas.lost,
        "laid_anew": canvas.moves,
        **{name: tally.means() for name, tally in tallies.items()},
        "aligned_frames": len(tallies["canvas"].error),
    }


def compare(tally: Tally, network: Network, given: torch.Tensor, right: torch.Tensor, offset: tuple[int, int]) -> None:
    """Adds the disagreement of boxes, or where the grids of both agree that of maps, all of them and the inner part."""
    if offset == (0, 0):
        inner = (..., slice(2, -2), slice(2, -2))
        tally.error.append(relative_error([given], [right]))
        tally.inner_error.append(relative_error([given[inner]], [right[inner]]))
        if network.name != "fastestdet":
            tally.disagreement.append(float((given.argmax(1) != right.argmax(1)).float().mean()))
    if network.name == "fastestdet":
        shift = torch.tensor([offset[1] % network.stride, offset[0] % network.stride] * 2) / network.side
        (found,), (expected,) = decode(given, "fastestdet"), decode(right, "fastestdet")
        tally.disagreement.append(unmatched_share(expected, replace(found, boxes=found.boxes - shift)))


def main(name: str, path: Path | None) -> None:
    """Measures one network and writes the rows."""
    torch.set_num_threads(1)
    folder = Path(os.environ["SACCADE_DATA"])
    environment = Environment.here(1, f"python benchmarks/moving_camera.py {name}").to_dict()
    with Record(path, f"moving-camera-{name}") as record, tempfile.TemporaryDirectory() as scratch:
        network = next(network for network in networks(folder, Path(scratch)) if network.name == name)
        cases = [(clip, speed, False) for clip in network.clips for speed in SPEEDS]
        if name == "fastestdet":
            cases += [(CLIPS[0], speed, True) for speed in SPEEDS]
        for (clip, speed, still), policy in itertools.product(cases, POLICIES):
            row = measure(network, folder / "data" / "video" / clip, speed, still, policy)
            record.add({**row, "environment": environment})
            text = "  ".join(
                f"{who}: " + " ".join(f"{key} {value:.3f}" for key, value in row[who].items() if value is not None)
                for who in ("plain", "canvas", "dense_canvas")
            )
            print(f"{clip} {speed} px{' still' * still} {policy}: {text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)

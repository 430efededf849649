"""Is a keyframe worth its cost? Events made on real clips, found or not; work and error with and without a keyframe.

Run: SACCADE_DATA=/path/to/data python benchmarks/keyframes.py PART rows.json, PART being detection, cost, events or
types. Committed rows: benchmarks/rows/keyframes-PART.json. Cost: a few minutes each on one core. Needs data/video and
models in the folder that SACCADE_DATA names.

detection: how many made-up events of each kind the rule finds, and how often it raises an alarm on the clips as they
are, at 384x640. cost: processor time of the rule and of the sweep over both frames. events: FastestDet at 352x352 under
a tolerant policy; an event at one frame stays for the rest of the clip, and the frame is a keyframe or not. types:
keyframes wherever the codec has them, as many elsewhere, or none.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import torch

import saccade
from saccade.cli.preprocess import Preprocessing
from saccade.measure import Environment, Record
from saccade.policy import Balanced, History, Keyframed, Policy, SceneChange, Verdict, resolve_policy
from saccade.policy.change import compare_cells as compare_in_torch
from saccade.runtime.comparison import compare_cells

CLIPS = ("car-detection.mp4", "bgslib-video.avi", "bottle-detection.mp4", "asl-sister.mkv")
POLICY = "frugal"
"""Without its own keyframes; see ``follow``."""
BEFORE, AFTER = 8, 16
FOLDER = Path(os.environ.get("SACCADE_DATA", "."))
Change = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def grey(frame: torch.Tensor) -> torch.Tensor:
    """Returns the frame without colour."""
    return frame.mean(1, keepdim=True).expand_as(frame)


# Of a frame in 0..1, and of one of another clip.
EVENTS: dict[str, Change] = {
    "cut": lambda frame, other: other,
    "light off": lambda frame, other: frame * 0.6,
    "light on": lambda frame, other: (frame * 1.4).clamp(max=1),
    "exposure": lambda frame, other: frame * 0.85,
    "gamma": lambda frame, other: frame**0.8,
    "infra-red": lambda frame, other: (grey(frame) * 1.3 + 0.06).clamp(max=1),
    "colour only": lambda frame, other: grey(frame),
    "knock 1": lambda frame, other: frame.roll(1, 3),
    "knock 2": lambda frame, other: frame.roll(2, 3),
    "knock 4": lambda frame, other: frame.roll((2, 4), (2, 3)),
    "knock 8": lambda frame, other: frame.roll((4, 8), (2, 3)),
    "knock 16": lambda frame, other: frame.roll(16, 3),
    "noise": lambda frame, other: frame + torch.randn(frame.shape, generator=torch.Generator().manual_seed(1)) * 0.016,
}


def frames(clip: str, preprocessing: Preprocessing, count: int | None = None) -> Iterator[tuple[torch.Tensor, bool]]:
    """Yields each frame, and whether the codec made it without reference to others."""
    with av.open(str(FOLDER / "data" / "video" / clip)) as container:
        for picture in itertools.islice(container.decode(video=0), count):
            whole = int(picture.pict_type) == 1
            yield preprocessing(picture.to_ndarray(format="rgb24")), whole


def detection(record: Record, environment: dict[str, Any]) -> None:
    """Adds for each clip and kind of event how many are found, and for the clip itself the alarms."""
    preprocessing, rule = Preprocessing(size=(384, 640)), SceneChange()
    for index, clip in enumerate(CLIPS):
        other, _ = next(frames(CLIPS[index - 1], preprocessing))
        found: dict[str, list[bool]] = {name: [] for name in EVENTS}
        alarms, last, count = [], None, 0
        for count, (frame, _) in enumerate(frames(clip, preprocessing)):
            if last is not None:
                history = History(rule.apart, 0, 1 / 255, compare_cells)
                if rule.is_due(frame, last, history):
                    alarms.append(count)
                if count % 60 == 5:
                    for name, change in EVENTS.items():
                        history = History(rule.apart, 0, 1 / 255, compare_cells)
                        found[name].append(rule.is_due(change(frame, other).contiguous(), last, history))
            last = frame
        with av.open(str(FOLDER / "data" / "video" / clip)) as container:
            rate = float(container.streams.video[0].average_rate)
        runs = [frame for frame in alarms if not any(frame - 8 <= earlier < frame for earlier in alarms)]
        row: dict[str, Any] = {
            "clip": clip,
            "frames": count + 1,
            "alarms": alarms,
            "keyframes_a_minute": len(runs) / ((count + 1) / rate / 60),
            "found": {name: sum(hits) for name, hits in found.items()},
            "events_of_each_kind": len(found["cut"]),
        }
        print(row, flush=True)
        record.add({**row, "environment": environment})


def cost(record: Record, environment: dict[str, Any]) -> None:
    """Adds quartiles of the processor time of a judgement in milliseconds, on a few seconds of each clip at 384x640."""
    rules: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {
        "sweep": compare_cells,
        "sweep in torch": compare_in_torch,
        "rule": lambda frame, last: SceneChange().is_due(frame, last, History(8, 0, 1 / 255, compare_cells)),
        "rule without knocks": lambda frame, last: SceneChange(travel=float("inf")).is_due(
            frame, last, History(8, 0, 1 / 255, compare_cells)
        ),
    }
    for clip, first in zip(CLIPS, (195, 100, 0, 20), strict=True):
        pictures = [frame for frame, _ in frames(clip, Preprocessing(size=(384, 640)), first + 20)][first:]
        taken: dict[str, list[float]] = {name: [] for name in rules}
        for _ in range(3):
            for last, frame in itertools.pairwise(pictures):
                for name, judge in rules.items():
                    began = time.process_time()
                    judge(frame, last)
                    taken[name].append((time.process_time() - began) * 1e3)
        row = {"clip": clip, "quartiles_ms": {name: statistics.quantiles(times) for name, times in taken.items()}}
        show(row)
        record.add({**row, "environment": environment})


@dataclass(frozen=True)
class Told(Keyframed):
    """Starts afresh where it is told to; for measurements."""

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Asks for a keyframe if one is due."""
        return Verdict.KEYFRAME if due[0] else self.policy.judge(frame, reference, history)


due = [False]


def follow(policy: Policy, clip: list[torch.Tensor], keyframes: set[int]) -> tuple[list[float], list[float]]:
    """Returns the share of a dense pass's multiply-adds and the relative L2 error of each frame."""
    told = Told(replace(policy, scene=None) if isinstance(policy, Balanced) else policy)
    stream = saccade.incremental(str(FOLDER / "models" / "fastestdet-coco.onnx"), policy=told, threads=1)
    shares, errors = [], []
    for index, frame in enumerate(clip):
        due[0] = index in keyframes
        output = stream(frame)
        right = stream.dense(frame)
        shares.append(stream.last_frame.macs_done / stream.last_frame.macs_dense)
        errors.append(float((output - right).norm() / right.norm()))
    return shares, errors


def events(record: Record, environment: dict[str, Any]) -> None:
    """Adds for each event what the frames after it cost and how wrong they are, with and without a keyframe."""
    preprocessing = Preprocessing(size=(352, 352), channels="bgr")
    kinds = ("cut", "light off", "infra-red", "knock 8", "noise")
    for index, clip in enumerate(CLIPS[:2]):
        pictures = [frame for frame, _ in frames(clip, preprocessing, 60 + BEFORE + AFTER)][60:]
        others = [frame for frame, _ in frames(CLIPS[index - 1], preprocessing, BEFORE + AFTER)]
        for kind in kinds:
            after = [EVENTS[kind](*pair).contiguous() for pair in zip(pictures, others, strict=True)]
            made = pictures[:BEFORE] + after[BEFORE:]
            row: dict[str, Any] = {"clip": clip, "event": kind, "policy": POLICY}
            for label, keyframes in (("without", set()), ("with", {BEFORE})):
                shares, errors = follow(resolve_policy(POLICY), made, keyframes)
                row[label] = {
                    "share_at_event": shares[BEFORE],
                    "mean_share_after": statistics.fmean(shares[BEFORE:]),
                    "error_at_event": errors[BEFORE],
                    "mean_error_after": statistics.fmean(errors[BEFORE:]),
                    "mean_error_before": statistics.fmean(errors[1:BEFORE]),
                }
            show(row)
            record.add({**row, "environment": environment})


def types(record: Record, environment: dict[str, Any]) -> None:
    """Adds for each clip that has them what keyframes at the codec's own cost and gain."""
    preprocessing = Preprocessing(size=(352, 352), channels="bgr")
    for clip, count in (("bgslib-video.avi", 61), ("car-detection.mp4", 75), ("bottle-detection.mp4", 265)):
        pictures = list(frames(clip, preprocessing, count))
        first = {"bottle-detection.mp4": 235, "car-detection.mp4": 45}.get(clip, 0)
        whole = {index - first for index, (_, is_whole) in enumerate(pictures) if is_whole and index > first}
        gap = 12 if clip == "bgslib-video.avi" else 20
        schedules = {"none": set(), "codec": whole, "between": {index - gap // 2 for index in whole}}
        for label, keyframes in schedules.items():
            shares, errors = follow(resolve_policy(POLICY), [frame for frame, _ in pictures[first:]], keyframes)
            row = {"clip": clip, "policy": POLICY, "keyframes": label, "number": len(keyframes), "frames": len(shares)}
            row["mean_share"] = statistics.fmean(shares[1:])
            row["mean_error"] = statistics.fmean(errors[1:])
            row["mean_share_at_codecs_keyframes"] = statistics.fmean(shares[index] for index in whole)
            show(row)
            record.add({**row, "environment": environment})


def show(row: dict[str, Any]) -> None:
    """Prints a row."""
    print(str(row).replace("'", ""), flush=True)


def main(part: str, path: Path | None) -> None:
    """Measures one part and writes its rows."""
    torch.set_num_threads(1)
    environment = Environment.here(1, f"python benchmarks/keyframes.py {part}").to_dict()
    with Record(path, f"keyframes-{part}") as record:
        {"detection": detection, "cost": cost, "events": events, "types": types}[part](record, environment)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)

"""Both attentions together: thresholds that are lower where the outputs depend on the picture, or not.

Run: SACCADE_DATA=/path/to/data python benchmarks/places.py PART rows.json, PART being whole or cuts. Committed rows:
benchmarks/rows/places-PART.json. Cost: six minutes for whole, two for cuts on one core. Needs data/video and models in
the folder that SACCADE_DATA names. No times are taken: a busy machine will do.

whole: FastestDet at 352x352 by deltas at several thresholds on whole clips, with and without; every stream sees the
same frames. cuts: the same with and without keyframes on forty frames of each clip after each other, twice round.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from keyframes import CLIPS, frames, show

import saccade
from saccade.agreement import Spread, resolve_metric
from saccade.cli.preprocess import Preprocessing
from saccade.measure import Environment, Record
from saccade.policy import Calibrated, SceneChange
from saccade.policy.tolerant import EVERY_LAYER, FEWEST

FOLDER = Path(os.environ.get("SACCADE_DATA", "."))
THRESHOLDS = (0.5, 0.75, 1.1)
PIECE = 40
LATE_FROM = 100
ENVIRONMENT = Environment.here(1, "python benchmarks/places.py").to_dict()
PREPROCESSING = Preprocessing(size=(352, 352), channels="bgr")


def whole(clip: str) -> Iterator[torch.Tensor]:
    """Yields a clip's frames."""
    return (frame for frame, _ in frames(clip, PREPROCESSING))


def cuts() -> Iterator[torch.Tensor]:
    """Yields pieces of all clips in turn."""
    clips = [whole(clip) for clip in CLIPS]
    for clip in clips * 2:
        yield from itertools.islice(clip, PIECE)


def by_deltas(threshold: float, places: bool, scene: SceneChange | None) -> Calibrated:
    """Returns a policy that does the fewest multiply-adds at a threshold, and holds what changed by a grey level."""
    return Calibrated(threshold, 1.0, scene=scene, by_place=places, least_cost=EVERY_LAYER, delta_cost=FEWEST)


def compare(record: Record, name: str, clip: Iterator[torch.Tensor], policies: list[Calibrated]) -> None:
    """Adds a row a policy: its multiply-adds, its errors and its disagreement after the first frame."""
    metric = resolve_metric("detections:fastestdet")
    dense = saccade.incremental(str(FOLDER / "models" / "fastestdet-coco.onnx"), threads=1)
    streams = [dense.with_policy(policy) for policy in policies]
    errors: list[list[float]] = [[] for _ in policies]
    disagreements: list[list[float]] = [[] for _ in policies]
    for index, frame in enumerate(clip):
        right = dense.dense(frame) if index else dense(frame)
        streams = streams if index else [dense.with_policy(policy) for policy in policies]
        for stream, error, disagreement in zip(streams, errors, disagreements, strict=True):
            output = stream(frame)
            error.append(float((output - right).norm() / right.norm()))
            disagreement.append(metric(right, output))
    for policy, stream, error, disagreement in zip(policies, streams, errors, disagreements, strict=True):
        report = stream.report()
        one = report.macs_dense / report.frames
        spread = Spread.of(error[1:])
        row: dict[str, Any] = {
            "clip": name,
            "frames": report.frames,
            "threshold": policy.threshold,
            "by_place": policy.by_place,
            "scene_keyframes": policy.scene is not None,
            "macs_share": (report.macs_done - one) / one / (report.frames - 1),
            "error_mean": spread.mean,
            "error_percentile_95": spread.percentile_95,
            "error_frames_1_to_10": statistics.fmean(error[1:11]),
            "error_from_frame_100": statistics.fmean(error[LATE_FROM:]) if len(error) > LATE_FROM else None,
            "disagreement_mean": statistics.fmean(disagreement[1:]),
            "held": report.held,
            "keyframes": report.keyframes,
        }
        show(row)
        record.add({**row, "environment": ENVIRONMENT})


def main() -> None:
    """Measures one part."""
    torch.set_num_threads(1)
    part, path = sys.argv[1:]
    with Record(Path(path), f"places-{part}") as record:
        if part == "whole":
            policies = [
                by_deltas(threshold, places, SceneChange()) for threshold in THRESHOLDS for places in (False, True)
            ]
            for clip in CLIPS:
                compare(record, clip, whole(clip), policies)
        else:
            scenes = (None, SceneChange())
            policies = [by_deltas(0.75, places, scene) for scene in scenes for places in (False, True)]
            compare(record, "cuts", cuts(), policies)


if __name__ == "__main__":
    main()

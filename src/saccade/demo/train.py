"""Trains the demo's detector on rendered streets: ``python -m saccade.demo.train``.

About five minutes on one core. The seeds are fixed; held-out streets have seeds that training never sees.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from saccade.demo.actors import KINDS
from saccade.demo.detections import Detection, decode
from saccade.demo.network import STRIDE, WEIGHTS, StreetDetector
from saccade.demo.scene import Label, Scene

_CROP = (192, 320)
_BATCH = 8
_TRAINING_STREETS = 160
_FIRST_HELD_OUT_SEED = 100_000
_PLANNED_FRAMES = 400
_VISIBLE = 0.4


def train(steps: int, seed: int = 0) -> StreetDetector:
    """Returns a trained detector.

    Args:
        steps: of 8 crops of 192x320 each.
        seed: of weights, streets and crops.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    detector = StreetDetector()
    assert detector.centres.bias is not None
    torch.nn.init.constant_(detector.centres.bias, -4.0)  # centres are rare
    detector.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    streets = [
        Scene(1 + street, _PLANNED_FRAMES, crowd=float(random.uniform(0.7, 2.5))) for street in range(_TRAINING_STREETS)
    ]
    start = time.perf_counter()
    for step in range(1, steps + 1):
        pictures, labels = _batch(streets, random)
        loss = _loss(detector(pictures), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 10.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            print(f"step {step:5d}  loss {loss.item():.3f}  {time.perf_counter() - start:.0f} s", flush=True)
    return detector.to(memory_format=torch.contiguous_format).eval()


def evaluate(detector: StreetDetector, streets: int = 24, frames_each: int = 4) -> dict[str, tuple[float, float]]:
    """Returns precision and recall of each kind on held-out streets, at an intersection over union of 0.5."""
    right, found, present = np.zeros(3), np.zeros(3), np.zeros(3)
    for street in range(streets):
        scene = Scene(_FIRST_HELD_OUT_SEED + street, _PLANNED_FRAMES, crowd=1.2)
        for frame in np.linspace(0, _PLANNED_FRAMES - 1, frames_each).astype(int):
            rgb, labels = scene.render(int(frame))
            picture = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                detections = decode(*detector(picture))
            right += _matched(detections, labels)
            for detection in detections:
                found[detection.kind] += 1
            for label in labels:
                present[label.kind] += 1
    scores = {kind: (right[i] / max(found[i], 1), right[i] / max(present[i], 1)) for i, kind in enumerate(KINDS)}
    scores["all"] = (right.sum() / max(found.sum(), 1), right.sum() / max(present.sum(), 1))
    return scores


def _batch(streets: list[Scene], random: np.random.Generator) -> tuple[torch.Tensor, list[list[Label]]]:
    """Returns crops (8, 3, 192, 320) float32 in 0..1 and their labels."""
    pictures, labels = [], []
    for _ in range(_BATCH):
        rgb, whole = streets[random.integers(len(streets))].render(int(random.integers(_PLANNED_FRAMES)))
        top = int(random.integers(rgb.shape[0] - _CROP[0] + 1))
        left = int(random.integers(rgb.shape[1] - _CROP[1] + 1))
        crop = rgb[top : top + _CROP[0], left : left + _CROP[1]].astype(np.float32) / 255
        inside = [cut for label in whole if (cut := _cut(label, top, left)) is not None]
        if random.random() < 0.5:
            crop = crop[:, ::-1]
            inside = [Label(x.kind, _CROP[1] - x.right, x.top, _CROP[1] - x.left, x.bottom) for x in inside]
        crop = crop * random.uniform(0.85, 1.15) + random.normal(0, random.uniform(0, 0.012), crop.shape)
        pictures.append(torch.from_numpy(np.ascontiguousarray(crop, dtype=np.float32)).permute(2, 0, 1))
        labels.append(inside)
    return torch.stack(pictures).contiguous(memory_format=torch.channels_last), labels


def _cut(label: Label, top: int, left: int) -> Label | None:
    """Returns the label within a crop, or None when most of it is outside."""
    cut = Label(
        label.kind,
        max(label.left - left, 0),
        max(label.top - top, 0),
        min(label.right - left, _CROP[1]),
        min(label.bottom - top, _CROP[0]),
    )
    if cut.right <= cut.left or cut.bottom <= cut.top:
        return None
    share = (cut.right - cut.left) * (cut.bottom - cut.top) / _area(label)
    return cut if share >= _VISIBLE else None


def _loss(outputs: tuple[torch.Tensor, torch.Tensor], labels: list[list[Label]]) -> torch.Tensor:
    """Focal loss of the centres (Zhou et al. 2019, Objects as Points) and L1 of the edges' logarithms."""
    centres, edges = outputs
    wanted = torch.zeros(centres.shape)
    reach, weight = torch.zeros(edges.shape), torch.zeros(edges.shape[0], 1, *edges.shape[2:])
    rows, columns = torch.meshgrid(*(torch.arange(n) + 0.5 for n in centres.shape[2:]), indexing="ij")
    for place, inside in enumerate(labels):
        for label in inside:
            left, top, right, bottom = (edge / STRIDE for edge in (label.left, label.top, label.right, label.bottom))
            x, y = min(int((left + right) / 2), columns.shape[1] - 1), min(int((top + bottom) / 2), rows.shape[0] - 1)
            spread = max(0.6, 0.10 * math.sqrt((right - left) * (bottom - top)))
            bump = torch.exp(-((columns - x - 0.5) ** 2 + (rows - y - 0.5) ** 2) / (2 * spread**2))
            wanted[place, label.kind] = torch.maximum(wanted[place, label.kind], bump)
            near = (bump > 0.55) & (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
            distances = torch.stack([columns - left, rows - top, right - columns, bottom - rows]).clamp(min=0.1).log()
            reach[place] = torch.where(near, distances, reach[place])
            weight[place] = torch.where(near, bump, weight[place])
    chance = centres.sigmoid().clamp(1e-4, 1 - 1e-4)
    is_centre = (wanted == 1).float()
    positive = is_centre * (1 - chance) ** 2 * chance.log()
    negative = (1 - is_centre) * (1 - wanted) ** 4 * chance**2 * (1 - chance).log()
    focal = -(positive.sum() + negative.sum()) / is_centre.sum().clamp(min=1)
    off = (F.l1_loss(edges, reach, reduction="none") * weight).sum() / (4 * weight.sum().clamp(min=1))
    return focal + 2 * off


def _matched(detections: list[Detection], labels: list[Label]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Returns how many of each kind were found, each label by one detection."""
    free, right = list(labels), np.zeros(len(KINDS))
    for detection in detections:
        best = max((x for x in free if x.kind == detection.kind), key=lambda x: _overlap(detection, x), default=None)
        if best is not None and _overlap(detection, best) >= 0.5:
            free.remove(best)
            right[detection.kind] += 1
    return right


def _overlap(first: Detection | Label, second: Detection | Label) -> float:
    """Returns the intersection over union."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(first) + _area(second) - width * height)


def _area(box: Detection | Label) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def main() -> None:
    """Trains, prints precision and recall on held-out streets, and writes the weights."""
    parser = argparse.ArgumentParser(description="Train the demo's detector.")
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detector = train(arguments.steps)
    for kind, (precision, recall) in evaluate(detector).items():
        print(f"{kind:8s} precision {precision:.3f}  recall {recall:.3f}")
    save_file(detector.state_dict(), str(arguments.out))
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

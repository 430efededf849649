"""The detector that the package ships."""

from __future__ import annotations

import torch

from saccade.demo.detections import decode
from saccade.demo.network import WEIGHTS, StreetDetector, load_detector
from saccade.demo.scene import Label
from saccade.demo.train import _loss, evaluate


def test_shipped_weights_find_what_crosses_streets_never_seen():
    precision, recall = evaluate(load_detector(), streets=4, frames_each=2)["all"]
    assert precision > 0.9
    assert recall > 0.9


def test_shipped_weights_are_small():
    assert WEIGHTS.stat().st_size < 1_500_000


def test_decoding_keeps_the_surer_of_two_boxes_of_one_thing():
    centres = torch.full((1, 3, 8, 8), -9.0)
    centres[0, 0, 2, 2], centres[0, 0, 4, 2], centres[0, 1, 2, 6] = 3.0, 2.0, 1.0
    edges = torch.full((1, 4, 8, 8), 2.0)
    edges[0, :, 2, 6] = 0.0
    found = decode(centres, edges)
    assert [(x.kind, x.label) for x in found] == [(0, "car 0.95"), (1, "person 0.73")]
    person = found[1]
    assert (person.left, person.top, person.right, person.bottom) == (44, 12, 60, 28)


def test_nothing_found_is_an_empty_list():
    assert decode(torch.full((1, 3, 4, 4), -9.0), torch.zeros(1, 4, 4, 4)) == []


def test_training_loss_falls_within_a_few_steps():
    torch.manual_seed(0)
    detector = StreetDetector().train()
    optimiser = torch.optim.AdamW(detector.parameters(), lr=3e-3)
    pictures, labels = torch.rand(2, 3, 64, 96), [[Label(0, 8, 8, 40, 32)], []]
    losses = []
    for _ in range(8):
        loss = _loss(detector(pictures), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2

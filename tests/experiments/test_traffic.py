"""Bytes moved, counted by hand on small networks."""

from __future__ import annotations

import torch
from torch import nn

import saccade
from saccade.experiments.traffic import bytes_moved


def test_a_convolution_reads_its_windows_and_weights_and_writes_its_outputs():
    model = nn.Conv2d(2, 5, 3, padding=1).eval()
    stream = saccade.incremental(model, threads=1)
    frame = torch.zeros(1, 2, 10, 10)
    stream(frame)
    weights = 5 * 2 * 9 + 5
    assert bytes_moved(stream.program, None) == 4 * (2 * 100 + weights + 5 * 100)
    changed = frame.clone()
    changed[..., 4, 4] = 1
    stream(changed)
    # Nine outputs, whose windows cover 5 x 5 places; the comparison reads two frames.
    assert bytes_moved(stream.program, stream.change_maps()) == 4 * (2 * 2 * 100 + 2 * 25 + weights + 5 * 9)
    stream(changed)
    assert bytes_moved(stream.program, stream.change_maps()) == 4 * 2 * 2 * 100


def test_strides_pooling_and_a_linear_layer_are_counted_too():
    model = nn.Sequential(
        nn.Conv2d(1, 3, 2, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 7)
    ).eval()
    stream = saccade.incremental(model, threads=1)
    frame = torch.zeros(1, 1, 8, 8)
    stream(frame)
    dense = (64 + 15 + 3 * 16) + (3 * 16 + 3 * 4) + (12 + 12 * 7 + 7 + 7)
    assert bytes_moved(stream.program, None) == 4 * dense
    changed = frame.clone()
    changed[..., 0, 0] = 1
    stream(changed)
    assert bytes_moved(stream.program, stream.change_maps()) == 4 * (
        2 * 64 + (4 + 15 + 3) + (3 * 4 + 3) + (12 + 12 * 7 + 7 + 7)
    )

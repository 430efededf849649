"""Gates that add what they gathered, each against its paper's formula written out in numpy: GCNet, A2, DAT."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from formulas import array, bilinear, gelu, layer, normalize, relu, softmax
from test_every_gate import features, make
from torch import nn

import saccade.gates

X = features(kind=torch.float64)
x = array(X)


def test_gcnet_adds_one_vector_gathered_by_softmax() -> None:
    gate = make("gcnet", reduction=4).double()
    part, mlp = gate.context.conv_attn, gate.context.mlp_add
    weights = softmax(layer(x, part).reshape(2, -1), 1)
    context = np.einsum("ncp,np->nc", x.reshape(2, 16, -1), weights)
    hidden = context @ array(mlp.fc1.weight)[:, :, 0, 0].T + array(mlp.fc1.bias)
    hidden = normalize(hidden, (1,), mlp.norm.eps) * array(mlp.norm.weight) + array(mlp.norm.bias)
    added = relu(hidden) @ array(mlp.fc2.weight)[:, :, 0, 0].T + array(mlp.fc2.bias)
    np.testing.assert_allclose(array(gate(X)), x + added[:, :, None, None], atol=1e-8)
    np.testing.assert_allclose(array(gate.attention(X)).reshape(2, -1), weights, atol=1e-9)


def test_gcnet_starts_as_the_identity() -> None:
    assert torch.equal(saccade.gates.create("gcnet", 16)(X.float()), X.float())


def test_a2_gathers_descriptors_and_distributes_them() -> None:
    gate = make("a2").double()
    values = layer(x, gate.features).reshape(2, 8, -1)
    gathering = softmax(layer(x, gate.gathering).reshape(2, 8, -1), 2)
    distribution = softmax(layer(x, gate.distribution).reshape(2, 8, -1), 1)
    descriptors = np.einsum("nap,ndp->nad", values, gathering)
    spread = np.einsum("nad,ndp->nap", descriptors, distribution).reshape(2, 8, 6, 5)
    np.testing.assert_allclose(array(gate(X)), x + layer(spread, gate.expansion), atol=1e-9)
    np.testing.assert_allclose(array(gate.attention(X)).sum((2, 3)), np.ones((2, 8)), atol=1e-9)


def depthwise_with_stride(image: np.ndarray, convolution: nn.Conv2d) -> np.ndarray:
    """Convolves (N, C, H, W) depthwise with torch's rule for strides: every stride-th place of the full result."""
    plain = nn.Conv2d(
        *[image.shape[1]] * 2, convolution.kernel_size, padding=convolution.padding, groups=image.shape[1]
    )
    plain.load_state_dict(convolution.state_dict())
    step = convolution.stride[0]
    return layer(image, plain.double())[:, :, ::step, ::step]


def scaled(normal: np.ndarray, norm: nn.Module) -> np.ndarray:
    return normal * array(norm.weight)[:, None, None] + array(norm.bias)[:, None, None]


def from_table(table: np.ndarray, dy: float, dx: float) -> float:
    """Looks up a table (T, T) that spans distances from -2 to 2 half images, bilinear between entries."""
    last = table.shape[0] - 1
    return float(bilinear(table[None], (dy / 2 + 1) / 2 * last, (dx / 2 + 1) / 2 * last)[0])


@pytest.mark.parametrize(
    "options", [{}, {"bias_size": 0}, {"stride": 1, "kernel_size": 3}, {"offset_groups": 2}], ids=str
)
def test_dat_attends_to_keys_sampled_where_queries_point(options) -> None:
    gate = make("dat", heads=4, **options).double()
    groups, heads, size = gate.offset_groups, 4, 4
    normed = scaled(normalize(x, (1,)), gate.norm)
    query = layer(normed, gate.query)
    sampled, places = [], []
    width = 16 // groups
    for group in range(groups):
        part = slice(group * width, (group + 1) * width)
        pointing = scaled(normalize(depthwise_with_stride(query[:, part], gate.offset[0]), (1,)), gate.offset[1])
        move = np.tanh(layer(gelu(pointing), gate.offset[3])) * gate.largest_offset
        rows, columns = move.shape[2:]
        found = np.zeros((2, width, rows, columns))
        where = np.zeros((2, rows, columns, 2))
        for n, i, j in np.ndindex(2, rows, columns):
            # In units in which the image spans -1 to 1; a step of the keys' grid is 2 / rows and 2 / columns.
            y = (2 * (i + move[n, 0, i, j]) + 1) / rows - 1
            x0 = (2 * (j + move[n, 1, i, j]) + 1) / columns - 1
            where[n, i, j] = y, x0
            found[n, :, i, j] = bilinear(normed[n, part], ((y + 1) * 6 - 1) / 2, ((x0 + 1) * 5 - 1) / 2)
        sampled.append(found)
        places.append(where)
    keys_from = np.concatenate(sampled, 1)
    key, value = layer(keys_from, gate.key), layer(keys_from, gate.value)
    result = np.zeros_like(x)
    for n, head, i, j in np.ndindex(2, heads, 6, 5):
        part = slice(head * size, (head + 1) * size)
        logits = query[n, part, i, j] @ key[n, part].reshape(size, -1) / math.sqrt(size)
        if gate.table is not None:
            where = places[head // (heads // groups)][n].reshape(-1, 2)
            table = array(gate.table)[head]
            y, x0 = (2 * i + 1) / 6 - 1, (2 * j + 1) / 5 - 1
            logits = logits + np.array([from_table(table, y - at[0], x0 - at[1]) for at in where])
        result[n, part, i, j] = value[n, part].reshape(size, -1) @ softmax(logits, 0)
    np.testing.assert_allclose(array(gate(X)), x + layer(result, gate.output), atol=1e-8)
    np.testing.assert_allclose(array(gate.positions(X)), np.stack(places, 1), atol=1e-9)


def test_dat_shows_how_much_each_key_is_attended_to() -> None:
    shown = make("dat", heads=4).attention(X.float())
    assert shown.shape == (2, 4, 3, 3)
    torch.testing.assert_close(shown.sum((2, 3)), torch.ones(2, 4))

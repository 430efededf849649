"""Gates that weigh places, each against its paper's formula written out in numpy: CBAM, BAM, Triplet, GALA, ABN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formulas import array, batch_norm, layer, relu, sigmoid
from test_every_gate import features, make
from torch import nn

import saccade.gates
from saccade.errors import GateError

X = features(kind=torch.float64)
x = array(X)


def test_cbam_weighs_channels_and_then_places() -> None:
    gate = make("cbam", reduction=4).double()
    channel, spatial = gate.module.channel, gate.module.spatial

    def mlp(pooled: np.ndarray) -> np.ndarray:
        hidden = relu(pooled @ array(channel.fc1.weight)[:, :, 0, 0].T + array(channel.fc1.bias))
        return hidden @ array(channel.fc2.weight)[:, :, 0, 0].T + array(channel.fc2.bias)

    weights = sigmoid(mlp(x.mean((2, 3))) + mlp(x.max((2, 3))))
    partly = x * weights[:, :, None, None]
    pooled = np.stack((partly.mean(1), partly.max(1)), 1)
    places = sigmoid(batch_norm(layer(pooled, spatial.conv.conv), spatial.conv.bn))
    np.testing.assert_allclose(array(gate(X)), partly * places, atol=1e-9)
    np.testing.assert_allclose(array(gate.channel_attention(X))[:, :, 0, 0], weights, atol=1e-9)
    np.testing.assert_allclose(array(gate.spatial_attention(torch.from_numpy(partly))), places, atol=1e-9)


def test_bam_adds_a_channel_branch_and_a_dilated_spatial_branch() -> None:
    gate = make("bam", reduction=4).double()
    means = x.mean((2, 3), keepdims=True)
    hidden = relu(batch_norm(layer(means, gate.channel[1]), gate.channel[2]))
    channels = layer(hidden, gate.channel[4])
    places = x
    for first in (0, 3, 6):
        places = relu(batch_norm(layer(places, gate.spatial[first]), gate.spatial[first + 1]))
    places = layer(places, gate.spatial[9])
    assert [gate.spatial[number].dilation for number in (0, 3, 6, 9)] == [(1, 1), (4, 4), (4, 4), (1, 1)]
    np.testing.assert_allclose(array(gate(X)), x * (1 + sigmoid(channels + places)), atol=1e-9)


def test_triplet_averages_three_maps_of_two_axes_each() -> None:
    gate = make("triplet").double()
    total = np.zeros_like(x)
    # Each branch: which axis is pooled, and its map put back in place.
    for branch, axis in ((gate.height_channel, 3), (gate.width_channel, 2), (gate.spatial, 1)):
        pooled = np.stack((x.max(axis), x.mean(axis)), 1)
        weights = sigmoid(batch_norm(layer(pooled, branch.convolution), branch.norm))[:, 0]
        total += x * np.expand_dims(weights, axis)
    np.testing.assert_allclose(array(gate(X)), total / 3, atol=1e-9)


@pytest.mark.parametrize(("options", "squash"), [({}, np.tanh), ({"squash": "sigmoid"}, sigmoid)])
def test_gala_joins_a_channel_vector_and_a_spatial_map(options, squash) -> None:
    gate = make("gala", **options).double()
    channels = layer(relu(layer(x.mean((2, 3), keepdims=True), gate.channel[1])), gate.channel[3])
    places = layer(relu(layer(relu(layer(x, gate.spatial[0])), gate.spatial[2])), gate.spatial[4])
    assert places.shape == (2, 1, 6, 5)
    logits = array(gate.sum_weight) * (channels + places) + array(gate.product_weight) * channels * places
    np.testing.assert_allclose(array(gate(X)), x * squash(logits), atol=1e-9)


def test_abn_gates_by_the_map_of_a_head_that_classifies() -> None:
    head = nn.Conv2d(16, 12, 3, padding=1)
    gate = make("abn", head=head, head_channels=12).double()
    norm, convolution, second = gate.responses[:3]
    responses = relu(batch_norm(layer(batch_norm(layer(x, head), norm), convolution), second))
    weights = sigmoid(batch_norm(layer(responses, gate.map[0]), gate.map[1]))
    scores = layer(responses, gate.classifier).mean((2, 3))
    np.testing.assert_allclose(array(gate(X)), x * (1 + weights), atol=1e-9)
    with saccade.gates.collect_scores() as collected:
        np.testing.assert_allclose(array(gate(X)), x * (1 + weights), atol=1e-9)
    assert len(collected) == 1
    np.testing.assert_allclose(array(collected[0]), scores, atol=1e-9)


def test_scores_are_collected_only_inside_the_block_and_each_block_has_its_own() -> None:
    gate, plain = make("abn"), X.float()
    with saccade.gates.collect_scores() as outer:
        gate(plain)
        with saccade.gates.collect_scores() as inner:
            gate(plain)
            gate(plain)
        gate(plain)
    gate(plain)
    assert (len(outer), len(inner)) == (2, 2)
    assert outer[0].shape == (2, 5)


def test_scores_stop_being_collected_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="stop"), saccade.gates.collect_scores():
        raise RuntimeError("stop")
    assert not saccade.gates.scores.collecting()


def test_abn_trains_its_head_by_the_second_loss() -> None:
    gate = make("abn").train()
    with saccade.gates.collect_scores() as scores:
        gate(X.float())
    torch.nn.functional.cross_entropy(scores[0], torch.tensor([1, 3])).backward()
    assert gate.classifier.weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("abn", {"classes": 0}, "classes is 0; give a number of at least 1"),
        ("abn", {"head_channels": 8}, "head_channels is 8 without a head; give the head, or leave both out"),
        ("bam", {"dilation": 0}, "dilation is 0; give a number of at least 1"),
        ("gala", {"squash": "relu"}, "unknown squash 'relu'; known: sigmoid, tanh"),
        ("gsop", {"dimension": 0}, "dimension is 0; give a number of at least 1"),
        ("emca", {"earlier": -1}, "earlier is -1; give a number of at least 0"),
        ("dat", {"heads": 3}, "heads is 3, which does not divide 16 channels"),
        ("dat", {"offset_groups": 3}, "offset_groups is 3, which does not divide 8 heads"),
        ("dat", {"stride": 7}, "kernel_size is 5; give a number of at least 7"),
        ("dat", {"largest_offset": 0}, "largest_offset is 0; give a number of steps above 0"),
        ("dat", {"bias_size": -1}, "bias_size is -1; give a number of at least 0"),
    ],
    ids=str,
)
def test_an_option_out_of_range_is_an_error(name, options, message) -> None:
    with pytest.raises(GateError, match=message):
        saccade.gates.create(name, 16, **options)


@pytest.mark.parametrize("name", ["cbam", "triplet", "gala", "eca", "emca", "dat"])
def test_an_even_kernel_is_an_error(name) -> None:
    with pytest.raises(GateError, match="kernel_size is 4; give an odd number of at least 1"):
        saccade.gates.create(name, 16, kernel_size=4)

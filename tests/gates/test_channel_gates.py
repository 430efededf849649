"""Gates with one weight a channel against their formulas written out in numpy: SE, ECA, SRM, GSoP, EMCA, ASR."""

from __future__ import annotations

import math

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
MEANS = x.mean((2, 3))


def gated(weights: np.ndarray) -> np.ndarray:
    return x * weights.reshape(*weights.shape, 1, 1)


def test_se_weighs_channels_by_two_layers_of_their_means() -> None:
    gate = make("se", reduction=4).double()
    first, second = (array(part.weight)[:, :, 0, 0] for part in (gate.excitation.fc1, gate.excitation.fc2))
    assert first.shape == (4, 16)
    np.testing.assert_allclose(array(gate(X)), gated(sigmoid(relu(MEANS @ first.T) @ second.T)), atol=1e-9)


def test_se_may_have_biases() -> None:
    assert len(list(saccade.gates.create("se", 16, bias=True).parameters())) == 4


@pytest.mark.parametrize("options", [{}, {"kernel_size": 5}])
def test_eca_weighs_channels_by_the_means_of_their_neighbours(options) -> None:
    gate = make("eca", **options).double()
    kernel = array(gate.neighbours.conv.weight)[0, 0]
    assert len(kernel) == options.get("kernel_size", 3)
    half = len(kernel) // 2
    padded = np.pad(MEANS, ((0, 0), (half, half)))
    logits = sum(kernel[tap] * padded[:, tap : tap + 16] for tap in range(len(kernel)))
    np.testing.assert_allclose(array(gate(X)), gated(sigmoid(logits)), atol=1e-9)


@pytest.mark.parametrize("channels", [16, 64, 128, 256, 512, 1024, 2048])
def test_eca_takes_the_odd_number_after_the_papers_rule(channels) -> None:
    raw = int((math.log2(channels) + 1) / 2)
    expected = max(3, raw if raw % 2 else raw + 1)
    assert saccade.gates.create("eca", channels).neighbours.conv.kernel_size == (expected,)


def test_srm_weighs_each_channel_by_its_own_mean_and_deviation() -> None:
    gate = make("srm").double()
    weight = array(gate.weight)
    deviations = np.sqrt(((x - MEANS[:, :, None, None]) ** 2).mean((2, 3)) + 1e-5)
    logits = weight[:, 0] * MEANS + weight[:, 1] * deviations
    np.testing.assert_allclose(array(gate(X)), gated(sigmoid(batch_norm(logits, gate.norm))), atol=1e-9)


def test_srm_has_a_finite_slope_where_a_channel_is_constant() -> None:
    constant = torch.ones(2, 16, 3, 3, requires_grad=True)
    make("srm")(constant).sum().backward()
    assert constant.grad.isfinite().all()


def test_gsop_weighs_channels_by_the_rows_of_a_covariance() -> None:
    gate = make("gsop").double()
    reduced = relu(batch_norm(layer(x, gate.reduction[0]), gate.reduction[1])).reshape(2, 6, -1)
    covariance = np.stack([np.cov(image, bias=True) for image in reduced])
    np.testing.assert_allclose(array(gate.covariance(X)), covariance, atol=1e-9)
    rows = batch_norm(covariance, gate.row_norm)
    kernel = array(gate.row_convolution.weight)[:, 0, :, 0].reshape(6, 4, 6)
    numbers = np.einsum("nrk,rok->nro", rows, kernel).reshape(2, 24) + array(gate.row_convolution.bias)
    logits = numbers @ array(gate.expansion.weight)[:, :, 0, 0].T + array(gate.expansion.bias)
    np.testing.assert_allclose(array(gate(X)), gated(sigmoid(logits)), atol=1e-9)


def test_emca_fuses_the_means_of_earlier_blocks() -> None:
    gate = make("emca", earlier=2, reduction=4).double()
    earlier = [torch.randn_like(X), torch.randn(2, 16, 12, 10, dtype=torch.float64)]
    vectors = np.stack([array(block).mean((2, 3)) for block in (*earlier, X)], 1)
    kernel = array(gate.fusion.weight)[0]
    padded = np.pad(vectors, ((0, 0), (0, 0), (1, 1)))
    fused = sum(kernel[block, tap] * padded[:, block, tap : tap + 16] for block in range(3) for tap in range(3))
    first, second = array(gate.excitation[0].weight), array(gate.excitation[2].weight)
    expected = gated(sigmoid(relu(fused @ first.T) @ second.T))
    np.testing.assert_allclose(array(gate(X, earlier)), expected, atol=1e-9)


def test_emca_starts_with_the_mean_of_the_vectors() -> None:
    gate = saccade.gates.create("emca", 16, earlier=1).double()
    fused = gate.fusion(torch.stack((X.mean((2, 3)), 3 * X.mean((2, 3))), 1))[:, 0]
    torch.testing.assert_close(fused, 2 * X.mean((2, 3)))


def test_emca_without_its_earlier_blocks_is_an_error() -> None:
    gate = saccade.gates.create("emca", 16, earlier=2)
    with pytest.raises(GateError, match=r"made for 2 earlier blocks and was given 0; call it as gate\(x, earlier\)"):
        gate(X.float())


def test_asr_weighs_channels_by_a_learned_vector() -> None:
    gate = make("asr", reduction=4).double()
    first, second = array(gate.excitation[0].weight), array(gate.excitation[2].weight)
    weights = sigmoid(relu(array(gate.vector) @ first.T) @ second.T)
    np.testing.assert_allclose(array(gate(X)), gated(np.stack((weights, weights))), atol=1e-9)


def test_asr_starts_at_a_tenth() -> None:
    assert (saccade.gates.create("asr", 16).vector == torch.tensor(0.1)).all()


def test_asr_vanishes_into_the_batch_norm_before_it() -> None:
    gate, norm = make("asr").double(), nn.BatchNorm2d(16).double()
    for value in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(value)
    norm.eval()
    expected = gate(norm(X))
    gate.fold(norm)
    torch.testing.assert_close(norm(X), expected)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(8), nn.BatchNorm2d(16, affine=False)])
def test_asr_does_not_fold_into_a_norm_that_does_not_fit(norm) -> None:
    with pytest.raises(GateError, match=r"16 channels cannot be folded into BatchNorm2d.*give the batch norm"):
        saccade.gates.create("asr", 16).fold(norm)


@pytest.mark.parametrize("name", ["se", "emca", "asr", "cbam", "bam", "gcnet", "a2", "gala"])
def test_a_reduction_below_one_is_an_error(name) -> None:
    with pytest.raises(GateError, match="reduction is 0; give a number of at least 1"):
        saccade.gates.create(name, 16, reduction=0)

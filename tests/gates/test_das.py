"""DAS against its equations written out, its options, and what it shows of itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from formulas import array, convolution, gelu, layer, normalize, sigmoid
from formulas import deformable_convolution as definition
from torch import Tensor, nn

import saccade.gates
from saccade.errors import GateError, RegistryError
from saccade.gates import DAS
from saccade.gates.das import compressed_channels

NORMS = ("batch", "feature", "instance", "layer")


def gate(channels: int = 10, **options: object) -> DAS:
    """Returns a gate in eval mode, in float64, with random parameters."""
    torch.manual_seed(0)
    made = saccade.gates.create("das", channels, **options).double().eval()
    assert isinstance(made, DAS)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)
    return made


def features(channels: int = 10) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, channels, 5, 4, dtype=torch.float64)


def normalized(x: np.ndarray, norm: str) -> np.ndarray:
    """The norms of Table 5 without scale and shift; a fresh batch norm in eval mode has mean 0 and variance 1."""
    if norm == "batch":
        return x / np.sqrt(1 + 1e-5)
    return normalize(x, {"feature": (1,), "instance": (2, 3), "layer": (1, 2, 3)}[norm])


def written_out(das: DAS, x: Tensor, first: str = "instance", second: str = "layer") -> np.ndarray:
    """Equations 1 to 4 with a dense kernel, plain offsets and a sigmoid mask."""
    compressed = layer(layer(array(x), das.compression.depthwise), das.compression.pointwise)
    context = gelu(normalized(compressed, first))
    offset, mask = layer(context, das.kernel.offset), sigmoid(layer(context, das.kernel.mask))
    logits = definition(context, offset, mask, array(das.kernel.weight))
    return array(x) * sigmoid(normalized(logits, second))


def test_das_is_its_four_equations() -> None:
    das, x = gate(), features()
    np.testing.assert_allclose(array(das(x)), written_out(das, x), atol=1e-9)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(NORMS, NORMS)))
def test_every_pair_of_norms_of_table_5_is_its_formula(first, second) -> None:
    das, x = gate(6, first_norm=first, second_norm=second), features(6)
    for part in (das.compression.norm, das.norm):
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
    np.testing.assert_allclose(array(das(x)), written_out(das, x, first, second), atol=1e-9)


def test_a_norm_over_each_place_cannot_suppress_a_place() -> None:
    x = features()
    each_place = gate(layer_axes="c").attention(x).logit().mean(1)
    torch.testing.assert_close(each_place, torch.zeros_like(each_place), rtol=0, atol=1e-9)
    assert gate().attention(x).logit().mean(1).abs().max() > 0.05


def test_affine_norms_scale_and_shift_each_channel() -> None:
    das, x = gate(second_affine=True), features()
    plain = gate()
    plain.load_state_dict({key: value for key, value in das.state_dict().items() if not key.startswith("norm.")})
    logits = plain.attention(x).logit() * das.norm.weight[:, None, None] + das.norm.bias[:, None, None]
    torch.testing.assert_close(das.attention(x), logits.sigmoid(), rtol=1e-6, atol=1e-6)
    assert gate(first_affine=True).compression.norm.weight.shape == (2,)


@pytest.mark.parametrize(("alpha", "expected"), [(0.01, 1), (0.1, 4), (0.2, 7), (0.5, 18), (1.0, 35), (1, 35)])
def test_alpha_keeps_its_share_of_the_channels_rounded_up(alpha, expected) -> None:
    assert compressed_channels(35, alpha) == expected  # 0.2 * 35 is a little above 7 in floating point


def test_the_paper_compresses_the_stages_as_in_its_counts() -> None:
    assert [compressed_channels(c, 0.2) for c in (64, 128, 256, 512)] == [13, 26, 52, 103]
    assert [compressed_channels(c, 0.2) for c in (256, 512, 1024, 2048)] == [52, 103, 205, 410]


def test_a_separable_kernel_is_a_depthwise_deformable_and_a_1x1_convolution() -> None:
    das, x = gate(kernel="separable"), features()
    context = das.compression(x)
    offset, mask = das.kernel.predict(context)
    assert das.kernel.weight.shape == (2, 1, 3, 3)
    deformed = definition(array(context), array(offset), array(mask), array(das.kernel.weight))
    expected = convolution(deformed, array(das.kernel.pointwise.weight))
    np.testing.assert_allclose(array(das.kernel(context)), expected, atol=1e-9)


def test_a_grouped_kernel_sees_only_its_group() -> None:
    das, x = gate(kernel="grouped", groups=2), features()
    assert das.kernel.weight.shape == (10, 1, 3, 3)
    context = das.compression(x)
    offset, mask = das.kernel.predict(context)
    expected = definition(array(context), array(offset), array(mask), array(das.kernel.weight))
    np.testing.assert_allclose(array(das.kernel(context)), expected, atol=1e-9)


@pytest.mark.parametrize("offset", ["dense", "pointwise", "separable", "none"])
@pytest.mark.parametrize("mask", ["sigmoid", "softmax", "none"])
def test_every_form_of_offsets_and_mask_shows_what_it_samples(offset, mask) -> None:
    das, x = gate(offset=offset, mask=mask, offset_groups=2), features()
    shown = das.sampling(x)
    assert shown.offset.shape == (2, 2, 9, 2, 5, 4)
    assert shown.mask.shape == (2, 2, 9, 5, 4)
    if mask == "softmax":
        torch.testing.assert_close(shown.mask.sum(2), torch.ones_like(shown.mask.sum(2)))
    elif mask == "none":
        assert (shown.mask == 1).all()
    assert (shown.offset.abs().max() == 0) == (offset == "none")
    context = array(das.compression(x))
    flat = array(shown.offset).reshape(2, -1, 5, 4), array(shown.mask).reshape(2, -1, 5, 4)
    expected = definition(context, *flat, array(das.kernel.weight))
    np.testing.assert_allclose(array(das.kernel(das.compression(x))), expected, atol=1e-9)


def test_positions_are_the_places_around_each_place_moved_by_the_offsets() -> None:
    das, x = gate(), features()
    shown = das.sampling(x)
    positions = shown.positions()
    # Tap 5 of nine is the right neighbour.
    torch.testing.assert_close(
        positions[0, 0, 5, :, 2, 3] - shown.offset[0, 0, 5, :, 2, 3], torch.tensor([2.0, 4.0]).double()
    )
    fresh = saccade.gates.create("das", 10).sampling(features().float()).positions()
    assert fresh[0, 0, 4, :, 1, 2].tolist() == [1, 2]
    assert fresh[0, 0, 0, :, 0, 0].tolist() == [-1, -1]


def test_the_largest_offset_bounds_the_offsets() -> None:
    x = features()
    assert gate().sampling(x).offset.abs().max() > 1.5
    assert gate(largest_offset=0.5).sampling(x).offset.abs().max() <= 0.5


def test_the_identity_start_changes_nothing_until_it_learns() -> None:
    x = features().float()
    fresh = saccade.gates.create("das", 10, start="identity")
    assert torch.equal(fresh(x), x)
    halving = saccade.gates.create("das", 10)
    assert (halving.attention(x).mean() - 0.5).abs() < 0.1
    before = fresh.scale.detach().clone()
    optimizer = torch.optim.SGD(fresh.parameters(), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        fresh(x).square().mean().backward()
        optimizer.step()
    assert not torch.equal(fresh.scale, before)
    assert fresh.kernel.weight.grad.abs().max() > 0


def test_a_fresh_gate_samples_its_regular_grid_with_half_a_mask() -> None:
    shown = saccade.gates.create("das", 10).sampling(features().float())
    assert shown.offset.abs().max() == 0
    assert (shown.mask == 0.5).all()


def test_features_of_one_place_train() -> None:
    das = saccade.gates.create("das", 10)
    gated = das(torch.randn(2, 10, 1, 1, requires_grad=True))
    gated.sum().backward()
    assert gated.isfinite().all()


@pytest.mark.parametrize("start", ["paper", "identity"])
def test_without_gradients_it_computes_the_same_and_leaves_its_features_alone(start) -> None:
    das, x = gate(start=start), features()
    before = x.clone()
    expected = das(x)
    with torch.no_grad():
        assert torch.equal(das(x), expected)
    assert torch.equal(x, before)


def test_das_compiles_with_the_default_backend() -> None:
    torch.compiler.reset()
    das = gate().float()
    x = features().float()
    torch.testing.assert_close(torch.compile(das)(x), das(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "sparse"}, "unknown kernel 'sparse'; known: dense, grouped, separable"),
        ({"offset": "learned"}, "unknown offset 'learned'; known: dense, none, pointwise, separable"),
        ({"mask": "hard"}, "unknown mask 'hard'; known: none, sigmoid, softmax"),
        ({"start": "zero"}, "unknown start 'zero'; known: identity, paper"),
        ({"layer_axes": "hwc"}, "unknown axes of a norm 'hwc'; known: c, chw, hw"),
        ({"kernel_size": 4}, "kernel_size is 4; give an odd number"),
        ({"groups": 2}, "groups is 2 with kernel='dense'; groups go with kernel='grouped'"),
        ({"kernel": "grouped", "groups": 3}, "groups is 3, which does not divide 2 channels"),
        ({"offset_groups": 3}, "offset_groups is 3, which does not divide 2 channels"),
        ({"largest_offset": 0}, "largest_offset is 0; give a number of places above 0, or None"),
    ],
    ids=str,
)
def test_an_option_out_of_range_is_an_error(options, message) -> None:
    with pytest.raises(GateError, match=message):
        saccade.gates.create("das", 10, **options)


@pytest.mark.parametrize("option", ["first_norm", "second_norm"])
def test_an_unknown_norm_is_an_error_that_lists_the_known_ones(option) -> None:
    with pytest.raises(RegistryError, match="unknown norm 'group'; known: batch, feature, instance, layer, none"):
        saccade.gates.create("das", 10, **{option: "group"})


def test_an_unknown_form_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="'cuda'; known: grid_sample, rows, torchvision"):
        saccade.gates.create("das", 10, form="cuda")
    with pytest.raises(RegistryError, match="'cuda'; known: grid_sample, rows, torchvision"):
        saccade.gates.use_form(gate(), "cuda")


def test_a_form_is_set_in_every_kernel_of_a_network() -> None:
    network = nn.Sequential(gate(), nn.ReLU(), nn.Sequential(gate()))
    assert saccade.gates.use_form(network, "grid_sample") == 2
    assert [part.kernel.form for part in network.modules() if isinstance(part, DAS)] == ["grid_sample"] * 2

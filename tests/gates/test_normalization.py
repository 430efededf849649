"""The norms of DAS: their formulas in any memory format, and gradients where torch's own instance norm is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formulas import array, normalize

from saccade.errors import GateError
from saccade.gates.normalization import SampleNormalization

AXES = {"hw": (2, 3), "chw": (1, 2, 3), "c": (1,)}


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("size", [(1, 4, 3, 5), (3, 4, 2, 2)])
def test_a_norm_is_its_formula_and_keeps_the_memory_format(axes, memory_format, affine, size) -> None:
    torch.manual_seed(0)
    norm = SampleNormalization(4, axes, affine).double()
    x = torch.randn(size, dtype=torch.float64).contiguous(memory_format=memory_format)
    expected = normalize(array(x), AXES[axes])
    if affine:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
        expected = expected * array(norm.weight).reshape(-1, 1, 1) + array(norm.bias).reshape(-1, 1, 1)
    result = norm(x)
    np.testing.assert_allclose(array(result), expected, atol=1e-9)
    if axes != "c":  # which comes out in channels_last either way
        assert result.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("arriving", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_gradient_does_not_depend_on_memory_formats(axes, arriving, memory_format, batch) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 4, 3, 5, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    direction = torch.randn(batch, 4, 3, 5, dtype=torch.float64).contiguous(memory_format=arriving)
    result = torch.autograd.grad(SampleNormalization(4, axes)(x), x, direction)[0]
    variance, mean = torch.var_mean(x, AXES[axes], correction=0, keepdim=True)
    expected = torch.autograd.grad((x - mean) / torch.sqrt(variance + 1e-5), x, direction)[0]
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_an_image_of_one_place_becomes_its_shift(affine, batch) -> None:
    norm = SampleNormalization(3, "hw", affine)
    if affine:
        torch.nn.init.constant_(norm.bias, 2.0)
    x = torch.randn(batch, 3, 1, 1, requires_grad=True)
    assert (norm(x) == (2 if affine else 0)).all()


def test_unknown_axes_are_an_error() -> None:
    with pytest.raises(GateError, match="unknown axes of a norm 'n'; known: c, chw, hw"):
        SampleNormalization(3, "n")

"""The definitions in plain torch, against torch's own modules and by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
import torch.utils._pytree as pytree
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision.ops import deform_conv2d

from saccade.errors import FrameError
from saccade.graph import (
    ACTIVATIONS,
    BINARY_FUNCTIONS,
    AveragePool,
    Binary,
    Convolution,
    DeformableConvolution,
    Fallback,
    Graph,
    Layout,
    MaxPool,
    Reference,
    Tensor,
    TransposedConvolution,
)
from saccade.kernels.activation.reference import FUNCTIONS as ACTIVATION_FUNCTIONS
from saccade.kernels.binary.reference import FUNCTIONS
from saccade.kernels.reference import evaluate, run_fallback, run_native

TREE = pytree.tree_structure(0)


def graph_of(operator: Fallback | Binary, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Graph:
    """Returns the graph of one operator on one input of a shape, its output shaped alike."""
    tensors = {"x": Tensor("x", shape, dtype), "y": Tensor("y", shape)}
    return Graph(("x",), (Reference("y"), 3, None), TREE, (operator,), tensors)


@given(
    size=st.integers(3, 9), kernel=st.integers(1, 3), stride=st.integers(1, 3), padding=st.integers(0, 1),
    ceil_mode=st.booleans(), include=st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_pools_agree_with_torch(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, include: bool
) -> None:
    assume(padding <= kernel // 2)
    x = torch.randn(1, 2, size, size + 1)
    border = (padding,) * 4
    expected = F.max_pool2d(x, kernel, stride, padding, 1, ceil_mode)
    largest = MaxPool("p", ("x",), ("y",), (kernel, kernel), (stride, stride), border)
    assert torch.equal(run_native(largest, [x], tuple(expected.shape)), expected)
    expected = F.avg_pool2d(x, kernel, stride, padding, ceil_mode, include)
    mean = AveragePool("p", ("x",), ("y",), (kernel, kernel), (stride, stride), border, include)
    torch.testing.assert_close(run_native(mean, [x], tuple(expected.shape)), expected)


@given(
    kernel=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2), extra=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
)  # fmt: skip
@settings(deadline=None)
def test_transposed_convolution_agrees_with_torch(
    kernel: int, stride: int, padding: int, extra: int, groups: int
) -> None:
    assume(padding < kernel and extra < stride)
    x, weight, bias = torch.randn(2, 4, 5, 6), torch.randn(4, 3, kernel, kernel), torch.randn(3 * groups)
    expected = F.conv_transpose2d(x, weight, bias, stride, padding, extra, groups)
    operator = TransposedConvolution(
        "t", ("x",), ("y",), weight, bias, (stride, stride), (padding, padding), (1, 1), groups
    )
    torch.testing.assert_close(run_native(operator, [x], tuple(expected.shape)), expected, rtol=1e-4, atol=1e-5)


def test_convolution_pads_each_side_by_itself() -> None:
    x, weight = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    operator = Convolution("c", ("x",), ("y",), weight, None, padding=(1, 0, 0, 2))
    given = run_native(operator, [x], (1, 1, 2, 3))
    assert torch.equal(given[0, 0], torch.tensor([[2.0, 1.0, 0.0], [4.0, 2.0, 0.0]]))


def test_max_pool_padding_never_wins() -> None:
    operator = MaxPool("p", ("x",), ("y",), (3, 3), (1, 1), (1, 1, 1, 1))
    assert (run_native(operator, [torch.full((1, 1, 3, 3), -5.0)], (1, 1, 3, 3)) == -5).all()


def test_every_function_of_the_graph_is_defined() -> None:
    assert set(ACTIVATION_FUNCTIONS) == set(ACTIVATIONS)
    assert set(FUNCTIONS) == set(BINARY_FUNCTIONS)


def test_fallback_sees_its_references_through_their_layouts() -> None:
    place = Reference("x", Layout((3, 4), (1, 0), (4, 3)))
    operator = Fallback("f", ("x",), ("a", "b"), "aten.max.dim", (place, 0), {"keepdim": True}, "test")
    x = torch.arange(12.0).reshape(1, 3, 2, 2)
    values, indices = run_fallback(operator, {"x": x})
    assert torch.equal(values, torch.tensor([[3.0, 7.0, 11.0]]))
    assert (indices == 3).all()


def test_fallback_finds_references_inside_lists() -> None:
    operator = Fallback("f", ("x",), ("y",), "aten.cat.default", ([Reference("x"), Reference("x")], 1))
    (joined,) = run_fallback(operator, {"x": torch.ones(1, 2)})
    assert joined.shape == (1, 4)


def test_graph_reads_bytes_as_float_and_returns_constants_as_they_are() -> None:
    graph = graph_of(Binary("add", ("x", "x"), ("y",), "add"), (1, 1, 1, 2), torch.uint8)
    result = evaluate(graph, [torch.full((1, 1, 1, 2), 200, dtype=torch.uint8)])
    assert torch.equal(result[0], torch.full((1, 1, 1, 2), 400.0))
    assert result[1:] == [3, None]


@pytest.mark.parametrize("inputs", [[], [torch.ones(1, 1, 1, 3)]])
def test_inputs_that_do_not_fit_are_refused(inputs: list[torch.Tensor]) -> None:
    graph = graph_of(Binary("add", ("x", "x"), ("y",), "add"), (1, 1, 1, 2))
    with pytest.raises(FrameError, match="graph"):
        evaluate(graph, inputs)


def test_clamp_may_be_open_on_one_side() -> None:
    x = torch.tensor([-3.0, 3.0])
    assert torch.equal(ACTIVATION_FUNCTIONS["clamp"](x, -math.inf, 1.0), torch.tensor([-3.0, 1.0]))


@pytest.mark.parametrize(("groups", "offset_groups", "masked"), [(1, 1, True), (2, 3, False), (6, 2, True)])
def test_deformable_convolution_agrees_with_torchvision(groups: int, offset_groups: int, masked: bool) -> None:
    torch.manual_seed(groups)
    x, weight, bias = torch.randn(2, 6, 9, 11), torch.randn(6, 6 // groups, 3, 2), torch.randn(6)
    window = {"stride": (2, 1), "padding": (2, 1), "dilation": (1, 2)}
    offset = torch.randn(2, 12 * offset_groups, 6, 11) * 3
    mask = torch.rand(2, 6 * offset_groups, 6, 11) if masked else None
    expected = deform_conv2d(x, offset, weight, bias, mask=mask, **window)
    names = ("x", "offset", "mask") if masked else ("x", "offset")
    operator = DeformableConvolution(
        "d", names, ("y",), weight, bias, groups=groups, offset_groups=offset_groups, **window
    )
    values = [x, offset, mask] if masked else [x, offset]
    torch.testing.assert_close(run_native(operator, values, tuple(expected.shape)), expected, atol=1e-4, rtol=1e-4)

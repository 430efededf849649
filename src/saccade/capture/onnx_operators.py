"""ONNX operators that compute: convolutions, pools, normalisations, activations, arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from saccade.capture import aten_pooling
from saccade.capture.aten_convolution import convolution
from saccade.capture.aten_deformable import deformable_convolution
from saccade.capture.builder import NotNative
from saccade.capture.layout import Value
from saccade.capture.onnx_node import Importer, Node, imports
from saccade.errors import CaptureError
from saccade.graph import Padding

for _operator, _target in {
    "Relu": "relu.default",
    "Sigmoid": "sigmoid.default",
    "Tanh": "tanh.default",
    "Mish": "mish.default",
    "HardSwish": "hardswish.default",
    "Softplus": "softplus.default",
    "Exp": "exp.default",
    "Sqrt": "sqrt.default",
    "Abs": "abs.default",
    "Neg": "neg.default",
    "Reciprocal": "reciprocal.default",
    "Erf": "erf.default",
    "Log": "log.default",
    "Sin": "sin.default",
    "Cos": "cos.default",
    "Tan": "tan.default",
    "Asin": "asin.default",
    "Acos": "acos.default",
    "Atan": "atan.default",
    "Sinh": "sinh.default",
    "Cosh": "cosh.default",
    "Asinh": "asinh.default",
    "Acosh": "acosh.default",
    "Atanh": "atanh.default",
    "Floor": "floor.default",
    "Ceil": "ceil.default",
    "Sign": "sign.default",
    "Add": "add.Tensor",
    "Sub": "sub.Tensor",
    "Mul": "mul.Tensor",
    "Equal": "eq.Tensor",
    "Greater": "gt.Tensor",
    "GreaterOrEqual": "ge.Tensor",
    "Less": "lt.Tensor",
    "LessOrEqual": "le.Tensor",
    "Not": "logical_not.default",
    "And": "logical_and.default",
    "Or": "logical_or.default",
    "Xor": "logical_xor.default",
    "Round": "round.default",
    "IsNaN": "isnan.default",
    "Where": "where.self",
}.items():

    def _same(node: Node, target: str = _target) -> Any:
        return node.call(target, *node.inputs)

    imports(_operator)(_same)


def _border(node: Node, value: Value, kernel: list[int], stride: list[int], dilation: list[int]) -> Padding:
    """Returns the padding of a convolution or pool, given or automatic."""
    mode = node.attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        top, left, bottom, right = node.attribute("pads", [0, 0, 0, 0])
        return (top, left, bottom, right)
    if mode == "VALID":
        return (0, 0, 0, 0)
    before, after = [0, 0], [0, 0]
    for axis in (0, 1):
        size = value.shape[2 + axis]
        count = -(-size // stride[axis])
        total = max((count - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - size, 0)
        small, large = total // 2, total - total // 2
        before[axis], after[axis] = (small, large) if mode == "SAME_UPPER" else (large, small)
    return (before[0], before[1], after[0], after[1])


@imports("Conv")
def conv(node: Node) -> Any:
    """A convolution."""
    weight, bias = node.input(1), node.input(2)
    value = node.image()
    if not isinstance(weight, torch.Tensor):
        raise CaptureError("its weights depend on the graph's inputs")
    if weight.dtype != torch.float32:
        kind = str(weight.dtype).removeprefix("torch.")
        raise CaptureError(f"its weights are {kind}, and the engine computes in float32: export the model in float32")
    stride, dilation = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    padding = _border(node, value, list(weight.shape[2:]), stride, dilation)
    groups = node.attribute("group", 1)
    try:
        return convolution(node.builder, value, weight, bias, tuple(stride), padding, tuple(dilation), groups)
    except NotNative as reason:
        raise CaptureError(str(reason)) from reason


@imports("ConvTranspose")
def conv_transpose(node: Node) -> Any:
    """The adjoint of a convolution."""
    node.image()
    if node.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or node.attribute("output_shape") is not None:
        raise CaptureError("automatic padding of a ConvTranspose is not read")
    top, left, bottom, right = node.attribute("pads", [0, 0, 0, 0])
    extra = node.attribute("output_padding", [0, 0])
    extra = [extra[0] + top - bottom, extra[1] + left - right]
    stride, dilation = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    groups = node.attribute("group", 1)
    inputs = (node.input(0), node.input(1), node.input(2))
    return node.call("conv_transpose2d.input", *inputs, stride, [top, left], extra, groups, dilation)


@imports("BatchNormalization")
def batch_normalization(node: Node) -> Any:
    """Batch norm by its running statistics."""
    if node.attribute("training_mode", 0):
        raise CaptureError("it normalises by the batch (training_mode=1); export the model in evaluation mode")
    value, weight, bias, mean, variance = node.inputs[:5]
    epsilon = node.attribute("epsilon", 1e-5)
    return node.call("batch_norm.default", value, weight, bias, mean, variance, False, 0.1, epsilon, False)


@imports("Softsign")
def softsign(node: Node) -> Any:
    """x / (1 + |x|)."""
    size = node.call("add.Tensor", node.call("abs.default", node.input(0)), 1.0)
    return node.call("div.Tensor", node.input(0), size)


@imports("ThresholdedRelu")
def thresholded_relu(node: Node) -> Any:
    """x where it is above a threshold, else 0."""
    return node.call("threshold.default", node.input(0), node.attribute("alpha", 1.0), 0.0)


@imports("Swish")
def swish(node: Node) -> Any:
    """x * sigmoid(alpha * x)."""
    alpha = node.attribute("alpha", 1.0)
    if alpha == 1.0:
        return node.call("silu.default", node.input(0))
    gate = node.call("sigmoid.default", node.call("mul.Tensor", node.input(0), alpha))
    return node.call("mul.Tensor", node.input(0), gate)


@imports("Mod")
def modulo(node: Node) -> Any:
    """The remainder, with the divisor's sign or, with fmod=1, the dividend's."""
    return node.call("fmod.Tensor" if node.attribute("fmod", 0) else "remainder.Tensor", *node.inputs)


@imports("CumSum")
def cumulative_sum(node: Node) -> Any:
    """Sums up to each place along an axis."""
    (axis,) = node.numbers(1) or [0]
    if node.attribute("exclusive", 0) or node.attribute("reverse", 0):
        raise CaptureError("exclusive and reversed sums are not read")
    return node.call("cumsum.default", node.input(0), axis)


@imports("Celu")
def celu(node: Node) -> Any:
    """CELU."""
    return node.call("celu.default", node.input(0), node.attribute("alpha", 1.0))


@imports("Einsum")
def einsum(node: Node) -> Any:
    """Einstein's sum."""
    return node.call("einsum.default", node.attribute("equation"), list(node.inputs))


@imports("LRN")
def local_response_normalization(node: Node) -> Any:
    """x / (bias + alpha * mean of the squares of the channels around) ** beta."""
    value, size = node.image(), node.attribute("size")
    squares = node.call("unsqueeze.default", node.call("mul.Tensor", value, value), 1)
    border = [0, 0, 0, 0, (size - 1) // 2, size // 2]
    padded = node.call("constant_pad_nd.default", squares, border, 0.0)
    means = node.call("squeeze.dims", node.call("avg_pool3d.default", padded, [size, 1, 1], [1, 1, 1]), [1])
    scaled = node.call("mul.Tensor", means, node.attribute("alpha", 1e-4))
    base = node.call("add.Tensor", scaled, node.attribute("bias", 1.0))
    return node.call("div.Tensor", value, node.call("pow.Tensor_Scalar", base, node.attribute("beta", 0.75)))


@imports("InstanceNormalization")
def instance_normalization(node: Node) -> Any:
    """Instance norm; of groups of channels that were laid in a row, as group norm was once exported, group norm."""
    value, weight, bias = node.inputs
    epsilon = node.attribute("epsilon", 1e-5)
    image = value.reshape(value.stored) if isinstance(value, Value) and value.rank == 3 else None
    constant = isinstance(weight, torch.Tensor) and isinstance(bias, torch.Tensor)
    if image is not None and constant and image.rank == 4 and image.shape[1] % value.shape[1] == 0:
        each = image.shape[1] // value.shape[1]
        numbers = weight.repeat_interleave(each), bias.repeat_interleave(each)
        grouped = node.call("group_norm.default", image, value.shape[1], *numbers, epsilon)
        return node.call("reshape.default", grouped, list(value.shape))
    return node.call("instance_norm.default", value, weight, bias, None, None, True, 0.1, epsilon, False)


@imports("LayerNormalization")
def layer_normalization(node: Node) -> Any:
    """Layer norm over the last dimensions."""
    value, weight, bias = node.input(0), node.input(1), node.input(2)
    shape = list(value.shape[node.attribute("axis", -1) % len(value.shape) :])
    return node.call("layer_norm.default", value, shape, weight, bias, node.attribute("epsilon", 1e-5))


@imports("GroupNormalization")
def group_normalization(node: Node) -> Any:
    """Group norm; before version 21 its weights have a number a group."""
    value, weight, bias = node.inputs
    groups, epsilon = node.attribute("num_groups"), node.attribute("epsilon", 1e-5)
    if node.version < 21:
        if not isinstance(weight, torch.Tensor) or not isinstance(bias, torch.Tensor):
            raise CaptureError("its weights depend on the graph's inputs")
        each = value.shape[1] // groups
        weight, bias = weight.repeat_interleave(each), bias.repeat_interleave(each)
    return node.call("group_norm.default", value, groups, weight, bias, epsilon)


@imports("DeformConv")
def deform_conv(node: Node) -> Any:
    """A deformable convolution."""
    value, weight, offset, bias, mask = (node.input(index) for index in range(5))
    top, left, bottom, right = node.attribute("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        raise CaptureError(
            f"a DeformConv with pads {[top, left, bottom, right]}; only the same on opposite sides is read"
        )
    stride, dilation = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    window = (*stride, top, left, *dilation, node.attribute("group", 1), node.attribute("offset_group", 1))
    try:
        return deformable_convolution(node.builder, value, weight, offset, mask, bias, window)
    except NotNative as reason:
        raise CaptureError(str(reason)) from reason


@imports("Clip")
def clip(node: Node) -> Any:
    """clamp."""
    low, high = node.numbers(1), node.numbers(2)
    minimum = low[0] if low else node.attribute("min", -math.inf)
    maximum = high[0] if high else node.attribute("max", math.inf)
    return node.call("clamp.default", node.input(0), minimum, maximum)


@imports("LeakyRelu")
def leaky_relu(node: Node) -> Any:
    """Leaky ReLU."""
    return node.call("leaky_relu.default", node.input(0), node.attribute("alpha", 0.01))


@imports("PRelu")
def prelu(node: Node) -> Any:
    """PReLU; its slopes broadcast to the value from the last dimension on."""
    value, slopes = node.input(0), node.input(1)
    sizes = list(slopes.shape)
    _require_broadcast("slopes", sizes, value.shape)
    aligned = [1] * (len(value.shape) - len(sizes)) + sizes
    count = math.prod(sizes)
    if isinstance(slopes, torch.Tensor) and (count == 1 or (len(aligned) > 1 and aligned[1] == count)):
        return node.call("prelu.default", value, slopes.flatten())
    negative = node.call("mul.Tensor", node.call("clamp.default", value, None, 0.0), slopes)
    return node.call("add.Tensor", node.call("relu.default", value), negative)


def _require_broadcast(name: str, given: Sequence[int], wanted: Sequence[int]) -> None:
    """Raises CaptureError where a tensor does not broadcast to a shape without making it larger."""
    aligned = [1] * (len(wanted) - len(given)) + list(given)
    if len(aligned) != len(wanted) or any(size not in (1, whole) for size, whole in zip(aligned, wanted, strict=True)):
        raise CaptureError(
            f"its {name} have the shape {tuple(given)}, which does not broadcast to {tuple(wanted)}; each size, "
            "counted from the last, must be 1 or the same"
        )


@imports("Elu")
def elu(node: Node) -> Any:
    """ELU."""
    return node.call("elu.default", node.input(0), node.attribute("alpha", 1.0))


@imports("Selu")
def selu(node: Node) -> Any:
    """SELU."""
    alpha, gamma = node.attribute("alpha", 1.6732632), node.attribute("gamma", 1.0507010)
    return node.call("elu.default", node.input(0), alpha, gamma)


@imports("Gelu")
def gelu(node: Node) -> Any:
    """GELU."""
    return node.call("gelu.default", node.input(0), approximate=node.attribute("approximate", "none"))


@imports("HardSigmoid")
def hard_sigmoid(node: Node) -> Any:
    """clamp(alpha * x + beta, 0, 1); torch's own where alpha is 1/6."""
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return node.call("hardsigmoid.default", node.input(0))
    scaled = node.call("add.Tensor", node.call("mul.Tensor", node.input(0), alpha), beta)
    return node.call("clamp.default", scaled, 0.0, 1.0)


@imports("Div")
def divide(node: Node) -> Any:
    """Division; that of integers truncates."""
    left, right = node.inputs
    if left.dtype.is_floating_point:
        return node.call("div.Tensor", left, right)
    return node.call("div.Tensor_mode", left, right, rounding_mode="trunc")


@imports("Pow")
def power(node: Node) -> Any:
    """A power; a constant exponent becomes a number."""
    exponent = node.input(1)
    if isinstance(exponent, torch.Tensor) and exponent.numel() == 1:
        return node.call("pow.Tensor_Scalar", node.input(0), exponent.item())
    return node.call("pow.Tensor_Tensor", node.input(0), exponent)


def _variadic(target: str) -> Importer:
    def importer(node: Node) -> Any:
        result = node.input(0)
        for other in node.inputs[1:]:
            result = node.call(target, result, other)
        return result

    return importer


imports("Max")(_variadic("maximum.default"))
imports("Min")(_variadic("minimum.default"))
imports("Sum")(_variadic("add.Tensor"))


@imports("Mean")
def mean(node: Node) -> Any:
    """The mean of several values."""
    return node.call("div.Tensor", _variadic("add.Tensor")(node), float(len(node.inputs)))


@imports("MaxPool")
def max_pool(node: Node) -> Any:
    """The largest value of each window."""
    if node.outputs > 1:
        raise CaptureError("the indices of a MaxPool are not read")
    value = node.image()
    kernel = node.attribute("kernel_shape")
    stride, dilation = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    padding = _border(node, value, kernel, stride, dilation)
    ceil_mode = bool(node.attribute("ceil_mode", 0))
    try:
        return aten_pooling.max_pool(node.builder, value, kernel, stride, padding, dilation, ceil_mode)
    except NotNative as reason:
        raise CaptureError(str(reason)) from reason


@imports("AveragePool")
def average_pool(node: Node) -> Any:
    """The mean of each window."""
    value = node.image()
    kernel, stride = node.attribute("kernel_shape"), node.attribute("strides", [1, 1])
    if node.attribute("dilations", [1, 1]) != [1, 1]:
        raise CaptureError("dilated average pools are not read")
    padding = _border(node, value, kernel, stride, [1, 1])
    ceil_mode, counts = bool(node.attribute("ceil_mode", 0)), bool(node.attribute("count_include_pad", 0))
    try:
        return aten_pooling.average_pool(node.builder, value, kernel, stride, padding, ceil_mode, counts)
    except NotNative as reason:
        raise CaptureError(str(reason)) from reason


@imports("GlobalAveragePool")
def global_average_pool(node: Node) -> Any:
    """The mean over all places."""
    return node.call("mean.dim", node.input(0), list(range(2, len(node.input(0).shape))), True)


@imports("GlobalMaxPool")
def global_max_pool(node: Node) -> Any:
    """The largest value over all places."""
    return node.call("amax.default", node.input(0), list(range(2, len(node.input(0).shape))), True)


def _softmax(name: str) -> Importer:
    def importer(node: Node) -> Any:
        value = node.input(0)
        rank = len(value.shape)
        axis = node.attribute("axis", -1 if node.version >= 13 else 1) % rank
        if node.version >= 13 or axis == rank - 1:
            return node.call(f"{name}.int", value, axis)
        # Before version 13 all dimensions from the axis on were taken together.
        flat = node.call("flatten.using_ints", value, axis, -1)
        return node.call("reshape.default", node.call(f"{name}.int", flat, axis), list(value.shape))

    return importer


imports("Softmax")(_softmax("softmax"))
imports("LogSoftmax")(_softmax("log_softmax"))


@imports("Gemm")
def gemm(node: Node) -> Any:
    """alpha * A @ B + beta * C."""
    left, right, bias = node.input(0), node.input(1), node.input(2)
    if node.attribute("transA", 0):
        left = node.call("t.default", left)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    if not isinstance(right, torch.Tensor):
        right = node.call("t.default", right) if node.attribute("transB", 0) else right
        product = node.call("mul.Tensor", node.call("matmul.default", left, right), alpha)
        return product if bias is None else node.call("add.Tensor", product, bias, alpha=beta)
    weight = (right if node.attribute("transB", 0) else right.t()) * alpha
    if bias is not None:
        _require_broadcast("added numbers C", bias.shape, (left.shape[0], weight.shape[0]))
    if isinstance(bias, torch.Tensor) and bias.numel() == math.prod(bias.shape[-1:]):
        return node.call("linear.default", left, weight, (bias.flatten() * beta).expand(weight.shape[0]))
    product = node.call("linear.default", left, weight)
    return product if bias is None else node.call("add.Tensor", product, bias, alpha=beta)


@imports("MatMul")
def matmul(node: Node) -> Any:
    """A product of matrices."""
    left, right = node.inputs
    if isinstance(right, torch.Tensor) and right.dim() == 2:
        return node.call("linear.default", left, right.t())
    return node.call("matmul.default", left, right)

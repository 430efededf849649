"""Activations and arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from saccade.capture.builder import GraphBuilder, NotNative
from saccade.capture.layout import CHANNEL, Dimension, Value, dimension_size, place_constant
from saccade.capture.lowering import Lowering, lowers
from saccade.graph import Activation, Binary

Number = int | float


def activate(builder: GraphBuilder, value: Value, function: str, *parameters: float) -> Value:
    """Adds an activation; the value's layout stays."""
    numbers = tuple(float(parameter) for parameter in parameters)
    return builder.emit_like(builder.elementwise(value), Activation, function=function, parameters=numbers)


def scale_and_shift(builder: GraphBuilder, value: Value, scale: float, shift: float) -> Value:
    """Adds ``value * scale + shift`` with the same numbers for every channel."""
    value = builder.elementwise(value)
    ones = torch.ones(value.stored[CHANNEL], dtype=torch.float64)
    return builder.affine(value, ones * scale, ones * shift)


def _plain(function: str) -> Lowering:
    def lowering(builder: GraphBuilder, input: Value) -> Value:
        return activate(builder, input, function)

    return lowering


for _name in ("relu", "hardswish", "hardsigmoid", "silu", "sigmoid", "tanh", "mish", "exp", "sqrt", "abs"):
    lowers(f"aten.{_name}.default")(_plain(_name))


@lowers("aten.relu6.default")
def relu6(builder: GraphBuilder, input: Value) -> Value:
    """clamp(0, 6)."""
    return activate(builder, input, "clamp", 0.0, 6.0)


@lowers("aten.hardtanh.default")
def hardtanh(builder: GraphBuilder, input: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    """clamp."""
    return activate(builder, input, "clamp", min_val, max_val)


@lowers("aten.clamp.default")
def clamp(builder: GraphBuilder, input: Value, min: Number | None = None, max: Number | None = None) -> Value:
    """clamp, open on one side where a bound is None."""
    low = -math.inf if min is None else float(min)
    return activate(builder, input, "clamp", low, math.inf if max is None else float(max))


@lowers("aten.clamp_min.default")
def clamp_min(builder: GraphBuilder, input: Value, min: Number) -> Value:
    """clamp from below."""
    return clamp(builder, input, min)


@lowers("aten.clamp_max.default")
def clamp_max(builder: GraphBuilder, input: Value, max: Number) -> Value:
    """clamp from above."""
    return clamp(builder, input, None, max)


@lowers("aten.leaky_relu.default")
def leaky_relu(builder: GraphBuilder, input: Value, negative_slope: float = 0.01) -> Value:
    """Leaky ReLU."""
    return activate(builder, input, "leaky_relu", negative_slope)


@lowers("aten.elu.default")
def elu(builder: GraphBuilder, input: Value, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Value:
    """ELU, and SELU with its scale."""
    if input_scale != 1:
        raise NotNative("ELU scales its input")
    return scale_and_shift(builder, activate(builder, input, "elu", alpha), scale, 0.0)


@lowers("aten.selu.default")
def selu(builder: GraphBuilder, input: Value) -> Value:
    """SELU: ELU with the two constants of Klambauer et al. 2017."""
    return elu(builder, input, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


@lowers("aten.gelu.default")
def gelu(builder: GraphBuilder, input: Value, *, approximate: str = "none") -> Value:
    """GELU, exact or by tanh."""
    return activate(builder, input, "gelu_tanh" if approximate == "tanh" else "gelu")


@lowers("aten.softplus.default")
def softplus(builder: GraphBuilder, input: Value, beta: float = 1, threshold: float = 20) -> Value:
    """Softplus with torch's own sharpness."""
    if beta != 1 or threshold != 20:
        raise NotNative("softplus has its own sharpness")
    return activate(builder, input, "softplus")


@lowers("aten.prelu.default", "aten._prelu_kernel.default")
def prelu(builder: GraphBuilder, input: Value, weight: Any) -> Value:
    """PReLU: a leaky ReLU where all channels share a slope, else relu(x) + slope * min(x, 0)."""
    if not isinstance(weight, torch.Tensor):
        raise NotNative("its slopes depend on the input")
    if weight.numel() == 1:
        return leaky_relu(builder, input, float(weight))
    value = builder.native(input)
    slopes = weight.flatten()
    negative = builder.affine(activate(builder, value, "clamp", -math.inf, 0.0), slopes, torch.zeros_like(slopes))
    return binary(builder, "add", activate(builder, value, "relu"), negative)


@lowers("aten.neg.default")
def neg(builder: GraphBuilder, input: Value) -> Value:
    """The opposite."""
    return scale_and_shift(builder, input, -1.0, 0.0)


@lowers("aten.square.default")
def square(builder: GraphBuilder, input: Value) -> Value:
    """The square."""
    return binary(builder, "multiply", input, input)


@lowers("aten.pow.Tensor_Scalar")
def power(builder: GraphBuilder, input: Value, exponent: Number) -> Value:
    """The powers 1, 2 and 1/2."""
    if exponent == 1:
        return input
    if exponent == 2:
        return square(builder, input)
    if exponent == 0.5:
        return activate(builder, input, "sqrt")
    raise NotNative(f"the power {exponent} has no native kernel")


@lowers("aten.reciprocal.default")
def reciprocal(builder: GraphBuilder, input: Value) -> Value:
    """One over the value."""
    return binary(builder, "divide", 1.0, input)


@lowers("aten.rsqrt.default")
def rsqrt(builder: GraphBuilder, input: Value) -> Value:
    """One over the square root."""
    return binary(builder, "divide", 1.0, activate(builder, input, "sqrt"))


@lowers("aten.add.Tensor", "aten.add.Scalar")
def add(builder: GraphBuilder, input: Any, other: Any, *, alpha: Number = 1) -> Value:
    """input + alpha * other."""
    return binary(builder, "add", input, _times(builder, other, alpha))


@lowers("aten.sub.Tensor", "aten.sub.Scalar")
def sub(builder: GraphBuilder, input: Any, other: Any, *, alpha: Number = 1) -> Value:
    """input - alpha * other."""
    return binary(builder, "subtract", input, _times(builder, other, alpha))


@lowers("aten.rsub.Scalar", "aten.rsub.Tensor")
def rsub(builder: GraphBuilder, input: Any, other: Any, alpha: Number = 1) -> Value:
    """other - alpha * input."""
    return binary(builder, "subtract", other, _times(builder, input, alpha))


@lowers("aten.mul.Tensor", "aten.mul.Scalar")
def mul(builder: GraphBuilder, input: Any, other: Any) -> Value:
    """input * other."""
    return binary(builder, "multiply", input, other)


@lowers("aten.div.Tensor", "aten.div.Scalar")
def div(builder: GraphBuilder, input: Any, other: Any) -> Value:
    """input / other."""
    return binary(builder, "divide", input, other)


@lowers("aten.maximum.default", "aten.max.other")
def maximum(builder: GraphBuilder, input: Any, other: Any) -> Value:
    """The larger of two."""
    return binary(builder, "maximum", input, other)


@lowers("aten.minimum.default", "aten.min.other")
def minimum(builder: GraphBuilder, input: Any, other: Any) -> Value:
    """The smaller of two."""
    return binary(builder, "minimum", input, other)


@lowers("aten.addcmul.default")
def addcmul(builder: GraphBuilder, input: Any, tensor1: Any, tensor2: Any, *, value: Number = 1) -> Value:
    """input + value * tensor1 * tensor2."""
    if not isinstance(tensor1, Value) and not isinstance(tensor2, Value):
        return binary(builder, "add", input, tensor1 * tensor2 * value)
    return binary(builder, "add", input, _times(builder, binary(builder, "multiply", tensor1, tensor2), value))


def _times(builder: GraphBuilder, operand: Any, factor: Number) -> Any:
    if factor == 1:
        return operand
    return binary(builder, "multiply", operand, factor) if isinstance(operand, Value) else operand * factor


def binary(builder: GraphBuilder, function: str, left: Any, right: Any) -> Value:
    """Adds a function of two operands, of which at least one is a Value; the other may be a tensor or a number."""
    left, right = _promote(builder, function, left, right), _promote(builder, function, right, left)
    if isinstance(left, Value) and isinstance(right, Value):
        return _two_values(builder, function, left, right)
    if isinstance(left, Value):
        return _with_constant(builder, function, left, right, constant_first=False)
    return _with_constant(builder, function, right, left, constant_first=True)


def _promote(builder: GraphBuilder, function: str, operand: Any, other: Any) -> Any:
    """Returns an operand as torch's type promotion makes it: bytes of the input meet floats as float32."""
    if isinstance(operand, Value) and builder.is_uint8_input(operand) and operand.dtype == torch.uint8:
        other_is_float = isinstance(other, float) or getattr(other, "dtype", None) == torch.float32
        if other_is_float or function == "divide":
            return replace(operand, dtype=torch.float32)
    return operand


def _with_constant(builder: GraphBuilder, function: str, value: Value, constant: Any, constant_first: bool) -> Value:
    """Adds a function of a value and a constant."""
    value = builder.elementwise(value)
    if not isinstance(constant, torch.Tensor):
        constant = torch.tensor(constant, dtype=torch.float64)
    elif constant.dim() > 0 and constant.dtype == torch.float64:
        raise NotNative("it computes in float64")
    if constant.is_complex():
        raise NotNative("it computes with complex numbers")
    value = value.with_dimensions([()] * (constant.dim() - value.rank) + list(value.dimensions))
    placed = place_constant(constant, value)
    if placed is None:
        raise NotNative("a constant makes its result larger than its input")
    if function in ("maximum", "minimum") and placed.numel() == 1:
        bound = float(placed)
        return clamp(builder, value, bound) if function == "maximum" else clamp(builder, value, None, bound)
    per_channel = placed.numel() == placed.shape[CHANNEL]
    if per_channel and function not in ("maximum", "minimum") and not (function == "divide" and constant_first):
        numbers = placed.flatten().double().expand(value.stored[CHANNEL])
        zeros, ones = torch.zeros_like(numbers), torch.ones_like(numbers)
        scale, shift = {
            "add": (ones, numbers),
            "subtract": (-ones if constant_first else ones, numbers if constant_first else -numbers),
            "multiply": (numbers, zeros),
            "divide": (1 / numbers, zeros),
        }[function]
        if bool(scale.isfinite().all()):
            return builder.affine(value, scale, shift)
    tensor = builder.constant(placed).tensor
    inputs = [tensor, value.tensor] if constant_first else [value.tensor, tensor]
    return replace(value, tensor=builder.emit(Binary, inputs, value.stored, function=function))


def _two_values(builder: GraphBuilder, function: str, left: Value, right: Value) -> Value:
    """Adds a function of two values, whose layouts are brought together if need be."""
    left, right = builder.elementwise(left), builder.elementwise(right)
    joint = _joint_layout(left, right)
    if joint is None and max(left.rank, right.rank) == 4:
        left, right = (
            builder.native(value.with_dimensions([()] * (4 - value.rank) + list(value.dimensions)))
            for value in (left, right)
        )
        joint = _joint_layout(left, right)
    if joint is None:
        raise NotNative("its inputs are laid out differently")
    stored, dimensions = joint
    return Value(builder.emit(Binary, [left.tensor, right.tensor], stored, function=function), stored, dimensions)


def _joint_layout(left: Value, right: Value) -> tuple[tuple[int, ...], tuple[Dimension, ...]] | None:
    """Returns the stored shape and the dimensions of two values broadcast together, None where they do not match."""
    rank = max(left.rank, right.rank)
    stored: list[int] = []
    for one, other in zip(left.stored, right.stored, strict=True):
        if one != other and 1 not in (one, other):
            return None
        stored.append(other if one == 1 else one)
    dimensions: list[Dimension] = []
    for ours, theirs in zip(
        [()] * (rank - left.rank) + list(left.dimensions),
        [()] * (rank - right.rank) + list(right.dimensions),
        strict=True,
    ):
        if ours and theirs and ours != theirs:
            return None
        dimensions.append(ours or theirs)
    atoms = [atom for dimension in dimensions for atom in dimension]
    if dimension_size(tuple(atoms)) != math.prod(stored) or len(set(atoms)) != len(atoms):
        return None
    return tuple(stored), tuple(dimensions)

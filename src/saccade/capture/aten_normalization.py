"""Normalisations and softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from saccade.capture.builder import GraphBuilder, NotNative, float_weight
from saccade.capture.channel_groups import softmax_by_groups
from saccade.capture.layout import BATCH, CHANNEL, Value, stored_order
from saccade.capture.lowering import lower, lowers
from saccade.capture.places import join_places
from saccade.graph import GroupMoments, LayerNormalization, Softmax, Standardization

FEW_GROUPS = 8
"""Groups of channels that are given a softmax each; more become places, which moves them all."""


def normalize_channels(
    builder: GraphBuilder, input: Value, weight: Any, bias: Any, mean: Any, variance: Any, epsilon: float
) -> Value:
    """Adds a batch norm at inference: one scale and one shift a channel, computed in float64."""
    numbers = [tensor for tensor in (weight, bias, mean, variance) if tensor is not None]
    if not isinstance(mean, torch.Tensor) or not isinstance(variance, torch.Tensor):
        raise NotNative("it normalises by the statistics of its input")
    if not all(isinstance(tensor, torch.Tensor) for tensor in numbers):
        raise NotNative("its weights depend on the input")
    if input.rank < 2:
        raise NotNative("it normalises a value without channels")
    value = builder.elementwise(input)
    if not value.covers_axis(1, CHANNEL):
        raise NotNative("it normalises channels that are stored as places")
    scale = 1 / torch.sqrt(variance.double() + epsilon)
    if weight is not None:
        scale = scale * weight.double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    return builder.affine(value, _stored_channels(value, 1, scale), _stored_channels(value, 1, shift))


def _stored_channels(value: Value, dimension: int, numbers: torch.Tensor) -> torch.Tensor:
    """Returns one number a channel in the stored order, given in the order of the dimension."""
    sizes, order = stored_order(value.dimensions[dimension])
    return (
        numbers.detach().reshape(sizes).permute(order).reshape(-1) if len(order) > 1 else numbers.detach().reshape(-1)
    )


@lowers("aten._native_batch_norm_legit_no_training.default")
def batch_norm_at_inference(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    momentum: float,
    eps: float,
) -> tuple[Value, None, None]:
    """Batch norm by its running statistics."""
    return normalize_channels(builder, input, weight, bias, running_mean, running_var, eps), None, None


@lowers("aten.batch_norm.default")
def batch_norm(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Value:
    """Batch norm by its running statistics."""
    if training:
        raise NotNative("it normalises by the statistics of its input")
    return normalize_channels(builder, input, weight, bias, running_mean, running_var, eps)


def normalize_groups(builder: GraphBuilder, input: Value, groups: int, weight: Any, bias: Any, epsilon: float) -> Value:
    """Adds a norm over the channels of each group and all places, by statistics of the input.

    Raises:
        NotNative: when the value is not (N, C, H, W), or a weight depends on the input.
    """
    value = builder.native(input)
    if isinstance(weight, Value) or isinstance(bias, Value):
        raise NotNative("its weights depend on the input")
    batch, channels = value.shape[:2]
    shape = (batch, 2 * channels, 1, 1)
    moments = builder.emit(GroupMoments, [value.tensor], shape, groups=groups, epsilon=float(epsilon))
    tensor = builder.emit(
        Standardization,
        [value.tensor, moments],
        value.shape,
        weight=None if weight is None else float_weight(weight),
        bias=None if bias is None else float_weight(bias),
    )
    return Value.of(tensor, value.shape)


@lowers("aten.group_norm.default")
def group_norm(
    builder: GraphBuilder,
    input: Value,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """Group norm."""
    return normalize_groups(builder, input, num_groups, weight, bias, eps)


@lowers("aten.native_group_norm.default")
def native_group_norm(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    batch: int,
    channels: int,
    places: int,
    groups: int,
    epsilon: float,
) -> tuple[Value, None, None]:
    """Group norm, for a caller that does not read the statistics."""
    return normalize_groups(builder, input, groups, weight, bias, epsilon), None, None


@lowers("aten.instance_norm.default")
def instance_norm(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Value:
    """Instance norm by the statistics of its input, or by running ones."""
    if not use_input_stats:
        return normalize_channels(builder, input, weight, bias, running_mean, running_var, eps)
    return normalize_groups(builder, input, input.shape[1], weight, bias, eps)


def _over_images(builder: GraphBuilder, input: Value, weight: Any, bias: Any, epsilon: float) -> Value:
    """Adds a layer norm over all of C, H, W, whose weight and bias have a number for each element."""
    value = normalize_groups(builder, input, 1, None, None, epsilon)
    if weight is not None:
        value = lower(builder, "aten.mul.Tensor", [value, weight])
    return value if bias is None else lower(builder, "aten.add.Tensor", [value, bias])


@lowers("aten.layer_norm.default")
def layer_norm(
    builder: GraphBuilder,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = False,
) -> Value:
    """Layer norm over the channels of each place, or over whole images."""
    if input.rank == 4 and len(normalized_shape) == 3:
        return _over_images(builder, input, weight, bias, eps)
    value = builder.elementwise(input)
    last = value.rank - 1
    if len(normalized_shape) != 1 or not value.covers_axis(last, CHANNEL):
        raise NotNative("it normalises over some of the axes of places")
    if isinstance(weight, Value) or isinstance(bias, Value):
        raise NotNative("its weights depend on the input")
    return builder.emit_like(
        value,
        LayerNormalization,
        weight=None if weight is None else float_weight(_stored_channels(value, last, weight)),
        bias=None if bias is None else float_weight(_stored_channels(value, last, bias)),
        epsilon=eps,
    )


@lowers("aten.native_layer_norm.default")
def native_layer_norm(
    builder: GraphBuilder, input: Value, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Value, None, None]:
    """Layer norm, for a caller that does not read the statistics."""
    return layer_norm(builder, input, normalized_shape, weight, bias, eps), None, None


def _over_channels(builder: GraphBuilder, input: Value, dim: int, dtype: Any, logarithm: bool) -> Value:
    if dtype not in (None, False, torch.float32):
        raise NotNative(f"it computes in {dtype}")
    value = builder.elementwise(input)
    dim %= value.rank
    if value.axes_of(dim) - {CHANNEL}:
        raise NotNative("its softmax is not over channels")
    if not value.covers_axis(dim, CHANNEL):
        if value.stored[CHANNEL] // value.shape[dim] <= FEW_GROUPS:
            return softmax_by_groups(builder, value, dim, logarithm)
        value = join_places(builder, [value], _other_dimensions(value, dim))
    return builder.emit_like(value, Softmax, logarithm=logarithm)


def _other_dimensions(value: Value, dim: int) -> list[int]:
    """Returns the dimensions but ``dim`` and those of the batch."""
    return [other for other in range(value.rank) if other != dim and BATCH not in value.axes_of(other)]


@lowers("aten.softmax.int", "aten._softmax.default")
def softmax(builder: GraphBuilder, input: Value, dim: int, dtype: Any = None) -> Value:
    """Softmax over channels."""
    return _over_channels(builder, input, dim, dtype, False)


@lowers("aten.log_softmax.int", "aten._log_softmax.default")
def log_softmax(builder: GraphBuilder, input: Value, dim: int, dtype: Any = None) -> Value:
    """The logarithm of softmax over channels."""
    return _over_channels(builder, input, dim, dtype, True)

"""A plan's steps as calls of the native engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from saccade.errors import CaptureError
from saccade.graph import (
    Activation,
    AdaptiveAveragePool,
    AveragePool,
    Binary,
    ChannelAffine,
    ChannelGather,
    ChannelMaximum,
    Concatenate,
    Constant,
    Convolution,
    DeformableConvolution,
    GroupMoments,
    LayerNormalization,
    Linear,
    MaxPool,
    Operator,
    Pad,
    PlaceConcatenate,
    Softmax,
    Standardization,
    Transmission,
    TransposedConvolution,
    Upsample,
)
from saccade.plan import Step, is_depthwise
from saccade.plan.gathers import runs_of
from saccade.runtime.place_part import place_part

if TYPE_CHECKING:
    from saccade.runtime.program import Program

Function = tuple[str, float, float]


def lower(program: Program, step: Step) -> Iterator[Step]:
    """Adds the step to the program's native part; yields a step for each native operator added."""
    if step.output in program.plan.views:
        numbers = program.tensor_numbers
        program.native.add_join(step.name, [numbers[step.inputs[0]]], numbers[step.output])
        yield step
        return
    if isinstance(step.operator, Concatenate):
        yield from _concatenate(program, step)
        return
    for kind in type(step.operator).__mro__:
        if kind in _LOWERINGS:
            _check_channels(program, step)
            _LOWERINGS[kind](program, step, step.operator)
            yield step
            return
    raise CaptureError(f"operator {step.name!r} of kind {step.operator.kind!r} has no native form")


def _check_channels(program: Program, step: Step) -> None:
    """Raises where weights do not fit the input: the kernels would read past their end."""
    if step.before is not None:
        _check_channels(program, step.before)
    operator = step.operator
    shape = program.graph.tensors[operator.inputs[0]].shape if operator.inputs else ()
    expected = None
    if isinstance(operator, Convolution | DeformableConvolution):
        expected = operator.weight.shape[1] * operator.groups
    elif isinstance(operator, TransposedConvolution):
        expected = operator.weight.shape[0]
    elif isinstance(operator, ChannelAffine):
        expected = operator.scale.numel()
    elif isinstance(operator, Linear) and operator.weight.shape[1] != math.prod(shape[1:]):
        raise CaptureError(
            f"{step.name!r} takes {operator.weight.shape[1]} values an image, but its input {operator.inputs[0]!r} has "
            f"shape {shape}: give frames of the size that the model was made for"
        )
    if expected is not None and shape[1] != expected:
        raise CaptureError(
            f"{step.name!r} takes {expected} channels, but its input {operator.inputs[0]!r} has shape {shape}: give "
            "frames of as many channels as the model was made for"
        )


def _number(program: Program, name: str) -> int:
    return program.tensor_numbers[name]


def _ends(program: Program, step: Step) -> tuple[str, int, int]:
    """Returns the step's name and the numbers of its first input and of its output."""
    return step.name, _number(program, step.inputs[0]), _number(program, step.output)


def _function(activation: Activation | None) -> Function:
    if activation is None:
        return "identity", 0.0, 0.0
    first, second = (*activation.parameters, 0.0, 0.0)[:2]
    return activation.function, first, second


def _array(tensor: Any) -> Any:
    return None if tensor is None else np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


def _weights(operator: Any) -> tuple[Any, Any]:
    """Returns an operator's weight and bias, each None where it has none."""
    return _array(operator.weight), _array(operator.bias)


def _window(operator: Convolution | DeformableConvolution | TransposedConvolution) -> tuple[Any, ...]:
    """Returns stride, padding before the first row and column, dilation and groups."""
    return list(operator.stride), list(operator.padding[:2]), list(operator.dilation), operator.groups


def _concatenate(program: Program, step: Step) -> Iterator[Step]:
    """Copies the parts that lie elsewhere, then joins the change maps."""
    placements = program.plan.placements
    parts: list[int] = []
    offset = 0
    for position, name in enumerate(step.inputs):
        channels = program.graph.tensors[name].shape[1]
        if _lies_in(placements, name, step.output, offset) and name not in step.inputs[:position]:
            parts.append(_number(program, name))
        else:
            shape = list(program.graph.tensors[step.output].shape)
            shape[1] = channels
            part = program.native.add_tensor(shape, [0, 0, 0, 0], _number(program, step.output), offset)
            copy = f"{step.name}.copy{position}"
            program.native.add_channel_gather(copy, _number(program, name), part, list(range(channels)))
            gather = ChannelGather(copy, (name,), (step.output,), tuple(range(channels)))
            yield replace(step, operator=gather, inputs=(name,), fused=())
            parts.append(part)
        offset += channels
    program.native.add_join(step.name, parts, _number(program, step.output))
    yield step


def _lies_in(placements: Any, name: str, target: str, offset: int) -> bool:
    def root(tensor: str) -> tuple[str, int]:
        total = 0
        while placements[tensor].parent is not None:
            total += placements[tensor].channel_offset
            tensor = placements[tensor].parent
        return tensor, total

    (name_root, name_offset), (target_root, target_offset) = root(name), root(target)
    return name != target and name_root == target_root and name_offset == target_offset + offset


def _transmission(program: Program, step: Step, operator: Transmission) -> None:
    program.transmissions[step.output] = program.native.add_transmission(*_ends(program, step), operator.sending)


def _convolution(program: Program, step: Step, operator: Convolution) -> None:
    if step.before is not None:
        behind = {Binary: _scaled_convolution, ChannelGather: _gathered_convolution}
        behind.get(type(step.before.operator), _depthwise_block)(program, step)
        return
    source = program.transmissions.get(step.inputs[0])
    if source is not None and program.by_elements and _dense_or_depthwise(operator):
        _element_convolution(program, step, operator, source)
        return
    program.native.add_convolution(
        *_ends(program, step),
        _residual(program, step),
        *_weights(operator),
        *_window(operator),
        *_function(step.activation),
        False,
    )


def _layer(step: Step) -> Any:
    """Returns a convolution as the blocks of several layers take it."""
    assert isinstance(step.operator, Convolution)
    return (*_weights(step.operator), *_window(step.operator), *_function(step.activation))


def _residual(program: Program, step: Step) -> int:
    return -1 if step.residual is None else _number(program, step.residual)


def _depthwise_block(program: Program, step: Step) -> None:
    chain = step.chain
    depthwise = next(index for index, part in enumerate(chain) if is_depthwise(part.operator))
    program.native.add_depthwise_block(
        *_ends(program, step),
        _residual(program, step),
        _layer(chain[0]) if depthwise == 1 else None,
        list(program.graph.tensors[chain[0].output].shape[2:]),
        _layer(chain[depthwise]),
        _layer(chain[-1]) if depthwise < len(chain) - 1 else None,
    )


def _scaled_convolution(program: Program, step: Step) -> None:
    factors, features = sorted(step.inputs, key=lambda name: math.prod(program.graph.tensors[name].shape))
    program.native.add_scaled_convolution(
        step.name,
        _number(program, features),
        _number(program, factors),
        _number(program, step.output),
        _residual(program, step),
        _layer(step),
    )


def _gathered_convolution(program: Program, step: Step) -> None:
    assert step.before is not None
    assert isinstance(step.before.operator, ChannelGather)
    assert isinstance(step.operator, Convolution)
    runs = runs_of(step.before.operator.indices)
    assert runs is not None
    weight, bias = _weights(step.operator)
    by_runs = weight[:, list(runs.order)].reshape(len(weight), len(runs.firsts), runs.length).transpose(0, 2, 1)
    program.native.add_gathered_convolution(
        *_ends(program, step),
        _residual(program, step),
        np.ascontiguousarray(by_runs)[..., None],
        bias,
        list(runs.firsts),
        runs.step,
        *_function(step.activation),
    )


def _element_convolution(program: Program, step: Step, operator: Convolution, source: int) -> None:
    cost = program.delta_cost(operator)
    program.native.add_element_convolution(
        *_ends(program, step),
        _residual(program, step),
        source,
        *_weights(operator),
        *_window(operator),
        *_function(step.activation),
        [cost.by_places, cost.by_deltas, cost.place, cost.element],
    )


def _dense_or_depthwise(operator: Convolution) -> bool:
    return operator.groups == 1 or (is_depthwise(operator) and math.prod(operator.weight.shape[2:]) <= 64)


def _transposed_convolution(program: Program, step: Step, operator: TransposedConvolution) -> None:
    program.native.add_convolution(
        *_ends(program, step),
        -1,
        *_weights(operator),
        *_window(operator),
        *_function(step.activation),
        True,
    )


def _linear(program: Program, step: Step, operator: Linear) -> None:
    program.native.add_flat_linear(
        *_ends(program, step),
        *_weights(operator),
        *_function(step.activation),
    )


def _elementwise(program: Program, step: Step, combine: str, scale: Any, shift: Any, function: Function) -> None:
    second = _number(program, step.inputs[1]) if len(step.inputs) > 1 else -1
    program.native.add_elementwise(
        step.name,
        _number(program, step.inputs[0]),
        second,
        _number(program, step.output),
        combine,
        _array(scale),
        _array(shift),
        *function,
    )


def _affine(program: Program, step: Step, operator: ChannelAffine) -> None:
    _elementwise(program, step, "add", operator.scale, operator.shift, _function(step.activation))


def _activation(program: Program, step: Step, operator: Activation) -> None:
    _elementwise(program, step, "add", None, None, _function(operator))


def _binary(program: Program, step: Step, operator: Binary) -> None:
    _elementwise(program, step, operator.function, None, None, _function(step.activation))


def _constant(program: Program, step: Step, operator: Constant) -> None:
    program.native.add_constant(step.name, _number(program, step.output), _array(operator.value))


def _channel_gather(program: Program, step: Step, operator: ChannelGather) -> None:
    program.native.add_channel_gather(*_ends(program, step), list(operator.indices))


def _place_concatenate(program: Program, step: Step, operator: PlaceConcatenate) -> None:
    shapes = [program.graph.tensors[name].shape for name in step.inputs]
    parts = [place_part(layout, shape) for layout, shape in zip(operator.layouts, shapes, strict=True)]
    program.native.add_place_concatenation(
        step.name,
        [_number(program, name) for name in step.inputs],
        _number(program, step.output),
        [list(part.steps) for part in parts],
        [part.places for part in parts],
        [part.channels for part in parts],
    )


def _channel_maximum(program: Program, step: Step, operator: ChannelMaximum) -> None:
    program.native.add_channel_maximum(*_ends(program, step))


def _pad(program: Program, step: Step, operator: Pad) -> None:
    program.native.add_pad(
        *_ends(program, step),
        operator.padding[0],
        operator.padding[1],
        operator.channels[0],
        operator.value,
    )


def _max_pool(program: Program, step: Step, operator: MaxPool) -> None:
    if step.before is not None:
        program.native.add_pooled_convolution(
            *_ends(program, step),
            _layer(step.before),
            list(program.graph.tensors[step.before.output].shape[2:]),
            list(operator.kernel),
            list(operator.stride),
            list(operator.padding),
            list(operator.dilation),
        )
        return
    _pool(program, step, True, operator, operator.dilation, True, 0)


def _average_pool(program: Program, step: Step, operator: AveragePool) -> None:
    _pool(program, step, False, operator, (1, 1), operator.count_include_pad, operator.divisor or 0)


def _pool(
    program: Program,
    step: Step,
    largest: bool,
    operator: MaxPool | AveragePool,
    dilation: tuple[int, int],
    count_include_pad: bool,
    divisor: int,
) -> None:
    program.native.add_pool(
        *_ends(program, step),
        largest,
        list(operator.kernel),
        list(operator.stride),
        list(operator.padding),
        list(dilation),
        count_include_pad,
        divisor,
    )


def _adaptive_average_pool(program: Program, step: Step, operator: AdaptiveAveragePool) -> None:
    program.native.add_adaptive_average_pool(*_ends(program, step))


def _upsample(program: Program, step: Step, operator: Upsample) -> None:
    program.native.add_upsample(
        *_ends(program, step),
        operator.mode == "bilinear",
        operator.align_corners,
        *(operator.scale or (0.0, 0.0)),
    )


def _softmax(program: Program, step: Step, operator: Softmax) -> None:
    program.native.add_softmax(*_ends(program, step), operator.logarithm)


def _layer_normalization(program: Program, step: Step, operator: LayerNormalization) -> None:
    program.native.add_layer_normalization(
        *_ends(program, step),
        *_weights(operator),
        operator.epsilon,
    )


def _group_moments(program: Program, step: Step, operator: GroupMoments) -> None:
    program.native.add_group_moments(*_ends(program, step), operator.groups, operator.epsilon)


def _standardization(program: Program, step: Step, operator: Standardization) -> None:
    program.native.add_standardization(
        step.name,
        *(_number(program, name) for name in step.inputs),
        _number(program, step.output),
        *_weights(operator),
        *_function(step.activation),
    )


def _deformable_convolution(program: Program, step: Step, operator: DeformableConvolution) -> None:
    features, offset, *mask = (_number(program, name) for name in step.inputs)
    program.native.add_deformable_convolution(
        step.name,
        features,
        offset,
        mask[0] if mask else -1,
        _number(program, step.output),
        *_weights(operator),
        *_window(operator),
        operator.offset_groups,
        *_function(step.activation),
    )


_LOWERINGS: dict[type[Operator], Callable[[Any, Step, Any], None]] = {
    Activation: _activation,
    AdaptiveAveragePool: _adaptive_average_pool,
    AveragePool: _average_pool,
    Binary: _binary,
    ChannelAffine: _affine,
    ChannelGather: _channel_gather,
    ChannelMaximum: _channel_maximum,
    Constant: _constant,
    Convolution: _convolution,
    DeformableConvolution: _deformable_convolution,
    GroupMoments: _group_moments,
    LayerNormalization: _layer_normalization,
    Linear: _linear,
    MaxPool: _max_pool,
    Pad: _pad,
    PlaceConcatenate: _place_concatenate,
    Softmax: _softmax,
    Standardization: _standardization,
    Transmission: _transmission,
    TransposedConvolution: _transposed_convolution,
    Upsample: _upsample,
}

"""A whole graph in plain torch: the definition that every plan and kernel is tested against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree

from saccade.errors import FrameError
from saccade.graph import Fallback, Graph, Operator, Reference, torch_operator
from saccade.kernels.activation.reference import reference as activation
from saccade.kernels.adaptive_average_pool.reference import reference as adaptive_average_pool
from saccade.kernels.average_pool.reference import reference as average_pool
from saccade.kernels.binary.reference import reference as binary
from saccade.kernels.channel_affine.reference import reference as channel_affine
from saccade.kernels.channel_gather.reference import reference as channel_gather
from saccade.kernels.channel_maximum.reference import reference as channel_maximum
from saccade.kernels.concatenate.reference import reference as concatenate
from saccade.kernels.constant.reference import reference as constant
from saccade.kernels.convolution.reference import reference as convolution
from saccade.kernels.deformable_convolution.reference import reference as deformable_convolution
from saccade.kernels.group_moments.reference import reference as group_moments
from saccade.kernels.layer_normalization.reference import reference as layer_normalization
from saccade.kernels.linear.reference import reference as linear
from saccade.kernels.max_pool.reference import reference as max_pool
from saccade.kernels.pad.reference import reference as pad
from saccade.kernels.place_concatenate.reference import reference as place_concatenate
from saccade.kernels.softmax.reference import reference as softmax
from saccade.kernels.standardization.reference import reference as standardization
from saccade.kernels.transmission.reference import reference as transmission
from saccade.kernels.transposed_convolution.reference import reference as transposed_convolution
from saccade.kernels.upsample.reference import reference as upsample

REFERENCES: dict[str, Callable[..., torch.Tensor]] = {
    "activation": activation,
    "adaptive_average_pool": adaptive_average_pool,
    "average_pool": average_pool,
    "binary": binary,
    "channel_affine": channel_affine,
    "channel_gather": channel_gather,
    "channel_maximum": channel_maximum,
    "concatenate": concatenate,
    "constant": constant,
    "convolution": convolution,
    "deformable_convolution": deformable_convolution,
    "group_moments": group_moments,
    "layer_normalization": layer_normalization,
    "linear": linear,
    "max_pool": max_pool,
    "pad": pad,
    "place_concatenate": place_concatenate,
    "softmax": softmax,
    "standardization": standardization,
    "transmission": transmission,
    "transposed_convolution": transposed_convolution,
    "upsample": upsample,
}
"""The definition of every native operator, by its kind."""


def as_read(frame: torch.Tensor) -> torch.Tensor:
    """Returns an input as operators read it: uint8 as float32, any other type as it is."""
    return frame.float() if frame.dtype == torch.uint8 else frame


def fetch(leaf: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Returns what ``leaf`` stands for: torch's view of a tensor for a Reference, else ``leaf`` itself."""
    if not isinstance(leaf, Reference):
        return leaf
    tensor = tensors[leaf.tensor]
    return tensor if leaf.layout is None else leaf.layout.apply(tensor)


LAYOUT_SENSITIVE = frozenset({"aten.as_strided.default", "aten.view.dtype", "aten.view_as_complex.default"})
"""Operators that ask how their tensor lies in memory: theirs lie as they do where torch runs the whole model."""


def run_fallback(operator: Fallback, tensors: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Runs one operator in torch on dense values.

    Args:
        operator: what to run.
        tensors: the stored value of every tensor that the operator reads, by name.

    Returns:
        The tensors of ``operator.outputs``, in that order.
    """
    arguments, keywords = pytree.tree_map(
        lambda leaf: fetch(leaf, tensors),
        (list(operator.arguments), operator.keywords),
        is_leaf=lambda leaf: isinstance(leaf, Reference),
    )
    if operator.target in LAYOUT_SENSITIVE:
        arguments = pytree.tree_map_only(torch.Tensor, torch.Tensor.contiguous, arguments)
    result = torch_operator(operator.target)(*arguments, **keywords)
    return tuple(leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor))


def run_native(operator: Operator, inputs: Sequence[torch.Tensor], shape: tuple[int, ...]) -> torch.Tensor:
    """Returns what a native ``operator`` writes for ``inputs`` (N, C, H, W): a tensor of ``shape``."""
    return REFERENCES[operator.kind](operator, *inputs, shape=shape)


@torch.no_grad()
def evaluate(graph: Graph, inputs: Sequence[torch.Tensor]) -> list[Any]:
    """Runs a graph in plain torch.

    Args:
        graph: what to run.
        inputs: one tensor for each of ``graph.inputs``, of its shape; uint8 is read as float32.

    Returns:
        The outputs' leaves as the model would return them, in the order of ``graph.outputs``.

    Raises:
        FrameError: when the inputs' number or shapes do not fit the graph.
    """
    tensors: dict[str, torch.Tensor] = {}
    if len(inputs) != len(graph.inputs):
        raise FrameError(f"{len(inputs)} inputs were given, the graph has {len(graph.inputs)}: {list(graph.inputs)}")
    for name, value in zip(graph.inputs, inputs, strict=True):
        expected = graph.tensors[name].shape
        if tuple(value.shape) != expected:
            raise FrameError(
                f"the input {name!r} has shape {tuple(value.shape)}, the graph was captured for {expected}"
            )
        tensors[name] = as_read(value)
    for operator in graph.operators:
        if isinstance(operator, Fallback):
            tensors.update(zip(operator.outputs, run_fallback(operator, tensors), strict=True))
        else:
            values = [tensors[name] for name in operator.inputs]
            tensors[operator.output] = run_native(operator, values, graph.tensors[operator.output].shape)
    return [fetch(leaf, tensors) for leaf in graph.outputs]

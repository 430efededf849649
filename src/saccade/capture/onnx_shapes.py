"""ONNX operators that move or choose data: reshapes, slices, joins, borders."""

from __future__ import annotations

import math
from typing import Any

import onnx
import torch

from saccade.capture.onnx_node import Node, imports
from saccade.errors import CaptureError

FAR = 2**31 - 1
"""Slices to this position or beyond reach the end."""


@imports("Identity", "Dropout")
def identity(node: Node) -> Any:
    """The same value; a Dropout that is switched on is refused."""
    training = node.numbers(2) if node.operator == "Dropout" else None
    if training and training[0]:
        raise CaptureError("it is in training mode; export the model in evaluation mode")
    return node.input(0)


@imports("Constant")
def constant(node: Node) -> Any:
    """A constant, as a tensor or as plain numbers."""
    value = next(iter(node.attributes.values()))
    return value if isinstance(value, torch.Tensor) else torch.tensor(value)


@imports("ConstantOfShape")
def constant_of_shape(node: Node) -> Any:
    """One number everywhere."""
    fill = node.attribute("value", torch.zeros(1))
    return torch.full(node.numbers(0) or [], fill.item(), dtype=fill.dtype)


@imports("Shape")
def shape(node: Node) -> Any:
    """The sizes, which are known."""
    return torch.tensor(node.input(0).shape)[node.attribute("start", 0) : node.attribute("end")]


@imports("Cast")
def cast(node: Node) -> Any:
    """Another dtype."""
    target = onnx.helper.tensor_dtype_to_np_dtype(node.attribute("to")).type(0).reshape(1)
    return node.call("_to_copy.default", node.input(0), dtype=torch.from_numpy(target).dtype)


@imports("DequantizeLinear")
def dequantize_linear(node: Node) -> Any:
    """Weights that are stored as whole numbers."""
    numbers, scale, zero = node.input(0), node.input(1), node.input(2)
    if not isinstance(numbers, torch.Tensor) or scale.numel() > 1 < scale.dim():
        raise CaptureError("only weights are read that have one scale, or one for each place along an axis")
    shape = [-1 if place == node.attribute("axis", 1) % numbers.dim() else 1 for place in range(numbers.dim())]
    scale, zero = (part if part is None or part.numel() == 1 else part.reshape(shape) for part in (scale, zero))
    return (numbers.to(scale.dtype) - (0 if zero is None else zero.to(scale.dtype))) * scale


@imports("CastLike")
def cast_like(node: Node) -> Any:
    """The dtype of another value."""
    return node.call("_to_copy.default", node.input(0), dtype=node.input(1).dtype)


@imports("Reshape")
def reshape(node: Node) -> Any:
    """Another shape; 0 keeps a size."""
    sizes = node.numbers(1, "shape") or []
    given = tuple(node.input(0).shape)
    if not node.attribute("allowzero", 0):
        if 0 in sizes[len(given) :]:
            raise CaptureError(f"its shape {sizes} keeps a size that its input of shape {given} does not have")
        sizes = [size or given[index] for index, size in enumerate(sizes)]
    _require_as_many(given, sizes)
    return node.call("reshape.default", node.input(0), sizes)


def _require_as_many(given: tuple[int, ...], sizes: list[int]) -> None:
    """Raises CaptureError where a tensor has more or fewer numbers than the shape that it is to take."""
    count, wanted = math.prod(given), math.prod(size for size in sizes if size != -1)
    fits = (count % wanted == 0 if wanted else count == 0) if -1 in sizes else count == wanted
    if not fits:
        raise CaptureError(
            f"its constant shape {sizes} does not fit an input of shape {given}, which has {count} numbers"
        )


@imports("Flatten")
def flatten(node: Node) -> Any:
    """A matrix."""
    given = node.input(0).shape
    axis = node.attribute("axis", 1)
    axis = axis + len(given) if axis < 0 else axis
    return node.call("reshape.default", node.input(0), [math.prod(given[:axis]), math.prod(given[axis:])])


@imports("Transpose")
def transpose(node: Node) -> Any:
    """Dimensions in another order."""
    order = node.attribute("perm", list(range(len(node.input(0).shape)))[::-1])
    return node.call("permute.default", node.input(0), order)


@imports("Squeeze")
def squeeze(node: Node) -> Any:
    """Dimensions of size 1 left out."""
    axes = node.numbers(1, "axes")
    if axes is None:
        return node.call("squeeze.default", node.input(0))
    return node.call("squeeze.dims", node.input(0), axes)


@imports("Unsqueeze")
def unsqueeze(node: Node) -> Any:
    """New dimensions of size 1."""
    axes = node.numbers(1, "axes") or []
    rank = len(node.input(0).shape) + len(axes)
    result = node.input(0)
    for axis in sorted(axis % rank for axis in axes):
        result = node.call("unsqueeze.default", result, axis)
    return result


@imports("Expand")
def expand(node: Node) -> Any:
    """A broadcast."""
    given, wanted = list(node.input(0).shape), node.numbers(1) or []
    rank = max(len(given), len(wanted))
    given, wanted = [1] * (rank - len(given)) + given, [1] * (rank - len(wanted)) + wanted
    return node.call("expand.default", node.input(0), [max(pair) for pair in zip(given, wanted, strict=True)])


@imports("Tile")
def tile(node: Node) -> Any:
    """Copies side by side."""
    return node.call("repeat.default", node.input(0), node.numbers(1))


@imports("Concat")
def concat(node: Node) -> Any:
    """Values one after the other."""
    return node.call("cat.default", list(node.inputs), node.attribute("axis"))


@imports("Split")
def split(node: Node) -> Any:
    """Parts of given sizes, or as many equal ones as there are outputs."""
    axis = node.attribute("axis", 0)
    sizes = node.numbers(1, "split")
    whole = node.input(0).shape[axis]
    if sizes is not None and sum(sizes) != whole:
        raise CaptureError(f"its constant sizes {sizes} do not fit the {whole} places of dimension {axis}")
    if sizes is None:
        part = -(-whole // node.attribute("num_outputs", node.outputs))
        sizes = [min(part, whole - start) for start in range(0, whole, part)]
    return node.call("split_with_sizes.default", node.input(0), sizes, axis)


@imports("Slice")
def slice_(node: Node) -> Any:
    """Positions in steps, also backwards."""
    value = node.input(0)
    starts, ends = node.numbers(1, "starts") or [], node.numbers(2, "ends") or []
    axes = node.numbers(3, "axes") or list(range(len(starts)))
    steps = node.numbers(4, "steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis %= len(value.shape)
        size = value.shape[axis]
        if step > 0:
            value = node.call("slice.Tensor", value, axis, start, FAR if end > FAR else end, step)
            continue
        stop = None if end < -size else end
        chosen = torch.tensor(list(range(size))[min(start, size - 1) : stop : step], dtype=torch.int64)
        value = node.call("index_select.default", value, axis, chosen)
    return value


@imports("Gather")
def gather(node: Node) -> Any:
    """Positions that a constant lists."""
    value, indices = node.input(0), node.input(1)
    axis = node.attribute("axis", 0) % len(value.shape)
    if not isinstance(indices, torch.Tensor):
        raise CaptureError("its indices depend on the graph's inputs")
    if indices.dim() == 0:
        return node.call("select.int", value, axis, int(indices))
    flat = indices.flatten().long() % value.shape[axis]
    chosen = node.call("index_select.default", value, axis, flat)
    return node.call("reshape.default", chosen, [*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :]])


@imports("GatherElements")
def gather_elements(node: Node) -> Any:
    """For each place the position along an axis that its own index names."""
    axis = node.attribute("axis", 0) % len(node.input(0).shape)
    size = node.input(0).shape[axis]
    return node.call("gather.default", node.input(0), axis, node.call("remainder.Scalar", node.input(1), size))


@imports("GridSample")
def grid_sample(node: Node) -> Any:
    """Samples at places that a grid names."""
    modes = {"linear": 0, "bilinear": 0, "nearest": 1, "cubic": 2, "bicubic": 2}
    borders = {"zeros": 0, "border": 1, "reflection": 2}
    mode, border = modes[node.attribute("mode", "bilinear")], borders[node.attribute("padding_mode", "zeros")]
    aligned = bool(node.attribute("align_corners", 0))
    return node.call("grid_sampler.default", node.image(), node.input(1), mode, border, aligned)


@imports("Pad")
def pad(node: Node) -> Any:
    """A border."""
    value = node.input(0)
    mode = node.attribute("mode", "constant")
    widths = node.numbers(1, "pads") or []
    rank = len(value.shape)
    axes = [axis % rank for axis in node.numbers(3) or range(rank)]
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = widths[place], widths[place + len(axes)]
    flat = [width for axis in reversed(range(rank)) for width in (before[axis], after[axis])]
    if mode == "constant":
        fill = node.numbers(2) or [node.attribute("value", 0.0)]
        return node.call("constant_pad_nd.default", value, flat, fill[0])
    names = {"reflect": "reflection_pad2d.default", "edge": "replication_pad2d.default"}
    if mode not in names or any(flat[4:]):
        raise CaptureError(f"borders of the mode {mode!r} are not read")
    return node.call(names[mode], value, flat[:4])


@imports("DepthToSpace")
def depth_to_space(node: Node) -> Any:
    """Channels spread over places."""
    value, block = node.image(), node.attribute("blocksize")
    if node.attribute("mode", "DCR") == "CRD":
        return node.call("pixel_shuffle.default", value, block)
    count, channels, rows, columns = value.shape
    split = node.call("reshape.default", value, [count, block, block, channels // block**2, rows, columns])
    moved = node.call("permute.default", split, [0, 3, 1, 2, 4, 5])
    ordered = node.call("reshape.default", moved, [count, channels, rows, columns])
    return node.call("pixel_shuffle.default", ordered, block)


@imports("SpaceToDepth")
def space_to_depth(node: Node) -> Any:
    """Places gathered into channels."""
    value, block = node.image(), node.attribute("blocksize")
    count, channels, rows, columns = value.shape
    gathered = node.call("pixel_unshuffle.default", value, block)
    shape = [count, channels, block, block, rows // block, columns // block]
    moved = node.call("permute.default", node.call("reshape.default", gathered, shape), [0, 2, 3, 1, 4, 5])
    return node.call("reshape.default", moved, [count, channels * block**2, rows // block, columns // block])

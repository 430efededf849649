"""ONNX operators that move or choose data: reshapes, slices, joins, borders, interpolation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import torch

from saccade.capture.layout import Value
from saccade.capture.onnx_node import Node, imports
from saccade.errors import CaptureError

FAR = 2**31 - 1
"""Slices to this position or beyond reach the end."""


@imports("Identity", "Dropout")
def identity(node: Node) -> Any:
    """The same value."""
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


@imports("Resize", "Upsample")
def resize(node: Node) -> Any:
    """Interpolation of rows and columns."""
    value = node.image()
    sides, scale = _target(node, value)
    mode = node.attribute("mode", "nearest")
    coordinates = node.attribute("coordinate_transformation_mode", _default_coordinates(node))
    _require_plain_filter(node, value, sides, mode)
    if mode == "nearest":
        return _nearest(node, value, sides, scale, coordinates)
    align_corners = coordinates == "align_corners"
    if mode not in ("linear", "cubic") or not (align_corners or coordinates in ("half_pixel", "pytorch_half_pixel")):
        raise CaptureError(f"interpolation {mode!r} with {coordinates!r} coordinates is not read")
    if coordinates == "pytorch_half_pixel":
        value, scale = _first_of_single_sides(node, value, sides, scale)
    target = "upsample_bilinear2d.default" if mode == "linear" else "upsample_bicubic2d.default"
    return node.call(target, value, sides, align_corners, *(scale or (None, None)))


def _is_early(node: Node) -> bool:
    """Tells whether an interpolation is from before version 11, which gave it coordinates, roundings and sizes."""
    return node.operator == "Upsample" or node.version < 11


def _default_coordinates(node: Node) -> str:
    return "asymmetric" if _is_early(node) else "half_pixel"


def _target(node: Node, value: Value) -> tuple[list[int], list[float] | None]:
    """Returns the rows and columns that an interpolation is to have, and its factors where it is given by those."""
    scales = node.numbers(1 if _is_early(node) else 2, "scales")
    sizes = None if _is_early(node) else node.numbers(3)
    given = sizes or scales
    if not given:
        raise CaptureError("it has neither sizes nor scales")
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    if sizes and policy != "stretch":
        raise CaptureError(
            f"its sizes are bounds (keep_aspect_ratio_policy {policy!r}), which is not read; export it with the sizes "
            "that the output has"
        )
    axes = [axis % value.rank for axis in node.attribute("axes", range(value.rank))]
    if len(axes) != len(given):
        raise CaptureError(f"it has {len(given)} sizes or scales for {len(axes)} axes; there must be one for each")
    unchanged = list(value.shape) if sizes else [1.0] * value.rank
    wanted = list(unchanged)
    for axis, number in zip(axes, given, strict=True):
        wanted[axis] = number
    if wanted[:2] != unchanged[:2]:
        raise CaptureError(
            f"its sizes or scales {given} for the axes {axes} change images or channels; only rows and "
            "columns can be resized"
        )
    if sizes:
        return [int(size) for size in wanted[2:]], None
    # In float32, as ONNX has it: there ten rows by 0.7 are seven, in float64 six.
    sides = [
        int(np.float32(size) * np.float32(factor)) for size, factor in zip(value.shape[2:], wanted[2:], strict=True)
    ]
    return sides, [float(factor) for factor in wanted[2:]]


def _require_plain_filter(node: Node, value: Value, sides: list[int], mode: str) -> None:
    """Raises CaptureError where an interpolation's filter is another than torch's.

    A wider filter against aliasing is the plain one where a linear interpolation shrinks nothing. Torch's own filter
    against aliasing leaves out what lies outside the image, where ONNX repeats the border.
    """
    shrinks = any(side < size for side, size in zip(sides, value.shape[2:], strict=True))
    if node.attribute("antialias", 0) and (shrinks or mode != "linear"):
        raise CaptureError(
            f"interpolation {mode!r} from {list(value.shape[2:])} to {sides} with antialias=1 is not read; export it "
            "without antialias, or resize the images before the model"
        )
    if mode == "cubic" and (node.attribute("cubic_coeff_a", -0.75) != -0.75 or node.attribute("exclude_outside", 0)):
        raise CaptureError("only the cubic coefficient -0.75 is read, and exclude_outside=0")


def _first_of_single_sides(
    node: Node, value: Value, sides: list[int], scale: list[float] | None
) -> tuple[Value, list[float] | None]:
    """Returns the value and factors with only the first row or column where there is to be one.

    There the pytorch_half_pixel coordinates read position 0, the half_pixel ones the middle.
    """
    for place, side in enumerate(sides):
        if side == 1:
            value = node.call("slice.Tensor", value, 2 + place, 0, 1)
            scale = scale and [1.0 if place == index else factor for index, factor in enumerate(scale)]
    return value, scale


def _nearest(node: Node, value: Value, sides: list[int], scale: list[float] | None, coordinates: str) -> Any:
    """Nearest interpolation; other roundings agree with torch's where the factors are whole numbers."""
    rounding = node.attribute("nearest_mode", "floor" if node.version < 11 else "round_prefer_floor")
    whole = all(side % size == 0 for side, size in zip(sides, value.shape[2:], strict=True))
    whole = whole and all(factor.is_integer() for factor in scale or ())
    half = coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
    asymmetric = coordinates == "asymmetric" or node.operator == "Upsample"
    if (asymmetric and (rounding == "floor" or node.operator == "Upsample")) or (
        whole and half and rounding.startswith("round")
    ):
        return node.call("upsample_nearest2d.default", value, sides, *(scale or (None, None)))
    raise CaptureError(
        f"nearest interpolation from {list(value.shape[2:])} to {sides} (factors {scale or 'not given'}) with "
        f"{coordinates!r} coordinates and rounding {rounding!r} is not read; use whole factors with 'half_pixel' and "
        "'round_prefer_floor', or 'asymmetric' and 'floor'"
    )

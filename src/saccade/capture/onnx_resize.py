"""ONNX's interpolation of rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from saccade.capture.layout import Value
from saccade.capture.onnx_node import Node, imports
from saccade.errors import CaptureError


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
    """Nearest interpolation: torch's own where it reads the same rows and columns, else a choice of them."""
    rounding = node.attribute("nearest_mode", "floor" if node.version < 11 else "round_prefer_floor")
    coordinates = "asymmetric" if node.operator == "Upsample" else coordinates
    rounding = "floor" if node.operator == "Upsample" else rounding
    if coordinates not in _POSITIONS or rounding not in _ROUNDINGS:
        raise CaptureError(
            f"nearest interpolation with {coordinates!r} coordinates, rounding {rounding!r}, is not read"
        )
    factors = scale or [side / size for side, size in zip(sides, value.shape[2:], strict=True)]
    chosen = []
    for side, size, factor in zip(sides, value.shape[2:], factors, strict=True):
        positions = _POSITIONS[coordinates](np.arange(side, dtype=np.float32), np.float32(factor), size, side)
        chosen.append(torch.from_numpy(_ROUNDINGS[rounding](positions).astype(np.int64).clip(0, size - 1)))
    factors_of_torch = scale or (None, None)
    if _reads_the_same(value, sides, factors_of_torch, chosen):
        return node.call("upsample_nearest2d.default", value, sides, *factors_of_torch)
    for place, positions in enumerate(chosen):
        value = node.call("index_select.default", value, 2 + place, positions)
    return value


def _reads_the_same(
    value: Value, sides: list[int], factors: Sequence[float | None], chosen: list[torch.Tensor]
) -> bool:
    """Tells whether torch's nearest interpolation reads the chosen rows and columns."""
    # In float32 as images are: of other types torch computes the positions otherwise.
    rows, columns = (torch.arange(size, dtype=torch.float32) for size in value.shape[2:])
    numbered = torch.stack([rows[:, None].expand(-1, len(columns)), columns.expand(len(rows), -1)])
    read = torch.ops.aten.upsample_nearest2d.default(numbered[None], sides, *factors)[0]
    return torch.equal(read, numbered[:, chosen[0]][:, :, chosen[1]])


Positions = Callable[[Any, np.float32, int, int], Any]
"""Takes the outputs' places, the factor, the input's size and the output's; returns where each lies in the input."""

_POSITIONS: dict[str, Positions] = {
    "asymmetric": lambda places, factor, size, side: places / factor,
    "half_pixel": lambda places, factor, size, side: (places + np.float32(0.5)) / factor - np.float32(0.5),
    "pytorch_half_pixel": lambda places, factor, size, side: (
        (places + np.float32(0.5)) / factor - np.float32(0.5) if side > 1 else places * 0
    ),
    "align_corners": lambda places, factor, size, side: (
        places * np.float32(size - 1) / np.float32(side - 1) if side > 1 else places * 0
    ),
}
_ROUNDINGS: dict[str, Callable[[Any], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda positions: np.ceil(positions - np.float32(0.5)),
    "round_prefer_ceil": lambda positions: np.floor(positions + np.float32(0.5)),
}

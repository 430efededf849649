"""An ONNX file becomes a Graph, read straight into the operator set; what depends on constants and shapes is folded."""

from __future__ import annotations

import os
from typing import Any

import onnx
import onnx.checker
import torch
import torch.utils._pytree as pytree

from saccade.capture import (  # noqa: F401 - they fill the tables of lowerings
    aten,
    onnx_operators,
    onnx_reductions,
    onnx_resize,
    onnx_shapes,
)
from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import Value
from saccade.capture.onnx_graph import prepared
from saccade.capture.onnx_node import constant_tensor
from saccade.capture.onnx_reader import Reader
from saccade.errors import CaptureError, ModelError
from saccade.graph import Graph


@torch.inference_mode(mode=False)
def capture_onnx(path: str | os.PathLike[str], input_shapes: dict[str, tuple[int, ...]] | None = None) -> Graph:
    """Turns an ONNX file into a graph.

    Args:
        path: the file.
        input_shapes: shapes for inputs whose sizes the file leaves open, by the input's name, such as
            ``{"images": (1, 3, 352, 352)}``.

    Returns:
        The graph; its output is a tuple in the file's order, or the tensor itself if there is one.

    Raises:
        ModelError: when the file is missing or is not ONNX.
        CaptureError: when an input's size is open or another than the file was exported for and the file does not
            fit it, or when the file holds operators that no rule reads.
    """
    loaded = _load(path)
    advice = _size_advice(loaded.graph, input_shapes or {})
    graph = prepared(loaded, path, input_shapes or {})
    builder = GraphBuilder()
    values: dict[str, Any] = {"": None}
    for initializer in graph.initializer:
        values[initializer.name] = constant_tensor(initializer)
    for description in graph.input:
        if description.name not in values:
            shape = _shape(description, path)
            dtype = _dtype(description.type.tensor_type.elem_type)
            values[description.name] = builder.add_input(description.name, shape, dtype)
    versions = {entry.domain: entry.version for entry in loaded.opset_import}
    reader = Reader(builder, versions.get("", 1), os.fspath(path), advice)
    reader.read(graph.node, values)
    outputs = tuple(values[description.name] for description in graph.output)
    result = outputs[0] if len(outputs) == 1 else outputs
    leaves, output_tree = pytree.tree_flatten(result, is_leaf=lambda leaf: isinstance(leaf, Value))
    return builder.finish(leaves, output_tree, None)


def _load(path: str | os.PathLike[str]) -> onnx.ModelProto:
    if not os.path.isfile(path):
        raise ModelError(f"there is no file {os.fspath(path)!r}; give the path of an ONNX file")
    try:
        model = onnx.load(os.fspath(path))
    except onnx.checker.ValidationError as cause:
        raise ModelError(
            f"the weights of {os.fspath(path)!r} lie in a file of their own, which cannot be read "
            f"({' '.join(str(cause).split())}); put it beside the ONNX file"
        ) from cause
    except Exception as cause:
        raise ModelError(
            f"{os.fspath(path)!r} is not an ONNX file ({type(cause).__name__}); export the model with "
            "torch.onnx.export, or pass a torch module instead"
        ) from cause
    if not model.graph.node:
        raise ModelError(f"{os.fspath(path)!r} is not an ONNX file, or holds an empty graph; export the model again")
    return model


def _size_advice(graph: onnx.GraphProto, given: dict[str, tuple[int, ...]]) -> str:
    """Returns what to do where a file does not fit the shapes given; nothing where they are those in the file."""
    others, fixed = [], []
    for description in graph.input:
        if description.name not in given:
            continue
        sides = description.type.tensor_type.shape.dim
        sizes = tuple(side.dim_value if side.HasField("dim_value") else 0 for side in sides)
        if sizes == tuple(given[description.name]):
            continue
        others.append(f"{description.name!r} is given as {tuple(given[description.name])}")
        if sizes and all(sizes):
            fixed.append(f"{description.name!r} as {sizes}")
    if not others:
        return ""
    exported = f"the size that the file was exported for, {' and '.join(fixed)}" if fixed else "another size"
    return f"; {' and '.join(others)}: give {exported}, or export the model again with dynamic shapes"


def _shape(description: onnx.ValueInfoProto, path: str | os.PathLike[str]) -> tuple[int, ...]:
    sizes = [side.dim_value if side.HasField("dim_value") else 0 for side in description.type.tensor_type.shape.dim]
    if not all(sizes):
        named = [side.dim_param or str(side.dim_value) for side in description.type.tensor_type.shape.dim]
        raise CaptureError(
            f"the input {description.name!r} of {os.fspath(path)!r} has open sizes ({', '.join(named)}); give them, "
            f"for example input_shapes={{{description.name!r}: (1, 3, 352, 352)}}"
        )
    return tuple(sizes)


def _dtype(element: int) -> torch.dtype:
    return torch.from_numpy(onnx.helper.tensor_dtype_to_np_dtype(element).type(0).reshape(1)).dtype


def onnx_input_names(path: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the inputs that a caller has to give, in the file's order.

    Raises:
        ModelError: when the file is missing or not an ONNX model.
    """
    graph = _load(path).graph
    constants = {initializer.name for initializer in graph.initializer}
    return [description.name for description in graph.input if description.name not in constants]

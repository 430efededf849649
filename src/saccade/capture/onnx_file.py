"""An ONNX file becomes a Graph, read straight into the operator set after its shapes are folded."""

from __future__ import annotations

import os
import warnings
from typing import Any

import onnx
import onnx.numpy_helper
import onnxslim
import torch
import torch.utils._pytree as pytree

from saccade.capture import aten, onnx_operators, onnx_shapes  # noqa: F401 - they fill the tables of lowerings
from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import Value
from saccade.capture.onnx_node import IMPORTERS, Node, attribute_value
from saccade.errors import CaptureError, ModelError
from saccade.graph import Graph

WINDOWED = ("Conv", "MaxPool", "AveragePool")
"""Operators whose window may be larger than a small frame."""


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
    model = _slim(loaded, path, input_shapes or {})
    graph = model.graph
    builder = GraphBuilder()
    values: dict[str, Any] = {"": None}
    for initializer in graph.initializer:
        values[initializer.name] = _tensor(initializer)
    for description in graph.input:
        if description.name not in values:
            shape = _shape(description, path)
            dtype = _dtype(description.type.tensor_type.elem_type)
            values[description.name] = builder.add_input(description.name, shape, dtype)
    versions = {entry.domain: entry.version for entry in model.opset_import}
    _require_known(graph, path)
    for node in graph.node:
        try:
            _read_node(node, values, builder, versions.get("", 1))
        except (CaptureError, RuntimeError) as cause:  # torch raises the latter for sizes that do not fit each other
            reason = " ".join(str(cause).split()).rstrip(".")
            place = f"{os.fspath(path)!r}, {node.op_type} {builder.scope!r}"
            raise CaptureError(f"{place}: {reason}{advice}") from cause
    outputs = tuple(values[description.name] for description in graph.output)
    result = outputs[0] if len(outputs) == 1 else outputs
    leaves, output_tree = pytree.tree_flatten(result, is_leaf=lambda leaf: isinstance(leaf, Value))
    return builder.finish(leaves, output_tree, None)


def _load(path: str | os.PathLike[str]) -> onnx.ModelProto:
    if not os.path.isfile(path):
        raise ModelError(f"there is no file {os.fspath(path)!r}; give the path of an ONNX file")
    try:
        model = onnx.load(os.fspath(path))
    except Exception as cause:
        raise ModelError(
            f"{os.fspath(path)!r} is not an ONNX file ({type(cause).__name__}); export the model with "
            "torch.onnx.export, or pass a torch module instead"
        ) from cause
    if not model.graph.node:
        raise ModelError(f"{os.fspath(path)!r} is not an ONNX file, or holds an empty graph; export the model again")
    return model


def _slim(
    model: onnx.ModelProto, path: str | os.PathLike[str], input_shapes: dict[str, tuple[int, ...]]
) -> onnx.ModelProto:
    """Fixes the inputs' sizes and folds what depends on constants and shapes only."""
    weights = {initializer.name for initializer in model.graph.initializer}
    names = [description.name for description in model.graph.input if description.name not in weights]
    unknown = sorted(set(input_shapes) - set(names))
    if unknown:
        raise CaptureError(f"{os.fspath(path)!r} has no input {unknown[0]!r}; its inputs: {', '.join(names)}")
    shapes = [f"{name}:{','.join(str(size) for size in shape)}" for name, shape in input_shapes.items()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            slimmed: onnx.ModelProto = onnxslim.slim(model, input_shapes=shapes or None)
            return slimmed
    except Exception as cause:
        raise CaptureError(f"onnxslim could not fold the shapes of {os.fspath(path)!r}: {cause}") from cause


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


def _tensor(proto: onnx.TensorProto) -> torch.Tensor:
    return torch.from_numpy(onnx.numpy_helper.to_array(proto).copy())


def _require_known(graph: onnx.GraphProto, path: str | os.PathLike[str]) -> None:
    unknown = sorted({node.op_type for node in graph.node if node.op_type not in IMPORTERS})
    if unknown:
        raise CaptureError(
            f"{os.fspath(path)!r} holds operators that no rule reads: {', '.join(unknown)}; known: "
            f"{', '.join(IMPORTERS.names())}. Cut the file before them, or pass the torch module it came from"
        )


def _read_node(proto: onnx.NodeProto, values: dict[str, Any], builder: GraphBuilder, version: int) -> None:
    builder.scope = proto.name or proto.output[0] or proto.op_type
    attributes = {attribute.name: attribute_value(attribute) for attribute in proto.attribute}
    inputs = [values[name] for name in proto.input]
    outputs = sum(1 for name in proto.output if name)
    node = Node(builder, proto.op_type, inputs, attributes, outputs, version)
    with torch.no_grad():
        results = IMPORTERS.get(proto.op_type)(node)
    results = results if isinstance(results, list | tuple) else [results]
    if proto.op_type in WINDOWED and min(results[0].shape) < 1:
        raise CaptureError(f"its window is larger than its padded input of shape {tuple(node.image().shape)}")
    for name, result in zip(proto.output, results, strict=False):
        values[name] = result


def onnx_input_names(path: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the inputs that a caller has to give, in the file's order.

    Raises:
        ModelError: when the file is missing or not an ONNX model.
    """
    graph = _load(path).graph
    constants = {initializer.name for initializer in graph.initializer}
    return [description.name for description in graph.input if description.name not in constants]

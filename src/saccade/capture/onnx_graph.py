"""An ONNX graph made ready to be read: functions inlined, sizes fixed, patterns joined, what nothing needs left out."""

from __future__ import annotations

import os
from collections.abc import Sequence

import onnx
import onnx.inliner
import onnx.numpy_helper

from saccade.capture.onnx_gelu import join_gelus
from saccade.errors import CaptureError


def prepared(
    model: onnx.ModelProto, path: str | os.PathLike[str], input_shapes: dict[str, tuple[int, ...]]
) -> onnx.GraphProto:
    """Returns a file's graph as it is read.

    Args:
        model: the file's content; is not changed.
        path: of the file, for messages.
        input_shapes: by the input's name.

    Raises:
        CaptureError: when there is no such input.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom((onnx.inliner.inline_local_functions(model) if model.functions else model).graph)
    constants = {initializer.name for initializer in graph.initializer}
    names = [description.name for description in graph.input if description.name not in constants]
    unknown = sorted(set(input_shapes) - set(names))
    if unknown:
        raise CaptureError(f"{os.fspath(path)!r} has no input {unknown[0]!r}; its inputs: {', '.join(names)}")
    for description in graph.input:
        if description.name in input_shapes:
            sizes = [onnx.TensorShapeProto.Dimension(dim_value=size) for size in input_shapes[description.name]]
            description.type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto(dim=sizes))
    wanted = {description.name for description in graph.output}
    nodes = _needed(join_gelus(list(graph.node), graph.initializer, wanted), wanted)
    del graph.node[:]
    graph.node.extend(nodes)
    return graph


def _needed(nodes: Sequence[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """Returns the nodes that an output needs, in their order."""
    needed = set(wanted)
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            for branch in _branches(node):
                needed.update(name for inner in branch.node for name in inner.input)
                needed.update(description.name for description in branch.output)
    return kept[::-1]


def _branches(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]

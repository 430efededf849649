"""GELU as exporters wrote it before ONNX had it: x * (erf(x / sqrt 2) + 1) / 2, in one of several orders."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import onnx
import onnx.helper
import onnx.numpy_helper


def join_gelus(
    nodes: Sequence[onnx.NodeProto], initializers: Iterable[onnx.TensorProto], outputs: set[str]
) -> list[onnx.NodeProto]:
    """Returns the nodes with each such formula as a Gelu in place of its last node; its other nodes stay, unread.

    Args:
        nodes: in an order in which each is written before it is read.
        initializers: the file's constants.
        outputs: names of the graph's outputs.
    """
    formulas = _Formulas(nodes, initializers, outputs)
    joined = {}
    for node in nodes:
        if node.op_type == "Erf" and (found := formulas.around(node)) is not None:
            source, last = found
            joined[last.output[0]] = onnx.helper.make_node("Gelu", [source], [last.output[0]], name=last.name)
    return [joined.get(node.output[0], node) if node.output else node for node in nodes]


class _Formulas:
    def __init__(
        self, nodes: Sequence[onnx.NodeProto], initializers: Iterable[onnx.TensorProto], outputs: set[str]
    ) -> None:
        self._writers = {name: node for node in nodes for name in node.output}
        counts = Counter(name for node in nodes for name in node.input)
        self._readers = {name: node for node in nodes for name in node.input if counts[name] == 1}
        self._outputs = outputs
        self._constants = {tensor.name: tensor for tensor in initializers}
        for node in nodes:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t

    def around(self, erf: onnx.NodeProto) -> tuple[str, onnx.NodeProto] | None:
        """Returns the argument of the GELU that an Erf is a part of, and its last node, or None."""
        source = self._argument(erf.input[0])
        added = self._only_reader(erf.output[0], "Add")
        if source is None or added is None or not self._is(self._other(added, erf.output[0]), 1.0):
            return None
        first = self._only_reader(added.output[0], "Mul")
        if first is None:
            return None
        factor = self._other(first, added.output[0])
        if self._is_half_of(factor, source):
            return source, first
        second = self._only_reader(first.output[0], "Mul")
        if second is None:
            return None
        last = self._other(second, first.output[0])
        if (factor == source and self._is(last, 0.5)) or (self._is(factor, 0.5) and last == source):
            return source, second
        return None

    def _argument(self, scaled: str) -> str | None:
        """Returns x where a value is x / sqrt 2."""
        node = self._writers.get(scaled)
        if node is not None and node.op_type == "Div" and self._is(node.input[1], math.sqrt(2)):
            return str(node.input[0])
        return self._times(node, math.sqrt(0.5))

    def _is_half_of(self, name: str, source: str) -> bool:
        return self._times(self._writers.get(name), 0.5) == source

    def _times(self, node: onnx.NodeProto | None, factor: float) -> str | None:
        """Returns x where a node is x * factor, or factor * x."""
        if node is None or node.op_type != "Mul":
            return None
        for constant, other in (node.input, reversed(node.input)):
            if self._is(constant, factor):
                return str(other)
        return None

    def _only_reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        node = None if name in self._outputs else self._readers.get(name)
        return node if node is not None and node.op_type == kind else None

    def _other(self, node: onnx.NodeProto, name: str) -> str:
        return str(node.input[1] if node.input[0] == name else node.input[0])

    def _is(self, name: str, number: float) -> bool:
        tensor = self._constants.get(name)
        if tensor is None:
            return False
        value = onnx.numpy_helper.to_array(tensor)
        return value.size == 1 and math.isclose(float(value.reshape(())), number, rel_tol=1e-4)

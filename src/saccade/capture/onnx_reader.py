"""Reads the nodes of an ONNX graph into a graph under construction, and folds what depends on constants only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.helper
import torch
from onnx.reference import ReferenceEvaluator

from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import Value
from saccade.capture.onnx_node import IMPORTERS, Node, attribute_value, constant_tensor
from saccade.errors import CaptureError

WINDOWED = ("Conv", "MaxPool", "AveragePool")
"""Operators whose window may be larger than a small frame."""
FOREIGN = frozenset({("com.microsoft", "Gelu")})
"""Operators outside of ONNX's own set that mean what ONNX's of the same name do."""
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


@dataclass(frozen=True)
class Reader:
    """Reads nodes.

    Attributes:
        builder: receives the operators.
        version: of ONNX's operator set.
        path: of the file, for messages.
        advice: what to do where sizes do not fit, for messages.
    """

    builder: GraphBuilder
    version: int
    path: str
    advice: str

    def read(self, nodes: Sequence[onnx.NodeProto], values: dict[str, Any]) -> None:
        """Reads nodes.

        Args:
            nodes: in an order in which each is written before it is read.
            values: what is known, by name; receives what the nodes write.

        Raises:
            CaptureError: when a node is of an operator that no rule reads, or cannot be read.
        """
        self._require_known(nodes, values)
        for node in nodes:
            try:
                results = self._results(node, values)
            except (CaptureError, RuntimeError) as cause:  # torch raises the latter for sizes that do not fit
                reason = " ".join(str(cause).split()).rstrip(".")
                place = f"{self.path!r}, {node.op_type} {self.builder.scope!r}"
                raise CaptureError(f"{place}: {reason}{self.advice}") from cause
            values.update((name, result) for name, result in zip(node.output, results, strict=False) if name)

    def _require_known(self, nodes: Sequence[onnx.NodeProto], values: dict[str, Any]) -> None:
        """Raises where a node that depends on the graph's inputs is of an operator that no rule reads."""
        fixed = {name for name, value in values.items() if not isinstance(value, Value)}
        unknown = set()
        for node in nodes:
            if node.op_type == "Shape" or (fixed.issuperset(node.input) and node.op_type not in RANDOM):
                fixed.update(node.output)
            elif not _is_known(node):
                unknown.add(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
        if unknown:
            raise CaptureError(
                f"{self.path!r} holds operators that no rule reads: {', '.join(sorted(unknown))}; known: "
                f"{', '.join(IMPORTERS.names())}. {_remedy(unknown)}"
            )

    def _results(self, node: onnx.NodeProto, values: dict[str, Any]) -> Sequence[Any]:
        self.builder.scope = node.name or node.output[0] or node.op_type
        inputs = [values[name] for name in node.input]
        if node.op_type == "If":
            return self._chosen_branch(node, inputs[0], values)
        if inputs and not any(isinstance(value, Value) for value in inputs) and node.op_type not in RANDOM:
            folded = self._folded(node, inputs)
            if folded is not None:
                return folded
        if not _is_known(node):
            raise CaptureError("no rule reads this operator")
        return self._imported(node, inputs)

    def _chosen_branch(self, node: onnx.NodeProto, condition: Any, values: dict[str, Any]) -> Sequence[Any]:
        """Returns the outputs of the branch that a constant condition chooses."""
        if not isinstance(condition, torch.Tensor):
            raise CaptureError("its condition depends on the graph's inputs")
        name = "then_branch" if bool(condition) else "else_branch"
        (branch,) = (attribute.g for attribute in node.attribute if attribute.name == name)
        inner = dict(values)
        inner.update({tensor.name: constant_tensor(tensor) for tensor in branch.initializer})
        self.read(branch.node, inner)
        return [inner[description.name] for description in branch.output]

    def _folded(self, node: onnx.NodeProto, inputs: Sequence[torch.Tensor | None]) -> list[Any] | None:
        """Returns what a node makes of constants, by ONNX's own definition; None where that has no code for it."""
        named = [name or None for name in node.input]
        given = {
            name: tensor.numpy() for name, tensor in zip(named, inputs, strict=True) if name and tensor is not None
        }
        graph = onnx.helper.make_graph(
            [node],
            "constants",
            [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in given],
            [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output if name],
        )
        sets = [onnx.helper.make_opsetid(node.domain, 1), onnx.helper.make_opsetid("", self.version)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = onnx.helper.make_model(graph, opset_imports=sets[not node.domain :])
                found = iter(ReferenceEvaluator(model).run(None, given))
                return [torch.from_numpy(np.array(next(found))) if name else None for name in node.output]
        except Exception:  # its operators raise whatever numpy does
            return None

    def _imported(self, node: onnx.NodeProto, inputs: list[Any]) -> Sequence[Any]:
        attributes = {attribute.name: attribute_value(attribute) for attribute in node.attribute}
        outputs = sum(1 for name in node.output if name)
        seen = Node(self.builder, node.op_type, inputs, attributes, outputs, self.version)
        with torch.no_grad():
            results = IMPORTERS.get(node.op_type)(seen)
        results = results if isinstance(results, list | tuple) else [results]
        if node.op_type in WINDOWED and min(results[0].shape) < 1:
            raise CaptureError(f"its window is larger than its padded input of shape {tuple(seen.image().shape)}")
        if len(results) < sum(1 for name in node.output if name):
            raise CaptureError(f"only its first output is read, and the file uses {', '.join(node.output)}")
        return results


def _is_known(node: onnx.NodeProto) -> bool:
    if node.op_type == "If":
        return True
    own = node.domain in ("", "ai.onnx") or (node.domain, node.op_type) in FOREIGN
    return own and node.op_type in IMPORTERS


def _remedy(unknown: set[str]) -> str:
    if unknown & {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger"}:
        return "The model is quantised, and the engine computes in float32: give the file that it was quantised from"
    return "Cut the file before them, or pass the torch module it came from"

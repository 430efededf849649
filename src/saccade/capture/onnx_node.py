"""One ONNX node as the importers see it, and the table of importers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import onnx.numpy_helper
import torch

from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import Value
from saccade.capture.lowering import lower
from saccade.errors import CaptureError
from saccade.graph import Registry


@dataclass(frozen=True)
class Node:
    """One ONNX node.

    Attributes:
        builder: the graph under construction.
        operator: ONNX's name of the operator.
        inputs: Values, constant tensors, and None where an optional input is left out.
        attributes: plain numbers, strings, lists and tensors by name.
        outputs: number of outputs with a name.
        version: the operator set's version.
    """

    builder: GraphBuilder
    operator: str
    inputs: Sequence[Any]
    attributes: dict[str, Any]
    outputs: int
    version: int

    def call(self, target: str, *arguments: Any, **keywords: Any) -> Any:
        """Returns the results of an ATen operator, native where it can be."""
        return lower(self.builder, f"aten.{target}", list(arguments), keywords)

    def input(self, index: int) -> Any:
        """Returns an input, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """Returns an attribute or its default."""
        return self.attributes.get(name, default)

    def numbers(self, index: int, name: str | None = None) -> list[Any] | None:
        """Returns a list that newer versions give as an input and older ones as an attribute.

        Raises:
            CaptureError: when the input is no constant.
        """
        given = self.input(index)
        if given is None:
            listed = self.attributes.get(name) if name else None
            return list(listed) if listed is not None else None
        if not isinstance(given, torch.Tensor):
            raise CaptureError(f"input {index} must be a constant, but it depends on the graph's inputs")
        flat: list[Any] = given.flatten().tolist()
        return flat

    def image(self, index: int = 0) -> Value:
        """Returns an input as a value of rank 4.

        Raises:
            CaptureError: when it is a constant or has another rank.
        """
        value = self.input(index)
        if not isinstance(value, Value) or value.rank != 4:
            raise CaptureError("only two-dimensional images (N, C, H, W) are read")
        return value


Importer = Callable[[Node], Any]

IMPORTERS: Registry[Importer] = Registry("ONNX operator")


def imports(*operators: str) -> Callable[[Importer], Importer]:
    """Returns a decorator that registers an importer for each of the ONNX ``operators``."""

    def add(importer: Importer) -> Importer:
        for operator in operators:
            IMPORTERS.register(operator)(importer)
        return importer

    return add


def constant_tensor(proto: onnx.TensorProto) -> torch.Tensor:
    """Returns a constant of a file."""
    return torch.from_numpy(onnx.numpy_helper.to_array(proto).copy())


def attribute_value(attribute: onnx.AttributeProto) -> Any:
    """Returns an attribute as a plain number, string, list or torch tensor."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return constant_tensor(value)
    return value

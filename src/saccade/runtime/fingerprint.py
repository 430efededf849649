"""What tells one network and frame size from another."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from saccade.graph import Graph, Reference


def fingerprint(graph: Graph) -> str:
    """Returns a hash of a captured network: its operators, their options, weights and wiring, and every tensor's shape.

    What tensors and operators are called does not count: tensors are numbered as they are written.
    """
    numbers: dict[str, int] = {}
    digest = hashlib.sha256()

    def number(name: str) -> str:
        return f"{numbers.setdefault(name, len(numbers))} {graph.tensors[name].shape} {graph.tensors[name].dtype}"

    def parts(value: Any) -> Iterator[bytes]:
        if isinstance(value, torch.Tensor):
            yield f"{value.dtype} {tuple(value.shape)}".encode()
            yield value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        elif isinstance(value, Reference):
            yield f"{number(value.tensor)} {value.layout}".encode()
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                if field.name not in ("name", "inputs", "outputs"):
                    yield field.name.encode()
                    yield from parts(getattr(value, field.name))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                yield str(key).encode()
                yield from parts(inner)
        elif isinstance(value, tuple | list):
            yield f"{len(value)}".encode()
            for inner in value:
                yield from parts(inner)
        else:
            yield repr(value).encode()

    for name in graph.inputs:
        digest.update(number(name).encode())
    for operator in graph.operators:
        wiring = [number(name) for name in (*operator.inputs, *operator.outputs)]
        digest.update(f"{operator.kind} {wiring}".encode())
        for part in parts(operator):
            digest.update(part)
    for part in parts(graph.outputs):
        digest.update(part)
    return digest.hexdigest()[:32]

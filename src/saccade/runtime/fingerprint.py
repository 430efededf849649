"""What tells one network and frame size from another."""

from __future__ import annotations

import dataclasses
import hashlib

import torch

from saccade.graph import Graph


def fingerprint(graph: Graph) -> str:
    """Returns a hash of a captured network: its operators, their options and weights, and every tensor's shape."""
    digest = hashlib.sha256()
    for name in graph.inputs:
        digest.update(repr(graph.tensors[name].shape).encode())
    for operator in graph.operators:
        digest.update(f"{operator.kind} {[graph.tensors[name].shape for name in operator.outputs]}".encode())
        for field in dataclasses.fields(operator):
            value = getattr(operator, field.name)
            if isinstance(value, torch.Tensor):
                digest.update(value.detach().contiguous().numpy().tobytes())
            elif isinstance(value, int | float | bool | str | tuple) and field.name not in (
                "name",
                "inputs",
                "outputs",
            ):
                digest.update(repr(value).encode())
    return digest.hexdigest()[:32]

"""A model's outputs in a few words, for the events file."""

from __future__ import annotations

from typing import Any

import torch

from saccade.agreement import named_tensors


def summarise(outputs: Any, categories: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns what a model said about a frame, as JSON can hold it.

    Args:
        outputs: a tensor, or tensors nested in tuples, lists, dictionaries and dataclasses.
        categories: names of the classes of a classifier.

    Returns:
        For one tensor of (N, K): the best class of each of the N, with its softmax probability; for anything
        else: shape and L2 norm of each tensor, by its place in the outputs.
    """
    leaves = dict(named_tensors(outputs))
    if len(leaves) == 1:
        only = next(iter(leaves.values()))
        if only.ndim == 2 and only.shape[1] > 1 and only.is_floating_point():
            return {"top1": [_best_class(row, categories) for row in only]}
    return {
        name or "output": {
            "shape": list(leaf.shape),
            "l2_norm": float(torch.linalg.vector_norm(leaf if leaf.is_complex() else leaf.double())),
        }
        for name, leaf in leaves.items()
    }


def _best_class(row: torch.Tensor, categories: tuple[str, ...]) -> dict[str, Any]:
    index = int(row.argmax())
    best: dict[str, Any] = {"class": index, "probability": float(row.float().softmax(0)[index])}
    if len(categories) == row.numel():
        best["name"] = categories[index]
    return best

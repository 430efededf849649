"""What a model is called with: what tells one kind of call from another, and what is wrong with a call."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree

from saccade.errors import FrameError
from saccade.graph import Graph, Tensor
from saccade.runtime.arriving import check_residence, tensors_of

Model = torch.nn.Module | str | os.PathLike[str]
Signature = tuple[Any, ...]


def signature_of(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Signature:
    """Returns what a plan is made for: structure, the tensors' shapes and types, and all that is no tensor.

    Raises:
        FrameError: when something is neither a tensor nor plain.
    """
    if len(arguments) == 1 and not keywords and isinstance(arguments[0], torch.Tensor):
        return (arguments[0].shape, arguments[0].dtype)
    leaves, tree = pytree.tree_flatten((arguments, keywords))
    return (str(tree), *map(_signature_of_leaf, leaves))


def _signature_of_leaf(leaf: Any) -> Hashable:
    if isinstance(leaf, torch.Tensor):
        return leaf.shape, leaf.dtype
    if not isinstance(leaf, Hashable):
        raise FrameError(
            f"a {type(leaf).__module__}.{type(leaf).__name__} was given; expected tensors: call torch.from_numpy"
        )
    # 1 equals True, and no NaN equals itself.
    return type(leaf), repr(leaf) if isinstance(leaf, float) else leaf


def check_frames(model: Model, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Rejects what can only be a mistake, before a capture fails on it less clearly.

    Raises:
        FrameError: when there is no tensor, or one that is not dense or not on the CPU, or for a module whose only
            input is an image one of another rank, or empty.
    """
    tensors = tensors_of(arguments, keywords)
    if not tensors:
        given = "".join(f" but {type(leaf).__name__}" for leaf in pytree.tree_leaves((arguments, keywords))[:1])
        raise FrameError(f"no tensor{given} was given; expected a frame, a float32 tensor of shape (N, C, H, W)")
    leaves = pytree.tree_leaves((arguments, keywords))
    others = [type(leaf).__name__ for leaf in leaves if not isinstance(leaf, torch.Tensor)]
    if others and not isinstance(model, torch.nn.Module):
        raise FrameError(f"{', '.join(others)} given among the inputs of {os.fspath(model)}; expected tensors only")
    for frame in tensors:
        check_residence(frame)
        if 0 in frame.shape:
            raise FrameError(
                f"an empty frame of shape {tuple(frame.shape)} was given; expected every dimension to be at least 1"
            )
    first = _first_convolution(model)
    if first is None or len(tensors) != 1 or keywords:
        return
    shape = tuple(tensors[0].shape)
    if len(shape) != 4:
        raise FrameError(
            f"a frame of shape {shape} was given; expected four dimensions (N, {first.in_channels}, H, W)"
            + ("; add the batch dimension with frame[None]" if len(shape) == 3 else "")
        )


def misfit_of(
    model: Model, arguments: tuple[Any, ...], keywords: dict[str, Any], earlier: Graph | None = None
) -> str | None:
    """Returns what is wrong with a call that could not be captured, or None where the model may be at fault.

    Args:
        model: that was called.
        arguments, keywords: of the call.
        earlier: what was captured of it for another call; None where nothing was yet.
    """
    given = tensors_of(arguments, keywords)
    if earlier is not None:
        return _misfit_after(arguments, given, [earlier.tensors[name] for name in earlier.inputs])
    first = _first_convolution(model)
    if first is None or len(given) != 1:
        return None
    if not isinstance(arguments[0] if arguments else None, torch.Tensor):
        return f"{_structure(arguments)} was given, which the model does not take: give the tensor alone"
    if given[0].dim() != 4:
        return None
    if not given[0].is_floating_point():
        return (
            f"{_described(given)} given, which the model does not take: convert it with frame.float() and scale "
            "it as in training, or put a step in front of the model that does"
        )
    shape = tuple(given[0].shape)
    if shape[1] == first.in_channels:
        return None
    return (
        f"a frame of shape {shape} was given; the model's first convolution takes {first.in_channels} channels: "
        f"expected (N, {first.in_channels}, H, W), convert the frame's colours or move its channels first"
    )


def _misfit_after(arguments: tuple[Any, ...], given: Sequence[torch.Tensor], taken: Sequence[Tensor]) -> str:
    """Returns what is wrong with a call that is not like one that the model took."""
    kinds = [
        [(len(tensor.shape), tuple(tensor.shape[:2]), tensor.dtype) for tensor in tensors] for tensors in (given, taken)
    ]
    if kinds[0] == kinds[1] and [tuple(tensor.shape) for tensor in given] == [tensor.shape for tensor in taken]:
        return (
            f"{_structure(arguments)} was given, which the model does not take; it took {_described(taken)} before in "
            "another structure: give it as then"
        )
    if kinds[0] == kinds[1]:
        return (
            f"{_described(given)} given, which the model does not take; it took {_described(taken)} before: it may be "
            "bound to that height and width, as a linear layer behind a flatten is, or the frame is smaller than one "
            "of its windows; resize the frame"
        )
    return (
        f"{_described(given)} given, which the model does not take; it took {_described(taken)} before: give "
        "as many tensors of as many dimensions and channels and of the same type"
    )


def _structure(arguments: Any) -> str:
    """Returns how a call's arguments are nested, in words."""
    words = [
        f"a {type(argument).__name__} of {len(pytree.tree_leaves(argument))}"
        if isinstance(argument, list | tuple | dict)
        else f"a {type(argument).__name__}"
        for argument in arguments
    ]
    return ", ".join(words) or "nothing"


def _described(tensors: Sequence[torch.Tensor | Tensor]) -> str:
    noun = "a frame" if len(tensors) == 1 else "frames"
    each = (f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}" for tensor in tensors)
    return f"{noun} of shape {', '.join(each)}"


def _first_convolution(model: Model) -> torch.nn.Conv2d | None:
    if not isinstance(model, torch.nn.Module):
        return None
    return next((module for module in model.modules() if isinstance(module, torch.nn.Conv2d)), None)

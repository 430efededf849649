"""Frames as they arrive: found among a call's arguments, checked, and brought into the form that the engine takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from saccade.errors import FrameError, PolicyError
from saccade.graph import Tensor
from saccade.policy import Policy
from saccade.runtime.call import CallForm


def tensors_of(
    arguments: tuple[Any, ...], keywords: dict[str, Any], form: CallForm | None = None
) -> Sequence[torch.Tensor]:
    """Returns the tensors among a call's arguments, in the order in which they flatten.

    Args:
        arguments: given by place.
        keywords: given by name.
        form: that the call must have; None for any.

    Raises:
        FrameError: when the call is of another form.
    """
    one_tensor = len(arguments) == 1 and not keywords and isinstance(arguments[0], torch.Tensor)
    if one_tensor and (form is None or form.is_one_tensor):
        return arguments
    if form is not None:
        return form.tensors(arguments, keywords)
    leaves = torch.utils._pytree.tree_leaves((arguments, keywords))
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def as_taken(frame: torch.Tensor, expected: Tensor) -> torch.Tensor:
    """Returns a frame as the engine takes it: contiguous, of the expected type, and without gradients.

    Args:
        frame: what was given.
        expected: what the program was compiled for.

    Raises:
        FrameError: when the frame's shape, device or type does not fit.
    """
    if frame.shape != expected.shape:
        raise FrameError(
            f"a frame of shape {tuple(frame.shape)} was given; this program was compiled for {expected.shape}: "
            "compile another, or use saccade.incremental, which adapts"
        )
    check_residence(frame)
    if frame.dtype != expected.dtype:
        if frame.is_floating_point() != expected.dtype.is_floating_point or frame.is_complex():
            raise FrameError(
                f"a frame of {frame.dtype} was given; this program was made for {expected.dtype}: convert the frame as "
                "the model expects it, or give the model with a step in front that does"
            )
        frame = frame.to(expected.dtype)
    # On a small network every call of torch counts: a frame that needs neither is taken as it is.
    if frame.requires_grad:
        frame = frame.detach()
    return frame if frame.is_contiguous() else frame.contiguous()


def check_residence(frame: torch.Tensor) -> None:
    """Raises FrameError where a frame does not lie on the CPU as a dense tensor."""
    if not frame.is_cpu:  # many times as fast to ask as the device's type
        raise FrameError(f"a frame on {frame.device} was given; expected one on the CPU: call frame.cpu()")
    if frame.layout is not torch.strided:
        raise FrameError(f"a frame of layout {frame.layout} was given; expected a dense tensor: call frame.to_dense()")


def mask_of(policy: Policy, frame: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor | None:
    """Returns which places of an input a policy takes over, one byte each; None for every place that differs.

    Args:
        policy: is asked.
        frame: (N, C, H, W).
        reference: of the same shape, for each place the value taken over last; None for a stream's first frame.

    Raises:
        PolicyError: when the policy's answer does not fit the frame.
    """
    changes = None if reference is None else policy.changes(frame, reference)
    if changes is None:
        return None
    places = (frame.shape[0], *frame.shape[2:])
    if tuple(changes.shape) != places or changes.dtype != torch.bool:
        raise PolicyError(
            f"{type(policy).__name__}.changes returned {changes.dtype} of shape {tuple(changes.shape)}; expected "
            f"torch.bool of shape {places}: one place of each image, or None for every place that differs"
        )
    return changes.to(torch.uint8).contiguous()

"""The one line that converts a trained network."""

from __future__ import annotations

import torch

from saccade.capture.detector import convolutional_part
from saccade.policy import Ignore, Policy, resolve_policy
from saccade.runtime.detector import DetectorStream
from saccade.runtime.stream import Model, Stream


def incremental(
    model: Model, policy: str | Policy = "exact", threads: int | None = None, *, ignore: torch.Tensor | None = None
) -> Stream:
    """Converts a trained network into one that recomputes only what changed since the last frame.

    Args:
        model: a torch module in evaluation mode on the CPU, torchvision's detectors included, or the path of an ONNX
            file. It is not changed.
        policy: what counts as a change, a name or a Policy; "exact" gives a dense pass's outputs bit for bit.
        threads: threads to use; None chooses by the machine.
        ignore: (H, W), boolean, True where changes of the frame do not count; see ``saccade.policy.Ignore``.

    Returns:
        A stream: call it with what the model takes, frame after frame; it returns what the model returns.

    Raises:
        ModelError: when the model is in training mode, not on the CPU, or no such file exists.
        PolicyError: when the policy is not known, or ``ignore`` is no mask.
    """
    if ignore is not None:
        policy = Ignore(resolve_policy(policy), ignore)
    parts = convolutional_part(model) if isinstance(model, torch.nn.Module) else None
    return Stream(model, policy, threads) if parts is None else DetectorStream(parts, policy, threads)

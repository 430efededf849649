"""The one line that converts a trained network."""

from __future__ import annotations

import torch

from saccade.agreement import Disagreement
from saccade.capture.detector import convolutional_part
from saccade.capture.module import check_module
from saccade.policy import Ignore, Policy, resolve_policy
from saccade.runtime.audit import make_audit
from saccade.runtime.detector import DetectorStream
from saccade.runtime.frames import Model
from saccade.runtime.stream import Stream


def incremental(
    model: Model,
    policy: str | Policy = "exact",
    threads: int | None = None,
    *,
    audit: float | None = None,
    error_limit: float | None = None,
    metric: str | Disagreement | None = None,
    ignore: torch.Tensor | None = None,
) -> Stream:
    """Converts a trained network into one that recomputes only what changed since the last frame.

    Args:
        model: a torch module in evaluation mode on the CPU, torchvision's detectors included, or the path of an ONNX
            file. It is not changed.
        policy: what counts as a change, a name or a Policy; "exact" gives a dense pass's outputs bit for bit.
        threads: threads to use; None chooses by the machine.
        audit: how often the error is measured by a second, dense pass: a whole number N for one frame in every N, or a
            share of the frames between 0 and 1; None for never. ``report()`` and ``last_audit`` tell what was found.
        error_limit: relative L2 error of any output, 0 or more, above which an audited frame is computed afresh and its
            dense outputs are returned; None only measures.
        metric: what the audits count as disagreement of the task's outputs, a name or a function of (reference
            outputs, outputs), see ``saccade.agreement``; None chooses by the outputs.
        ignore: (H, W), boolean, True where changes of the frame do not count; see ``saccade.policy.Ignore``.

    Returns:
        A stream: call it with what the model takes, frame after frame; it returns what the model returns.

    Raises:
        ModelError: when the model is in training mode, not on the CPU, or no such file exists.
        PolicyError: when the policy is not known, or ``ignore`` is no mask.
        AuditError: when the audit or its limit is out of range, or a limit is given without an audit.
        MetricError: when the metric is not known.
    """
    checked = make_audit(audit, error_limit, metric)
    if ignore is not None:
        policy = Ignore(resolve_policy(policy), ignore)
    parts = convolutional_part(model) if isinstance(model, torch.nn.Module) else None
    if parts is None:
        return Stream(model, policy, threads, checked)
    check_module(parts.model)
    return DetectorStream(parts, policy, threads, checked)

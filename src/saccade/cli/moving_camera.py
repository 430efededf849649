"""A run that follows a moving camera: the stream, and what is said of each frame's motion."""

from __future__ import annotations

from typing import Any

from saccade.errors import PolicyError


def check_moving_camera(moving: bool, margin: int | None, ignored: bool) -> None:
    """Checks options that say something only together.

    Raises:
        PolicyError: when a margin is given without a moving camera, or regions to ignore with one.
    """
    if margin is not None and not moving:
        raise PolicyError("--margin was given; it is the margin of the canvas of --moving-camera, so give both")
    if moving and ignored:
        raise PolicyError(
            "--moving-camera was given with regions to ignore; they lie in the frame, which moves over the canvas: "
            "leave one of the two out"
        )


def canvas_stream(model: Any, policy: str, threads: int | None, margin: int | None, audits: dict[str, Any]) -> Any:
    """Returns a stream that lays frames on a canvas.

    Args:
        model: as the run chose it.
        policy: its name.
        threads: of the engine.
        margin: of the canvas in pixels; None for the usual.
        audits: "audit", "error_limit" and "metric", as ``saccade.incremental`` takes them.
    """
    from saccade.runtime import CanvasStream
    from saccade.runtime.audit import make_audit

    margins = {} if margin is None else {"margin": margin}
    return CanvasStream(
        model, policy, threads, audit=make_audit(audits["audit"], audits["error_limit"], audits["metric"]), **margins
    )


def outputs_offset(stream: Any, outputs: Any, frame: tuple[int, int]) -> tuple[int, int]:
    """Returns how many pixels above and left of the frame the outputs begin: (0, 0) unless a camera is followed.

    Args:
        stream: that gave the outputs.
        outputs: maps, of which the finest counts.
        frame: (H, W) of the model's frame.
    """
    from saccade.agreement import named_tensors

    if not hasattr(stream, "last_laid"):
        return 0, 0
    rows = max((leaf.shape[2] for _, leaf in named_tensors(outputs) if leaf.ndim == 4 and leaf.shape[2]), default=0)
    down, right = stream.offset(frame[0] // rows) if rows else (0, 0)
    return int(down), int(right)


def camera_event(stream: Any) -> dict[str, Any]:
    """Returns the event's entry of a frame whose camera is followed, and nothing for others."""
    laid = getattr(stream, "last_laid", None)
    if laid is None:
        return {}
    entry = {
        "motion": [laid.y, laid.x],
        "agreement": round(laid.agreement, 4),
        "laid": laid.laying.value,
        "dense": laid.dense,
        "position": list(laid.position),
    }
    return {"camera": entry}


def camera_note(stream: Any) -> str:
    """Returns words for the picture, or none where no camera is followed."""
    from saccade.runtime.camera_report import Laying

    laid = getattr(stream, "last_laid", None)
    if laid is None or laid.laying is Laying.BEGUN:
        return ""
    if laid.laying is Laying.LOST:
        return "camera lost"
    motion = f"camera {laid.y:+d},{laid.x:+d}"
    return f"{motion}, moved" if laid.laying is Laying.MOVED else motion

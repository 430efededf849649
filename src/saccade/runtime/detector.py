"""torchvision's detectors as streams: backbone and heads in the engine, the rest in Python as before."""

from __future__ import annotations

from typing import Any

import torch

from saccade.capture.detector import DetectorParts
from saccade.errors import FrameError
from saccade.policy import Policy
from saccade.runtime.arriving import check_residence
from saccade.runtime.audit import Audit
from saccade.runtime.stream import Stream


class DetectorStream(Stream):
    """A detector and the memory of one stream; call it with a list of images (C, H, W), as the detector itself.

    The memory is that of the batched images after the detector's own transform: images that change size from frame to
    frame plan anew.

    Attributes:
        maps: the feature maps and head outputs that the last call, of the stream or of ``dense``, was answered from;
            None before the first. Detections cannot be subtracted from each other; these can.
    """

    def __init__(
        self,
        parts: DetectorParts,
        policy: str | Policy = "exact",
        threads: int | None = None,
        audit: Audit | None = None,
    ) -> None:
        super().__init__(parts.convolutional, policy, threads, audit)
        self.parts = parts
        self.maps: Any = None
        self._call: tuple[list[torch.Tensor], tuple[Any, ...], dict[str, Any]] = ([], (), {})
        self._shell = parts.shell(self._run)
        self._dense_shell = parts.shell(self._run_dense)

    def __call__(self, images: Any, *arguments: Any, **keywords: Any) -> Any:
        """Takes the next frame's images and returns the detections.

        Args:
            images: a list of tensors (C, H, W), or one tensor (N, C, H, W).
            arguments: whatever else the detector takes.
            keywords: likewise.
        """
        self._call = (self._as_list(images), arguments, keywords)
        with torch.no_grad():
            return self._shell(self._call[0], *arguments, **keywords)

    def _run(self, batch: torch.Tensor) -> Any:
        self.maps = super().__call__(batch)
        return self.maps

    def _run_dense(self, batch: torch.Tensor) -> Any:
        self.maps = super().dense(batch)
        return self.maps

    def _task_outputs(self, outputs: Any) -> Any:
        """Returns the detections that the rest of the detector makes of feature maps and head outputs."""
        images, arguments, keywords = self._call
        return self.parts.shell(lambda batch: outputs)(images, *arguments, **keywords)

    def dense(self, images: Any, *arguments: Any, **keywords: Any) -> Any:
        """Runs the same engine densely on the images, without touching the stream's memory."""
        with torch.no_grad():
            return self._dense_shell(self._as_list(images), *arguments, **keywords)

    def _fresh(self, policy: Policy) -> DetectorStream:
        return DetectorStream(self.parts, policy, self.threads)

    def _as_list(self, images: Any) -> list[torch.Tensor]:
        """Returns the images of a call, each of which the detector's transform takes."""
        frames = list(images) if isinstance(images, list | tuple | torch.Tensor) else [images]
        channels = self.parts.channels
        wanted = f"expected a list of images, each a float tensor ({channels}, H, W) with values from 0 to 1"
        if not frames:
            raise FrameError(f"an empty {type(images).__name__} was given; {wanted}")
        for frame in frames:
            if not isinstance(frame, torch.Tensor):
                raise FrameError(f"a {type(frame).__name__} was given as an image; {wanted}")
            check_residence(frame)
            fits = frame.dim() == 3 and frame.shape[0] == channels and frame.numel() > 0
            if not fits or not frame.is_floating_point():
                raise FrameError(f"an image of shape {tuple(frame.shape)} and {frame.dtype} was given; {wanted}")
        return frames

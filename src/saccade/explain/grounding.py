"""The region R of relevant features, found from words: Grounding DINO's boxes, and SAM's masks inside them.

Source: arXiv 2311.12091, Section 4.4, names the two models; thresholds are those of Grounding DINO's own examples. Both
run through transformers; their weights are downloaded once, or read from folders.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from saccade.errors import ExplanationError, MissingPackageError, WeightsError
from saccade.explain.labels import inside_box

DETECTOR = "IDEA-Research/grounding-dino-tiny"
SEGMENTER = "facebook/sam-vit-base"


@dataclass(frozen=True)
class GroundingRule:
    """What counts as found.

    Attributes:
        box_threshold: a box is kept when one of the prompt's words reaches this score, 0 to 1.
        text_threshold: the score from which a word belongs to a box, 0 to 1.
        within_boxes: True cuts each of SAM's masks at its box.

    Raises:
        ExplanationError: a threshold outside [0, 1].
    """

    box_threshold: float = 0.35
    text_threshold: float = 0.25
    within_boxes: bool = True

    def __post_init__(self) -> None:
        for name in ("box_threshold", "text_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ExplanationError(f"{name} is {getattr(self, name)}; expected a score from 0 to 1")


class Grounding:
    """Two networks that find in a photograph what is named.

    Args:
        detector: a GroundingDinoForObjectDetection.
        detector_processor: its processor.
        segmenter: a SamModel.
        segmenter_processor: its processor.
        rule: what counts as found.
    """

    def __init__(
        self,
        detector: Any,
        detector_processor: Any,
        segmenter: Any,
        segmenter_processor: Any,
        rule: GroundingRule | None = None,
    ) -> None:
        self.detector, self.detector_processor = detector.eval(), detector_processor
        self.segmenter, self.segmenter_processor = segmenter.eval(), segmenter_processor
        self.rule = rule or GroundingRule()

    @classmethod
    def load(cls, detector: str = DETECTOR, segmenter: str = SEGMENTER, rule: GroundingRule | None = None) -> Grounding:
        """Returns both networks with their weights.

        Args:
            detector: a name on the Hugging Face hub, or a folder that ``save_pretrained`` wrote.
            segmenter: likewise.
            rule: what counts as found.

        Raises:
            MissingPackageError: transformers is not installed.
            WeightsError: the weights cannot be had.
        """
        try:
            from transformers import (
                GroundingDinoForObjectDetection,
                GroundingDinoProcessor,
                SamModel,
                SamProcessor,
            )
        except ImportError as error:
            raise MissingPackageError(
                f"finding regions from words needs transformers, which cannot be imported ({error}); "
                "run: pip install 'saccade[ground]'"
            ) from error
        return cls(
            _pretrained(GroundingDinoForObjectDetection, detector),
            _pretrained(GroundingDinoProcessor, detector),
            _pretrained(SamModel, segmenter),
            _pretrained(SamProcessor, segmenter),
            rule,
        )

    @torch.no_grad()
    def boxes(self, rgb: npt.NDArray[np.uint8], words: str) -> npt.NDArray[np.float32]:
        """Returns the boxes of what is named.

        Args:
            rgb: (H, W, 3) uint8.
            words: such as "pagoda", or several with full stops between: "cat. dog".

        Returns:
            (K, 4): left, top, right, bottom in pixels, within the picture; K may be 0.

        Raises:
            ExplanationError: there are no words.
        """
        prompt = _prompt(words)
        inputs = self.detector_processor(images=rgb, text=prompt, return_tensors="pt")
        outputs = self.detector(**inputs)
        (found,) = self.detector_processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=self.rule.box_threshold,
            text_threshold=self.rule.text_threshold,
            target_sizes=[rgb.shape[:2]],
        )
        height, width = rgb.shape[:2]
        boxes = np.asarray(found["boxes"].cpu(), dtype=np.float32).reshape(-1, 4)
        return np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32))

    @torch.no_grad()
    def region(self, rgb: npt.NDArray[np.uint8], words: str) -> npt.NDArray[np.bool_]:
        """Returns where what is named is: the union of the masks in its boxes.

        Args:
            rgb: (H, W, 3) uint8.
            words: as for ``boxes``.

        Returns:
            (H, W) bool; all False where nothing was found.

        Raises:
            ExplanationError: there are no words.
        """
        region = np.zeros(rgb.shape[:2], dtype=np.bool_)
        boxes = self.boxes(rgb, words)
        if not len(boxes):
            return region
        inputs = self.segmenter_processor(images=rgb, input_boxes=[boxes.tolist()], return_tensors="pt")
        outputs = self.segmenter(**inputs, multimask_output=False)
        (masks,) = self.segmenter_processor.post_process_masks(
            outputs.pred_masks.cpu(), inputs["original_sizes"].cpu(), inputs["reshaped_input_sizes"].cpu()
        )
        for mask, box in zip(np.asarray(masks[:, 0], dtype=np.bool_), boxes, strict=True):
            region |= mask & inside_box(tuple(box.tolist()), rgb.shape[:2]) if self.rule.within_boxes else mask
        return region


def _prompt(words: str) -> str:
    """Returns words as Grounding DINO was trained on: lower case, a full stop after each thing."""
    things = [thing.strip() for thing in words.lower().split(".")]
    if not any(things):
        raise ExplanationError("there are no words to look for; name what the image shows, such as 'pagoda'")
    return ". ".join(thing for thing in things if thing) + "."


def _pretrained(kind: Any, name: str) -> Any:
    try:
        return kind.from_pretrained(name)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).split(". ")[0]
        advice = "save it again" if Path(name).is_dir() else "download it elsewhere, and give the folder it is in"
        raise WeightsError(f"{kind.__name__} cannot be loaded from {name!r}: {reason}; {advice}") from error

"""The report of one run: what was trained, and what the streams did before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from saccade.experiments.tolerant_training.trade_off import TradeOff
from saccade.measure import Environment
from saccade.training.tolerant import TolerantRecipe, TolerantStep

NAME = "tolerant-training"
ERRORS = (0.003, 0.01, 0.03, 0.1)
"""Mean relative errors at which the networks' work is compared."""


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        name: of the file.
        before: the network as it was.
        after: the network that was fine-tuned.
    """

    name: str
    before: TradeOff
    after: TradeOff

    def ratios(self) -> dict[float, float]:
        """Returns the work after over the work before, at each error that both reach."""
        found = {}
        for error in ERRORS:
            before, after = self.before.share_at(error), self.after.share_at(error)
            if before is not None and after is not None:
                found[error] = after / before
        return found


@dataclass(frozen=True)
class Findings:
    """All clips.

    Attributes:
        model: as the user named it.
        size: height and width of the frames.
        recipe: of the fine-tuning.
        steps: what a few of its steps saw.
        clips: in the order given.
        environment: the machine and the command.
    """

    model: str
    size: tuple[int, int]
    recipe: TolerantRecipe
    steps: tuple[TolerantStep, ...]
    clips: tuple[Clip, ...]
    environment: Environment

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values."""
        clips = [
            {**asdict(clip), "work_after_over_before": {str(error): ratio for error, ratio in clip.ratios().items()}}
            for clip in self.clips
        ]
        return {
            "model": self.model,
            "size": list(self.size),
            "recipe": self.recipe.to_dict(),
            "steps": [asdict(step) for step in self.steps],
            "clips": clips,
            "environment": self.environment.to_dict(),
        }

    def to_markdown(self) -> str:
        """Returns the report for readers."""
        lines = [
            "# Tolerant training",
            "",
            f"{self.model} at {self.size[0]}x{self.size[1]}, {self.recipe.steps} steps of {self.recipe.batch} pairs. "
            "Streams of the policy `near` with several thresholds; share of the multiply-adds of dense passes at the "
            "same mean relative error, each network against its own dense pass, before and after the fine-tuning.",
            "",
            "| clip | frames | "
            + " | ".join(f"error {error:g}" for error in ERRORS)
            + " | outputs moved by | other class |",
            "|---|---|" + "---|" * (len(ERRORS) + 2),
        ]
        for clip in self.clips:
            ratios = clip.ratios()
            cells = [
                f"{clip.before.share_at(error):.3f} to {clip.after.share_at(error):.3f} ({ratios[error]:.2f})"
                if error in ratios
                else "not reached"
                for error in ERRORS
            ]
            moved = [f"{clip.after.unfaithful:.3f}", f"{clip.after.other_class:.1%}"]
            lines.append(f"| {clip.name} | {clip.after.frames} | " + " | ".join(cells + moved) + " |")
        machine = self.environment.to_dict()
        lines += ["", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine.items())]
        return "\n".join(lines) + "\n"

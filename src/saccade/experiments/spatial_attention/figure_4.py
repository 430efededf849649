"""Figure 4: the sequences that the networks see.

Paper: top row experiment I, bottom row experiment II; a third row shows what experiment II should have shown.
Cost: none.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from saccade.experiments.spatial_attention.pictures import without_ticks
from saccade.experiments.spatial_attention.settings import Settings

_NAMES = {"I": "I: repeated", "II as published": "II, as published", "II corrected": "II, corrected"}


def draw_figure_4(digit: torch.Tensor, settings: Settings) -> Figure:
    """Returns the figure for one digit (28, 28): a row for each experiment, a column for each frame."""
    motions = settings.motions
    figure = Figure(figsize=(1.0 * settings.frames + 1.3, 1.08 * len(motions) + 0.8), layout="constrained")
    grid = figure.subplots(len(motions), settings.frames, squeeze=False)
    for number, (row, (name, motion)) in enumerate(zip(grid, motions.items(), strict=True)):
        for step, (axes, frame) in enumerate(zip(row, motion.sequence(digit), strict=True)):
            axes.imshow(frame[0, 0].numpy(), cmap="gray", vmin=-1, vmax=1)
            without_ticks(axes)
            if number == 0:
                axes.set_title(f"frame {step}", fontsize=9)
        row[0].set_ylabel(_NAMES[name], fontsize=10)
    figure.suptitle("Figure 4: what the networks see (black is -1, white 1)", fontsize=12)
    return figure

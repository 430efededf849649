"""Figure 5: change maps of the input and of every layer when a digit moves by one pixel.

Paper: one column, of the published program; here the published and the corrected rule stand side by side.
Cost: a second.
"""

from __future__ import annotations

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import nn

from saccade.experiments.spatial_attention.pictures import CHANGED, KEPT, without_ticks
from saccade.experiments.spatial_attention.settings import Settings

_STEP = 4
"""The frame whose maps are shown; the digit has moved by then in every sequence."""


def change_maps(
    model: nn.Sequential, digit: torch.Tensor, settings: Settings
) -> dict[tuple[str, str], dict[str, torch.Tensor]]:
    """Returns the maps (H, W) of input, conv1, pool1, conv2 and pool2, by sequence and rule."""
    rules = {
        ("II as published", "published rule"): settings.published(),
        ("II corrected", "published rule"): settings.published(),
        ("II corrected", "corrected rule"): settings.corrected(),
        ("II corrected", "corrected rule, tau 0"): settings.corrected(0.0),
    }
    maps = {}
    for (sequence, rule_name), rule in rules.items():
        contender = settings.cnn3(model, rule, sequential=False)
        frames = settings.motions[sequence].sequence(digit)
        contender.watch(frames[: min(_STEP, len(frames) - 1) + 1])
        maps[sequence, rule_name] = contender.change_maps()
    return maps


def draw_figure_5(maps: dict[tuple[str, str], dict[str, torch.Tensor]], settings: Settings) -> Figure:
    """Returns the figure: a row for each layer, a column for each sequence and rule."""
    layers = list(next(iter(maps.values())))
    colours = ListedColormap([KEPT, CHANGED])
    figure = Figure(figsize=(2.15 * len(maps) + 0.9, 2.05 * len(layers) + 1.1), layout="constrained")
    grid = figure.subplots(len(layers), len(maps), squeeze=False)
    for column, ((sequence, rule), of_layers) in enumerate(maps.items()):
        for row, layer in enumerate(layers):
            axes, plane = grid[row][column], of_layers[layer]
            axes.imshow(plane.numpy(), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
            without_ticks(axes)
            axes.set_xlabel(f"{float(plane.float().mean()):.1%} of {plane.shape[0]} x {plane.shape[1]}", fontsize=8)
            if row == 0:
                axes.set_title(f"{sequence},\n{rule}", fontsize=9)
            if column == 0:
                axes.set_ylabel(layer, fontsize=10)
    figure.suptitle(
        f"Figure 5: what changed when the digit moved {settings.direction} by {settings.shift} pixel"
        f"{'s' if settings.shift > 1 else ''} (tau {settings.threshold:g})",
        fontsize=12,
    )
    patches = [Patch(color=CHANGED, label="changed, computed anew"), Patch(color=KEPT, label="kept")]
    figure.legend(handles=patches, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure

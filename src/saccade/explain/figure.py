"""The pictures: heat maps of networks side by side, and what the gates of one of them do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from saccade.errors import ExplanationError
from saccade.explain.explanation import Explanation, StageMap
from saccade.explain.gate_map import GateView
from saccade.explain.heat_map import COLOURS, overlay

_CELL = 2.9  # inches a picture
_DOTS = 150  # pixels an inch
_GATES_A_ROW = 4
_REGION_COLOUR = "white"
_BOX_COLOUR = "#ff3df2"
_PLACE_COLOURS = ("#ffd23d", "#3dd6ff", "#ff5a5a", "#7dff6b", "#ff9f1a", "#c58bff", "#ffffff", "#ff7ad1", "#00e0a4")


def comparison_figure(
    picture: npt.NDArray[np.uint8],
    explanations: Sequence[Explanation],
    *,
    title: str = "",
    categories: Sequence[Sequence[str]] = (),
    region: npt.NDArray[np.bool_] | None = None,
    note: str = "",
    colours: str = COLOURS,
) -> bytes:
    """Draws what networks looked at in a photograph, a row a network and a column a stage.

    Args:
        picture: (H, W, 3) uint8, what the networks saw, at any size: maps are stretched to it.
        explanations: one a network, all with as many stages.
        title: a line above, such as the file's name.
        categories: for each explanation, the names of its network's classes; numbers are shown where they lack.
        region: (H, W) bool, of the picture's size, outlined in white; the box of each score is drawn dashed.
        note: a line below, such as where the weights come from.
        colours: matplotlib's name of a colour scale for weights from 0 to 1.

    Returns:
        A PNG file.

    Raises:
        ExplanationError: there is nothing to draw, or no such colour scale.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if not explanations or not all(explanation.stages for explanation in explanations):
        raise ExplanationError("there is nothing to draw; give at least one explanation with one stage")
    columns = 1 + max(len(explanation.stages) for explanation in explanations)
    figure = _figure(columns, len(explanations), picture)
    axes = figure.subplots(len(explanations), columns, squeeze=False)
    names = [*categories, *[()] * len(explanations)]
    for row, explanation, known in zip(axes, explanations, names, strict=False):
        for place in row:
            place.set_axis_off()
        row[0].imshow(picture)
        row[0].set_title(_heading(explanation, known), fontsize=9, loc="left")
        _outline(row[0], region)
        for place, stage in zip(row[1:], explanation.stages, strict=False):
            place.imshow(overlay(picture, _stretched(stage.weights, picture.shape[:2]), colours=colours))
            place.set_title(_stage_title(stage), fontsize=9, loc="left")
            _outline(place, region)
            _box(place, stage, picture.shape[0] / stage.weights.shape[0], picture.shape[1] / stage.weights.shape[1])
    scale = ScalarMappable(Normalize(0, 1), colours)
    bar = figure.colorbar(scale, ax=axes.ravel().tolist(), location="bottom", shrink=0.6, aspect=40, pad=0.02)
    legend = "" if region is None else "; white: the region R; dashed: the box B that its score is computed in"
    bar.set_label(f"Grad-CAM weight: 0 mattered least, 1 most, each map on its own scale{legend}", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    _captions(figure, title, note)
    return _png(figure)


def gates_figure(
    picture: npt.NDArray[np.uint8],
    gates: Sequence[GateView],
    *,
    title: str = "",
    note: str = "",
    colours: str = COLOURS,
) -> bytes:
    """Draws what the gates of a network do with a photograph, four gates side by side.

    Above, each gate's map over the places, averaged over its channels, on its own scale; below, for gates whose kernel
    is deformable, where it looks from a few places: a cross marks the place, dots mark the looks, larger where they
    count more.

    Args:
        picture: (H, W, 3) uint8, what the network saw, at any size.
        gates: at least one whose map has places; others are left out.
        title: a line above.
        note: a line below.
        colours: matplotlib's name of a colour scale.

    Returns:
        A PNG file.

    Raises:
        ExplanationError: no gate has a map of places.
    """
    shown = [gate for gate in gates if gate.attention.size > 1]
    if not shown:
        raise ExplanationError("no gate has a map of places to draw; gates that weigh channels only have none")
    moving = any(gate.positions is not None for gate in shown)
    columns, band = min(len(shown), _GATES_A_ROW), 2 if moving else 1
    rows = band * -(-len(shown) // columns)
    figure = _figure(columns, rows, picture)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.ravel():
        place.set_axis_off()
    for number, gate in enumerate(shown):
        row, column = band * (number // columns), number % columns
        _draw_attention(figure, axes[row, column], picture, gate, colours)
        if gate.positions is not None:
            _draw_sampling(axes[row + 1, column], picture, gate)
    _captions(figure, title, note)
    return _png(figure)


def _draw_attention(figure: Any, axes: Any, picture: npt.NDArray[np.uint8], gate: GateView, colours: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = float(gate.attention.min()), float(gate.attention.max())
    # A gate that has not been trained is the same everywhere but for rounding.
    span = high - low if high - low > 1e-6 else 1.0
    scaled = _stretched((gate.attention - low) / span, picture.shape[:2])
    axes.imshow(overlay(picture, scaled, colours=colours))
    height, width = gate.attention.shape
    axes.set_title(f"{gate.name}\n{gate.kind}, {height} x {width} places", fontsize=8, loc="left")
    bar = figure.colorbar(ScalarMappable(Normalize(low, low + span), colours), ax=axes, location="bottom", shrink=0.8)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(f"mean over channels (all: {gate.lowest:.2f} to {gate.highest:.2f})", fontsize=7)


def _draw_sampling(axes: Any, picture: npt.NDArray[np.uint8], gate: GateView) -> None:
    """Draws where a deformable kernel looks from a lattice of places."""
    assert gate.positions is not None
    assert gate.mask is not None
    height, width = picture.shape[:2]
    rows, columns = gate.attention.shape
    grey = picture.mean(axis=2, keepdims=True)
    axes.imshow(np.repeat(0.35 * grey + 20, 3, axis=2).astype(np.uint8))
    largest = float(gate.mask.max()) or 1.0
    for number, (y, x) in enumerate(_lattice(rows, columns)):
        colour = _PLACE_COLOURS[number % len(_PLACE_COLOURS)]
        looks = gate.positions[:, :, :, y, x].reshape(-1, 2)
        counts = gate.mask[:, :, y, x].reshape(-1) / largest
        # The middle of place p lies at (p + 1/2) times the stride; imshow puts pixel 0's middle at 0.
        across = (looks[:, 1] + 0.5) * width / columns - 0.5
        down = (looks[:, 0] + 0.5) * height / rows - 0.5
        axes.scatter(across, down, s=22 * counts, color=colour, linewidths=0, clip_on=True)
        middle = ((x + 0.5) * width / columns - 0.5, (y + 0.5) * height / rows - 0.5)
        axes.plot(*middle, marker="+", color=colour, markersize=9, markeredgewidth=1.3)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    told = f"dots: where it looks from each +\nmoved by at most {gate.largest_offset:.2f} places"
    axes.set_title(told, fontsize=8, loc="left")


def _lattice(rows: int, columns: int) -> list[tuple[int, int]]:
    """Returns nine places (y, x) spread over a map, or fewer where it has no more."""
    down = sorted({int(rows * share) for share in (1 / 6, 1 / 2, 5 / 6)})
    across = sorted({int(columns * share) for share in (1 / 6, 1 / 2, 5 / 6)})
    return [(y, x) for y in down for x in across]


def _stretched(weights: npt.NDArray[np.floating], size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Returns a map at a picture's size, bilinear."""
    from PIL import Image

    image = Image.fromarray(np.asarray(weights, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.float32)


def _heading(explanation: Explanation, categories: Sequence[str]) -> str:
    name = _category(explanation.category, categories)
    wrong = explanation.first_choice != explanation.category
    instead = f"\n(its own choice: {_category(explanation.first_choice, categories)})" if wrong else ""
    return f"{explanation.name}\n{name}, p = {explanation.probability:.2f}{instead}"


def _category(index: int, categories: Sequence[str]) -> str:
    return categories[index] if index < len(categories) else f"class {index}"


def _stage_title(stage: StageMap) -> str:
    if stage.score is None:
        return stage.label
    if stage.score.value is None:
        return f"{stage.label}, sfd: none\n({stage.score.skipped})"
    return f"{stage.label}, sfd {stage.score.value:.2f}"


def _outline(axes: Any, region: npt.NDArray[np.bool_] | None) -> None:
    if region is not None and region.any() and not region.all():
        axes.contour(region.astype(float), levels=[0.5], colors=[_REGION_COLOUR], linewidths=1.1)


def _box(axes: Any, stage: StageMap, down: float, across: float) -> None:
    """Draws the box that a score was computed in, scaled from the frame's pixels to the picture's."""
    from matplotlib.patches import Rectangle

    if stage.score is not None and stage.score.box is not None:
        left, top, right, bottom = stage.score.box
        corner, wide, tall = (left * across - 0.5, top * down - 0.5), (right - left) * across, (bottom - top) * down
        axes.add_patch(Rectangle(corner, wide, tall, fill=False, ls=(0, (4, 3)), lw=1.2, ec=_BOX_COLOUR))


def _figure(columns: int, rows: int, picture: npt.NDArray[np.uint8]) -> Any:
    from matplotlib.figure import Figure

    tall = _CELL * picture.shape[0] / picture.shape[1]
    return Figure(figsize=(columns * _CELL, rows * (tall + 0.55) + 0.9), dpi=_DOTS, layout="constrained")


def _captions(figure: Any, title: str, note: str) -> None:
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    if note:
        figure.supxlabel(note, fontsize=7.5, x=0.01, ha="left", color="#4a535c")


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_canvas(FigureCanvasAgg(figure))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()

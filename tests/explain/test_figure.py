"""Pictures of explanations: what is drawn, and where."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from saccade.errors import ExplanationError
from saccade.explain import Explanation, GateView, Score, StageMap, comparison_figure, gates_figure

PICTURE = np.full((160, 120, 3), 128, dtype=np.uint8)
REGION = np.zeros((160, 120), dtype=bool)
REGION[40:100, 30:90] = True


def explanation(score: Score | None = None, name: str = "network", gates: tuple[GateView, ...] = ()) -> Explanation:
    weights = np.zeros((40, 30), dtype=np.float32)
    weights[10:25, 8:22] = 1
    stages = tuple(StageMap(f"stage {number}", f"layer{number}", weights, score) for number in (3, 4))
    return Explanation(name, 1, 0.75, 1, stages, gates)


def gate(name: str = "layer1.gate", places: int = 8, moving: bool = True) -> GateView:
    attention = np.linspace(0.4, 0.6, places * places, dtype=np.float32).reshape(places, places)
    if not moving:
        return GateView(name, "SE", attention, 0.1, 0.9)
    y, x = np.mgrid[:places, :places].astype(np.float32)
    positions = np.stack([np.stack((y + dy, x + dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])[None]
    return GateView(name, "DAS", attention, 0.1, 0.9, positions, np.full((1, 9, places, places), 0.5, dtype=np.float32))


def opened(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def reddest(pixels: np.ndarray) -> np.ndarray:
    """Returns where a picture is strongly red, as only weights near 1 are drawn."""
    return (pixels[..., 0] > 120) & (pixels[..., 2] < 90) & (pixels[..., 0] > pixels[..., 1] + 40)


def test_each_network_is_a_row_and_each_stage_a_column() -> None:
    one, two = (
        opened(comparison_figure(PICTURE, [explanation()])),
        opened(comparison_figure(PICTURE, [explanation(), explanation(name="other")])),
    )
    assert one.shape[1] == two.shape[1]
    assert two.shape[0] > 1.6 * one.shape[0]
    # Weights of 1 are red in the columns of both stages and nowhere in the photograph's own column.
    thirds = np.array_split(reddest(one[: one.shape[0] * 3 // 4]), 3, axis=1)
    assert thirds[0].sum() == 0
    assert min(thirds[1].sum(), thirds[2].sum()) > 2000


def test_the_region_and_the_box_are_drawn() -> None:
    plain = opened(comparison_figure(PICTURE, [explanation()]))
    scored = opened(comparison_figure(PICTURE, [explanation(Score(0.5, 1, 1, (5, 8, 25, 30)))], region=REGION))
    magenta = (scored[..., 0] > 200) & (scored[..., 1] < 110) & (scored[..., 2] > 200)
    assert magenta.sum() > 500
    assert not ((plain[..., 0] > 200) & (plain[..., 1] < 110) & (plain[..., 2] > 200)).any()


def test_the_box_is_scaled_to_the_picture() -> None:
    # The frame is a quarter of the picture: a box around all of it lies on the picture's edges.
    pixels = opened(comparison_figure(PICTURE, [explanation(Score(0.5, 1, 1, (0, 0, 30, 40)))]))
    magenta = (pixels[..., 0] > 200) & (pixels[..., 1] < 110) & (pixels[..., 2] > 200)
    rows = np.flatnonzero(magenta.any(axis=1))
    columns = np.flatnonzero(magenta[:, : pixels.shape[1] * 2 // 3].any(axis=0))
    assert (rows[-1] - rows[0]) / (columns[-1] - columns[0]) == pytest.approx(160 / 120, rel=0.02)


@pytest.mark.parametrize("region", [np.zeros((160, 120), dtype=bool), np.ones((160, 120), dtype=bool)])
def test_a_region_without_an_edge_draws_no_outline(region) -> None:
    assert opened(
        comparison_figure(PICTURE, [explanation(Score(None, skipped="the region is empty"))], region=region)
    ).any()


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="there is nothing to draw"):
        comparison_figure(PICTURE, [])


def test_an_unknown_colour_scale_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="no colour scale"):
        comparison_figure(PICTURE, [explanation()], colours="rainbough")


def test_gates_are_columns_and_their_looks_a_second_row() -> None:
    still, moving = opened(gates_figure(PICTURE, [gate(moving=False)])), opened(gates_figure(PICTURE, [gate()]))
    assert moving.shape[0] > 1.6 * still.shape[0]
    assert opened(gates_figure(PICTURE, [gate(), gate("layer2.gate", 4)])).shape[1] == 2 * moving.shape[1]


def test_many_gates_go_on_in_further_rows() -> None:
    four, six = (opened(gates_figure(PICTURE, [gate(str(place), 4) for place in range(count)])) for count in (4, 6))
    assert six.shape[1] == four.shape[1]
    assert six.shape[0] > 1.6 * four.shape[0]


def test_a_gate_that_weighs_channels_only_is_left_out() -> None:
    channels = GateView("layer1.gate", "SE", np.full((1, 1), 0.5, dtype=np.float32), 0.1, 0.9)
    assert opened(gates_figure(PICTURE, [channels, gate()])).shape == opened(gates_figure(PICTURE, [gate()])).shape
    with pytest.raises(ExplanationError, match="no gate has a map of places"):
        gates_figure(PICTURE, [channels])


def test_a_gate_that_is_the_same_everywhere_is_drawn() -> None:
    even = GateView("layer1.gate", "DAS", np.full((4, 4), 0.5, dtype=np.float32), 0.5, 0.5)
    assert opened(gates_figure(PICTURE, [even])).any()

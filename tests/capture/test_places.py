"""Heads of detectors: permuted, flattened and joined along places, with a softmax or a sigmoid behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from captured import captured, fallback_targets, relative_error
from torch import nn

from saccade.graph import Activation, Concatenate, Convolution, Graph, PlaceConcatenate, Softmax
from saccade.runtime import Program

ANCHORS, CLASSES = 3, 4


class Heads(nn.Module):
    """Three heads over one map, each of half the size of the one before, and what joins them."""

    def __init__(self, join: Callable[[list[torch.Tensor]], Any], channels: int = ANCHORS * CLASSES) -> None:
        super().__init__()
        self.join = join
        self.layers = nn.ModuleList(nn.Conv2d(3, channels, 3, 2**level, 1) for level in range(3))

    def forward(self, image: torch.Tensor) -> Any:
        return self.join([layer(image) for layer in self.layers])


def image(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 14, 10)


def single_shot(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, CLASSES)


def retina(x: torch.Tensor) -> torch.Tensor:
    n, _, h, w = x.shape
    return x.view(n, -1, CLASSES, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, CLASSES)


def anchors_first(x: torch.Tensor) -> torch.Tensor:
    n, _, h, w = x.shape
    return x.view(n, ANCHORS, CLASSES, h, w).permute(0, 1, 3, 4, 2).reshape(n, -1, CLASSES)


def classes_outside(x: torch.Tensor) -> torch.Tensor:
    n, _, h, w = x.shape
    return x.view(n, CLASSES, ANCHORS, h, w).permute(0, 3, 4, 2, 1).reshape(n, -1, CLASSES)


def columns_first(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 2, 1).flatten(1, 2)


def with_anchors(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, ANCHORS, CLASSES)


def kinds(graph: Graph) -> list[type]:
    return [type(operator) for operator in graph.operators if not isinstance(operator, Convolution)]


def assert_exact(graph: Graph, frame: torch.Tensor, expected: torch.Tensor, watched: str | None = None) -> None:
    """Checks the engine against the model, and after a change of one place against a dense pass.

    Args:
        graph: captured from the model.
        frame: the model's input.
        expected: the model's output.
        watched: an operator of which a part has to change; by default the only one that joins places.
    """
    session = Program(graph, threads=1).session(poison=True)
    assert relative_error(session(frame), expected) < 1e-5
    frame = frame.clone()
    frame[:, :, 5, 5] += 1
    assert torch.equal(session(frame), session.dense(frame))
    if watched is None:
        (joined,) = (operator for operator in graph.operators if isinstance(operator, PlaceConcatenate))
        watched = joined.name
    assert 0 < float(session.change_maps()[watched].float().mean()) < 0.5


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("head", [single_shot, retina, anchors_first, classes_outside, columns_first, with_anchors])
def test_heads_are_joined_natively(head: Callable[[torch.Tensor], torch.Tensor], count: int) -> None:
    model, frame = Heads(lambda maps: torch.cat([head(x) for x in maps], 1)).eval(), image(count)
    graph = captured(model, frame)
    assert kinds(graph) == [PlaceConcatenate]
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


def test_heads_with_places_last_are_joined_natively() -> None:
    model, frame = Heads(lambda maps: torch.cat([x.flatten(2) for x in maps], 2)).eval(), image()
    graph = captured(model, frame)
    assert kinds(graph) == [PlaceConcatenate]
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda x: x.softmax(-1), Softmax),
        (lambda x: x.log_softmax(2), Softmax),
        (lambda x: x.sigmoid(), Activation),
        (lambda x: x.transpose(1, 2).softmax(1), Softmax),
    ],
)
def test_what_follows_joined_heads_is_native(function: Callable[[torch.Tensor], torch.Tensor], kind: type) -> None:
    model, frame = Heads(lambda maps: function(torch.cat([single_shot(x) for x in maps], 1))).eval(), image(2)
    graph = captured(model, frame)
    assert kinds(graph) == [PlaceConcatenate, kind]
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


def test_boxes_are_decoded_natively_by_constants_of_each_place() -> None:
    anchors = torch.rand(1, 14 * 10 * ANCHORS, 2)

    def decode(maps: list[torch.Tensor]) -> torch.Tensor:
        joined = torch.cat([single_shot(x) for x in maps], 1)[:, : anchors.shape[1]]
        return torch.cat([joined[..., :2] * 0.1 * anchors + anchors, joined[..., 2:].exp() * anchors], -1)

    graph = captured(Heads(decode), image())
    assert graph.fallbacks() == []


@pytest.mark.parametrize("count", [1, 2])
def test_the_decoding_of_anchor_boxes_is_native(count: int) -> None:
    sizes = torch.rand(1, ANCHORS, 1, 1, 2)

    def decode(maps: list[torch.Tensor]) -> torch.Tensor:
        rows = []
        for stride, x in zip((1, 2, 4), maps, strict=True):
            n, _, h, w = x.shape
            grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy"), 2).view(1, 1, h, w, 2)
            x = x.view(n, ANCHORS, 6, h, w).permute(0, 1, 3, 4, 2).sigmoid()
            centre, size, rest = x.split((2, 2, 2), 4)
            boxes = [(centre * 2 - 0.5 + grid) * stride, (size * 2) ** 2 * sizes, rest]
            rows.append(torch.cat(boxes, 4).view(n, -1, 6))
        return torch.cat(rows, 1)

    model, frame = Heads(decode, ANCHORS * 6).eval(), image(count)
    graph = captured(model, frame)
    assert graph.fallbacks() == []
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


def test_softmax_over_a_group_of_many_channels_makes_the_groups_places() -> None:
    def scores(maps: list[torch.Tensor]) -> torch.Tensor:
        n, _, h, w = maps[0].shape
        return maps[0].view(n, 9, CLASSES, h, w).softmax(2)

    model, frame = Heads(scores, 9 * CLASSES).eval(), image(2)
    graph = captured(model, frame)
    assert kinds(graph) == [PlaceConcatenate, Softmax]
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_few_groups_of_channels_have_a_softmax_each(inner: bool, logarithm: bool) -> None:
    def scores(maps: list[torch.Tensor]) -> torch.Tensor:
        n, _, h, w = maps[0].shape
        function = torch.log_softmax if logarithm else torch.softmax
        if inner:
            return function(maps[0].view(n, CLASSES, ANCHORS, h, w), 1)
        return function(maps[0].view(n, ANCHORS, CLASSES, h * w), 2)

    model, frame = Heads(scores).eval(), image(2)
    graph = captured(model, frame)
    assert kinds(graph).count(Softmax) == ANCHORS
    assert PlaceConcatenate not in kinds(graph)
    assert graph.fallbacks() == []
    with torch.no_grad():
        assert_exact(graph, frame, model(frame), graph.operators[-1].name)


class Distances(nn.Module):
    """Boxes from distributions over distances to their sides (generalised focal loss), as YOLOv8's head decodes them.

    Args:
        bins: of each distribution.
        outputs: numbers made of each distribution: 1 there.
    """

    def __init__(self, bins: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.bins = bins
        self.layers = nn.ModuleList(nn.Conv2d(3, 4 * bins + CLASSES, 3, 2**level, 1) for level in range(3))
        self.expected = nn.Conv2d(bins, outputs, 1, bias=bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        n = image.shape[0]
        maps = [layer(image) for layer in self.layers]
        anchors = torch.cat([self.centres(*x.shape[2:]) for x in maps], 1)
        strides = torch.cat([torch.full((1, x[0, 0].numel()), 2.0**level) for level, x in enumerate(maps)], 1)
        joined = torch.cat([x.view(n, 4 * self.bins + CLASSES, -1) for x in maps], 2)
        box, classes = joined.split((4 * self.bins, CLASSES), 1)
        places = box.shape[2]
        likely = box.view(n, 4, self.bins, places).transpose(2, 1).softmax(1)
        sides = self.expected(likely)
        if sides.shape[1] > 1:
            return sides.transpose(1, 2).flatten(1, 2)
        first, last = sides.view(n, 4, places).chunk(2, 1)
        start, end = anchors[None] - first, anchors[None] + last
        return torch.cat((torch.cat(((start + end) / 2, end - start), 1) * strides, classes.sigmoid()), 1)

    @staticmethod
    def centres(rows: int, columns: int) -> torch.Tensor:
        y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
        return torch.stack((x, y)).flatten(1)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("bins", "outputs", "bias"), [(16, 1, False), (5, 1, True), (6, 3, True)])
def test_boxes_from_distributions_are_native(bins: int, outputs: int, bias: bool, count: int) -> None:
    torch.manual_seed(0)
    model, frame = Distances(bins, outputs, bias).eval(), image(count)
    graph = captured(model, frame)
    assert graph.fallbacks() == []
    with torch.no_grad():
        assert_exact(graph, frame, model(frame))


def test_a_pointwise_convolution_sees_rearranged_places_where_they_lie() -> None:
    layer = nn.Conv2d(CLASSES, 5, 1)

    def scores(maps: list[torch.Tensor]) -> torch.Tensor:
        n, _, h, w = maps[0].shape
        turned = maps[0].view(n, ANCHORS, CLASSES, h, w).permute(0, 2, 4, 1, 3).flatten(3)
        return layer(turned)

    model, frame = Heads(scores).eval(), image(2)
    graph = captured(model, frame)
    assert graph.fallbacks() == []
    with torch.no_grad():
        assert_exact(graph, frame, model(frame), graph.operators[-1].name)


def test_channels_of_one_size_are_still_joined_as_channels() -> None:
    graph = captured(Heads(lambda maps: torch.cat([x.permute(0, 2, 3, 1) for x in maps[:1] * 2], 3)), image())
    assert kinds(graph) == [Concatenate]


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        (lambda maps: torch.cat([maps[0], maps[0]], 2), "rows or columns"),
        (lambda maps: torch.cat([maps[0], maps[0]], 0), "images of a batch"),
        (
            lambda maps: torch.cat([maps[0].unflatten(2, (7, 2)).permute(0, 1, 3, 2, 4).flatten(2)] * 2, 2),
            "blocks of places",
        ),
        (lambda maps: torch.cat([maps[0].flatten(2), torch.ones(2, 12, 3)], 2), "constant"),
    ],
)
def test_other_joins_fall_back_with_a_reason(join: Callable[[list[torch.Tensor]], torch.Tensor], reason: str) -> None:
    graph = captured(Heads(join), image(2))
    assert fallback_targets(graph) == {"aten.cat.default"}
    assert reason in graph.fallbacks()[0].reason


def test_outputs_with_channels_last_are_contiguous_and_right() -> None:
    def outputs(maps: list[torch.Tensor]) -> list[torch.Tensor]:
        return [*(part.permute(0, 2, 3, 1) for part in maps[0].chunk(3, 1)), retina(maps[1]), classes_outside(maps[2])]

    model, frame = Heads(outputs).eval(), image(2)
    session = Program(captured(model, frame), threads=1).session(poison=True)
    with torch.no_grad():
        expected = model(frame)
    for ours, theirs in zip(session(frame), expected, strict=True):
        assert ours.is_contiguous()
        assert relative_error(ours, theirs) < 1e-5

"""Where every tensor lies: borders for the consumers' padding, concatenations and slices without copies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from saccade.graph import ChannelGather, Concatenate, Convolution, Fallback, Graph, TransposedConvolution
from saccade.plan.step import Border, Placement, Step


def lay_out(graph: Graph, steps: Sequence[Step | Fallback]) -> tuple[dict[str, Placement], frozenset[str]]:
    """Returns the placement of every tensor that a native step touches, and the outputs that need no work."""
    names = _native_tensors(steps)
    parents = _Parents(graph)
    for step in reversed(steps):
        if isinstance(step, Step) and isinstance(step.operator, Concatenate):
            parents.place_concatenation(step)
    views = {
        step.output
        for step in steps
        if isinstance(step, Step) and isinstance(step.operator, ChannelGather) and parents.place_slice(step)
    }
    borders = _borders(graph, steps, parents)
    placements: dict[str, Placement] = {}
    for name in names:
        _place(name, parents, borders, placements)
    return placements, frozenset(views)


def _native_tensors(steps: Sequence[Step | Fallback]) -> list[str]:
    names: dict[str, None] = {}
    for step in steps:
        if isinstance(step, Step):
            names.update(dict.fromkeys(step.inputs))
            names.update(dict.fromkeys([step.residual] if step.residual else []))
            names[step.output] = None
    return list(names)


class _Parents:
    """Which tensor each one is a part of, and from which channel on."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[str, tuple[str, int]] = {}

    def root(self, name: str) -> tuple[str, int]:
        offset = 0
        while name in self.of:
            name, step = self.of[name]
            offset += step
        return name, offset

    def place_concatenation(self, step: Step) -> None:
        """Puts the inputs side by side in the output's memory, or the output over inputs that already lie so."""
        if self._lies_in_order(step):
            self.of[step.output] = self.of[step.inputs[0]]
            return
        offset = 0
        for position, name in enumerate(step.inputs):
            if name not in self.of and name not in step.inputs[:position] and self.root(step.output)[0] != name:
                self.of[name] = (step.output, offset)
            offset += self._channels(name)

    def _lies_in_order(self, step: Step) -> bool:
        if step.output in self.of or any(name not in self.of for name in step.inputs):
            return False
        parent, offset = self.of[step.inputs[0]]
        for name in step.inputs:
            if self.of[name] != (parent, offset):
                return False
            offset += self._channels(name)
        return True

    def place_slice(self, step: Step) -> bool:
        """Makes a slice a part of its input's memory; False where it has to be copied."""
        assert isinstance(step.operator, ChannelGather)
        indices = step.operator.indices
        consecutive = all(after == before + 1 for before, after in itertools.pairwise(indices))
        if not consecutive or step.output in self.of or self._has_parts(step.output):
            return False
        self.of[step.output] = (step.inputs[0], indices[0])
        return True

    def _has_parts(self, name: str) -> bool:
        return any(parent == name for parent, _ in self.of.values())

    def _channels(self, name: str) -> int:
        return self.graph.tensors[name].shape[1]


def _borders(graph: Graph, steps: Sequence[Step | Fallback], parents: _Parents) -> dict[str, Border]:
    borders: dict[str, Border] = {}
    for step in steps:
        if not isinstance(step, Step):
            continue
        needed = _needed_border(graph, step)
        if needed is not None:
            root, _ = parents.root(step.inputs[0])
            held = borders.get(root, (0, 0, 0, 0))
            borders[root] = tuple(max(pair) for pair in zip(held, needed, strict=True))  # type: ignore[assignment]
    return borders


def _needed_border(graph: Graph, step: Step) -> Border | None:
    reader = step.chain[0]
    operator = reader.operator
    if not isinstance(operator, Convolution | TransposedConvolution):
        return None
    source = graph.tensors[step.inputs[0]].shape[2:]
    target = graph.tensors[reader.output].shape[2:]
    kernel = operator.weight.shape[2:]
    sides = []
    for axis in (0, 1):
        stride, dilation, padding = operator.stride[axis], operator.dilation[axis], operator.padding[axis]
        if isinstance(operator, Convolution):
            last = (target[axis] - 1) * stride + (kernel[axis] - 1) * dilation - padding
            sides.append((max(0, padding), max(0, last - source[axis] + 1)))
            continue
        first, last = 0, 0
        for place in range(target[axis]):
            for tap in range(kernel[axis]):
                numerator = place + padding - tap * dilation
                if numerator % stride == 0:
                    first, last = min(first, numerator // stride), max(last, numerator // stride)
        sides.append((-first, max(0, last - source[axis] + 1)))
    (top, bottom), (left, right) = sides
    return top, left, bottom, right


def _place(name: str, parents: _Parents, borders: dict[str, Border], placements: dict[str, Placement]) -> None:
    if name in placements:
        return
    if name in parents.of:
        parent, offset = parents.of[name]
        _place(parent, parents, borders, placements)
        placements[name] = Placement(parent, offset)
    else:
        placements[name] = Placement(border=borders.get(name, (0, 0, 0, 0)))

"""What a plan consists of: steps that run one after the other, and where their tensors lie in memory."""

from __future__ import annotations

from dataclasses import dataclass

from saccade.graph import Activation, Fallback, Graph, Operator

Border = tuple[int, int, int, int]
"""Top, left, bottom, right: zeros around a tensor, in places."""


@dataclass(frozen=True, eq=False)
class Step:
    """One operator with what was fused into it.

    Attributes:
        operator: the operator; its weights have folded in the batch norm behind it.
        inputs: tensors read, without the residual.
        output: the tensor written.
        activation: applied last, or None.
        residual: a tensor added before the activation, or None.
        before: a step whose output this one alone reads, computed along with it; its output is not kept, and ``inputs``
            are its. None if there is none.
        fused: names of the operators that became part of this step.
    """

    operator: Operator
    inputs: tuple[str, ...]
    output: str
    activation: Activation | None = None
    residual: str | None = None
    before: Step | None = None
    fused: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[Step, ...]:
        """The steps computed along with this one, in order, and itself at the end."""
        return (self,) if self.before is None else (*self.before.chain, self)

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.operator.name


@dataclass(frozen=True)
class Placement:
    """Where a tensor lies.

    Attributes:
        parent: the tensor whose memory this one is a part of, or None for memory of its own.
        channel_offset: the first channel in the parent.
        border: zeros around a tensor with memory of its own.
    """

    parent: str | None = None
    channel_offset: int = 0
    border: Border = (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Plan:
    """A graph, fused and laid out.

    Attributes:
        graph: what was planned.
        steps: native steps and fallbacks, in order.
        placements: where each native tensor lies, parents before their parts.
        views: outputs of steps that need no work, because they lie in their input's memory.
    """

    graph: Graph
    steps: tuple[Step | Fallback, ...]
    placements: dict[str, Placement]
    views: frozenset[str]

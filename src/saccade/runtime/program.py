"""A planned network with packed weights, shared by all its sessions."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from saccade.errors import PolicyError
from saccade.graph import Convolution, Fallback, Graph
from saccade.plan import Plan, Step, insert_transmissions, make_plan
from saccade.policy import Policy, Tolerance, resolve_policy
from saccade.runtime import native
from saccade.runtime.call import CallForm
from saccade.runtime.delta_cost import DeltaCost, delta_cost
from saccade.runtime.fingerprint import fingerprint
from saccade.runtime.leaving import exits
from saccade.runtime.lowering import lower
from saccade.runtime.session import Session
from saccade.runtime.threads import thread_count
from saccade.runtime.thresholds import Thresholds
from saccade.runtime.thresholds import thresholds as measure_thresholds


@dataclass(frozen=True)
class Segment:
    """Steps that run without a return to Python: native steps [first, last), or one fallback."""

    first: int
    last: int
    fallback: Fallback | None = None


class Program:
    """A planned network with packed weights for one frame size; make a session for each stream.

    Args:
        graph: the captured network.
        policy: what counts as a change, a name or a Policy.
        threads: threads a session uses; None chooses by the machine.
        instruction_set: "avx512", "avx2" or "baseline"; "" chooses the best that this processor runs.
        form: of the calls that sessions take; None for any in which the right tensors flatten in the right order.
    """

    def __init__(
        self,
        graph: Graph,
        policy: str | Policy = "exact",
        threads: int | None = None,
        instruction_set: str = "",
        form: CallForm | None = None,
    ) -> None:
        self.captured = graph
        self.form = form
        self.policy = resolve_policy(policy)
        self.tolerance = self.policy.tolerance
        if self.tolerance is not None and self.tolerance.fingerprint not in ("", fingerprint(graph)):
            shapes = ", ".join(str(graph.tensors[name].shape) for name in graph.inputs)
            raise PolicyError(
                "the profile was calibrated for another model, other weights or another frame size; this model's "
                f"frames are {shapes}: calibrate it anew with saccade calibrate"
            )
        self.graph = graph if self.tolerance is None else _with_transmissions(graph, self.tolerance)
        self.threads = thread_count(threads)
        self.plan: Plan = make_plan(self.graph)
        self.native = native.Program(instruction_set)
        self.transmissions: dict[str, int] = {}
        self._thresholds: dict[str, Thresholds] | None = None
        self._measuring = threading.Lock()
        self.tensor_numbers = self._add_tensors()
        self.exits = exits(self.graph, self.tensor_numbers)
        self.native_steps: list[Step] = []
        self.segments = tuple(self._build())

    @property
    def by_elements(self) -> bool:
        """Whether layers tell each other single elements."""
        return self.tolerance is not None and self.tolerance.granularity == "element"

    def delta_cost(self, operator: Convolution) -> DeltaCost:
        """Returns what deltas take in one layer: as the policy says, or as this machine does."""
        fixed = None if self.tolerance is None else self.tolerance.delta_cost
        return delta_cost(operator, self.instruction_set) if fixed is None else DeltaCost(1.0, fixed, 0.0, 0.0)

    @property
    def instruction_set(self) -> str:
        """The instruction set that the kernels use."""
        return str(self.native.instruction_set)

    def session(self, *, poison: bool = False) -> Session:
        """Returns a new stream's memory.

        Args:
            poison: fill fresh memory with NaN, which tests use to find reads of what was never written.
        """
        return Session(self, poison=poison)

    def thresholds(self, frames: Sequence[torch.Tensor]) -> dict[str, Thresholds]:
        """Returns the thresholds of what layers tell each other, by the transmitted tensor's name.

        Those of channels are measured once, on the first frames that come; those of places belong to these frames.

        Args:
            frames: the network's inputs.
        """
        if self.tolerance is None:
            return {}
        if self.tolerance.by_place:
            return measure_thresholds(self.graph, frames, self.tolerance)
        with self._measuring:
            if self._thresholds is None:
                self._thresholds = measure_thresholds(self.graph, frames, self.tolerance)
            return self._thresholds

    def _add_tensors(self) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for name, placement in self.plan.placements.items():
            parent = -1 if placement.parent is None else numbers[placement.parent]
            shape = list(self.graph.tensors[name].shape)
            numbers[name] = self.native.add_tensor(shape, list(placement.border), parent, placement.channel_offset)
        return numbers

    def _build(self) -> Sequence[Segment]:
        segments: list[Segment] = []
        for is_native, group in itertools.groupby(self.plan.steps, key=lambda step: isinstance(step, Step)):
            if not is_native:
                segments.extend(Segment(0, 0, step) for step in group if isinstance(step, Fallback))
                continue
            first = len(self.native_steps)
            for step in group:
                assert isinstance(step, Step)
                self._add_step(step)
            segments.append(Segment(first, len(self.native_steps)))
        return segments

    def _add_step(self, step: Step) -> None:
        for lowered in lower(self, step):
            self.native_steps.append(lowered)

    def __getstate__(self) -> dict[str, Any]:
        state = {"graph": self.captured, "policy": self.policy, "threads": self.threads, "form": self.form}
        return {**state, "set": self.instruction_set}

    def __setstate__(self, state: dict[str, Any]) -> None:
        usable = native.instruction_sets()
        instruction_set = state["set"] if state["set"] in usable else ""
        self.__init__(  # type: ignore[misc]
            state["graph"], state["policy"], state["threads"], instruction_set, state["form"]
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        """Programs never change, so a copy is the program itself."""
        return self


def _with_transmissions(graph: Graph, tolerance: Tolerance) -> Graph:
    sending = "elements"
    if tolerance.granularity == "position":
        sending = "places_by_largest" if tolerance.statistic == "largest" else "places_by_mean_square"
    return insert_transmissions(graph, sending, tolerance.least_cost)

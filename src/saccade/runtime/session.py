"""One stream's memory: every layer's last output, and what of it the next frame changes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from saccade.errors import FrameError
from saccade.graph import Fallback, Reference
from saccade.kernels.reference import fetch, run_fallback
from saccade.policy import Verdict
from saccade.runtime.account import Account
from saccade.runtime.activity import activity_maps
from saccade.runtime.answers import are_finite
from saccade.runtime.arriving import as_taken, mask_of, tensors_of
from saccade.runtime.comparison import same_bits
from saccade.runtime.pacing import Pacing
from saccade.runtime.report import FallbackCounter, FrameCost, Report, make_report
from saccade.runtime.sensitivity import sensitivities as measure_sensitivities

if TYPE_CHECKING:
    from saccade.runtime.program import Program, Segment
    from saccade.runtime.thresholds import Thresholds


class Session:
    """One stream's memory. Made by ``Program.session()``; used by one thread at a time."""

    def __init__(self, program: Program, *, poison: bool = False, memory: Any = None) -> None:
        self.program = program
        self._native = program.native.session(program.threads, poison) if memory is None else memory
        self._dense_session: Session | None = None
        self._values: dict[str, torch.Tensor] = {}
        self._references: dict[str, torch.Tensor] = {}
        self._changed: dict[str, bool] = {}
        allowance = program.policy.allowance if memory is None else None
        self._pacing = Pacing(account=None if allowance is None else Account(allowance))
        self._thresholds: dict[str, Thresholds] = {}
        self._fallbacks = {operator.name: FallbackCounter() for operator in program.graph.fallbacks()}
        self._activity: dict[tuple[int, int], torch.Tensor] = {}
        self._forced: tuple[float, int] | None = None
        self._started = False
        self._told = memory is not None
        self._finite = True
        self._frames = 0
        self._seconds = 0.0
        self._last_seconds = 0.0
        self._macs_before: int | None = None
        self._macs_dense = sum(program.native.macs)
        self._input_names = program.graph.inputs
        # Asked of every frame, where a lookup in caches that others have swept takes microseconds.
        self._expected = [program.graph.tensors[name] for name in self._input_names]
        self._exact, self._sees_all = program.policy.exact, program.policy.sees_all
        self._has_one_output = program.graph.output_tree == torch.utils._pytree.tree_structure(0)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Takes the next frame.

        Args:
            arguments: what the model takes; tensors of the shapes that the program was compiled for.
            keywords: likewise.

        Returns:
            What the model returns, in the same structure.

        Raises:
            FrameError: when a tensor's shape or device does not fit, or the call is of another form.
        """
        began = time.perf_counter()
        frames = self._flatten(arguments, keywords)
        outputs = self._advance(frames)
        self._last_seconds = time.perf_counter() - began
        self._seconds += self._last_seconds
        self._frames += 1
        return outputs

    def dense(self, *arguments: Any, **keywords: Any) -> Any:
        """Runs the same engine densely on a frame, without touching the memory of the stream."""
        frames = self._flatten(arguments, keywords)
        if self._dense_session is None:
            memory = self.program.native.session(self.program.threads, False)
            self._dense_session = Session(self.program, memory=memory)
        self._dense_session.reset()
        return self._dense_session._advance(frames, take_all=True)

    def pass_through(self, frames: Sequence[torch.Tensor]) -> Any:
        """Returns what a dense pass says of frames as the engine takes them, in the stream's own memory.

        The stream has to see its own frame again afterwards. Where layers tolerate anything, nothing else is kept.
        """
        if self.program.transmissions:
            self._native.forget()
            self._values.clear()
        for name, frame in zip(self._input_names, frames, strict=True):
            self._take_input(name, frame, True, None)
        self._run()
        self._started = True
        return self._outputs()

    def refresh(self, *arguments: Any, **keywords: Any) -> Any:
        """Computes the last frame once more, afresh, with nothing of earlier frames kept: a keyframe after the fact.

        Its time and its multiply-adds are added to those of the frame, which is not counted again.

        Returns:
            The outputs of a dense pass.
        """
        began = time.perf_counter()
        frames = self._flatten(arguments, keywords)
        before = self._macs_before
        self._forget()
        self._pacing.begin(frames[0])
        outputs = self._advance(frames, take_all=True)
        self._macs_before = self._macs_before if before is None else before
        taken = time.perf_counter() - began
        self._last_seconds += taken
        self._seconds += taken
        return outputs

    def reset(self) -> None:
        """Forgets all frames and counts; the next frame is computed densely."""
        self._native.reset()
        self._values.clear()
        self._references.clear()
        account = self._pacing.account
        self._pacing = Pacing(account=None if account is None else Account(account.allowance))
        self._told = self._told and account is None
        self._started = False
        self._frames = 0
        self._seconds = self._last_seconds = 0.0
        self._hold_all()
        self._fallbacks = {name: FallbackCounter() for name in self._fallbacks}

    def report(self) -> Report:
        """Returns what was done since the last reset."""
        return make_report(
            self.program,
            self._native.counters,
            self._fallbacks,
            self._frames,
            self._seconds,
            self.memory_bytes,
            self._pacing,
        )

    @property
    def memory_bytes(self) -> int:
        """Bytes of activations, references and change maps, those of dense passes beside the stream among them."""
        beside = 0 if self._dense_session is None else self._dense_session.memory_bytes
        return int(self._native.bytes) + sum(tensor.nbytes for tensor in self._values.values()) + beside

    @property
    def macs_dense(self) -> int:
        """Multiply-adds of a dense pass."""
        return self._macs_dense

    @property
    def since_keyframe(self) -> int:
        """Frames since the last keyframe, the stream's first frame being one; 0 for the keyframe itself."""
        return max(self._frames - 1, 0) if self._exact else self._pacing.frames

    @property
    def last_frame(self) -> FrameCost:
        """What the last frame took."""
        done = 0 if self._macs_before is None else self._native.macs_done - self._macs_before
        share = float(self._map(self._input_names[0]).float().mean()) if self._started else 0.0
        return FrameCost(done, self._macs_dense, self._last_seconds * 1e3, share)

    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the last frame's change maps, (N, H, W) and boolean, of the inputs and of every operator by name.

        They mark what was recomputed. Where changes are scattered all over an input, all of it is.
        """
        maps = {name: self._map(name) for name in self._input_names}
        for step in self.program.native_steps:
            maps[step.name] = self._map(step.output)
        for operator in self.program.graph.fallbacks():
            maps[operator.name] = self._map(operator.outputs[0])
        return maps

    def sensitivities(self) -> dict[str, torch.Tensor]:
        """Returns how much the outputs depend on what layers tell each other, at the frame taken last."""
        frames = [self._reference(name) for name in self._input_names] if self._started else []
        taken = [frame.clone() for frame in frames if frame is not None]
        measured = measure_sensitivities(self.program.graph, taken) if len(taken) == len(self._input_names) else {}
        return {name: found.channels for name, found in measured.items()}

    def run_with_activity(self, frame: torch.Tensor, share: float, seed: int = 0) -> None:
        """Runs one frame with the same share of places active in every operator, for benchmarks.

        Args:
            frame: as the model takes it.
            share: 0..1; the active places are seeded blobs, at least one place where the share is above 0.
            seed: of the blobs.
        """
        if self._forced != (share, seed):
            self._native.stop_forcing()
            self._activity = activity_maps(self.program, share, seed)
            for (height, width), mask in self._activity.items():
                self._native.force(height, width, mask.data_ptr())
            self._forced = (share, seed)
        self._advance(self._flatten((frame,), {}), forced=self._activity)

    def _stop_forcing(self) -> None:
        """Ends the benchmark; what it computed belongs to no frame."""
        self._native.stop_forcing()
        self._forced = None
        self._forget()

    def __deepcopy__(self, memo: dict[int, Any]) -> Session:
        """Returns a session that goes on from the same frame and shares the program."""
        copy = Session(self.program, memory=self._native.clone())
        copy._values = {name: value.clone() for name, value in self._values.items()}
        copy._changed = dict(self._changed)
        copy._pacing = replace(
            self._pacing, textures=list(self._pacing.textures), account=deepcopy(self._pacing.account, memo)
        )
        copy._thresholds, copy._told, copy._finite = self._thresholds, self._told, self._finite
        copy._activity, copy._forced = self._activity, self._forced
        copy._started = self._started
        copy._frames = self._frames
        copy._seconds = self._seconds
        copy._last_seconds = self._last_seconds
        copy._macs_before = self._macs_before
        copy._fallbacks = {name: replace(counter) for name, counter in self._fallbacks.items()}
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {"program": self.program}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A session that was pickled starts afresh: its memory stays behind."""
        self.__init__(state["program"])  # type: ignore[misc]

    def _flatten(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Sequence[torch.Tensor]:
        """Returns the frames as the engine takes them and as the policy lets them be seen."""
        frames = tensors_of(arguments, keywords, self.program.form)
        if len(frames) != len(self._input_names):
            raise FrameError(f"{len(frames)} tensors were given; the program takes {len(self._input_names)}")
        taken = [as_taken(frame, expected) for frame, expected in zip(frames, self._expected, strict=True)]
        if self._sees_all:
            return taken
        references = [self._reference(name) if self._started else None for name in self._input_names]
        seen = self.program.policy.seen
        return [seen(frame, reference).detach() for frame, reference in zip(taken, references, strict=True)]

    def _advance(
        self, frames: Sequence[torch.Tensor], *, take_all: bool = False, forced: dict[Any, torch.Tensor] | None = None
    ) -> Any:
        """Takes frames over and answers; where that breaks off nothing stands, and the next frame is a first one."""
        try:
            return self._answer(frames, take_all, forced)
        except BaseException:
            self._forget()
            raise

    def _answer(self, frames: Sequence[torch.Tensor], take_all: bool, forced: dict[Any, torch.Tensor] | None) -> Any:
        if forced is None:
            if self._forced is not None:
                self._stop_forcing()
            if not take_all and not self._admit(frames):
                self._hold_all()
                return self._outputs()
        account = self._pacing.account if forced is None else None
        if not self._started and not self._told and account is None:
            self._set_thresholds(frames)
        macs_before = self._native.macs_done
        if account is not None:
            account.begin(self, frames)
        any_change = False
        for name, frame in zip(self._input_names, frames, strict=True):
            any_change |= self._take_input(name, frame, take_all, forced)
        self._macs_before = macs_before
        if any_change or not self._started:
            self._run()
            self._started = True
        else:
            self._settle()
        outputs = self._outputs()
        self._finite = self._exact or are_finite(outputs)
        if account is not None and (account.settle(self, frames, outputs, self._pacing.change) or not self._told):
            self._set_thresholds(frames)  # in units of an error that is known only now
        return outputs

    def _admit(self, frames: Sequence[torch.Tensor]) -> bool:
        """Asks the policy what to do with a frame; returns whether it is computed, with nothing kept for a keyframe."""
        if self._exact:
            return True
        reference = self._reference(self._input_names[0]) if self._started else None
        verdict = self._pacing.judge(self.program.policy, frames[0], reference, self._may_hold(frames))
        if verdict is Verdict.KEYFRAME:
            self._forget()
        return verdict is not Verdict.HOLD

    def _may_hold(self, frames: Sequence[torch.Tensor]) -> bool:
        """Whether the last outputs may stand: they are finite, and inputs that the policy does not see are the same."""
        others = zip(self._input_names[1:], frames[1:], strict=True)
        return self._finite and all(
            (reference := self._reference(name)) is not None and same_bits(reference, frame) for name, frame in others
        )

    def _forget(self) -> None:
        """Lets nothing of earlier frames stand."""
        self._native.forget()
        self._values.clear()
        self._references.clear()
        self._started = False
        if self.program.tolerance is not None and self.program.tolerance.by_place:
            self._told = False  # where the task looked in the last scene says nothing of this one

    def _set_thresholds(self, frames: Sequence[torch.Tensor]) -> None:
        if not self._told:
            self._told, self._thresholds = True, self.program.thresholds(frames)
        account = self._pacing.account
        factor = 1.0 if account is None else account.threshold_factor
        for name, values in self._thresholds.items():
            self._native.set_thresholds(self.program.transmissions[name], *values.times(factor).arrays())

    def _hold_all(self) -> None:
        """Marks that nothing was computed, so that change maps tell the truth."""
        self._native.settle()
        self._changed = dict.fromkeys(self._changed, False)
        self._macs_before = None

    def _reference(self, name: str) -> torch.Tensor | None:
        """Returns what of an input was taken over last, (N, C, H, W); it lies in the engine's memory."""
        if name in self._references:
            return self._references[name]
        number = self.program.tensor_numbers.get(name)
        if number is None:
            return self._values.get(name)
        held = self._native.reference(number)
        if held is None:
            return None
        self._references[name] = torch.from_numpy(held)  # it stays in one place for as long as the session lives
        return self._references[name]

    def _take_input(self, name: str, frame: torch.Tensor, take_all: bool, forced: Any) -> bool:
        number = self.program.tensor_numbers.get(name)
        if number is None:
            return self._hold(name, frame.clone())
        mask = None
        if forced is not None:
            mask = forced[tuple(frame.shape[2:])]
            mask = mask if frame.shape[0] == 1 else mask.repeat(frame.shape[0])
        elif not (take_all or self._exact):
            mask = mask_of(self.program.policy, frame, self._reference(name) if self._started else None)
        load = self._native.load_uint8 if frame.dtype == torch.uint8 else self._native.load_float32
        changed = bool(load(number, frame.data_ptr(), 0 if mask is None else mask.data_ptr()))
        self._changed[name] = changed
        if changed:
            self._values.pop(name, None)
        return changed

    def _hold(self, name: str, value: torch.Tensor) -> bool:
        """Keeps a value that only torch reads; returns whether it differs from the last one."""
        held = self._values.get(name)
        changed = held is None or held.shape != value.shape or not same_bits(held, value)
        self._changed[name] = changed
        if changed:
            self._values[name] = value
        return changed

    def _run(self) -> None:
        for segment in self.program.segments:
            if segment.fallback is not None:
                self._run_fallback(segment.fallback)
                continue
            self._native.run(segment.first, segment.last)
            if self._values:
                self._drop_changed(segment)

    def _drop_changed(self, segment: Segment) -> None:
        """Lets go of what torch read of a segment's tensors where they have changed since."""
        for step in self.program.native_steps[segment.first : segment.last]:
            if step.output in self._values and self._native.changed(self.program.tensor_numbers[step.output]):
                del self._values[step.output]

    def _settle(self) -> None:
        """Marks that nothing changed, so that change maps tell the truth."""
        if self._fallbacks:
            self._run()
        else:
            self._native.settle()

    def _run_fallback(self, operator: Fallback) -> None:
        kept = all(name in self._values for name in operator.outputs)
        if kept and self._started and not any(self._input_changed(name) for name in operator.inputs):
            for name in operator.outputs:
                self._changed[name] = False
                if (number := self._number(name)) is not None:
                    self._native.load_float32(number, self._values[name].data_ptr())
            return
        began = time.perf_counter()
        with torch.no_grad():
            results = run_fallback(operator, {name: self._value(name) for name in operator.inputs})
        read = {self._values[name].data_ptr() for name in operator.inputs if name in self._values}
        for name, result in zip(operator.outputs, results, strict=True):
            if not isinstance(result, torch.Tensor):
                continue
            result = result.detach().contiguous()
            self._hold(name, result.clone() if result.data_ptr() in read else result)
            if (number := self._number(name)) is not None:
                self._changed[name] = bool(self._native.load_float32(number, self._values[name].data_ptr()))
        self._fallbacks[operator.name].add(time.perf_counter() - began)

    def _number(self, name: str) -> int | None:
        return self.program.tensor_numbers.get(name)

    def _input_changed(self, name: str) -> bool:
        if name in self._changed:
            return self._changed[name]
        number = self._number(name)
        return number is None or bool(self._native.changed(number))

    def _value(self, name: str) -> torch.Tensor:
        """Returns a tensor as torch holds it, read from the engine when need be; not to be changed."""
        if name not in self._values:
            tensor = self.program.graph.tensors[name]
            value = torch.empty(tensor.shape)
            self._native.read(self.program.tensor_numbers[name], value.data_ptr())
            self._values[name] = value if tensor.dtype == torch.float32 else value.to(tensor.dtype)
        return self._values[name]

    def _outputs(self) -> Any:
        graph = self.program.graph
        leaves: list[Any] = []
        for leaf, way in zip(graph.outputs, self.program.exits, strict=True):
            if not isinstance(leaf, Reference):
                leaves.append(leaf.clone() if isinstance(leaf, torch.Tensor) else leaf)
            elif way is not None and leaf.tensor not in self._values:
                leaves.append(way.read(self._native))
            else:
                leaves.append(fetch(leaf, {leaf.tensor: self._value(leaf.tensor)}).clone())
        return leaves[0] if self._has_one_output else torch.utils._pytree.tree_unflatten(leaves, graph.output_tree)

    def _map(self, name: str) -> torch.Tensor:
        number = self._number(name)
        shape = self.program.graph.tensors[name].shape
        if number is None:
            changed = self._started and self._changed.get(name, False)
            return torch.full((shape[0] if shape else 1, 1, 1), changed)
        target = torch.empty((shape[0], *shape[2:]), dtype=torch.uint8)
        self._native.read_map(number, target.data_ptr())
        return target.bool()

"""A model that watches one stream: plans itself for the frames it is given, and again when their size changes."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from saccade.capture import capture_module, capture_onnx
from saccade.capture.detector import convolutional_part
from saccade.capture.module import check_module
from saccade.capture.onnx_file import onnx_input_names
from saccade.errors import CaptureError, FrameError, ModelError
from saccade.graph import Graph
from saccade.policy import Policy, resolve_policy
from saccade.runtime.arriving import tensors_of
from saccade.runtime.audit import Audit, Auditor
from saccade.runtime.audit_report import Audited
from saccade.runtime.call import CallForm, in_order, parameter_names
from saccade.runtime.frames import Model, Signature, check_frames, misfit_of, signature_of
from saccade.runtime.program import Program
from saccade.runtime.report import FrameCost, Report
from saccade.runtime.session import Session
from saccade.runtime.threads import thread_count

PROGRAMS_KEPT = 4
"""Frame sizes that a stream stays planned for, so that a source of ever new sizes does not fill the memory."""


def compile_program(
    model: Model,
    example_inputs: Any,
    policy: str | Policy = "exact",
    threads: int | None = None,
    instruction_set: str = "",
) -> Program:
    """Plans a trained network and packs its weights, for as many streams as wanted.

    Args:
        model: a torch module in evaluation mode on the CPU, or the path of an ONNX file. It is not changed.
        example_inputs: a tensor (N, C, H, W), or a tuple of the model's arguments; only shapes and types matter.
        policy: what counts as a change, a name or a Policy.
        threads: threads a session uses; None chooses by the machine.
        instruction_set: "avx512", "avx2" or "baseline"; "" chooses the best that this processor runs.

    Returns:
        A program; ``program.session()`` gives each stream its memory.

    Raises:
        ModelError: when the model is in training mode, not on the CPU, or cannot be captured.
        FrameError: when the example does not fit the model.
    """
    _check_model(model)
    if isinstance(model, torch.nn.Module) and convolutional_part(model) is not None:
        raise ModelError(
            f"{type(model).__name__} is one of torchvision's detectors, of which only a part can be compiled; use "
            "saccade.incremental(detector), which runs the rest beside it"
        )
    arguments = example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)
    check_frames(model, arguments, {})
    try:
        graph = _capture(model, arguments, {})
    except CaptureError as cause:
        misfit = misfit_of(model, arguments, {})
        if misfit is None:
            raise
        raise FrameError(misfit) from cause
    names = parameter_names(model) if isinstance(model, torch.nn.Module) else onnx_input_names(model)
    return Program(graph, policy, threads, instruction_set, CallForm.of(names, arguments))


class Stream:
    """A model and the memory of one stream; see ``saccade.incremental``."""

    def __init__(
        self,
        model: Model,
        policy: str | Policy = "exact",
        threads: int | None = None,
        audit: Audit | None = None,
    ) -> None:
        _check_model(model)
        self.model = model
        self.policy = resolve_policy(policy)
        self.threads = thread_count(threads)
        self._auditor = None if audit is None else Auditor(audit)
        self._graphs: dict[Signature, Graph] = {}
        self._programs: dict[Signature, Program] = {}
        self._signature: Signature | None = None
        self._session: Session | None = None
        self._earlier: Report | None = None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Takes the next frame and returns what the model returns for it.

        A change of shape or type in mid-stream plans anew and starts from a dense frame.

        Raises:
            FrameError: when a frame does not fit the model.
            CaptureError: when the model cannot be captured for such frames.
        """
        if keywords:
            arguments, keywords = self._in_order(arguments, keywords)
        session = self._session
        if session is None or self._signature != signature_of(arguments, keywords):
            session = self._switch(arguments, keywords)
        outputs = session(*arguments, **keywords)
        if self._auditor is None:
            return outputs
        return self._auditor.inspect(session, arguments, keywords, outputs, self._task_outputs)

    def _task_outputs(self, outputs: Any) -> Any:
        """Returns what a caller gets to see of the session's outputs."""
        return outputs

    def dense(self, *arguments: Any, **keywords: Any) -> Any:
        """Runs the same engine densely on a frame, without touching the stream's memory."""
        arguments, keywords = self._in_order(arguments, keywords)
        if self._session is not None and self._signature == signature_of(arguments, keywords):
            return self._session.dense(*arguments, **keywords)
        return self._program(arguments, keywords).session()(*arguments, **keywords)

    def reset(self) -> None:
        """Forgets all frames and counts."""
        if self._session is not None:
            self._session.reset()
        self._earlier = None
        if self._auditor is not None:
            self._auditor.reset()

    def report(self) -> Report:
        """Returns what was done since the last reset; operators are those of the frames' present shape."""
        report = self._report()
        return report if self._auditor is None else replace(report, audit=self._auditor.report())

    def _report(self) -> Report:
        report = Report(0, 0, 0, 0.0, 0, ()) if self._session is None else self._session.report()
        return report if self._earlier is None else report.after(self._earlier)

    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the last frame's change maps, (N, H, W) and boolean, of the inputs and of every operator by name.

        They mark what was recomputed. Where changes are scattered all over an input, all of it is.
        """
        return {} if self._session is None else self._session.change_maps()

    @property
    def last_frame(self) -> FrameCost:
        """What the last frame took."""
        return FrameCost(0, 0, 0.0, 0.0) if self._session is None else self._session.last_frame

    @property
    def last_audit(self) -> Audited | None:
        """What the last frame's audit found; None where it was not audited."""
        return None if self._auditor is None else self._auditor.last

    @property
    def program(self) -> Program | None:
        """The program in use; None before the first frame."""
        return None if self._session is None else self._session.program

    def run_with_activity(self, frame: torch.Tensor, share: float, seed: int = 0) -> None:
        """Runs a frame with the same share of places active in every operator; see ``Session.run_with_activity``."""
        session = self._session
        if session is None or self._signature != signature_of((frame,), {}):
            session = self._switch((frame,), {})
            session(frame)
        session.run_with_activity(frame, share, seed)

    def _in_order(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns a call's arguments with the inputs of an ONNX file that were named in the file's own order.

        Raises:
            FrameError: when a name is none of the file's inputs, or one of them is missing.
        """
        if not keywords or isinstance(self.model, torch.nn.Module):
            return arguments, keywords
        names = self._onnx_inputs
        ordered = in_order(names, arguments, keywords)
        if ordered is None:
            raise FrameError(
                f"{len(arguments)} inputs without a name and {', '.join(keywords)} were given; the inputs of "
                f"{os.fspath(self.model)} are {', '.join(names)}: give each once, by its name or in this order"
            )
        return ordered, {}

    @cached_property
    def _onnx_inputs(self) -> Sequence[str]:
        assert not isinstance(self.model, torch.nn.Module)
        return list(onnx_input_names(self.model))

    def _switch(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Session:
        program = self._program(arguments, keywords)
        self._earlier = self._report()
        self._session = program.session()
        self._signature = signature_of(arguments, keywords)
        return self._session

    def _program(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Program:
        signature = signature_of(arguments, keywords)
        if signature not in self._programs:
            check_frames(self.model, arguments, keywords)
            try:
                if signature not in self._graphs:
                    self._graphs[signature] = _capture(self.model, arguments, keywords)
                program = Program(self._graphs[signature], self.policy, self.threads)
            except CaptureError as cause:
                earlier = next((program.graph for program in self._programs.values()), None)
                misfit = misfit_of(self.model, arguments, keywords, earlier)
                if misfit is None:
                    raise
                raise FrameError(misfit) from cause
            self._programs[signature] = program
            for kept in (self._programs, self._graphs):
                if len(kept) > PROGRAMS_KEPT:
                    del kept[next(iter(kept))]
        return self._programs[signature]

    def sensitivities(self) -> dict[str, torch.Tensor]:
        """Returns how much the outputs depend on what layers tell each other, at the frame taken last.

        Returns:
            By tensor, (C,), 0 or more; empty before the first frame and where layers tell each other everything.
        """
        return {} if self._session is None else self._session.sensitivities()

    def with_policy(self, policy: str | Policy) -> Stream:
        """Returns a fresh stream of the same model under another policy; what was captured is shared."""
        twin = self._fresh(resolve_policy(policy))
        twin._graphs = self._graphs
        return twin

    def _fresh(self, policy: Policy) -> Stream:
        return Stream(self.model, policy, self.threads)

    def __deepcopy__(self, memo: dict[int, Any]) -> Stream:
        """Returns a stream that goes on from the same frame; the model and the programs are shared."""
        twin = self._fresh(self.policy)
        twin._graphs = dict(self._graphs)
        twin._programs = dict(self._programs)
        twin._signature = self._signature
        twin._session = copy.deepcopy(self._session, memo)
        twin._auditor = copy.deepcopy(self._auditor, memo)
        return twin


def _check_model(model: Any) -> None:
    if isinstance(model, torch.nn.Module):
        check_module(model)
        _check_precision(model)
        return
    if not isinstance(model, str | os.PathLike):
        raise ModelError(
            f"a {type(model).__name__} was given as the model; expected a torch.nn.Module or the path of an ONNX file"
        )
    if not Path(model).is_file():
        raise ModelError(f"no model file at {os.fspath(model)!r}; expected a torch.nn.Module or an existing ONNX file")


def _check_precision(model: torch.nn.Module) -> None:
    """Raises where a model's weights do not suit frames, which the engine takes in float32."""
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            raise ModelError(
                f"{name!r} of {type(model).__name__} is of {parameter.dtype}, but the engine takes frames in "
                "torch.float32; call model.float() first"
            )


def _capture(model: Model, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Graph:
    if isinstance(model, torch.nn.Module):
        prepared = torch.utils._pytree.tree_map(_as_engine_takes_it, (arguments, keywords))
        return capture_module(model, *prepared)
    shapes = [tuple(tensor.shape) for tensor in tensors_of(arguments, keywords)]
    return capture_onnx(model, dict(zip(onnx_input_names(model), shapes, strict=False)))


def _as_engine_takes_it(leaf: Any) -> Any:
    """Floating-point frames of any width are computed in float32."""
    if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.dtype != torch.float32:
        return leaf.float()
    return leaf

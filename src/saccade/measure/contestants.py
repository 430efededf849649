"""Peers made ready for one model, each with its reason where it is missing and its error where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from saccade.agreement import relative_error
from saccade.peers import Model, Prepared, example_outputs, peers

TOLERANCE = 1e-2
"""Relative L2 error above which a peer's output counts as wrong."""


@dataclass(frozen=True)
class Contestant:
    """One peer, ready or missing.

    Args:
        name: the peer's name.
        version: versions of the peer's packages.
        prepared: the model in the peer's runtime; None when missing.
        missing: why it takes no part; None when it does.
        error: relative L2 error of its outputs for the example against the reference; None when missing.
    """

    name: str
    version: str
    prepared: Prepared | None
    missing: str | None
    error: float | None

    @property
    def wrong(self) -> bool:
        """Whether its outputs differ from the reference by more than TOLERANCE."""
        return self.error is not None and not self.error <= TOLERANCE

    def to_dict(self) -> dict[str, object]:
        """Returns what a benchmark's row says of the peer."""
        row: dict[str, object] = {"contender": self.name, "version": self.version}
        if self.prepared is None:
            return {**row, "missing": self.missing}
        return {**row, "configuration": self.prepared.configuration, "relative_error": self.error, "wrong": self.wrong}


def prepare_contestants(
    names: Iterable[str],
    model: Model,
    example: Tensor,
    threads: int,
    on_start: Callable[[str], None] = lambda name: None,
) -> list[Contestant]:
    """Prepares the named peers and compares each one's outputs for the example with eager torch's.

    An ONNX file has no eager torch: there the first peer that can run it is the reference.

    Args:
        names: names of registered peers.
        model: a module in eval mode, or an ONNX file.
        example: a frame, N,C,H,W float32.
        threads: threads for each peer.
        on_start: called with a peer's name before it is prepared.

    Returns:
        One contestant a name, in the same order; a peer that is not installed or fails is there with its reason.

    Raises:
        RegistryError: a name is unknown.
        ModelError: the module fails on the example.
    """
    chosen = [peers.get(name) for name in names]
    reference = example_outputs(model, example) if isinstance(model, nn.Module) else None
    contestants = []
    for peer in chosen:
        on_start(peer.name)
        prepared, missing, outputs = None, peer.available(), None
        if missing is None:
            try:
                prepared = peer.prepare(model, example, threads)
                outputs = [output.clone() for output in prepared(example)]
            except Exception as failure:  # a foreign runtime may raise anything, and the others must still be measured
                prepared, missing = None, f"failed: {_first_line(failure)}"
        if reference is None:
            reference = outputs
        error = relative_error(outputs, reference) if outputs is not None and reference is not None else None
        contestants.append(Contestant(peer.name, peer.version(), prepared, missing, error))
    return contestants


def _first_line(failure: Exception) -> str:
    lines = str(failure).strip().splitlines()
    return lines[0] if lines else type(failure).__name__

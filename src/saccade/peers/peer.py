"""What every peer offers: a name, a version, a reason when it is missing, and a prepared model."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from saccade.errors import ModelError
from saccade.graph import Registry

Model = nn.Module | Path
"""A module in eval mode, or the path of an ONNX file with one image input."""

Run = Callable[[Tensor], list[Tensor]]
"""A frame (N,C,H,W float32) to the outputs, flat, in the order of the module's. Valid until the next call."""


@dataclass(frozen=True)
class Prepared:
    """A model made ready in one runtime.

    Args:
        run: a frame to the outputs.
        configuration: how the runtime was set up, in words that a benchmark's row can carry.
    """

    run: Run
    configuration: str

    def __call__(self, frame: Tensor) -> list[Tensor]:
        return self.run(frame)


class Peer(Protocol):
    """A dense runtime."""

    @property
    def name(self) -> str:
        """What the user types."""

    def version(self) -> str:
        """Returns the installed version of each package that the peer needs."""

    def available(self) -> str | None:
        """Returns None when the peer can be used here, else the reason why not and what to do."""

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        """Makes the model ready; the model itself is never changed.

        Args:
            model: a module in eval mode, or an ONNX file.
            example: a frame, N,C,H,W float32; later frames must have its shape.
            threads: the number of threads that the runtime may use, 1 or more.

        Raises:
            ModelError: the runtime cannot take this model.
        """


peers: Registry[Peer] = Registry("peer")


def versions(*packages: str) -> str:
    """Returns "package version" of each, separated by commas; "not installed" stands in for a version."""
    return ", ".join(f"{package} {_version(package)}" for package in packages)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def missing(*packages: str) -> str | None:
    """Returns None when every package can be imported, else which are not and how to install them."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"not installed: pip install {' '.join(absent)}" if absent else None


def as_module(model: Model, peer: str) -> nn.Module:
    """Returns the model as a module.

    Raises:
        ModelError: it is an ONNX file, which this peer cannot run.
    """
    if isinstance(model, nn.Module):
        return model
    raise ModelError(f"{peer} runs torch modules, not ONNX files such as {model.name}; choose other peers for it")


def flat(outputs: object) -> list[Tensor]:
    """Returns the tensors of a nested output in a fixed order."""
    return [leaf for leaf in _pytree.tree_leaves(outputs) if isinstance(leaf, Tensor)]


@contextmanager
def failure_told(model: nn.Module, frame: Tensor) -> Iterator[None]:
    """Turns whatever a module raises on a frame within the ``with`` block into one error that says so.

    Raises:
        ModelError: the module failed.
    """
    try:
        yield
    except Exception as failure:  # a user's module may raise anything
        lines = str(failure).strip().splitlines()
        told = f"{type(failure).__name__}: {lines[0]}" if lines else type(failure).__name__
        raise ModelError(
            f"{type(model).__name__} fails on a frame of shape {tuple(frame.shape)} ({told}); expected a model that "
            "takes such frames: choose another --size or another model"
        ) from failure


def example_outputs(model: nn.Module, example: Tensor) -> list[Tensor]:
    """Returns what the module answers to the example in plain eager torch.

    Raises:
        ModelError: the module failed.
    """
    with torch.no_grad(), failure_told(model, example):
        return flat(model(example))


def quickest(candidates: Sequence[Prepared], example: Tensor, rounds: int = 5) -> Prepared:
    """Returns the candidate with the lowest median time for the example, timed in alternation."""
    if len(candidates) == 1:
        return candidates[0]
    times: list[list[float]] = [[] for _ in candidates]
    for round_number in range(rounds + 1):
        for candidate, record in zip(candidates, times, strict=True):
            start = time.perf_counter()
            candidate(example)
            if round_number > 0:
                record.append(time.perf_counter() - start)
    medians = [sorted(record)[rounds // 2] for record in times]
    return candidates[medians.index(min(medians))]

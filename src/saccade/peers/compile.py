"""torch.compile: inductor on the CPU, weights frozen, contiguous or channels_last, whichever is quicker."""

from __future__ import annotations

import copy
import os
import shutil
import sys
import warnings

import torch
from torch import Tensor

from saccade.peers.eager import FORMATS
from saccade.peers.peer import Model, Prepared, as_module, flat, peers, quickest, versions


class Compile:
    """torch.compile with inductor's freezing: weights are constants, packed once. Sets torch's number of threads."""

    name = "compile"

    def version(self) -> str:
        return versions("torch")

    def available(self) -> str | None:
        candidates = (
            [os.environ.get("CXX"), "cl"] if sys.platform == "win32" else [os.environ.get("CXX"), "g++", "clang++"]
        )
        if any(candidate and shutil.which(candidate) for candidate in candidates):
            return None
        return "no C++ compiler found: install g++ or clang++, or name one in the environment variable CXX"

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        module = as_module(model, self.name)
        torch.set_num_threads(threads)
        # Inductor writes the number of threads into its code, so code of an earlier call must not be reused.
        torch.compiler.reset()
        return quickest([_compiled(module, memory_format, example) for memory_format in FORMATS], example)


def _compiled(module: torch.nn.Module, memory_format: torch.memory_format, example: Tensor) -> Prepared:
    compiled = torch.compile(
        copy.deepcopy(module).to(memory_format=memory_format), options={"freezing": True}, dynamic=False
    )

    def run(frame: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return flat(compiled(frame.contiguous(memory_format=memory_format)))

    with warnings.catch_warnings():
        # Inductor warns of its own parts; compilation happens here, in the first call.
        warnings.simplefilter("ignore")
        run(example)
    return Prepared(run, f"inductor, freezing, {FORMATS[memory_format]}")


peers.register(Compile.name)(Compile())

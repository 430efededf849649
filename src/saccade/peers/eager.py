"""torch as it comes: the module called as it is, contiguous or channels_last, whichever is quicker."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from saccade.peers.peer import Model, Prepared, as_module, flat, peers, quickest, versions


class Eager:
    """Plain torch. Sets torch's own number of threads, which is the process's."""

    name = "eager"

    def version(self) -> str:
        return versions("torch")

    def available(self) -> str | None:
        return None

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        module = as_module(model, self.name)
        torch.set_num_threads(threads)
        return quickest([_in_format(module, memory_format) for memory_format in FORMATS], example)


FORMATS = {torch.contiguous_format: "contiguous", torch.channels_last: "channels_last"}


def _in_format(module: torch.nn.Module, memory_format: torch.memory_format) -> Prepared:
    # The cast accepts only 4-D tensors in channels_last; a module's `to` knows which of its parameters those are.
    converted = copy.deepcopy(module).to(memory_format=memory_format)

    def run(frame: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return flat(converted(frame.contiguous(memory_format=memory_format)))

    return Prepared(run, FORMATS[memory_format])


peers.register(Eager.name)(Eager())

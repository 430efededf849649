"""Which modules of a network a heat map can be drawn for, by number or by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from saccade.errors import StageError
from saccade.gates.structure import find_stages
from saccade.gates.trace import trace

LAST = 2
"""How many stages are shown where none is asked for: the last ones, 3 and 4 of a ResNet, as in the paper's Figure 4."""


@dataclass(frozen=True)
class StageOutput:
    """A place in a network to look at.

    Attributes:
        label: what a picture calls it: "stage 3", or the module's name.
        name: the module whose output it is, any gate at its end included.
        module: that module.
    """

    label: str
    name: str
    module: nn.Module


def stage_outputs(model: nn.Module, frames: Tensor, wanted: Sequence[str] = ()) -> list[StageOutput]:
    """Returns the outputs of stages.

    Args:
        model: the network.
        frames: (N, 3, H, W), as it takes them; only their shape counts.
        wanted: for each, the number of a stage, "1" for the first (a stage is a run of blocks with one resolution and
            one number of channels), or a module's dotted name; the last two stages by default.

    Raises:
        StageError: there is no such stage or module; the message lists the stages.
        ModelError: the model has no convolution or does not run on such frames.
    """
    stages = find_stages(model, trace(model, tuple(frames.shape)))
    modules = dict(model.named_modules())
    if not wanted:
        wanted = [str(number) for number in range(max(1, len(stages) + 1 - LAST), len(stages) + 1)]
    found = []
    for entry in wanted:
        if entry.isdecimal() and 1 <= int(entry) <= len(stages):
            name = stages[int(entry) - 1].name
            found.append(StageOutput(f"stage {int(entry)}", name, modules[name]))
        elif entry and not entry.isdecimal() and entry in modules:
            found.append(StageOutput(entry, entry, modules[entry]))
        else:
            close = difflib.get_close_matches(entry, list(modules), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            known = ", ".join(f"{number} ({stage.name})" for number, stage in enumerate(stages, 1))
            raise StageError(f"{type(model).__name__} has no stage or module {entry!r}; its stages: {known}{hint}")
    return found

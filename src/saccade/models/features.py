"""The feature maps of a backbone's stages, for detectors and segmenters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from saccade.errors import ModelError
from saccade.gates import gates_of
from saccade.gates.structure import Stage, find_stages
from saccade.gates.trace import Call, Trace, trace

LEVELS = 4
"""Resolutions that detectors look at: strides 4, 8, 16 and 32 of an ImageNet classifier."""


@dataclass(frozen=True)
class Level:
    """The last stage of one resolution.

    Attributes:
        module: dotted name of the module whose output it is.
        channels: channels of that output.
        stride: pixels of the input to one place of it.
    """

    module: str
    channels: int
    stride: int


class StageFeatures(nn.Module):
    """A backbone cut off after its last stage, which returns the outputs of its stages.

    It holds the backbone's own modules under their own names, as far as they are needed, gates included.

    Args:
        model: a backbone whose modules up to the last stage run one after another.
        returned: names of modules whose outputs are returned, and the names to return them by.
        traced: one run of the backbone.

    Raises:
        ModelError: something else than modules runs between the image and the stages.
    """

    def __init__(self, model: nn.Module, returned: Mapping[str, str], traced: Trace) -> None:
        super().__init__()
        self.steps = _chain(model, list(returned), traced)
        self.returned = dict(returned)
        for name in self.steps:
            _place(self, name, model.get_submodule(name))
        lost = sorted(set(gates_of(model)) - set(gates_of(self)))
        if lost:
            raise ModelError(
                f"the gates at {', '.join(lost)} come after the last stage {self.steps[-1]!r} and would be cut off; "
                "put gates into the stages only"
            )
        self.train(model.training)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Returns the stages' outputs, each (N, C, H, W), for images (N, 3, H, W)."""
        features = images
        found: OrderedDict[str, Tensor] = OrderedDict()
        for name in self.steps:
            features = self.get_submodule(name)(features)
            if name in self.returned:
                found[self.returned[name]] = features
        return found


def levels_of(model: nn.Module, count: int = LEVELS) -> tuple[tuple[Level, ...], Trace]:
    """Returns the last stage of each of a backbone's last resolutions, finest first, and the run they come from.

    Args:
        model: a backbone, gated or not.
        count: number of resolutions, at least 1.

    Raises:
        ModelError: the backbone has fewer, or no convolution.
    """
    traced = trace(model)
    side = traced.values[traced.of("")[0].inputs[0]].shape[2]
    last: dict[tuple[int, ...], Stage] = {stage.side: stage for stage in find_stages(model, traced)}
    if len(last) < count:
        kind = type(model).__name__
        raise ModelError(f"{kind} has stages of {len(last)} resolutions and {count} are needed; give another backbone")
    stages = list(last.values())[-count:]
    return tuple(Level(stage.name, stage.channels, round(side / stage.side[0])) for stage in stages), traced


def _chain(model: nn.Module, ends: Sequence[str], traced: Trace) -> list[str]:
    """Returns the modules that lead from the image through the given ones, in order, each as large as possible."""
    outputs = {name: traced.of(name)[0].output for name in ends}
    value = traced.of("")[0].inputs[0]
    steps: list[str] = []
    for end in ends:
        while value != outputs[end]:
            step = next((call for call in traced.calls if _leads(call, value, end)), None)
            if step is None or step.output is None:
                raise ModelError(
                    f"{type(model).__name__} does more than running modules one after another before {end!r}; "
                    "give a backbone that does not, such as a ResNet"
                )
            steps.append(step.name)
            value = step.output
    return steps


def _leads(call: Call, value: int, end: str) -> bool:
    """Whether a call continues from a value without running past the module at the end."""
    inside = call.name != "" and not end.startswith(call.name + ".")
    onward = call.output is not None and call.output > value
    return inside and onward and call.inputs == (value,) and call.is_map


def _place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Registers a module under a dotted name."""
    *path, last = name.split(".")
    for part in path:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)

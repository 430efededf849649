"""The networks of Table 1 as things that take one frame after the other: CNN1, CNN2, CNN3 and the engine."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import saccade.kernels.convolution.reference as convolution
import saccade.kernels.max_pool.reference as max_pool
from saccade.graph import Convolution, MaxPool
from saccade.policy import Borji
from saccade.runtime import incremental


class Contender(ABC):
    """A network that watches sequences of frames."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets all frames and counts: the next frame begins a sequence."""

    @abstractmethod
    def __call__(self, frame: torch.Tensor) -> torch.Tensor:
        """Returns the outputs for the next frame (1, C, H, W)."""

    @abstractmethod
    def macs(self) -> tuple[int, int]:
        """Returns the multiply-adds done since the last reset, and those of dense passes over the same frames."""

    @abstractmethod
    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the last frame's maps (H, W), boolean, of "input" and of every convolution and pooling in order."""

    def watch(self, frames: list[torch.Tensor]) -> list[torch.Tensor]:
        """Returns the outputs for the frames of a new sequence."""
        with torch.inference_mode():
            self.reset()
            return [self(frame) for frame in frames]


class Dense(Contender):
    """CNN1: torch, everything anew for every frame.

    Args:
        model: the network, in eval mode; it is not changed.
        memory_format: of weights and frames.
    """

    def __init__(self, model: nn.Module, memory_format: torch.memory_format = torch.contiguous_format) -> None:
        self._model = copy.deepcopy(model).to(memory_format=memory_format)
        self._format = memory_format

    def reset(self) -> None:
        """There is nothing to forget."""

    def macs(self) -> tuple[int, int]:
        """Returns a share of one: all of them, which it does not count."""
        return 1, 1

    def __call__(self, frame: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self._model(frame.contiguous(memory_format=self._format))
        return output

    def change_maps(self) -> dict[str, torch.Tensor]:
        """There are none."""
        return {}


class Engine(Contender):
    """The engine with the policy ``exact``.

    Args:
        model: the network, in eval mode.
        threads: of the engine.
    """

    def __init__(self, model: nn.Module, threads: int) -> None:
        self.stream = incremental(model, threads=threads)

    def reset(self) -> None:
        """Forgets all frames and counts."""
        self.stream.reset()

    def __call__(self, frame: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.stream(frame)
        return output

    def macs(self) -> tuple[int, int]:
        """Returns the multiply-adds done since the last reset, and those of dense passes."""
        report = self.stream.report()
        return report.macs_done, report.macs_dense

    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the stream's own, by its own names."""
        return {name: mask[0] for name, mask in self.stream.change_maps().items()}


@dataclass(frozen=True, eq=False)
class _Windowed:
    """A convolution or pooling, and how to run it."""

    operator: Convolution | MaxPool
    kernel: tuple[int, int]
    channels: int | None
    macs: int

    def shape(self, input: torch.Tensor) -> tuple[int, ...]:
        """Returns the output's shape (N, C, H_out, W_out)."""
        top, left, bottom, right = self.operator.padding
        spans = [(size - 1) * every + 1 for size, every in zip(self.kernel, self.operator.dilation, strict=True)]
        height = (input.shape[2] + top + bottom - spans[0]) // self.operator.stride[0] + 1
        width = (input.shape[3] + left + right - spans[1]) // self.operator.stride[1] + 1
        return (input.shape[0], self.channels or input.shape[1], height, width)


@dataclass
class _Memory:
    """What CNN3 keeps from frame to frame."""

    outputs: dict[str, torch.Tensor]
    reference: torch.Tensor


class ChangeDriven(Contender):
    """CNN3, and with everything active CNN2: place by place, only where the rule says so.

    Args:
        model: a plain sequence of convolutions, poolings and whatever else; in eval mode.
        rule: when a place is computed anew; None for everywhere, always: CNN2.
        sequential: go place by place, as the paper does; otherwise compute densely and take the active places, which
            gives the same outputs up to rounding in a hundredth of the time.
        blank: value of a blank frame before each sequence; None has the first change map all ones instead.

    Source: Borji 2024, Fig. 3, 8 and 9. The rule is asked for all places at once; Fig. 9 asks for each in turn and gets
    the same answers. Footnotes: the first previous output is zeros; skipped places keep their last value.
    """

    def __init__(
        self, model: nn.Sequential, rule: Borji | None, *, sequential: bool = True, blank: float | None = None
    ) -> None:
        self.rule = rule
        self._sequential = sequential
        self._blank = blank
        self._layers = _named(model)
        self._memory: _Memory | None = None
        self._maps: dict[str, torch.Tensor] = {}
        self._done = self._dense = 0

    def reset(self) -> None:
        """Forgets all frames and counts."""
        self._memory = None
        self._done = self._dense = 0

    def macs(self) -> tuple[int, int]:
        """Returns the multiply-adds done since the last reset, and those of dense passes."""
        return self._done, self._dense

    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the last frame's maps, (H, W) and boolean: "input", "conv1", "pool1", "conv2", ..."""
        return dict(self._maps)

    def __call__(self, frame: torch.Tensor) -> torch.Tensor:
        if self._memory is None and self._blank is not None and self.rule is not None:
            self._advance(torch.full_like(frame, self._blank))
            self._done = self._dense = 0
        return self._advance(frame)

    def _advance(self, frame: torch.Tensor) -> torch.Tensor:
        data, change_map, of_input = self._take(frame)
        for name, layer in self._layers.items():
            if isinstance(layer, _Windowed):
                data, active = self._compute(name, layer, data, change_map, of_input)
                change_map, of_input = active.float(), False
                continue
            if isinstance(layer, nn.Linear):
                self._count(len(data) * layer.weight.numel(), len(data) * layer.weight.numel())
            data = layer(data)
        return data

    def _take(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, bool]:
        """Returns the first layer's data, its change map (None: all places), and whether that map holds magnitudes."""
        rule, first = self.rule, self._memory is None
        if rule is None or (first and rule.dense_first_frame):
            self._memory = _Memory({}, frame.clone())
            self._maps = {"input": torch.ones(frame.shape[2:], dtype=torch.bool)}
            return frame, None, True
        if self._memory is None:
            self._memory = _Memory({}, frame.clone())
            change_map = torch.ones(len(frame), *frame.shape[2:])
            self._maps = {"input": change_map[0] > 0}
            return frame, change_map, True
        memory = self._memory
        if rule.reference == "previous":
            change_map = rule.magnitude(frame, memory.reference)
            memory.reference = frame.clone()
            self._maps = {"input": change_map[0] > 0}
            return frame, change_map, True
        taken = rule.taken(frame, memory.reference)
        memory.reference = torch.where(taken[:, None], frame, memory.reference)
        self._maps = {"input": taken[0]}
        return memory.reference, taken.float(), False

    def _compute(
        self, name: str, layer: _Windowed, data: torch.Tensor, change_map: torch.Tensor | None, of_input: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns a layer's output and what it passes on as changed, (N, H_out, W_out) boolean."""
        assert self._memory is not None
        operator, shape = layer.operator, layer.shape(data)
        previous = self._memory.outputs.get(name)
        if previous is None:
            previous = data.new_zeros(shape)
        if self.rule is None or change_map is None:
            active = torch.ones(shape[0], *shape[2:], dtype=torch.bool)
        else:
            fires = self.rule.fires
            active = fires(
                change_map,
                layer.kernel,
                operator.stride,
                operator.padding,
                dilation=operator.dilation,
                of_input=of_input,
            )
        before = previous.clone() if self.rule is not None and self.rule.compare_outputs else None
        output = self._run(layer, data, previous, active)
        self._memory.outputs[name] = output
        self._count(int(active.sum()) * layer.macs, active.numel() * layer.macs)
        if before is not None:
            active = active & (output != before).any(1)
        self._maps[name] = active[0]
        return output, active

    def _run(self, layer: _Windowed, data: torch.Tensor, previous: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
        in_place = self.rule is None or self.rule.in_place
        operator = layer.operator
        if self._sequential:
            if isinstance(operator, Convolution):
                return convolution.change_driven(operator, data, previous, active, in_place=in_place)
            return max_pool.change_driven(operator, data, previous, active, in_place=in_place)
        shape = tuple(previous.shape)
        if isinstance(operator, Convolution):
            fresh = convolution.reference(operator, data, shape=shape)
        else:
            fresh = max_pool.reference(operator, data, shape=shape)
        chosen = torch.where(active[:, None], fresh, previous)
        return previous.copy_(chosen) if in_place else chosen

    def _count(self, done: int, dense: int) -> None:
        self._done += done
        self._dense += dense


def _named(model: nn.Sequential) -> dict[str, Any]:
    """Returns the layers in order; convolutions and poolings as conv1, pool1, conv2, ..."""
    layers: dict[str, Any] = {}
    counts = {"conv": 0, "pool": 0}
    for number, module in enumerate(model):
        if not isinstance(module, nn.Conv2d | nn.MaxPool2d):
            layers[f"layer{number}"] = module
            continue
        kind = "conv" if isinstance(module, nn.Conv2d) else "pool"
        counts[kind] += 1
        name = f"{kind}{counts[kind]}"
        layers[name] = _convolution(name, module) if isinstance(module, nn.Conv2d) else _pooling(name, module)
    return layers


def _convolution(name: str, module: nn.Conv2d) -> _Windowed:
    assert not isinstance(module.padding, str)
    down, across = _pair(module.padding)
    weight = module.weight.detach()
    operator = Convolution(
        name, (), (), weight, None if module.bias is None else module.bias.detach(),
        stride=_pair(module.stride), padding=(down, across, down, across), dilation=_pair(module.dilation),
    )  # fmt: skip
    return _Windowed(operator, _pair(module.kernel_size), len(weight), weight.numel())


def _pooling(name: str, module: nn.MaxPool2d) -> _Windowed:
    down, across = _pair(module.padding)
    kernel = _pair(module.kernel_size)
    operator = MaxPool(
        name, (), (), kernel,
        stride=_pair(module.stride), padding=(down, across, down, across), dilation=_pair(module.dilation),
    )  # fmt: skip
    return _Windowed(operator, kernel, None, 0)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])

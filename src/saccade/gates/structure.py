"""A network's blocks and stages, found from one run on shapes rather than from anybody's names.

- A **block** is the outermost repeated module that takes features and returns features, holds convolutions, and either
  brings two ways together itself (a residual block, a fire module) or is no mere sequence of smaller blocks.
- A **stage** is a longest run of blocks whose outputs have the same channels, height and width: layer1 to layer4 of a
  ResNet, the seven groups of MobileNetV2.
- A network without such modules (AlexNet, VGG, most small networks) is read layer by layer: each convolution with what
  follows it directly, a norm or an activation, is a block, and a stage is a run at one height and width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

from saccade.gates.attachment import ATTRIBUTE, Attached
from saccade.gates.trace import JOINS, Call, Trace

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_TURNS = ("permute", "transpose", "view", "reshape")
_ELEMENTWISE = (
    "relu",
    "relu6",
    "gelu",
    "silu",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "mish",
)


@dataclass(frozen=True)
class Block:
    """A block of a network.

    Attributes:
        name: its module; its output is the block's output.
        branch_end: the module whose output is the end of the block's branch: its last normalisation before the skip
            connection is added, or the branch's last module where it has none.
        branch_channels: channels there.
        shape: shape of the block's output.
        order: number of its call.
        joins: whether the branch is added to, or concatenated with, another way through the block.
    """

    name: str
    branch_end: str
    branch_channels: int
    shape: tuple[int, ...]
    order: int
    joins: bool


@dataclass(frozen=True)
class Stage:
    """A run of blocks with outputs of one shape.

    Attributes:
        name: the module that holds the run and nothing else, or else its last block.
        blocks: in the order in which they run.
        channels: channels of that module's output.
        side: height and width of the blocks' outputs in the run that was traced.
    """

    name: str
    blocks: tuple[Block, ...]
    channels: int
    side: tuple[int, ...]


def find_stages(model: nn.Module, traced: Trace) -> tuple[Stage, ...]:
    """Returns a network's stages, with their blocks, in the order in which they run.

    Args:
        model: the network.
        traced: one run of it.
    """
    search = _Search(model, traced)
    blocks = search.blocks()
    layered = not blocks
    if layered:
        blocks = search.layers()
    runs: list[list[Block]] = []
    for block in blocks:
        start = 2 if layered else 1
        if runs and runs[-1][-1].shape[start:] == block.shape[start:]:
            runs[-1].append(block)
        else:
            runs.append([block])
    every = [block.name for block in blocks]
    stages = []
    for run in runs:
        name = search.holder(run, every)
        shape = search.calls[name][0].shape or run[-1].shape
        stages.append(Stage(name, tuple(run), shape[1], run[-1].shape[2:]))
    return tuple(stages)


class _Search:
    def __init__(self, model: nn.Module, traced: Trace) -> None:
        self.modules = dict(model.named_modules())
        self.traced = traced
        self.calls: dict[str, list[Call]] = {}
        for call in traced.calls:
            if ATTRIBUTE in call.name.split("."):
                continue  # a gate is no part of the network that it is in
            self.calls.setdefault(call.name, []).append(call)
        self.convolutions = [name for name in self.calls if self._is_convolution(name)]
        self.candidates = _found(self.calls, self._candidate)
        self.ends = _found(self.calls, self._end)
        self.kinds = Counter(_kind(self.modules[name]) for name in self.candidates)

    def blocks(self) -> list[Block]:
        """Returns the blocks in the order in which they run; none where the network has no such modules."""
        names = self._below("")
        kinds = Counter(_kind(self.modules[name]) for name in names)
        repeated = [name for name in names if kinds[_kind(self.modules[name])] > 1]
        holders = {".".join(name.split(".")[:length]) for name in repeated for length in range(1, name.count(".") + 1)}
        beside = [name for name in names if any(name.startswith(f"{holder}.") for holder in holders)]
        kept = {*repeated, *beside} if repeated else set(names)
        calls = sorted((self.candidates[name] for name in kept), key=lambda call: call.order)
        return [self._block(call) for call in calls]

    def layers(self) -> list[Block]:
        """Returns each convolution, up to the norm and the activation that follow it directly, as a block."""
        found = []
        for name in self.convolutions:
            call = self._called_once(name)
            if call is None or call.shape is None:
                continue
            chain = self._chain(call)
            norms = [link for link in chain if _is_norm(self.modules[link.name])]
            end = (norms or chain)[-1]
            found.append(Block(chain[-1].name, end.name, call.shape[1], call.shape, chain[-1].order, False))
        return sorted(found, key=lambda block: block.order)

    def holder(self, run: list[Block], every: list[str]) -> str:
        """Returns the smallest module that holds a run and no other block, or else the run's last block."""
        last = run[-1]
        parts = last.name.split(".")
        names = {block.name for block in run}
        for length in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:length])
            held = {block for block in every if block.startswith(name + ".")}
            call = self._called_once(name)
            if held >= names and call is not None and call.is_map:
                return name if held == names and call.shape and call.shape[2:] == last.shape[2:] else last.name
            if not held <= names:
                return last.name
        return last.name

    def _called_once(self, name: str) -> Call | None:
        calls = self.calls.get(name, [])
        return calls[0] if len(calls) == 1 else None

    def _end(self, name: str) -> Call | None:
        """Returns the call of a module that may end a branch: a norm, or a module with no module inside."""
        call = self._called_once(name)
        module = self.modules[name]
        whole = not any(inner != ATTRIBUTE for inner, _ in module.named_children())
        norm = _is_norm(module) and not any(isinstance(inner, nn.Conv2d) for inner in module.modules())
        return call if call is not None and call.is_map and (whole or norm) else None

    def _is_convolution(self, name: str) -> bool:
        """Whether a module is a convolution on features; those of a squeezed vector, one place in all, are not."""
        maps = [call.shape for call in self.calls[name] if call.is_map]
        return isinstance(self.modules[name], nn.Conv2d) and any(shape and shape[2:] != (1, 1) for shape in maps)

    def _candidate(self, name: str) -> Call | None:
        call = self._called_once(name)
        if name == "" or call is None or not call.is_map or isinstance(self.modules[name], CONTAINERS):
            return None
        inside = sum(convolution.startswith(name + ".") for convolution in self.convolutions)
        return call if inside >= 2 or (inside == 1 and call.joins) else None

    def _below(self, name: str) -> list[str]:
        """Returns the blocks inside a module, or the module itself where it is one."""
        inner = [
            block
            for child, _ in self.modules[name].named_children()
            for block in self._below(f"{name}.{child}" if name else child)
        ]
        if name not in self.candidates:
            return inner
        joins = self.candidates[name].joins and self.kinds[_kind(self.modules[name])] > 1
        sequence_of_blocks = any(self.kinds[_kind(self.modules[block])] > 1 for block in inner)
        return inner if sequence_of_blocks and not joins else [name]

    def _chain(self, call: Call) -> list[Call]:
        """Returns a call and the norms and activations, each called once, that directly follow it."""
        chain = [call]
        for following in self.ends.values():
            directly = following.inputs[:1] == (chain[-1].output,) and following.shape == call.shape
            if directly and self._is_elementwise(following):
                chain.append(following)
        return chain

    def _is_elementwise(self, call: Call) -> bool:
        module = self.modules[call.name]
        if isinstance(module, Attached):
            return not isinstance(module, nn.Conv2d)  # its operators are the gate's
        plain = self.traced.values[call.output].plain_operator if call.output is not None else ""
        return "norm" in plain or plain in _ELEMENTWISE

    def _block(self, call: Call) -> Block:
        """Returns the block of a call, with the end of its branch."""
        assert call.output is not None
        assert call.shape is not None
        start = max(call.inputs, default=-1)
        join = self._last_join(call.output, start, call.shape) if call.joins else None
        branch = call.output if join is None else self._deepest(join)
        end = self._end_of(branch, start, call.name) or call
        assert end.shape is not None
        return Block(call.name, end.name, end.shape[1], call.shape, call.order, join is not None)

    def _last_join(self, value: int, start: int, shape: tuple[int, ...]) -> int | None:
        """Returns the value at which the ways through a block come together last."""
        while value > start:
            made = self.traced.values[value]
            ways = [source for source in made.sources if len(self.traced.values[source].shape) == 4]
            if made.plain_operator in JOINS and len(ways) > 1 and made.shape == shape:
                return value
            if not ways:
                return None
            value = max(ways, key=lambda source: self.traced.values[source].convolutions)
        return None

    def _deepest(self, join: int) -> int:
        sources = self.traced.values[join].sources
        return max(sources, key=lambda source: self.traced.values[source].convolutions)

    def _end_of(self, value: int, start: int, block: str) -> Call | None:
        """Returns the call inside a block that ended the way to a value: its last norm, or else its last module."""
        made: dict[int | None, Call] = {}
        for name, call in self.ends.items():
            if name.startswith(block + "."):
                made.setdefault(call.output, call)
        last: Call | None = None
        shape = self.traced.values[value].shape
        while value > start and self.traced.values[value].shape == shape:
            here = made.get(value)
            last = last or here
            if here is not None and _is_norm(self.modules[here.name]):
                return here
            sources = [source for source in self.traced.values[value].sources if source > start]
            turned = self.traced.values[value].plain_operator in _TURNS
            if not sources or turned or (here is not None and here.name in self.convolutions):
                break
            value = max(sources, key=lambda source: (self.traced.values[source].convolutions, source))
        return last


def _found(names: Iterable[str], find: Callable[[str], Call | None]) -> dict[str, Call]:
    calls = ((name, find(name)) for name in names)
    return {name: call for name, call in calls if call is not None}


def _kind(module: nn.Module) -> type[nn.Module]:
    """Returns a module's class, or what it was before a gate was attached."""
    return module.original_class if isinstance(module, Attached) else type(module)


def _is_norm(module: nn.Module) -> bool:
    return "Norm" in type(module).__name__

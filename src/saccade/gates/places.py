"""From what a user means by a place to the module that a gate is attached to."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from saccade.errors import GateError
from saccade.gates.placement import Placement
from saccade.gates.structure import Block, Stage, find_stages
from saccade.gates.trace import Call, Trace

KEYWORDS = {
    "stages": Placement("stages", position="after_block"),
    "blocks": Placement("blocks", position="after_block"),
    "branches": Placement("blocks", position="before_addition"),
    "last_blocks": Placement("last_blocks", position="before_addition"),
    "before_stages": Placement("before_stages"),
}
"""Places by name: after each stage; after each block, its skip connection included; on each block's branch, before
the skip connection is added; on the branch of each stage's last block; on each stage's input."""

_SHOWN = 12


@dataclass(frozen=True)
class Place:
    """Where one gate goes.

    Attributes:
        module: dotted name of the module that the gate is attached to.
        channels: channels of the features that the gate sees.
        before: the gate sees what the module takes, rather than what it returns.
        earlier: blocks of the same stage whose outputs the gate takes as well, oldest first.
        following: module of the stage that follows, for a gate with a head of its own, or None.
        following_channels: channels of that stage's output.
    """

    module: str
    channels: int
    before: bool = False
    earlier: tuple[str, ...] = ()
    following: str | None = None
    following_channels: int = 0


def find_places(model: nn.Module, where: str | Placement | Sequence[str], traced: Trace) -> tuple[Place, ...]:
    """Returns the places that a user means.

    Args:
        model: the network.
        where: a keyword of ``KEYWORDS``, a ``Placement``, or dotted names of modules, each of which may be a pattern
            with ``*``, ``?`` and ``[...]`` as in file names.
        traced: one run of the model.

    Raises:
        GateError: a name or pattern matches no module, or a module at which there can be no gate; the message lists
            the places there are.
    """
    finder = _Finder(model, traced)
    if isinstance(where, str) and where in KEYWORDS:
        where = KEYWORDS[where]
    if isinstance(where, Placement):
        return finder.placed(where)
    listed = [where] if isinstance(where, str) else list(where) if isinstance(where, Iterable) else [where]
    patterns = [pattern for pattern in listed if isinstance(pattern, str)]
    if len(patterns) < len(listed):
        raise GateError(f"where={where!r} was given; expected names or patterns of modules; {finder.known()}")
    if not patterns:
        raise GateError(f"no place for a gate: where is empty; {finder.known()}")
    names: dict[str, None] = {}
    for pattern in patterns:
        names |= dict.fromkeys(finder.matching(pattern))
    places = {place.module: place for place in (finder.after(name) for name in names)}
    return tuple(places.values())


class _Finder:
    def __init__(self, model: nn.Module, traced: Trace) -> None:
        self.model = model
        self.modules = dict(model.named_modules())
        self.traced = traced
        self.stages = find_stages(model, traced)

    def known(self) -> str:
        """Returns the places of this model, for a message."""
        stages = [stage.name for stage in self.stages]
        return f"known: {', '.join(KEYWORDS)}, or modules such as {', '.join(stages[:_SHOWN])}"

    def matching(self, pattern: str) -> list[str]:
        """Returns the names of the modules that a name or a pattern means.

        Raises:
            GateError: there are none.
        """
        if pattern in self.modules and pattern:
            return [pattern]
        matched = [name for name in self.modules if name and _matches(name, pattern)]
        if matched:
            return matched
        close = difflib.get_close_matches(pattern, [*KEYWORDS, *self.modules], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise GateError(
            f"unknown place {pattern!r}: {type(self.model).__name__} has no such module; {self.known()}{hint}"
        )

    def placed(self, placement: Placement) -> tuple[Place, ...]:
        """Returns the places of a placement.

        Raises:
            GateError: the model has none.
        """
        numbered = self._numbered(placement)
        places: list[Place] = []
        for stage, blocks in numbered:
            if placement.where == "stages":
                places.append(self.after(stage.name))
            elif placement.where == "before_stages":
                places.append(self._before(stage, placement.head))
            else:
                chosen = blocks[-1:] if placement.where == "last_blocks" else blocks
                chosen = [block for block in chosen if not placement.every_other_block or blocks.index(block) % 2]
                places += [self._in_block(block, blocks, placement) for block in chosen]
        if not places:
            count = f"{len(self.stages)} stage{'s' if len(self.stages) != 1 else ''}"
            numbers = " or ".join(map(str, placement.stages))
            raise GateError(
                f"{type(self.model).__name__} has {count} and no place of the kind {placement.where!r} in stage "
                f"{numbers}, where the gate belongs; name modules, {self.known()}"
            )
        return tuple(places)

    def after(self, name: str) -> Place:
        """Returns the place after a module.

        Raises:
            GateError: the module returns no features, or not exactly once.
        """
        call = self._only_call(name)
        assert call.shape is not None
        if not _runs_over_its_children(self.modules[name]):
            return Place(name, call.shape[1])
        children = {f"{name}.{child}" for child, _ in self.modules[name].named_children()}
        inside = [inner.name for inner in self.traced.calls if inner.name in children and inner.output == call.output]
        if inside:
            return self.after(inside[-1])
        for follower in self.traced.calls:
            apart = not (name + ".").startswith(follower.name + ".") and follower.name != ""
            plain = not _runs_over_its_children(self.modules[follower.name])
            if apart and plain and follower.inputs[:1] == (call.output,) and follower.order > call.order:
                return Place(follower.name, call.shape[1], before=True)
        raise GateError(
            f"{name!r} ({type(self.modules[name]).__name__}) runs whatever modules it holds, so it cannot hold a gate; "
            "name a module inside or after it"
        )

    def _only_call(self, name: str) -> Call:
        calls = self.traced.of(name)
        kind = type(self.modules[name]).__name__
        if len(calls) != 1:
            raise GateError(
                f"{name!r} ({kind}) is called {len(calls)} times in a run of the model, and a gate needs one call; "
                "name a module that is called once"
            )
        if not calls[0].is_map:
            shape = calls[0].shape
            given = f"a tensor of shape {tuple(shape)}" if shape else "something else than one tensor"
            raise GateError(f"{name!r} ({kind}) returns {given}; a gate takes features (N, C, H, W); {self.known()}")
        return calls[0]

    def _before(self, stage: Stage, head: bool) -> Place:
        first = stage.blocks[0].name
        call = self._only_call(first)
        if not call.takes_tensor:
            raise GateError(
                f"{first!r} ({type(self.modules[first]).__name__}) takes no single tensor to gate; "
                f"name the module before the stage {stage.name!r}"
            )
        shape = self.traced.values[call.inputs[0]].shape
        if head:
            return Place(first, shape[1], True, (), stage.name, stage.channels)
        return Place(first, shape[1], True)

    def _in_block(self, block: Block, blocks: list[Block], placement: Placement) -> Place:
        inside = placement.position == "before_addition"
        place = self.after(block.branch_end if inside else block.name)
        if not placement.earlier_blocks:
            return place
        earlier = tuple(other.name for other in blocks[: blocks.index(block)])
        return Place(place.module, place.channels, place.before, earlier)

    def _numbered(self, placement: Placement) -> list[tuple[Stage, list[Block]]]:
        """Returns the stages that a placement asks for, each with its blocks.

        All four means all there are. Of a network with more than four, the last four resolutions count as 1 to 4.
        """
        every = [(stage, list(stage.blocks)) for stage in self.stages]
        if placement.stages == (1, 2, 3, 4):
            return every
        if len(every) > 4:
            sides = list(dict.fromkeys(stage.side for stage in self.stages))[-4:]
            merged = []
            for side in sides:
                same = [stage for stage in self.stages if stage.side == side]
                merged.append((same[-1], [block for stage in same for block in stage.blocks]))
            every = merged
        return [pair for number, pair in enumerate(every, 1) if number in placement.stages]


def _matches(name: str, pattern: str) -> bool:
    """Whether a dotted name fits a pattern, in which ``*`` stands for a part between dots and not for the dots."""
    parts, patterns = name.split("."), pattern.split(".")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _runs_over_its_children(module: nn.Module) -> bool:
    """Whether a module's forward runs every module inside it, so that a gate inside would be run as well."""
    code = getattr(type(module).forward, "__code__", None)
    names = set(code.co_names) if code is not None else set()
    return isinstance(module, (nn.Sequential, nn.ModuleList)) or bool(
        names & {"children", "named_children", "_modules"}
    )

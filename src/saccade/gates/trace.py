"""What a model does with shapes alone: which modules it calls, in which order, and what flows from one to the next.

The model runs once on the meta device, in eval mode, with its weights replaced by their shapes: no weight is copied, no
arithmetic is done and the model itself is not touched. Where the model cannot run without values, a copy of it runs on
zeros.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from saccade.errors import ModelError

Network = TypeVar("Network", bound=nn.Module)

SIZES = (224, 32, 64, 28, 96, 128, 256, 299, 384, 512)
"""Heights and widths that are tried, in pixels, where no example is given."""

_CONVOLUTIONS = ("convolution", "deform_conv2d")

JOINS = ("add", "sub", "cat", "stack")
"""Operators that bring two ways through a block together."""


@dataclass(frozen=True)
class Call:
    """One call of a module.

    Attributes:
        name: the module's dotted name; "" for the model itself.
        order: number of the call by the time it began, from 0.
        inputs: values it was called with.
        output: the value it returned, or None where that was not one tensor.
        shape: the shape of that tensor.
        takes_tensor: whether the first thing that it was called with is a tensor.
        joins: whether an addition or a concatenation ran in this very module, not in one inside it.
    """

    name: str
    order: int
    inputs: tuple[int, ...]
    output: int | None
    shape: tuple[int, ...] | None
    takes_tensor: bool
    joins: bool

    @property
    def is_map(self) -> bool:
        """Whether it returned features (N, C, H, W)."""
        return self.shape is not None and len(self.shape) == 4


@dataclass(frozen=True)
class Value:
    """A tensor at one moment; writing in place makes a new value.

    Attributes:
        sources: values that it was computed from.
        operator: name of the operator that computed it, without its overload, such as "aten.add".
        convolutions: the most convolutions on a way from the model's input to here.
        shape: the tensor's shape.
    """

    sources: tuple[int, ...]
    operator: str
    convolutions: int
    shape: tuple[int, ...]

    @property
    def plain_operator(self) -> str:
        """The operator without its library and without the mark of writing in place, such as "add"."""
        return self.operator.rpartition(".")[2].strip("_")


@dataclass(frozen=True)
class Trace:
    """One run of a model.

    Attributes:
        calls: in the order in which they began.
        values: every tensor that an operator returned.
    """

    calls: tuple[Call, ...]
    values: tuple[Value, ...]

    def of(self, name: str) -> list[Call]:
        """Returns the calls of the module of that name."""
        return [call for call in self.calls if call.name == name]


def trace(model: nn.Module, example: Tensor | Sequence[int] | None = None) -> Trace:
    """Runs a model on shapes.

    Args:
        model: any module that takes one batch of images; not changed, and not run itself.
        example: a batch of images (N, C, H, W) or its shape; by default one square image with the channels that the
            first convolution takes, of the first size among ``SIZES`` that the model accepts.

    Returns:
        What it called and computed.

    Raises:
        ModelError: the model has no convolution, or ran with no such input.
    """
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        raise ModelError(
            f"{type(model).__name__} has no convolution (nn.Conv2d), so it has no features (N, C, H, W) to gate; "
            "give a convolutional network"
        )
    if example is not None:
        shapes = [tuple(example.shape) if isinstance(example, Tensor) else tuple(example)]
    else:
        shapes = [(1, first.in_channels, size, size) for size in SIZES]
    failures: list[str] = []
    devices = ("meta",) if any(tensor.is_meta for tensor in model.parameters()) else ("meta", "cpu")
    for device in devices:
        runnable = copy_on(model, device)
        for shape in shapes:
            try:
                return _run(runnable, torch.zeros(shape, device=device))
            except Exception as error:  # whatever a stranger's forward raises
                failures.append(f"{type(error).__name__}: {error}")
    tried = "x".join(map(str, shapes[0])) if example is not None else f"1x{first.in_channels}xSxS, S of {SIZES}"
    raise ModelError(
        f"{type(model).__name__} does not run on images of shape {tried}: {' '.join(failures[0].split())}; "
        "give example=, a batch of images or its shape, that it takes"
    )


def copy_on(model: Network, device: str) -> Network:
    """Returns a copy of a model in eval mode with parameters and buffers on a device.

    Args:
        model: any module; not changed.
        device: "meta", where the copy costs no memory and its runs no arithmetic, or another.
    """
    replaced: dict[int, Any] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        moved = torch.empty_like(tensor, device=device) if device == "meta" else tensor.detach().to(device).clone()
        if isinstance(tensor, nn.Parameter):
            moved = nn.Parameter(moved, requires_grad=False)
        replaced[id(tensor)] = moved
    return copy.deepcopy(model, replaced).eval()


def _run(model: nn.Module, images: Tensor) -> Trace:
    recorder = _Recorder()
    first = next((tensor for tensor in model.parameters() if tensor.is_floating_point()), None)
    if first is not None:
        images = images.to(first.dtype)
    handles = [hook for name, module in model.named_modules() for hook in recorder.watch(name, module)]
    try:
        with torch.no_grad(), recorder:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(tuple(sorted(recorder.calls, key=lambda call: call.order)), tuple(recorder.values))


@dataclass
class _Open:
    """A call that has not returned yet."""

    order: int
    inputs: tuple[int, ...]
    takes_tensor: bool
    joins: bool = False


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Numbers every tensor and notes which module was running when it was computed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.values: list[Value] = []
        self._open: list[_Open] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # no id is used twice while its tensor lives
        self._begun = 0

    def watch(self, name: str, module: nn.Module) -> list[Any]:
        """Returns the handles of the hooks that note the calls of a module."""

        def before(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            takes_tensor = bool(arguments) and isinstance(arguments[0], Tensor)
            self._open.append(_Open(self._begun, self._numbers_of((arguments, keywords)), takes_tensor))
            self._begun += 1

        def after(_: nn.Module, arguments: Any, keywords: Any, output: Any) -> None:
            opened = self._open.pop()
            tensor = output if isinstance(output, Tensor) else None
            value = None if tensor is None else self._number(tensor)
            shape = None if tensor is None else tuple(tensor.shape)
            self.calls.append(Call(name, opened.order, opened.inputs, value, shape, opened.takes_tensor, opened.joins))

        return [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True),
        ]

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        sources = self._numbers_of((args, kwargs))
        output = function(*args, **(kwargs or {}))
        operator = str(function).rpartition(".")[0]
        plain = operator.rpartition(".")[2].strip("_")
        depth = max((self.values[source].convolutions for source in sources), default=0)
        depth += plain in _CONVOLUTIONS
        if self._open and plain in JOINS and len(sources) > 1:
            self._open[-1].joins = True
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor):
                self._add(tensor, Value(sources, operator, depth, tuple(tensor.shape)))
        return output

    def _numbers_of(self, tree: Any) -> tuple[int, ...]:
        return tuple(self._number(leaf) for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))

    def _number(self, tensor: Tensor) -> int:
        if id(tensor) not in self._numbers:
            return self._add(tensor, Value((), "", 0, tuple(tensor.shape)))
        return self._numbers[id(tensor)]

    def _add(self, tensor: Tensor, value: Value) -> int:
        self._kept.append(tensor)
        self.values.append(value)
        self._numbers[id(tensor)] = len(self.values) - 1
        return len(self.values) - 1

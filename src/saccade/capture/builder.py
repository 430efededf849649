"""Collects the tensors and operators of a graph under construction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.utils._pytree as pytree

from saccade.capture.layout import BATCH, CHANNEL, COLUMN, ROW, Value, stored_order
from saccade.errors import CaptureError
from saccade.graph import ChannelAffine, ChannelGather, Constant, Fallback, Graph, Operator, Reference, Tensor


class NotNative(Exception):  # noqa: N818 - a signal between the rooms of capture, not an error that users see
    """Raised by a lowering whose operator has to run in torch; the message is the reason."""


class GraphBuilder:
    """A graph under construction.

    Attributes:
        scope: the name that the next operators are called after.
    """

    def __init__(self) -> None:
        self.scope = "operator"
        self._inputs: list[str] = []
        self._operators: list[Operator] = []
        self._tensors: dict[str, Tensor] = {}
        self._casts: dict[tuple[str, torch.dtype], str] = {}

    def add_input(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> Value:
        """Adds an input of the graph and returns it."""
        name = self.fresh_name(name)
        self._inputs.append(name)
        self._tensors[name] = Tensor(name, tuple(shape), dtype)
        return Value.of(name, shape, dtype)

    def fresh_name(self, wanted: str) -> str:
        """Returns ``wanted``, with a number behind it if it is taken."""
        name, count = wanted, 1
        while name in self._tensors:
            count += 1
            name = f"{wanted}_{count}"
        return name

    def emit(self, kind: Callable[..., Operator], inputs: Sequence[str], shape: Sequence[int], **fields: Any) -> str:
        """Adds a native operator and returns the name of the tensor of ``shape`` that it writes."""
        name = self.fresh_name(self.scope)
        self._operators.append(kind(name=name, inputs=tuple(inputs), outputs=(name,), **fields))
        self._tensors[name] = Tensor(name, tuple(shape))
        return name

    def emit_like(self, value: Value, kind: Callable[..., Operator], **fields: Any) -> Value:
        """Adds a native operator that keeps the shape and layout of its only input ``value``."""
        return replace(value, tensor=self.emit(kind, [value.tensor], value.stored, **fields), dtype=torch.float32)

    def constant(self, tensor: torch.Tensor) -> Value:
        """Adds a constant of shape (N or 1, C, H, W)."""
        tensor = float_weight(tensor)
        return Value.of(self.emit(Constant, [], tensor.shape, value=tensor), tensor.shape)

    def affine(self, value: Value, scale: torch.Tensor, shift: torch.Tensor) -> Value:
        """Adds ``value * scale + shift``; scale and shift have one number a stored channel."""
        if bool((scale == 1).all()) and bool((shift == 0).all()):
            return value
        return self.emit_like(value, ChannelAffine, scale=float_weight(scale), shift=float_weight(shift))

    def is_uint8_input(self, value: Value) -> bool:
        """Tells whether a value is an image input of bytes, which native operators read as float32."""
        return value.tensor in self._inputs and self._tensors[value.tensor].dtype == torch.uint8

    def fallback(
        self, target: str, arguments: Sequence[Any], keywords: dict[str, Any], results: Any, reason: str
    ) -> Any:
        """Adds an operator that runs in torch.

        Args:
            target: the ATen overload's full name.
            arguments: positional arguments, with Values in them.
            keywords: keyword arguments, likewise.
            results: the results' shapes and dtypes, as tensors on any device in the operator's own structure.
            reason: why it is not native.

        Returns:
            ``results`` with Values in place of the tensors.
        """
        leaves, _ = pytree.tree_flatten((list(arguments), keywords), is_leaf=is_value)
        names = dict.fromkeys(self._as_torch_sees(leaf).tensor for leaf in leaves if isinstance(leaf, Value))
        arguments, keywords = pytree.tree_map(self._kept, (list(arguments), keywords), is_leaf=is_value)
        flat, tree = pytree.tree_flatten(results)
        name = self.fresh_name(self.scope)
        outputs: list[str] = []
        values: list[Any] = []
        for leaf in flat:
            if not isinstance(leaf, torch.Tensor):
                values.append(leaf)
                continue
            if any(not isinstance(size, int) for size in leaf.shape):
                raise CaptureError(
                    f"{target} in {self.scope!r} has a shape that depends on the data, {tuple(leaf.shape)}; a "
                    "graph's shapes must follow from those of its inputs. Choose by a fixed list of positions, such "
                    "as a buffer made by mask.nonzero().flatten(), or leave this part out of the captured model"
                )
            output = self.fresh_name(name)
            self._tensors[output] = Tensor(output, tuple(leaf.shape), leaf.dtype)
            outputs.append(output)
            values.append(Value.of(output, leaf.shape, leaf.dtype))
        if not outputs:
            raise CaptureError(
                f"{target} in {self.scope!r} returns no tensor but {results!r}, which the graph cannot hold; "
                "compute it outside the model"
            )
        self._operators.append(Fallback(name, tuple(names), tuple(outputs), target, tuple(arguments), keywords, reason))
        return pytree.tree_unflatten(values, tree)

    def _kept(self, leaf: Any) -> Any:
        """Returns what a fallback keeps of an argument: of a constant a copy, as native operators keep of weights."""
        if isinstance(leaf, Value):
            return self._as_torch_sees(leaf).reference()
        return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf

    def _as_torch_sees(self, value: Value) -> Value:
        """Returns the value in the dtype that the model sees; only byte inputs differ."""
        if not self.is_uint8_input(value):
            return value
        key = (value.tensor, value.dtype)
        if key not in self._casts:
            name = self.fresh_name(f"{value.tensor}.{str(value.dtype).removeprefix('torch.')}")
            self._tensors[name] = Tensor(name, value.stored, value.dtype)
            self._operators.append(
                Fallback(
                    name,
                    (value.tensor,),
                    (name,),
                    "aten._to_copy.default",
                    (Reference(value.tensor),),
                    {"dtype": value.dtype},
                    "torch reads the bytes of the input",
                )
            )
            self._casts[key] = name
        return replace(value, tensor=self._casts[key])

    def materialize(self, value: Value, reason: str) -> Value:
        """Stores a value in the shape in which the model sees it."""
        if value.is_stored_as_seen:
            return value
        meta = torch.empty(value.shape, dtype=value.dtype, device="meta")
        keywords = {"memory_format": torch.contiguous_format}
        stored: Value = self.fallback("aten.clone.default", [value], keywords, meta, reason)
        return stored

    def elementwise(self, value: Value) -> Value:
        """Returns a value whose stored tensor is a native (N, C, H, W); its dimensions may be in any order.

        Raises:
            NotNative: when it is not float32 or has no such form.
        """
        self._require_float(value)
        if len(value.stored) == 4:
            return value
        if len(value.stored) == 2:
            shape = (*value.stored, 1, 1)
            meta = torch.empty(shape, device="meta")
            flat = Value.of(value.tensor, value.stored)
            viewed = self.fallback("aten.view.default", [flat, list(shape)], {}, meta, "features become channels")
            return replace(value, tensor=viewed.tensor, stored=shape)
        raise NotNative(f"its input has {len(value.stored)} dimensions, not N, C, H, W")

    def native(self, value: Value) -> Value:
        """Returns a value of rank 4 that is stored as the model sees it, (N, C, H, W).

        Raises:
            NotNative: when it is not float32 or not of rank 4.
        """
        self._require_float(value)
        if value.rank != 4:
            raise NotNative(f"its input has {value.rank} dimensions, not N, C, H, W")
        if value.is_stored_as_seen:
            return value
        if len(value.stored) == 2:
            value = self.elementwise(value)
        if len(value.stored) == 4:
            in_place = all(value.is_axis(axis, axis) for axis in (BATCH, ROW, COLUMN))
            if in_place and value.covers_axis(CHANNEL, CHANNEL):
                return self.order_channels(value)
        return self.materialize(value, "it moves data between places and channels")

    def order_channels(self, value: Value) -> Value:
        """Returns a value whose channels are stored in the order in which dimension 1 sees them."""
        if value.is_axis(CHANNEL, CHANNEL):
            return value
        atoms = value.dimensions[CHANNEL]
        sizes, order = stored_order(atoms)
        inverse = [order.index(place) for place in range(len(order))]
        stored_sizes = [sizes[place] for place in order]
        indices = torch.arange(math.prod(sizes)).reshape(stored_sizes).permute(inverse).flatten()
        tensor = self.emit(ChannelGather, [value.tensor], value.stored, indices=tuple(indices.tolist()))
        return Value.of(tensor, value.stored)

    def _require_float(self, value: Value) -> None:
        if value.dtype != torch.float32:
            raise NotNative(f"it computes in {str(value.dtype).removeprefix('torch.')}")

    def finish(self, outputs: Sequence[Any], output_tree: Any, input_tree: Any) -> Graph:
        """Returns the graph without the operators that no output needs.

        Args:
            outputs: the outputs' leaves: Values and constants.
            output_tree: their pytree specification.
            input_tree: that of the model's arguments, or None for a single tensor.
        """
        leaves = tuple(self._as_torch_sees(leaf).reference() if isinstance(leaf, Value) else leaf for leaf in outputs)
        needed = {leaf.tensor for leaf in leaves if isinstance(leaf, Reference)}
        kept: list[Operator] = []
        for operator in reversed(self._operators):
            if needed.intersection(operator.outputs):
                kept.append(operator)
                needed.update(operator.inputs)
        kept.reverse()
        names = set(self._inputs).union(*(operator.outputs for operator in kept))
        tensors = {name: tensor for name, tensor in self._tensors.items() if name in names}
        return Graph(tuple(self._inputs), leaves, output_tree, tuple(kept), tensors, input_tree)


def is_value(leaf: Any) -> bool:
    """Tells whether an argument is a value of the graph."""
    return isinstance(leaf, Value)


def float_weight(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a weight as a contiguous float32 tensor on the CPU, free of autograd but fit for it."""
    with torch.inference_mode(mode=False), torch.no_grad():
        if tensor.is_inference():
            tensor = tensor.clone()
        return tensor.detach().to(device="cpu", dtype=torch.float32).contiguous()

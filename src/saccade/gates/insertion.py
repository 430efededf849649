"""Putting gates into any network, finding them again, and taking them out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from saccade.errors import GateError, ModelError, WeightsError
from saccade.gates.attachment import (
    ATTRIBUTE,
    RELAY,
    Attached,
    GatedAfter,
    GatedBefore,
    GatedDictionary,
    GatedWithEarlier,
    Relay,
    RelayFirst,
    RelayNext,
    attach,
    check_attachable,
    detach,
)
from saccade.gates.catalogue import create, gate_class
from saccade.gates.placement import Placement
from saccade.gates.places import Place, find_places
from saccade.gates.structure import find_stages
from saccade.gates.trace import Trace, trace

Network = TypeVar("Network", bound=nn.Module)
GateFactory = Callable[[int], nn.Module]
"""Takes the channels of the features and returns a gate."""

_WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel", "OptimizedModule")
_SHOWN = 4
_OWN_STRIDE = "stride_without_gates"
"""What a convolution keeps its own stride under while a gate has it at another."""


def insert(
    model: Network,
    gate: str | GateFactory,
    where: str | Placement | Sequence[str] | None = None,
    *,
    example: Tensor | Sequence[int] | None = None,
    **options: Any,
) -> Network:
    """Puts gates into a network, in place.

    The network keeps every name in its state dict; each gate is one more module, ``attention_gate``, inside the module
    whose output it gates. Gates take the device, dtype and mode of that module.

    Args:
        model: any convolutional network.
        gate: a name in ``list_gates(ablations=True)``, or a function of the number of channels that returns a module
            which takes features (N, C, H, W) and returns gated ones.
        where: "stages", after each stage; "blocks", after each block, its skip connection included; "branches", in
            each block before the skip connection is added; "last_blocks", the same in the last block of each stage;
            "before_stages", on each stage's input; a ``Placement``; or names of modules, or patterns such as
            "layer[34].*". By default where the gate's paper puts it, and after each stage for a function.
        example: a batch of images that the model takes, or its shape (N, C, H, W). By default sizes are tried.
        **options: the gate's own.

    Returns:
        The same model.

    Raises:
        RegistryError: no gate of that name.
        GateError: no such place, an option that the gate does not have, a place that is gated already, or one where the
            network does not run with the gate; the network is then as it was.
        ModelError: it is no module, has no convolution, or does not run on the example.
    """
    _refuse_wrapped(model)
    if isinstance(gate, str):
        placement = gate_class(gate).placement
    elif options:
        raise GateError(f"options {', '.join(options)} are given with a function; let the function set them")
    else:
        placement = Placement("stages", position="after_block")
    where = placement if where is None else where
    stride = where.last_stage_stride if isinstance(where, Placement) else None
    traced = trace(model, example)
    places = find_places(model, where, traced)
    modules = dict(model.named_modules())
    for place in places:
        for name in (place.module, *place.earlier):
            check_attachable(modules[name], name)
    gates = [_made(model, gate, place, options) for place in places]
    strided = [] if stride is None else _set_last_stage_stride(model, stride, traced)
    for place, made in zip(places, gates, strict=True):
        _attach(modules, place, made)
    try:
        trace(model, example)
    except ModelError as error:
        for name in dict.fromkeys(name for place in places for name in (place.module, *place.earlier)):
            _undo(modules[name])
        _restore_strides(strided)
        reason = str(error).partition(": ")[2].rpartition("; ")[0]
        raise GateError(
            f"{type(model).__name__} does not run with the gate at {', '.join(place.module for place in places)} "
            f"({reason}); name other places with where="
        ) from error
    return model


def gates_of(model: nn.Module) -> dict[str, nn.Module]:
    """Returns the gates of a network by the names of the modules that they are attached to."""
    return {
        name: getattr(module, ATTRIBUTE)
        for name, module in model.named_modules()
        if isinstance(module, Attached) and ATTRIBUTE in module._modules
    }


def remove(model: Network) -> Network:
    """Takes all gates out of a network, in place, and returns it; a stride that a gate asked for goes with it."""
    for module in list(model.modules()):
        _undo(module)
    _restore_strides(model.modules())
    return model


def fold(model: Network) -> Network:
    """Folds gates that become part of a batch norm at inference (ASR) into it, in place, and takes them out.

    Args:
        model: the network.

    Returns:
        The same model, whose outputs in eval mode are what they were.

    Raises:
        GateError: no gate of the network can be folded.
    """
    folded = 0
    for module in list(model.modules()):
        if not isinstance(module, Attached):
            continue
        into_norm: Any = getattr(module._modules.get(ATTRIBUTE), "fold", None)
        if into_norm is not None:
            into_norm(module)
            detach(module)
            folded += 1
    if not folded:
        raise GateError("no gate of this network can be folded into a batch norm; ASR after a batch norm can")
    return model


def backbone_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Returns a network's state dict without its gates: the one that the network had before gates were inserted."""
    return {key: value for key, value in model.state_dict().items() if not _is_of_a_gate(key)}


def load_backbone(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Loads the weights of a network without gates into the gated one, strictly; gates stay as they are.

    Args:
        model: the gated network.
        state: exactly the keys and shapes of ``backbone_state_dict(model)``.

    Raises:
        WeightsError: keys are missing or unexpected, or shapes differ; nothing is loaded then.
    """
    own = backbone_state_dict(model)
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    wrong = [key for key in own if key in state and state[key].shape != own[key].shape]
    found = {"missing": missing, "unexpected": unexpected, "of another shape": wrong}
    if any(found.values()):
        parts = [f"{what}: {', '.join(keys[:_SHOWN])} ({len(keys)} in all)" for what, keys in found.items() if keys]
        raise WeightsError(
            f"the weights do not fit the backbone: {'; '.join(parts)}; give the state dict of the plain network"
        )
    model.load_state_dict(dict(state), strict=False)


def convert_sync_batchnorm(model: Network) -> Network:
    """Makes every batch norm of a gated network a synchronised one and keeps the gates.

    torch's own conversion makes new modules in place of batch norms and forgets the gates attached to them.

    Args:
        model: the network; changed in place.

    Returns:
        The converted network.
    """
    convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm
    return convert_keeping_gates(model, convert, gates_too=True)


def convert_keeping_gates(model: Network, convert: Callable[[Any], Any], gates_too: bool = False) -> Network:
    """Lets a function replace modules of a network, and puts the gates back where they were.

    Args:
        model: the network; changed in place.
        convert: takes the network without its gates and returns it with the same names.
        gates_too: converts each gate as well.

    Returns:
        The converted network.
    """
    attached = {
        name: (type(module).__mro__[1], vars(module).get(RELAY))
        for name, module in model.named_modules()
        if isinstance(module, Attached)
    }
    gates = gates_of(model)
    remove(model)
    converted: Network = convert(model)
    for name, (kind, relay) in attached.items():
        gate = gates.get(name)
        if gate is not None and gates_too:
            gate = convert(gate)
        attach(converted.get_submodule(name), kind, gate, relay)
    return converted


def _refuse_wrapped(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise ModelError(f"a {type(model).__name__} was given; expected a torch.nn.Module, such as models.create makes")
    kind = "torch.compile" if hasattr(model, "_orig_mod") else type(model).__name__
    if kind in _WRAPPERS or kind == "torch.compile":
        raise ModelError(f"the model is wrapped in {kind}; insert gates first and wrap or compile the result")
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError("the model is a TorchScript module, whose code is fixed; insert gates before scripting it")


def _made(model: nn.Module, gate: str | GateFactory, place: Place, options: dict[str, Any]) -> nn.Module:
    """Returns a gate for a place, on the device and in the mode of its module."""
    host = model.get_submodule(place.module)
    if not isinstance(gate, str):
        made = gate(place.channels)
        if not isinstance(made, nn.Module):
            raise GateError(f"the function gave a {type(made).__name__} for {place.channels} channels; return a module")
    else:
        extra: dict[str, Any] = dict(options)
        if place.earlier:
            extra["earlier"] = len(place.earlier)
        if place.following is not None:
            head = copy.deepcopy(model.get_submodule(place.following))
            extra |= {"head": _with_stride(head, 1), "head_channels": place.following_channels}
        made = create(gate, place.channels, **extra)
    tensors = (*host.parameters(), *host.buffers(), *model.parameters())
    like = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    if like is not None:
        made.to(device=like.device, dtype=like.dtype)
    return made.train(host.training)


def _attach(modules: dict[str, nn.Module], place: Place, gate: nn.Module) -> None:
    host = modules[place.module]
    if not place.earlier:
        after = GatedDictionary if isinstance(host, nn.ModuleDict) else GatedAfter
        attach(host, GatedBefore if place.before else after, gate)
        return
    relay = Relay()
    attach(host, GatedWithEarlier, gate, relay)
    for name in place.earlier:
        attach(modules[name], RelayFirst if name == place.earlier[0] else RelayNext, None, relay)


def _set_last_stage_stride(model: nn.Module, stride: int, traced: Trace) -> list[nn.Conv2d]:
    """Gives the last stage another stride, in place, and returns the convolutions that had one of their own."""
    last = find_stages(model, traced)[-1]
    strided = _strided(model.get_submodule(last.blocks[0].name))
    for convolution in strided:
        vars(convolution).setdefault(_OWN_STRIDE, convolution.stride)
        convolution.stride = (stride, stride)
    return strided


def _with_stride(module: nn.Module, stride: int) -> nn.Module:
    """Gives every strided convolution of a module another stride, in place, and returns the module."""
    for convolution in _strided(module):
        convolution.stride = (stride, stride)
    return module


def _strided(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d) and max(part.stride) > 1]


def _restore_strides(modules: Iterable[nn.Module]) -> None:
    for module in modules:
        if isinstance(module, nn.Conv2d) and _OWN_STRIDE in vars(module):
            module.stride = vars(module).pop(_OWN_STRIDE)


def _undo(module: nn.Module) -> None:
    if isinstance(module, Attached):
        detach(module)


def _is_of_a_gate(key: str) -> bool:
    return ATTRIBUTE in key.split(".")

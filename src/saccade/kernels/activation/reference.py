"""A function applied to every element."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from saccade.graph import Activation

FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "relu": F.relu,
    "clamp": torch.clamp,
    "leaky_relu": F.leaky_relu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda input: F.gelu(input, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": F.elu,
    "mish": F.mish,
    "softplus": F.softplus,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
}
"""The functions of saccade.graph.ACTIVATIONS, each taking the input and then its parameters."""


def reference(operator: Activation, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the function of every element of ``input`` (N, C, H, W)."""
    return FUNCTIONS[operator.function](input, *operator.parameters)

"""MACs of one call of a module, as the counter thop 0.1.1 has them.

Source: the rules that it applies, written anew. Only products carry their exact number: a norm counts 2 MACs a value
and 4 with scale and shift, an average pool one more than it adds up, an activation and a bias none.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

Formula = Callable[[nn.Module, Tensor, Tensor], int]
"""Takes a module, its input and its output, and returns MACs."""


def convolution(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns the products of a convolution: each output value takes one a tap and input channel of its group."""
    weight, groups = module.weight, module.groups
    assert isinstance(weight, Tensor)
    assert isinstance(groups, int)
    return y.numel() * (x.shape[1] // groups) * prod(weight.shape[2:])


def linear(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns the products of a linear layer."""
    return y.numel() * x.shape[-1]


def norm(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns 2 a value, and 4 where there are a scale and a shift."""
    affine = getattr(module, "affine", False) or getattr(module, "elementwise_affine", False)
    return (4 if affine else 2) * x.numel()


def average_pool(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns one a value of the output, whatever the window."""
    return y.numel()


def adaptive_average_pool(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns the additions of a window and a division, a value of the output."""
    window = prod(x.shape[2:]) / prod(y.shape[2:])
    return int((window + 1) * y.numel())


def softmax(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns an exponential, an addition and a division a value, less one addition a sum."""
    dim = module.dim if isinstance(module.dim, int) else 1
    features = x.shape[dim]
    return x.numel() // features * (3 * features - 1)


_UPSAMPLING = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}


def upsample(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns 1, 5, 11 or 259 a value of the output, by the mode."""
    return _UPSAMPLING.get(str(module.mode), 0) * y.numel()


def nothing(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Returns 0."""
    return 0


PRODUCTS: dict[tuple[type[nn.Module], ...], Formula] = {
    (nn.modules.conv._ConvNd,): convolution,
    (nn.Linear,): linear,
}
"""Formulas that count products, by the classes they are for."""

OTHERS: dict[tuple[type[nn.Module], ...], Formula] = {
    (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.LayerNorm): norm,
    (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d): average_pool,
    (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d): adaptive_average_pool,
    (nn.Softmax,): softmax,
    (nn.Upsample,): upsample,
    (nn.PReLU,): nothing,
}
"""Formulas that count something else than products."""


def formula_of(module: nn.Module) -> tuple[Formula, bool] | None:
    """Returns the formula of a module and whether it counts products; None where thop has none with parameters."""
    for table, products in ((PRODUCTS, True), (OTHERS, False)):
        for classes, formula in table.items():
            if isinstance(module, classes):
                return formula, products
    return None


def deformable_convolution(
    x_shape: torch.Size, weight_shape: torch.Size, offset_shape: torch.Size, *args: object, **kwargs: object
) -> int:
    """Returns the floating-point operations (two a product) of torchvision's deformable convolution from its shapes.

    Args:
        x_shape: (N, M, H, W).
        weight_shape: (C, M / groups, k, k).
        offset_shape: (N, 2 * G * k * k, H', W'), which has the places of the output.
        *args: the operator's other arguments, which do not matter.
        **kwargs: as ``args``.
    """
    places = x_shape[0] * prod(offset_shape[2:])
    return 2 * places * prod(weight_shape)

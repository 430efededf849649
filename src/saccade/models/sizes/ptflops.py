"""MACs of one call of a module, as the counter ptflops 0.6 has them: with biases, activations and pooled values.

The DAS paper's rows of bare networks and of other gates are those of the Triplet Attention paper (Misra et al. 2021),
and agree with this counter rather than with thop, which the rows of DAS itself agree with.
Source: the rules that ptflops applies, written anew.
"""

from __future__ import annotations

from torch import Tensor, nn

from saccade.gates import SE
from saccade.models.sizes.formulas import Formula, convolution, linear


def _convolution(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return convolution(module, x, y) + (y.numel() if module.bias is not None else 0)


def _linear(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return linear(module, x, y) + (y.numel() if module.bias is not None else 0)


def _norm(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return (2 if getattr(module, "affine", False) else 1) * x.numel()


def _activation(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return y.numel()


def _pooled(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return x.numel()


_FORMULAS: dict[tuple[type[nn.Module], ...], Formula] = {
    (nn.modules.conv._ConvNd,): _convolution,
    (nn.Linear,): _linear,
    (nn.modules.batchnorm._BatchNorm,): _norm,
    (nn.ReLU, nn.ReLU6, nn.PReLU, nn.LeakyReLU, nn.ELU): _activation,
    (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d): _pooled,
    (SE,): _pooled,  # its paper's code squeezes by a pooling module, ours by a mean
}


def ptflops_formula_of(module: nn.Module) -> Formula | None:
    """Returns the formula of a module; None where ptflops counts nothing."""
    return next((formula for classes, formula in _FORMULAS.items() if isinstance(module, classes)), None)

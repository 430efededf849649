"""Counting a network's parameters and MACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torchvision  # noqa: F401  (makes torch.ops.torchvision known)
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from saccade.errors import ModelError
from saccade.gates import gates_of
from saccade.gates.trace import copy_on
from saccade.models.sizes.formulas import Formula, deformable_convolution, formula_of
from saccade.models.sizes.ptflops import ptflops_formula_of

Convention = Literal["paper", "true"]
CONVENTIONS: tuple[Convention, ...] = ("paper", "true")


@dataclass(frozen=True)
class Size:
    """The size of a network for one image.

    Attributes:
        parameters: every learnable value.
        macs: products of all convolutions, matrix products and deformable convolutions, and norms and pools by formula.
        paper_parameters: those of the modules that thop has a formula for.
        paper_macs: those that these formulas give.
        ptflops_macs: those that ptflops (0.6) gives, which the DAS paper's rows of other gates agree with.
        products: the products alone, half of what torch's FlopCounterMode counts.
        gate_parameters: every learnable value of the gates alone.
    """

    parameters: int
    macs: int
    paper_parameters: int
    paper_macs: int
    ptflops_macs: int
    products: int
    gate_parameters: int

    def of(self, convention: Convention) -> tuple[int, int]:
        """Returns parameters and MACs in a convention."""
        return (self.paper_parameters, self.paper_macs) if convention == "paper" else (self.parameters, self.macs)


def parameters_of(model: nn.Module, convention: Convention = "true") -> int:
    """Returns how many parameters a network has; nothing runs.

    Args:
        model: any module, on any device.
        convention: "true" counts all; "paper" those in modules that thop has a formula for.
    """
    if convention == "true":
        return sum(parameter.numel() for parameter in model.parameters())
    counted = {
        id(parameter): parameter.numel()
        for module in model.modules()
        if formula_of(module) is not None
        for parameter in module.parameters(recurse=False)
    }
    return sum(counted.values())


def measure(model: nn.Module, shape: Sequence[int] = (1, 3, 224, 224)) -> Size:
    """Counts a network's parameters and MACs.

    The network runs once in eval mode on shapes alone, or on zeros where it cannot; it is not changed.

    Args:
        model: any module that takes one batch of images.
        shape: the batch's shape, (N, C, H, W).

    Raises:
        ModelError: the model does not run on images of that shape.
    """
    devices = ["meta"] if any(tensor.is_meta for tensor in model.parameters()) else ["meta", "cpu"]
    failure = ""
    for device in devices:
        try:
            return _measured(copy_on(model, device), torch.zeros(tuple(shape), device=device))
        except Exception as error:  # whatever a stranger's forward raises
            failure = failure or f"{type(error).__name__}: {' '.join(str(error).split())}"
    raise ModelError(
        f"{type(model).__name__} does not run on images of shape {'x'.join(map(str, shape))}: {failure}; "
        "give the size that it takes"
    )


def _measured(model: nn.Module, images: Tensor) -> Size:
    counts = dict.fromkeys(("products", "others", "ptflops"), 0)
    for module in model.modules():
        found = formula_of(module)
        if found is not None:
            formula, products = found
            module.register_forward_hook(_counting(counts, "products" if products else "others", formula))
        with_activations = ptflops_formula_of(module)
        if with_activations is not None:
            module.register_forward_hook(_counting(counts, "ptflops", with_activations))
    counter: Any = FlopCounterMode(
        display=False, custom_mapping={torch.ops.torchvision.deform_conv2d: deformable_convolution}
    )
    with torch.no_grad(), counter:
        model(images)
    products = counter.get_total_flops() // 2
    return Size(
        parameters=parameters_of(model),
        macs=products + counts["others"],
        paper_parameters=parameters_of(model, "paper"),
        paper_macs=counts["products"] + counts["others"],
        ptflops_macs=counts["ptflops"],
        products=products,
        gate_parameters=sum(parameters_of(gate) for gate in gates_of(model).values()),
    )


def _counting(totals: dict[str, int], what: str, formula: Formula) -> Any:
    def count(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        if arguments and isinstance(arguments[0], Tensor) and isinstance(output, Tensor):
            totals[what] += formula(module, arguments[0], output)

    return count

"""What the tests of capture share: seeded models, and the comparison of a graph with the model it came from."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree

from saccade.capture import capture_module
from saccade.graph import Graph
from saccade.kernels.reference import evaluate

TOLERANCE = 1e-4


def seeded(model: torch.nn.Module) -> torch.nn.Module:
    """Returns the model in eval mode, its batch norms with random statistics and weights."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if not isinstance(module, torch.nn.modules.batchnorm._BatchNorm) or module.running_mean is None:
            continue
        module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=generator) * 0.2)
        module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
        if module.weight is not None:
            module.weight.data.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(module.bias.shape, generator=generator) * 0.2)
    return model.eval()


def relative_error(given: torch.Tensor, expected: torch.Tensor) -> float:
    """Returns the L2 norm of the difference over that of the expected tensor."""
    difference = (given.double() - expected.double()).norm()
    return float(difference / expected.double().norm().clamp_min(1e-12))


def assert_same(given: list[Any], expected: Any) -> None:
    """Checks the leaves of a graph's outputs against a model's return value."""
    leaves = pytree.tree_leaves(expected)
    assert len(given) == len(leaves)
    for ours, theirs in zip(given, leaves, strict=True):
        if not isinstance(theirs, torch.Tensor):
            assert ours == theirs
            continue
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert relative_error(ours, theirs) < TOLERANCE


def captured(model: torch.nn.Module, *inputs: torch.Tensor) -> Graph:
    """Returns the graph of a model, having compared it with the model on the inputs."""
    model = model.eval()
    with torch.no_grad():
        expected = model(*inputs)
    graph = capture_module(model, inputs)
    assert_same(evaluate(graph, inputs), expected)
    return graph


def fallback_targets(graph: Graph) -> set[str]:
    """Returns the ATen names of the operators that run in torch."""
    return {operator.target for operator in graph.fallbacks()}

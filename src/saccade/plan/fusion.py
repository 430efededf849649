"""Fold batch norms into weights; fuse activations and residual sums into the operator before them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from saccade.graph import (
    Activation,
    Binary,
    ChannelAffine,
    Convolution,
    DeformableConvolution,
    Fallback,
    Graph,
    Linear,
    Operator,
    Standardization,
    TransposedConvolution,
)
from saccade.plan.chains import join_chains
from saccade.plan.step import Step

Weighted = (Convolution, DeformableConvolution, TransposedConvolution, Linear)


def fuse(graph: Graph) -> list[Step | Fallback]:
    """Returns the graph's operators as steps, with as few passes over memory as the engine can do."""
    return _Fusion(graph).run()


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers = Counter(name for operator in graph.operators for name in operator.inputs)
        self.readers.update(graph.output_names())
        self.steps: list[Step | Fallback] = []
        self.producer: dict[str, int] = {}

    def run(self) -> list[Step | Fallback]:
        for operator in self.graph.operators:
            if isinstance(operator, Fallback):
                self._append(operator, operator.outputs)
            elif not self._absorb(operator):
                self._append(Step(_pointwise(operator, self.graph), operator.inputs, operator.output), operator.outputs)
        return join_chains(self.graph, self.steps, self.readers)

    def _append(self, step: Step | Fallback, outputs: tuple[str, ...]) -> None:
        for name in outputs:
            self.producer[name] = len(self.steps)
        self.steps.append(step)

    def _absorb(self, operator: Operator) -> bool:
        if isinstance(operator, ChannelAffine):
            return self._absorb_affine(operator)
        if isinstance(operator, Activation):
            return self._absorb_activation(operator)
        if isinstance(operator, Binary) and operator.function == "add":
            return self._absorb_residual(operator)
        return False

    def _open(self, name: str) -> Step | None:
        """Returns the step that writes ``name`` if nothing else reads it and nothing follows its sums yet."""
        index = self.producer.get(name)
        if index is None or self.readers[name] != 1:
            return None
        step = self.steps[index]
        return step if isinstance(step, Step) and step.activation is None else None

    def _replace(self, name: str, step: Step) -> bool:
        index = self.producer.pop(name)
        self.steps[index] = step
        self.producer[step.output] = index
        return True

    def _absorb_affine(self, operator: ChannelAffine) -> bool:
        step = self._open(operator.inputs[0])
        if step is None or step.residual is not None:
            return False
        folded = _fold(step.operator, operator)
        if folded is None:
            return False
        return self._replace(
            step.output, replace(step, operator=folded, output=operator.output, fused=(*step.fused, operator.name))
        )

    def _absorb_activation(self, operator: Activation) -> bool:
        step = self._open(operator.inputs[0])
        if step is None or not isinstance(step.operator, (*Weighted, ChannelAffine, Binary, Standardization)):
            return False
        return self._replace(
            step.output, replace(step, activation=operator, output=operator.output, fused=(*step.fused, operator.name))
        )

    def _absorb_residual(self, operator: Binary) -> bool:
        first, second = operator.inputs
        shapes = self.graph.tensors
        if first == second or shapes[first].shape != shapes[second].shape:
            return False
        # The sum's other operand must be ready when the convolution runs: take the later of the two.
        late, early = sorted((first, second), key=lambda name: self.producer.get(name, -1), reverse=True)
        step = self._open(late)
        if step is None or step.residual is not None or not isinstance(step.operator, Convolution):
            return False
        return self._replace(
            late, replace(step, residual=early, output=operator.output, fused=(*step.fused, operator.name))
        )


def _pointwise(operator: Operator, graph: Graph) -> Operator:
    """Returns a linear layer of a single place as the 1 x 1 convolution that it is; others unchanged."""
    if isinstance(operator, Linear) and graph.tensors[operator.inputs[0]].shape[2:] == (1, 1):
        weight = operator.weight[:, :, None, None]
        return Convolution(operator.name, operator.inputs, operator.outputs, weight, operator.bias)
    return operator


def _fold(operator: Operator, affine: ChannelAffine) -> Operator | None:
    """Returns ``operator`` followed by ``affine`` as one operator, or None where that cannot be."""
    scale, shift = affine.scale.double(), affine.shift.double()
    if isinstance(operator, ChannelAffine):
        return replace(
            operator,
            scale=(operator.scale.double() * scale).float(),
            shift=(operator.shift.double() * scale + shift).float(),
        )
    if isinstance(operator, Standardization):
        weight = scale if operator.weight is None else operator.weight.double() * scale
        bias = shift if operator.bias is None else operator.bias.double() * scale + shift
        return replace(operator, weight=weight.float(), bias=bias.float())
    if isinstance(operator, TransposedConvolution):
        each = operator.weight.shape[1]
        grouped = operator.weight.double().reshape(operator.groups, -1, *operator.weight.shape[1:])
        weight = (grouped * scale.reshape(operator.groups, 1, each, 1, 1)).flatten(0, 1)
    elif isinstance(operator, Convolution | DeformableConvolution):
        weight = operator.weight.double() * scale[:, None, None, None]
    elif isinstance(operator, Linear):
        weight = operator.weight.double() * scale[:, None]
    else:
        return None
    bias = shift if operator.bias is None else operator.bias.double() * scale + shift
    return replace(operator, weight=weight.float().contiguous(), bias=bias.float())

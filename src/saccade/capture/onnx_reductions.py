"""ONNX operators over whole axes: sums, norms, largest values and where they lie."""

from __future__ import annotations

from typing import Any

from saccade.capture.onnx_node import Importer, Node, imports
from saccade.errors import CaptureError


def _reduced_axes(node: Node) -> list[int]:
    """Returns the axes of a reduction: where none are given all of them, or none if the node says so."""
    everything = [] if node.attribute("noop_with_empty_axes", 0) else list(range(len(node.input(0).shape)))
    return node.numbers(1, "axes") or everything


def _reduced(node: Node, target: str, value: Any) -> Any:
    """Returns a value reduced over the node's axes; over none, itself."""
    axes = _reduced_axes(node)
    return node.call(target, value, axes, bool(node.attribute("keepdims", 1))) if axes else value


def _reduction(target: str) -> Importer:
    return lambda node: _reduced(node, target, node.input(0))


imports("ReduceMean")(_reduction("mean.dim"))
imports("ReduceMax")(_reduction("amax.default"))
imports("ReduceMin")(_reduction("amin.default"))
imports("ReduceSum")(_reduction("sum.dim_IntList"))
imports("ReduceLogSumExp")(_reduction("logsumexp.default"))


@imports("ReduceL1")
def reduce_l1(node: Node) -> Any:
    """The sum of absolute values."""
    return _reduced(node, "sum.dim_IntList", node.call("abs.default", node.input(0)))


@imports("ReduceSumSquare")
def reduce_sum_square(node: Node) -> Any:
    """The sum of squares."""
    return _reduced(node, "sum.dim_IntList", node.call("mul.Tensor", node.input(0), node.input(0)))


@imports("LpNormalization")
def lp_normalization(node: Node) -> Any:
    """Divided by a norm along one axis."""
    order, axis = node.attribute("p", 2), node.attribute("axis", -1)
    norm = node.call("linalg_vector_norm.default", node.input(0), order, [axis], True)
    return node.call("div.Tensor", node.input(0), norm)


def _extreme(target: str) -> Importer:
    def importer(node: Node) -> Any:
        if node.attribute("select_last_index", 0):
            raise CaptureError("select_last_index=1 is not read")
        return node.call(target, node.input(0), node.attribute("axis", 0), bool(node.attribute("keepdims", 1)))

    return importer


imports("ArgMax")(_extreme("argmax.default"))
imports("ArgMin")(_extreme("argmin.default"))


@imports("TopK")
def top_k(node: Node) -> Any:
    """The largest or smallest values along an axis, and where they lie."""
    (count,) = node.numbers(1, "k") or [node.attribute("k")]
    axis, largest = node.attribute("axis", -1), bool(node.attribute("largest", 1))
    return node.call("topk.default", node.input(0), count, axis, largest, bool(node.attribute("sorted", 1)))


@imports("ReduceL2")
def reduce_l2(node: Node) -> Any:
    """The Euclidean norm, over no axes the absolute value."""
    if not _reduced_axes(node):
        return node.call("abs.default", node.input(0))
    return node.call("sqrt.default", reduce_sum_square(node))

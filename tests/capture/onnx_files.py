"""Small ONNX files, and their comparison with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from captured import relative_error
from onnx import TensorProto, helper, numpy_helper

from saccade.capture import capture_onnx
from saccade.graph import Graph
from saccade.kernels.reference import evaluate

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

TOLERANCE = 1e-4
SHAPE = (1, 8, 12, 10)


def compare(path: Path, shapes: dict[str, tuple[int, ...]] | None = None) -> Graph:
    """Returns the graph of a file, having compared it with onnxruntime on random inputs."""
    graph = capture_onnx(path, shapes)
    generator = np.random.default_rng(0)
    inputs = {name: generator.random(graph.tensors[name].shape, dtype=np.float32) for name in graph.inputs}
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, inputs)
    given = evaluate(graph, [torch.from_numpy(inputs[name]) for name in graph.inputs])
    assert len(given) == len(expected)
    for ours, theirs in zip(given, expected, strict=True):
        assert ours.shape == theirs.shape
        assert relative_error(ours, torch.from_numpy(theirs)) < TOLERANCE
    return graph


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray] | None = None,
    shape: tuple[int | str, ...] = SHAPE,
    version: int = 17,
) -> Path:
    """Writes a file whose input is x and whose output is y."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def node(operator: str, inputs: list[str] | None = None, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs or ["x"], ["y"], **attributes)

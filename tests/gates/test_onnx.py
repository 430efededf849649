"""DAS as ONNX: by DeformConv from opset 19, and by GridSample for runtimes without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import saccade.gates

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxscript", reason="torch's ONNX exporter needs onnxscript")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime to run the files")


def gate(kernel: str) -> nn.Module:
    torch.manual_seed(0)
    made = saccade.gates.create("das", 16, kernel=kernel).eval()
    for predictor in (made.kernel.offset, made.kernel.mask):
        nn.init.normal_(predictor.weight, std=0.3)
    return made


def export(module: nn.Module, x: torch.Tensor, path: Path, opset: int) -> set[str]:
    """Writes the file and returns the operators in it."""
    torch.onnx.export(module, (x,), path, opset_version=opset, dynamo=True, verbose=False)
    return {node.op_type for node in onnx.load(path).graph.node}


def run(path: Path, x: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kernel", ["dense", "separable"])
@pytest.mark.parametrize(
    ("form", "opset", "operator", "absent"),
    [("auto", 19, "DeformConv", "GridSample"), ("grid_sample", 18, "GridSample", "DeformConv")],
)
def test_onnx_runtime_computes_what_torch_does(kernel, form, opset, operator, absent, tmp_path) -> None:
    das, x = gate(kernel), torch.randn(2, 16, 9, 7)
    with torch.no_grad():
        expected = das(x).numpy()
    saccade.gates.use_form(das, form)
    path = tmp_path / "das.onnx"
    operators = export(das, x, path, opset)
    assert operator in operators
    assert absent not in operators
    np.testing.assert_allclose(run(path, x), expected, rtol=1e-4, atol=1e-5)
    if operator == "DeformConv":  # the reference's GridSample knows only the modes' names of opset 20
        reference = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(path))
        np.testing.assert_allclose(reference.run(None, {reference.input_names[0]: x.numpy()})[0], expected, atol=1e-5)

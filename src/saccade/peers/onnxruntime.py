"""ONNX Runtime on the CPU, from torch's own ONNX export."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saccade.peers.onnx_file import onnx_file
from saccade.peers.peer import Model, Prepared, Run, missing, peers, versions


class OnnxRuntime:
    """ONNX Runtime with its CPU provider and all graph optimisations."""

    name = "onnxruntime"

    def version(self) -> str:
        return versions("onnxruntime")

    def available(self) -> str | None:
        return missing("onnxruntime", "onnx")

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        with tempfile.TemporaryDirectory() as folder:
            path = onnx_file(model, example, Path(folder))
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return Prepared(_runner(session), "CPU provider, all graph optimisations, sequential")


def _runner(session: Any) -> Run:
    (name,) = (argument.name for argument in session.get_inputs())

    def run(frame: Tensor) -> list[Tensor]:
        outputs = session.run(None, {name: frame.contiguous().numpy()})
        return [torch.from_numpy(output) for output in outputs]

    return run


peers.register(OnnxRuntime.name)(OnnxRuntime())

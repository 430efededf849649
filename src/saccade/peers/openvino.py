"""OpenVINO on the CPU, held to float32: left alone it would use bfloat16 where the processor has it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from saccade.peers.onnx_file import onnx_file
from saccade.peers.peer import Model, Prepared, missing, peers, versions


class OpenVino:
    """OpenVINO's CPU plugin: float32, one stream, tuned for latency."""

    name = "openvino"

    def version(self) -> str:
        return versions("openvino")

    def available(self) -> str | None:
        return missing("openvino", "onnx")

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        import openvino

        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            "ENABLE_CPU_PINNING": "NO",  # the caller's affinity holds
        }
        runtime = openvino.Core()
        with tempfile.TemporaryDirectory() as folder:
            read = runtime.read_model(str(onnx_file(model, example, Path(folder))))
            read.reshape(list(example.shape))
            compiled = runtime.compile_model(read, "CPU", settings)
        request = compiled.create_infer_request()
        count = len(compiled.outputs)

        def run(frame: Tensor) -> list[Tensor]:
            request.infer([frame.contiguous().numpy()], share_inputs=True, share_outputs=True)
            return [torch.from_numpy(request.get_output_tensor(index).data) for index in range(count)]

        return Prepared(run, "CPU, precision hint f32, latency hint, 1 stream, no pinning")


peers.register(OpenVino.name)(OpenVino())

"""ncnn on the CPU, converted by pnnx, with every reduced precision switched off."""

from __future__ import annotations

import copy
import importlib
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saccade.errors import ModelError
from saccade.peers.peer import Model, Prepared, Run, example_outputs, missing, peers, versions

REDUCED_PRECISION = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_packed",
    "use_bf16_storage",
)


class Ncnn:
    """ncnn: float32 weights, storage and arithmetic; Winograd and packed layouts on, as it comes; one image a call."""

    name = "ncnn"

    def version(self) -> str:
        return versions("ncnn", "pnnx")

    def available(self) -> str | None:
        return missing("ncnn", "pnnx")

    def prepare(self, model: Model, example: Tensor, threads: int) -> Prepared:
        import ncnn

        if len(example) != 1:
            raise ModelError(f"ncnn takes one image a call, given a batch of {len(example)}; leave it out of the peers")
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        for switch in REDUCED_PRECISION:
            # Older releases lack some of the switches, and with them that precision.
            if hasattr(net.opt, switch):
                setattr(net.opt, switch, False)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _convert(model, example, folder)
            if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
                raise ModelError("ncnn could not load what pnnx wrote; its operators are not all known to ncnn")
        shapes = None if isinstance(model, Path) else [output.shape for output in example_outputs(model, example)]
        configuration = "pnnx fp16=0; fp16 and bf16 packing, storage and arithmetic off; Winograd and packed layout on"
        return Prepared(_runner(net, shapes), configuration)


def _convert(model: Model, example: Tensor, folder: Path) -> None:
    """Writes model.ncnn.param and model.ncnn.bin into the folder."""
    if isinstance(model, Path):
        source = folder / "model.onnx"
        source.write_bytes(model.read_bytes())
    else:
        source = folder / "model.pt"
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing is deprecated, but it is what pnnx reads.
            warnings.simplefilter("ignore")
            torch.jit.trace(copy.deepcopy(model), example, strict=False).save(str(source))  # type: ignore[no-untyped-call]
    shape = ",".join(str(extent) for extent in example.shape)
    command = [importlib.import_module("pnnx").EXEC_PATH, source.name, f"inputshape=[{shape}]", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (folder / "model.ncnn.param").exists():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ModelError(f"pnnx could not convert the model for ncnn: {' '.join(last) or 'no message'}")


def _runner(net: Any, shapes: list[torch.Size] | None) -> Run:
    import ncnn

    inputs, outputs = list(net.input_names()), list(net.output_names())

    def run(frame: Tensor) -> list[Tensor]:
        # The mat borrows this array's memory, so the array must outlive the extraction.
        image = frame[0].contiguous().numpy()
        with net.create_extractor() as extractor:
            extractor.input(inputs[0], ncnn.Mat(image))
            results = [extractor.extract(name) for name in outputs]
            tensors = [torch.from_numpy(mat.numpy()) for _, mat in results]
        if shapes is None:
            return [tensor.unsqueeze(0) for tensor in tensors]
        # ncnn drops the batch's axis, and with it which of the shapes with as many values was meant.
        return [tensor.reshape(shape) for tensor, shape in zip(tensors, shapes, strict=True)]

    return run


peers.register(Ncnn.name)(Ncnn())

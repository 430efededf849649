"""A torch module as an ONNX file, for the peers that read one."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor

from saccade.errors import ModelError
from saccade.peers.peer import Model


def onnx_file(model: Model, example: Tensor, folder: Path) -> Path:
    """Returns an ONNX file of the model, with the example's shape fixed.

    Args:
        model: a module, which is exported into the folder; or an ONNX file, which is returned as it is.
        example: a frame, N,C,H,W float32.
        folder: an existing folder.

    Raises:
        ModelError: torch cannot export the module.
    """
    if isinstance(model, Path):
        return model
    path = folder / "model.onnx"
    try:
        with warnings.catch_warnings():
            # The exporter that traces is deprecated, but the newer one needs a further package (onnxscript).
            warnings.simplefilter("ignore")
            torch.onnx.export(copy.deepcopy(model), (example,), str(path), dynamo=False)
    except Exception as error:  # the exporter raises whatever its passes raise
        raise ModelError(f"torch.onnx.export could not export {type(model).__name__}: {error}") from error
    return path

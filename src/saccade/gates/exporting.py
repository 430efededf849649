"""Whether a graph is being recorded that others will run: then operators that others know beat fast ones."""

from __future__ import annotations

import torch


def exporting() -> bool:
    """Returns whether torch.export or torch.onnx.export is recording."""
    if torch.onnx.is_in_onnx_export():
        return True
    if hasattr(torch.compiler, "is_exporting"):  # from torch 2.7
        return bool(torch.compiler.is_exporting())
    return torch.compiler.is_compiling()

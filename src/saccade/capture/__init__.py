"""A torch module or an ONNX file becomes a Graph."""

from saccade.capture.module import capture_module
from saccade.capture.onnx_file import capture_onnx

__all__ = ["capture_module", "capture_onnx"]

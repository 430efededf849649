"""A torch module or an ONNX file becomes a Graph."""

from saccade.capture.module import capture_module

__all__ = ["capture_module"]

"""A torch module, an ONNX file or a detector's convolutional part becomes a Graph."""

from saccade.capture.detector import DetectorParts, convolutional_part
from saccade.capture.module import capture_module
from saccade.capture.onnx_file import capture_onnx

__all__ = ["DetectorParts", "capture_module", "capture_onnx", "convolutional_part"]

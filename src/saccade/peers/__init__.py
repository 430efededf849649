"""The dense runtimes that a user would pick instead, one per file, all in float32.

Every peer takes the same module and the same frame and returns the outputs as a flat list of tensors, so that one
benchmark can time them in turn and check their answers. Importing this room loads none of the runtimes.
"""

from saccade.peers import compile, eager, ncnn, onnxruntime, openvino
from saccade.peers.peer import Model, Peer, Prepared, Run, example_outputs, peers

__all__ = [
    "Model",
    "Peer",
    "Prepared",
    "Run",
    "compile",
    "eager",
    "example_outputs",
    "ncnn",
    "onnxruntime",
    "openvino",
    "peers",
]

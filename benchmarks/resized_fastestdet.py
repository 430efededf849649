"""FastestDet's ONNX file for frames of another size.

Run: python benchmarks/resized_fastestdet.py fastestdet-coco.onnx 384x640 fastestdet-384x640.onnx
The export fixed the sizes that its channel shuffles reshape to. They are scaled here; weights and operators stay.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def resized(model: onnx.ModelProto, height: int, width: int) -> onnx.ModelProto:
    """Returns the model for frames of (height, width), both multiples of 32.

    Raises:
        ValueError: where they are not, or the file reshapes to something unexpected.
    """
    if height % 32 or width % 32 or min(height, width) < 32:
        raise ValueError(f"{height}x{width} was given; expected two multiples of 32")
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    axes = twin.graph.input[0].type.tensor_type.shape.dim
    before = (axes[2].dim_value, axes[3].dim_value)
    axes[2].dim_value, axes[3].dim_value = height, width
    del twin.graph.value_info[:]
    shapes = {name for node in twin.graph.node if node.op_type == "Reshape" for name in node.input[1:]}
    for node in twin.graph.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            constant = node.attribute[0].t
            constant.CopyFrom(
                numpy_helper.from_array(_scaled(numpy_helper.to_array(constant), before, (height, width)))
            )
    for initializer in twin.graph.initializer:
        if initializer.name in shapes:
            scaled = numpy_helper.from_array(
                _scaled(numpy_helper.to_array(initializer), before, (height, width)), initializer.name
            )
            initializer.CopyFrom(scaled)
    for output in twin.graph.output:
        places = output.type.tensor_type.shape.dim
        places[2].dim_value = places[2].dim_value * height // before[0]
        places[3].dim_value = places[3].dim_value * width // before[1]
    onnx.checker.check_model(twin, full_check=True)
    return twin


def _scaled(shape: np.ndarray, before: tuple[int, int], after: tuple[int, int]) -> np.ndarray:
    """Returns a shuffle's shape, (channels, 2, places) or (2, -1, channels, rows, columns), for another frame."""
    if len(shape) == 3 and before[0] == before[1]:
        side = round(float(shape[2]) ** 0.5)
        rows, columns = side * after[0] // before[0], side * after[1] // before[1]
        return np.array([shape[0], shape[1], rows * columns], dtype=shape.dtype)
    if len(shape) == 5:
        rows, columns = shape[3] * after[0] // before[0], shape[4] * after[1] // before[1]
        return np.array([*shape[:3], rows, columns], dtype=shape.dtype)
    raise ValueError(f"a Reshape to {shape.tolist()} is none of FastestDet's channel shuffles")


if __name__ == "__main__":
    source, size, target = sys.argv[1:]
    extents = [int(extent) for extent in size.split("x")]
    onnx.save(resized(onnx.load(source), *extents), Path(target))

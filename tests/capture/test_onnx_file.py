"""ONNX files: the two real ones against onnxruntime, small ones for each family of operators, and errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_files import SHAPE, compare, integers, node, save, weights

from saccade.capture import capture_onnx
from saccade.errors import CaptureError, ModelError


@pytest.mark.parametrize("name", ["fastestdet-coco", "ultraface-rfb320"])
def test_file_is_native_and_agrees_with_onnxruntime(name: str) -> None:
    folder = os.environ.get("SACCADE_DATA")
    if folder is None:
        pytest.skip("SACCADE_DATA does not name the folder with models/ in it")
    assert compare(Path(folder) / "models" / f"{name}.onnx").fallbacks() == []


CASES: dict[str, tuple[onnx.NodeProto, dict[str, np.ndarray]]] = {
    "conv": (
        node("Conv", ["x", "w", "b"], pads=[1, 0, 2, 1], strides=[2, 1], kernel_shape=[3, 3], group=2),
        {"w": weights(6, 4, 3, 3), "b": weights(6)},
    ),
    "conv same upper": (node("Conv", ["x", "w"], auto_pad="SAME_UPPER", strides=[2, 2]), {"w": weights(6, 8, 3, 4)}),
    "conv same lower": (node("Conv", ["x", "w"], auto_pad="SAME_LOWER", strides=[2, 2]), {"w": weights(6, 8, 4, 3)}),
    "conv transpose": (
        node("ConvTranspose", ["x", "w", "b"], pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1]),
        {"w": weights(8, 6, 3, 3), "b": weights(6)},
    ),
    "conv transpose, uneven padding": (
        node("ConvTranspose", ["x", "w"], pads=[1, 0, 0, 2], strides=[3, 3]),
        {"w": weights(8, 6, 3, 3)},
    ),
    "batch norm": (
        node("BatchNormalization", ["x", "s", "b", "m", "v"]),
        {"s": weights(8), "b": weights(8), "m": weights(8), "v": np.abs(weights(8)) + 0.5},
    ),
    "layer norm": (node("LayerNormalization", ["x", "s", "b"], axis=-1), {"s": weights(10), "b": weights(10)}),
    "layer norm of images": (
        node("LayerNormalization", ["x", "s", "b"], axis=1),
        {"s": weights(8, 12, 10), "b": weights(8, 12, 10)},
    ),
    "instance norm": (node("InstanceNormalization", ["x", "s", "b"]), {"s": weights(8), "b": weights(8)}),
    "clip": (node("Clip", ["x", "l", "h"]), {"l": np.float32(0.2), "h": np.float32(0.7)}),
    "leaky relu": (node("LeakyRelu", alpha=0.3), {}),
    "prelu": (node("PRelu", ["x", "s"]), {"s": weights(8, 1, 1)}),
    "prelu of one slope": (node("PRelu", ["x", "s"]), {"s": weights(1)}),
    "hard swish": (node("HardSwish"), {}),
    "hard sigmoid": (node("HardSigmoid", alpha=0.25, beta=0.3), {}),
    "elu": (node("Elu", alpha=0.6), {}),
    "softplus": (node("Softplus"), {}),
    "erf": (node("Erf"), {}),
    "max pool": (node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1), {}),
    "average pool": (node("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), {}),
    "average pool with padding": (
        node("AveragePool", kernel_shape=[3, 2], strides=[3, 1], pads=[1, 0, 0, 1], count_include_pad=1),
        {},
    ),
    "global average pool": (node("GlobalAveragePool"), {}),
    "global max pool": (node("GlobalMaxPool"), {}),
    "reduce mean": (node("ReduceMean", axes=[2, 3], keepdims=0), {}),
    "resize nearest": (
        node(
            "Resize", ["x", "", "f"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
        {"f": np.array([1, 1, 2, 1.5], dtype=np.float32)},
    ),
    "resize linear": (
        node("Resize", ["x", "", "f"], mode="linear", coordinate_transformation_mode="half_pixel"),
        {"f": np.array([1, 1, 2, 2], dtype=np.float32)},
    ),
    "resize corners": (
        node("Resize", ["x", "", "", "s"], mode="linear", coordinate_transformation_mode="align_corners"),
        {"s": integers(1, 8, 17, 23)},
    ),
    "reshape": (node("Reshape", ["x", "s"]), {"s": integers(0, 2, -1, 60)}),
    "transpose": (node("Transpose", perm=[0, 3, 1, 2]), {}),
    "flatten": (node("Flatten", axis=2), {}),
    "gather channels": (node("Gather", ["x", "i"], axis=1), {"i": integers(3, 1, 1, 7)}),
    "gather one": (node("Gather", ["x", "i"], axis=1), {"i": np.array(2, dtype=np.int64)}),
    "slice": (
        node("Slice", ["x", "s", "e", "a", "t"]),
        {"s": integers(1, -1), "e": integers(2**62, -(2**62)), "a": integers(2, 1), "t": integers(2, -1)},
    ),
    "pad": (node("Pad", ["x", "p", "v"]), {"p": integers(0, 1, 2, 0, 0, 1, 0, 3), "v": np.float32(1.5)}),
    "pad reflect": (node("Pad", ["x", "p"], mode="reflect"), {"p": integers(0, 0, 2, 1, 0, 0, 1, 3)}),
    "matmul": (node("MatMul", ["x", "w"]), {"w": weights(10, 4)}),
    "softmax": (node("Softmax", axis=1), {}),
    "log softmax": (node("LogSoftmax", axis=-1), {}),
    "sub": (node("Sub", ["c", "x"]), {"c": weights(8, 1, 1)}),
    "div": (node("Div", ["x", "c"]), {"c": weights(1, 8, 1, 1)}),
    "min": (node("Min", ["x", "c"]), {"c": np.float32(0.4)}),
    "depth to space": (node("DepthToSpace", blocksize=2), {}),
    "space to depth": (node("SpaceToDepth", blocksize=2), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_operator_agrees_with_onnxruntime(case: str, tmp_path: Path) -> None:
    operator, constants = CASES[case]
    compare(save(tmp_path / "model.onnx", [operator], constants))


@pytest.mark.parametrize(("version", "count"), [(18, 4), (21, 8)])
def test_group_norm_is_native_with_weights_by_group_or_channel(version: int, count: int, tmp_path: Path) -> None:
    operator = node("GroupNormalization", ["x", "s", "b"], num_groups=4)
    constants = {"s": weights(count), "b": weights(count)}
    graph = compare(save(tmp_path / "model.onnx", [operator], constants, version=version))
    assert graph.fallbacks() == []


def test_deformable_convolution_is_native(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "o"], ["offset"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["x", "m"], ["mask"], pads=[1, 1, 1, 1]),
        node("DeformConv", ["x", "w", "offset", "b", "mask"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
    ]
    constants = {"o": weights(18, 8, 3, 3), "m": weights(9, 8, 3, 3), "w": weights(6, 8, 3, 3), "b": weights(6)}
    graph = compare(save(tmp_path / "model.onnx", nodes, constants, version=19))
    assert graph.fallbacks() == []


def test_deformable_convolution_with_uneven_padding_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "o"], ["offset"], pads=[1, 0, 0, 1]),
        node("DeformConv", ["x", "w", "offset"], pads=[1, 0, 0, 1]),
    ]
    path = save(tmp_path / "model.onnx", nodes, {"o": weights(8, 8, 2, 2), "w": weights(6, 8, 2, 2)}, version=19)
    with pytest.raises(CaptureError, match="pads"):
        capture_onnx(path)


def test_softmax_before_version_13_joins_the_dimensions_behind_its_axis(tmp_path: Path) -> None:
    compare(save(tmp_path / "model.onnx", [node("Softmax")], version=11))


def test_gemm_after_flatten_is_native(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0),
    ]
    path = save(tmp_path / "model.onnx", nodes, {"w": weights(5, 960), "b": weights(5)})
    assert [operator.kind for operator in compare(path).operators] == ["linear"]


def test_channel_shuffle_is_one_gather(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["t", "u"], ["m"]),
        helper.make_node("Conv", ["m", "w"], ["y"]),
    ]
    constants = {"s": integers(1, 2, 4, 12, 10), "u": integers(1, 8, 12, 10), "w": weights(3, 8, 1, 1)}
    graph = compare(save(tmp_path / "model.onnx", nodes, constants))
    assert [operator.kind for operator in graph.operators] == ["channel_gather", "convolution"]


def test_split_with_two_outputs_is_native(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Split", ["x", "s"], ["a", "b"], axis=1),
        helper.make_node("Relu", ["a"], ["c"]),
        helper.make_node("Concat", ["c", "b"], ["y"], axis=1),
    ]
    assert compare(save(tmp_path / "model.onnx", nodes, {"s": integers(3, 5)})).fallbacks() == []


@pytest.mark.parametrize("places_last", [False, True])
def test_joined_heads_are_native(places_last: bool, tmp_path: Path) -> None:
    order, shape, axis = ([0, 1, 2, 3], (0, 12, -1), 2) if places_last else ([0, 2, 3, 1], (0, -1, 4), 1)
    nodes = []
    for level in ("a", "b"):
        nodes += [
            helper.make_node("Conv", ["x", f"w{level}"], [f"c{level}"], strides=[1 + (level == "b")] * 2),
            helper.make_node("Transpose", [f"c{level}"], [f"t{level}"], perm=order),
            helper.make_node("Reshape", [f"t{level}", "s"], [f"r{level}"]),
        ]
    nodes += [helper.make_node("Concat", ["ra", "rb"], ["j"], axis=axis), node("Softmax", ["j"], axis=3 - axis)]
    constants = {"wa": weights(12, 8, 1, 1), "wb": weights(12, 8, 3, 3), "s": integers(*shape)}
    graph = compare(save(tmp_path / "model.onnx", nodes, constants))
    kinds = [operator.kind for operator in graph.operators]
    assert kinds == ["convolution", "convolution", "place_concatenate", "softmax"]


HALF = np.float32(0.5)


def centered() -> onnx.NodeProto:
    """Half below zero: the inputs that ``compare`` draws are between 0 and 1."""
    return helper.make_node("Sub", ["x", "h"], ["c"])


SLOPES = [(10,), (12, 1), (12, 10), (8, 12, 10), (1, 8, 1, 1), (8, 1, 1), (1, 1, 1, 1), (8, 1, 10)]


@pytest.mark.parametrize("sizes", SLOPES)
def test_prelu_broadcasts_its_slopes_from_the_last_dimension_on(sizes: tuple[int, ...], tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [centered(), node("PRelu", ["c", "s"])], {"h": HALF, "s": weights(*sizes)})
    assert compare(path).fallbacks() == []


def test_prelu_with_as_many_columns_as_channels_has_a_slope_for_each_column(tmp_path: Path) -> None:
    nodes = [centered(), node("PRelu", ["c", "s"])]
    compare(save(tmp_path / "model.onnx", nodes, {"h": HALF, "s": weights(4)}, (1, 4, 6, 4)))


def test_prelu_whose_slopes_do_not_broadcast_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("PRelu", ["x", "s"])], {"s": weights(2, 8, 12, 10)})
    with pytest.raises(CaptureError, match="does not broadcast"):
        capture_onnx(path)


@pytest.mark.parametrize("sizes", [(), (1,), (4,), (1, 1), (1, 4), (4, 1), (4, 4)])
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_broadcasts_what_it_adds(sizes: tuple[int, ...], transposed: int, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "c"], ["y"], transB=transposed, alpha=0.5, beta=2.0),
    ]
    constants = {"w": weights(*((4, 16) if transposed else (16, 4))), "c": np.asarray(weights(*sizes), np.float32)}
    compare(save(tmp_path / "model.onnx", nodes, constants, (4, 4, 2, 2)))


def test_gemm_that_adds_a_larger_matrix_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w", "c"], ["y"])]
    path = save(tmp_path / "model.onnx", nodes, {"w": weights(960, 4), "c": weights(4, 1)})
    with pytest.raises(CaptureError, match="does not broadcast"):
        capture_onnx(path)


@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"])
@pytest.mark.parametrize("nothing", [0, 1])
@pytest.mark.parametrize("empty", [False, True])
def test_reduction_without_axes_is_over_all_or_none(operator: str, nothing: int, empty: bool, tmp_path: Path) -> None:
    reduction = node(operator, ["c", "a"] if empty else ["c"], noop_with_empty_axes=nothing)
    constants = {"h": HALF, "a": integers()} if empty else {"h": HALF}
    compare(save(tmp_path / "model.onnx", [centered(), reduction], constants, version=18))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("sides", [(1, 5), (17, 1), (1, 1), (7, 13)])
def test_resize_to_a_single_row_or_column(mode: str, coordinates: str, sides: tuple[int, int], tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "", "s"], mode=mode, coordinate_transformation_mode=coordinates)
    compare(save(tmp_path / "model.onnx", [operator], {"s": integers(1, 8, *sides)}))


def test_resize_by_factors_to_a_single_row(tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "f"], mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    compare(save(tmp_path / "model.onnx", [operator], {"f": np.array([1, 1, 0.15, 1.7], dtype=np.float32)}))


def test_resize_rounds_its_factors_as_onnx_does(tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "f"], mode="linear")
    graph = compare(save(tmp_path / "model.onnx", [operator], {"f": np.array([1, 1, 0.7, 0.7], dtype=np.float32)}))
    assert graph.tensors[graph.operators[-1].outputs[0]].shape == (1, 8, 8, 7)


def test_nearest_resize_by_broken_factors_to_whole_multiples_is_read(tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "f"], mode="nearest")
    compare(save(tmp_path / "model.onnx", [operator], {"f": np.array([1, 1, 2.08, 2], dtype=np.float32)}))


@pytest.mark.parametrize(("axes", "sizes"), [([2, 3], (9, 17)), ([3, 2], (17, 9)), ([-1], (5,)), ([1, 2], (8, 5))])
@pytest.mark.parametrize("by_factors", [False, True])
def test_resize_of_named_axes(axes: list[int], sizes: tuple[int, ...], by_factors: bool, tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "n"] if by_factors else ["x", "", "", "n"], mode="linear", axes=axes)
    factors = np.array([size / SHAPE[axis] for axis, size in zip(axes, sizes, strict=True)], dtype=np.float32)
    constants = {"n": factors if by_factors else integers(*sizes)}
    compare(save(tmp_path / "model.onnx", [operator], constants, version=18))


def test_resize_against_aliasing_that_shrinks_nothing(tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "", "s"], mode="linear", antialias=1)
    compare(save(tmp_path / "model.onnx", [operator], {"s": integers(1, 8, 25, 10)}, version=18))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"mode": "linear", "antialias": 1}, "antialias"),
        ({"mode": "cubic", "antialias": 1}, "antialias"),
        ({"mode": "cubic", "exclude_outside": 1}, "exclude_outside"),
        ({"mode": "linear", "keep_aspect_ratio_policy": "not_larger"}, "keep_aspect_ratio_policy"),
        ({"mode": "linear", "axes": [1, 2]}, "only rows and columns"),
    ],
)
def test_resize_of_another_kind_is_refused(attributes: dict[str, Any], message: str, tmp_path: Path) -> None:
    operator = node("Resize", ["x", "", "", "s"], **({"axes": [2, 3]} | attributes))
    path = save(tmp_path / "model.onnx", [operator], {"s": integers(5, 5)}, version=18)
    with pytest.raises(CaptureError, match=message):
        capture_onnx(path)


def test_open_size_is_given_by_the_caller(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Relu")], shape=("batch", 8, "rows", "columns"))
    with pytest.raises(CaptureError, match="input_shapes"):
        capture_onnx(path)
    graph = compare(path, {"x": SHAPE})
    assert graph.tensors["x"].shape == SHAPE


FITS_ONE_SIZE: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]] = {
    "reshape": ([node("Reshape", ["x", "s"])], {"s": integers(4, 2, 120)}),
    "reshape with a wildcard": ([node("Reshape", ["x", "s"])], {"s": integers(1, 64, -1)}),
    "add": ([node("Add", ["x", "c"])], {"c": weights(1, 8, 12, 10)}),
    "concat": ([node("Concat", ["x", "c"], axis=1)], {"c": weights(1, 8, 12, 10)}),
    "gemm": (
        [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"])],
        {"w": weights(960, 5)},
    ),
    "split": (
        [
            helper.make_node("Split", ["x", "s"], ["a", "b"], axis=2),
            helper.make_node("Concat", ["b", "a"], ["y"], axis=2),
        ],
        {"s": integers(6, 6)},
    ),
    "pool": ([node("MaxPool", kernel_shape=[12, 10])], {}),
}


@pytest.mark.parametrize("case", FITS_ONE_SIZE)
def test_file_that_fits_one_size_is_refused_at_another_and_names_its_own(case: str, tmp_path: Path) -> None:
    nodes, constants = FITS_ONE_SIZE[case]
    path = save(tmp_path / "model.onnx", nodes, constants)
    compare(path, {"x": SHAPE})
    with pytest.raises(CaptureError) as refused:
        capture_onnx(path, {"x": (1, 8, 9, 10)})
    told = str(refused.value)
    assert f"{nodes[-1].op_type} " in told or f"{nodes[0].op_type} " in told
    assert "'x' is given as (1, 8, 9, 10): give the size that the file was exported for, 'x' as (1, 8, 12, 10)" in told
    assert "\n" not in told


def test_reshape_that_does_not_fit_a_file_of_open_sizes_asks_for_another(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Reshape", ["x", "s"])], {"s": integers(4, 2, 120)}, (1, 8, "h", "w"))
    with pytest.raises(CaptureError, match=r"constant shape \[4, 2, 120\] does not fit.*dynamic shapes"):
        capture_onnx(path, {"x": (1, 8, 9, 10)})


def test_reshape_that_fits_no_size_is_refused_without_advice_on_sizes(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Reshape", ["x", "s"])], {"s": integers(4, 2, 119)})
    with pytest.raises(CaptureError, match=r"960 numbers$"):
        capture_onnx(path, {"x": SHAPE})


def test_shape_for_an_unknown_input_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="its inputs: x"):
        capture_onnx(save(tmp_path / "model.onnx", [node("Relu")]), {"image": SHAPE})


def test_unknown_operator_is_listed(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Hardmax")])
    with pytest.raises(CaptureError, match="Hardmax"):
        capture_onnx(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        capture_onnx(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12"])
def test_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX file"):
        capture_onnx(path)

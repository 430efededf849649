"""ONNX files as exporters write them: folded coordinates, fractional factors, functions, branches, GELU in pieces."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_files import compare, integers, node, save, weights
from torch import nn

import saccade
from saccade.capture import capture_onnx
from saccade.errors import CaptureError, FrameError, ModelError


def export(model: nn.Module, path: Path, shape: tuple[int, ...], axes: tuple[int, ...] = (), version: int = 17) -> Path:
    """Writes a torch module whose input is x; the sizes of ``axes`` are left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (torch.zeros(shape),), path, dynamo=False, opset_version=version, input_names=["x"],
            dynamic_axes={"x": {axis: f"side{axis}" for axis in axes}},
        )  # fmt: skip
    return path


class Coordinates(nn.Module):
    """A convolution that sees where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(5, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = x.shape[2:]
        across = torch.linspace(-1, 1, columns).expand(1, 1, rows, columns)
        down = (torch.arange(rows) / rows)[:, None].expand(1, 1, rows, columns)
        return self.convolution(torch.cat([x, across, down], 1))


@pytest.mark.parametrize("sides", [(24, 32), (40, 24)])
@pytest.mark.parametrize("version", [11, 17])
def test_coordinates_that_are_computed_from_open_sizes_are_folded(tmp_path, sides, version) -> None:
    path = export(Coordinates(), tmp_path / "m.onnx", (1, 3, 24, 32), (2, 3), version)
    graph = compare(path, {"x": (1, 3, *sides)})
    assert not graph.fallbacks()


FACTORS = [1.2, 1.7, 2.2, 0.6, 2.0, 0.3, 3.0]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
def test_nearest_interpolation_reads_what_onnxruntime_reads(tmp_path, factor, coordinates) -> None:
    # ONNX Runtime rounds a few positions up that lie a float's rounding below a half.
    up = ["round_prefer_ceil"] if factor.is_integer() else []
    for rounding in ("floor", "ceil", "round_prefer_floor", *up):
        attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding, "mode": "nearest"}
        operator = node("Resize", ["x", "", "f"], **attributes)
        factors = {"f": np.array([1, 1, factor, factor], dtype=np.float32)}
        compare(save(tmp_path / "m.onnx", [operator], factors, shape=(1, 2, 24, 17)))


@pytest.mark.parametrize(("before", "after"), [(16, 94), (26, 22), (42, 12), (78, 40), (91, 52), (50, 198)])
def test_nearest_interpolation_to_a_size_reads_what_onnxruntime_reads(tmp_path, before, after) -> None:
    operator = node(
        "Resize", ["x", "", "", "s"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    sizes = {"s": integers(1, 2, after, after)}
    compare(save(tmp_path / "m.onnx", [operator], sizes, shape=(1, 2, before, before)))


def test_whole_factors_of_nearest_interpolation_are_native(tmp_path) -> None:
    for coordinates, rounding in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")):
        attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
        operator = node("Resize", ["x", "", "f"], mode="nearest", **attributes)
        graph = compare(save(tmp_path / "m.onnx", [operator], {"f": np.array([1, 1, 2, 2], dtype=np.float32)}))
        assert [operator.kind for operator in graph.operators] == ["upsample"]


def with_function(path: Path, nodes: list[onnx.NodeProto]) -> Path:
    """Writes a file in which my.Relu is the absolute value."""
    body = [helper.make_node("Abs", ["a"], ["b"])]
    function = helper.make_function("my", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 4, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=sets)
    model.ir_version = 8
    onnx.save(model, path)
    return path


def test_a_function_of_the_file_is_what_the_file_says(tmp_path) -> None:
    shifted = [helper.make_node("Sub", ["x", "x"], ["zero"]), helper.make_node("Sub", ["zero", "x"], ["negative"])]
    graph = compare(with_function(tmp_path / "m.onnx", [*shifted, node("Relu", ["negative"], domain="my")]))
    assert any(getattr(operator, "function", "") == "abs" for operator in graph.operators)


def test_an_operator_of_another_domain_is_refused_by_its_full_name(tmp_path) -> None:
    path = save(tmp_path / "m.onnx", [node("Relu", domain="their.own")])
    with pytest.raises(CaptureError, match=r"no rule reads: their\.own::Relu"):
        capture_onnx(path)


def test_an_input_that_nothing_reads_is_still_an_input(tmp_path) -> None:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 2, 4, 4)) for name in "ijy"]
    graph = helper.make_graph([helper.make_node("Relu", ["i"], ["y"])], "graph", infos[:2], infos[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    stream = saccade.incremental(tmp_path / "m.onnx")
    first, second = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    assert torch.equal(stream(first, second), first.relu())
    assert torch.equal(stream(i=second, j=first), second.relu())


def test_weights_that_lie_elsewhere_and_are_missing_are_named(tmp_path) -> None:
    weight = weights(4, 8, 3, 3)
    path = save(tmp_path / "m.onnx", [node("Conv", ["x", "w"])], {"w": weight})
    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="m.data", size_threshold=0)
    compare(path)
    (tmp_path / "m.data").unlink()
    with pytest.raises(ModelError, match=r"the weights of .*m\.onnx.* lie in a file of their own.*m\.data"):
        capture_onnx(path)


@pytest.mark.parametrize(
    "operator",
    [
        *map(node, ("Softsign", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Atanh", "ReduceSumSquare")),
        node("ThresholdedRelu", alpha=0.4),
        node("ReduceLogSumExp", axes=[1], keepdims=1),
        node("Celu", alpha=0.7),
        node("Round"),
        node("LRN", size=3, alpha=0.2, beta=0.6, bias=1.5),
        node("LpNormalization", axis=1, p=2),
        node("LpNormalization", axis=1, p=1),
        node("ReduceL1", axes=[2, 3], keepdims=1),
        node("ReduceL1", axes=[1], keepdims=0),
        node("Einsum", equation="nchw->nhwc"),
    ],
    ids=lambda operator: operator.op_type,
)
def test_an_operator_agrees_with_onnxruntime(tmp_path, operator) -> None:
    compare(save(tmp_path / "m.onnx", [operator]))


@pytest.mark.parametrize("comparison", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"])
def test_comparisons_choose_as_onnxruntime_does(tmp_path, comparison) -> None:
    nodes = [
        helper.make_node(comparison, ["x", "c"], ["first"]),
        helper.make_node("Not", ["first"], ["second"]),
        helper.make_node("And", ["first", "second"], ["both"]),
        helper.make_node("Or", ["both", "first"], ["one"]),
        helper.make_node("Xor", ["one", "second"], ["either"]),
        helper.make_node("And", ["either", "first"], ["chosen"]),
        node("Where", ["chosen", "x", "c"]),
    ]
    compare(save(tmp_path / "m.onnx", nodes, {"c": np.array(0.5, dtype=np.float32)}))


@pytest.mark.parametrize(("operator", "axis", "keep"), [("ArgMax", 1, 1), ("ArgMin", 2, 0), ("ArgMax", -1, 1)])
def test_places_of_the_largest_agree_with_onnxruntime(tmp_path, operator, axis, keep) -> None:
    places = helper.make_node(operator, ["x"], ["p"], axis=axis, keepdims=keep)
    compare(save(tmp_path / "m.onnx", [places, node("Cast", ["p"], to=TensorProto.FLOAT)]))


def test_values_and_places_of_the_largest_agree_with_onnxruntime(tmp_path) -> None:
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["values", "places"], axis=1, largest=0),
        helper.make_node("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT),
        node("Add", ["values", "numbers"]),
    ]
    compare(save(tmp_path / "m.onnx", nodes, {"k": integers(3)}))


def test_remainders_sums_and_chosen_elements_agree_with_onnxruntime(tmp_path) -> None:
    nodes = [
        helper.make_node("Mod", ["x", "c"], ["m"], fmod=1),
        helper.make_node("CumSum", ["m", "a"], ["s"]),
        node("GatherElements", ["s", "i"], axis=3),
    ]
    chosen = np.random.default_rng(0).integers(-10, 10, (1, 8, 12, 4))
    compare(save(tmp_path / "m.onnx", nodes, {"c": np.array(0.3, dtype=np.float32), "a": np.array(2), "i": chosen}))


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("border", ["zeros", "border", "reflection"])
def test_samples_agree_with_onnxruntime(tmp_path, mode, border) -> None:
    grid = np.random.default_rng(0).uniform(-1.3, 1.3, (1, 5, 6, 2)).astype(np.float32)
    operator = node("GridSample", ["x", "g"], mode=mode, padding_mode=border, align_corners=1)
    compare(save(tmp_path / "m.onnx", [operator], {"g": grid}, version=20))


def test_the_mean_of_several_values_and_the_type_of_another_agree_with_onnxruntime(tmp_path) -> None:
    nodes = [
        helper.make_node("CastLike", ["i", "x"], ["c"]),
        helper.make_node("Relu", ["x"], ["r"]),
        node("Mean", ["x", "r", "c"]),
    ]
    compare(save(tmp_path / "m.onnx", nodes, {"i": integers(3)}))


GELUS = {
    "divided, then halved": ["Div x r a", "Erf a b", "Add b 1 c", "Mul x c d", "Mul d h y"],
    "multiplied, halved first": ["Mul q x a", "Erf a b", "Add 1 b c", "Mul x h d", "Mul d c y"],
    "the sum halved": ["Div x r a", "Erf a b", "Add b 1 c", "Mul h c d", "Mul d x y"],
}
NUMBERS = {"1": 1.0, "h": 0.5, "r": 2**0.5, "q": 0.5**0.5, "t": 0.7}


def formula(path: Path, lines: list[str]) -> Path:
    nodes = [helper.make_node(kind, [*inputs], [output]) for kind, *inputs, output in map(str.split, lines)]
    used = {name for line in lines for name in line.split()[1:-1]} & set(NUMBERS)
    return save(path, nodes, {name: np.array(NUMBERS[name], dtype=np.float32) for name in used})


@pytest.mark.parametrize("lines", GELUS.values(), ids=GELUS)
def test_gelu_in_pieces_is_one_operator(tmp_path, lines) -> None:
    graph = compare(formula(tmp_path / "m.onnx", lines))
    assert [getattr(operator, "function", operator.kind) for operator in graph.operators] == ["gelu"]


@pytest.mark.parametrize(
    "lines",
    [
        ["Div x t a", "Erf a b", "Add b 1 c", "Mul x c d", "Mul d h y"],
        ["Div x r a", "Erf a b", "Add b t c", "Mul x c d", "Mul d h y"],
        ["Div x r a", "Erf a b", "Add b 1 c", "Mul x c d", "Mul d t y"],
        ["Div x r a", "Erf a b", "Add b 1 c", "Mul x c d", "Mul d h e", "Add e b y"],
        ["Relu x z", "Div x r a", "Erf a b", "Add b 1 c", "Mul z c d", "Mul d h y"],
    ],
)
def test_formulas_that_are_no_gelu_stay_what_they_are(tmp_path, lines) -> None:
    graph = compare(formula(tmp_path / "m.onnx", lines))
    assert not any(getattr(operator, "function", "") == "gelu" for operator in graph.operators)


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_that_a_constant_chooses_is_read(tmp_path, condition) -> None:
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ["x"], [name])], name, [], [helper.make_tensor_value_info(name, 1, None)]
        )
        for kind, name in (("Relu", "kept"), ("Neg", "turned"))
    ]
    choice = node("If", ["c"], then_branch=branches[0], else_branch=branches[1])
    graph = compare(save(tmp_path / "m.onnx", [choice], {"c": np.array(condition)}))
    assert len(graph.operators) == 1


def test_constants_are_folded_by_operators_that_no_rule_reads(tmp_path) -> None:
    nodes = [
        helper.make_node("Range", ["a", "b", "s"], ["r"]),
        helper.make_node("CumSum", ["r", "z"], ["sums"]),
        helper.make_node("Reshape", ["sums", "shape"], ["column"]),
        node("Add", ["x", "column"]),
    ]
    constants = {
        "a": np.array(0, dtype=np.float32), "b": np.array(8, dtype=np.float32), "s": np.array(1, dtype=np.float32),
        "z": np.array(0, dtype=np.int64), "shape": integers(1, 8, 1, 1),
    }  # fmt: skip
    assert not compare(save(tmp_path / "m.onnx", nodes, constants)).fallbacks()


def test_weights_that_are_quantised_alone_are_folded_and_quantised_layers_refused_by_name(tmp_path) -> None:
    constants = {
        "w8": np.random.default_rng(0).integers(-127, 127, (4, 8, 3, 3)).astype(np.int8),
        "s": np.array(0.02, dtype=np.float32),
        "z": np.array(0, dtype=np.int8),
    }
    weight = helper.make_node("DequantizeLinear", ["w8", "s", "z"], ["w"])
    compare(save(tmp_path / "m.onnx", [weight, node("Conv", ["x", "w"])], constants))
    each = helper.make_node("DequantizeLinear", ["w8", "s4", "z4"], ["w"], axis=0)
    by_channel = {
        "s4": np.array([0.01, 0.02, 0.03, 0.04], dtype=np.float32),
        "z4": np.array([0, 3, -2, 1], dtype=np.int8),
    }
    compare(save(tmp_path / "m.onnx", [each, node("Conv", ["x", "w"])], constants | by_channel))
    layer = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])
    back = node("DequantizeLinear", ["q", "s", "z"])
    with pytest.raises(CaptureError, match=r"no rule reads: QuantizeLinear;.*The model is quantised.*quantised from"):
        capture_onnx(save(tmp_path / "m.onnx", [layer, back], constants))


def test_what_a_training_mode_would_change_is_refused(tmp_path) -> None:
    ones = np.ones(8, dtype=np.float32)
    names = {"s": ones, "b": ones, "m": ones, "v": ones}
    norm = helper.make_node("BatchNormalization", ["x", *names], ["y", "a", "c"], training_mode=1)
    with pytest.raises(CaptureError, match=r"training_mode=1.*evaluation mode"):
        capture_onnx(save(tmp_path / "m.onnx", [norm], names))
    drop = node("Dropout", ["x", "r", "t"])
    with pytest.raises(CaptureError, match="training mode"):
        capture_onnx(save(tmp_path / "m.onnx", [drop], {"r": np.array(0.5, dtype=np.float32), "t": np.array(True)}))


def test_an_output_that_is_not_read_is_refused_by_name(tmp_path) -> None:
    drop = helper.make_node("Dropout", ["x"], ["d", "mask"])
    cast = helper.make_node("Cast", ["mask"], ["numbers"], to=TensorProto.FLOAT)
    with pytest.raises(CaptureError, match="only its first output is read, and the file uses d, mask"):
        capture_onnx(save(tmp_path / "m.onnx", [drop, cast, node("Add", ["d", "numbers"])]))


def test_frames_of_another_kind_than_the_file_s_are_refused_without_going_in_circles(tmp_path) -> None:
    stream = saccade.incremental(save(tmp_path / "m.onnx", [node("Relu")]))
    with pytest.raises(FrameError, match=r"a frame of torch\.uint8 was given; .*torch\.float32") as caught:
        stream(torch.zeros(1, 8, 12, 10, dtype=torch.uint8))
    assert "saccade.incremental" not in str(caught.value)


def test_transposed_convolutions_without_automatic_padding_are_read(tmp_path) -> None:
    layer = node("ConvTranspose", ["x", "w"], strides=[2, 2], auto_pad="VALID")
    compare(save(tmp_path / "m.onnx", [layer], {"w": weights(8, 4, 3, 3)}))


@pytest.mark.parametrize(("groups", "version"), list(itertools.product([2, 4], [11, 17])))
def test_group_norm_before_onnx_had_it_is_native(tmp_path, groups, version) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(groups, 8), nn.ReLU())
    torch.manual_seed(0)
    nn.init.normal_(model[1].weight)
    nn.init.normal_(model[1].bias)
    graph = compare(export(model, tmp_path / "m.onnx", (2, 3, 12, 14), (2, 3), version), {"x": (2, 3, 11, 13)})
    assert not graph.fallbacks(), [operator.reason for operator in graph.fallbacks()]

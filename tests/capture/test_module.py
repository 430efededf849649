"""The module path by itself: inputs, outputs, layouts, folding and errors."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch.utils._pytree as pytree
from captured import assert_same, captured, fallback_targets
from torch import nn
from torch.export import register_dataclass
from torchvision.ops import DeformConv2d

from saccade.capture import capture_module
from saccade.errors import CaptureError, TrainingModeError
from saccade.graph import (
    ChannelAffine,
    ChannelGather,
    Convolution,
    Graph,
    Linear,
    MaxPool,
    Operator,
    Pad,
    Reference,
)
from saccade.kernels.reference import evaluate


@dataclass
class Scores:
    dense: torch.Tensor
    pooled: torch.Tensor


class Network(nn.Module):
    """A function of some layers and the inputs."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(self.layers, *inputs)


def image(count: int = 2, channels: int = 8, rows: int = 12, columns: int = 10) -> torch.Tensor:
    return torch.rand(count, channels, rows, columns)


def kinds(graph: Graph) -> list[type[Operator]]:
    return [type(operator) for operator in graph.operators]


def test_bytes_are_read_as_float_where_the_model_casts_them() -> None:
    pixels = torch.randint(0, 255, (1, 3, 9, 9), dtype=torch.uint8)
    graph = captured(Network(lambda layers, x: layers[0](x.float() / 255), nn.Conv2d(3, 4, 3)), pixels)
    assert kinds(graph) == [ChannelAffine, Convolution]
    assert graph.tensors[graph.inputs[0]].dtype == torch.uint8


def test_bytes_wrap_around_where_the_model_adds_bytes() -> None:
    pixels = torch.randint(0, 255, (1, 3, 9, 9), dtype=torch.uint8)
    captured(Network(lambda _, x: ((x + 200).float(), x, x.float())), pixels)


def test_nested_outputs_keep_their_structure() -> None:
    def function(layers: nn.ModuleList, x: torch.Tensor) -> Any:
        y = layers[0](x)
        return OrderedDict(first=[y, None], second=(x, {"again": y}), third=3)

    model, x = Network(function, nn.Conv2d(8, 4, 3)), image()
    graph = captured(model, x)
    rebuilt = pytree.tree_unflatten(evaluate(graph, [x]), graph.output_tree)
    assert isinstance(rebuilt, OrderedDict)
    assert rebuilt["first"][1] is None
    assert torch.equal(rebuilt["second"][0], x)
    assert graph.outputs[0] == graph.outputs[3]


def test_dataclass_output_is_rebuilt_by_its_tree() -> None:
    register_dataclass(Scores)
    graph = capture_module(Network(lambda _, x: Scores(x * 2, x.mean((2, 3)))).eval(), (image(),))
    rebuilt = pytree.tree_unflatten(evaluate(graph, [image()]), graph.output_tree)
    assert isinstance(rebuilt, Scores)


def test_several_inputs_and_keywords_flatten_in_order() -> None:
    class TwoInputs(nn.Module):
        def forward(self, x: torch.Tensor, pair: list[torch.Tensor], *, scale: torch.Tensor) -> torch.Tensor:
            return x - pair[0] * scale + pair[1]

    model, tensors = TwoInputs().eval(), [image() for _ in range(4)]
    arguments, keywords = (tensors[0], tensors[1:3]), {"scale": tensors[3]}
    graph = capture_module(model, arguments, keywords)
    assert graph.input_tree is not None
    assert_same(evaluate(graph, tensors), model(*arguments, **keywords))


def test_module_used_twice_gives_two_operators_with_their_own_names() -> None:
    graph = captured(Network(lambda layers, x: layers[0](layers[0](x)), nn.Conv2d(8, 8, 3)), image())
    names = [operator.name for operator in graph.operators]
    assert names == ["layers.0", "layers.0_2"]


def test_constant_outputs_need_no_operator() -> None:
    graph = captured(Network(lambda _, x: (torch.arange(3.0), torch.zeros_like(x), x.shape[2], None)), image())
    assert graph.operators == ()


def test_unused_layers_leave_no_operator() -> None:
    def function(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        layers[1](x)
        return layers[0](x)

    graph = captured(Network(function, nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 5)), image())
    assert [operator.name for operator in graph.operators] == ["layers.0"]


def test_channel_shuffle_becomes_one_gather() -> None:
    def shuffle(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        count, channels, rows, columns = x.shape
        return layers[0](x.view(count, 2, channels // 2, rows, columns).transpose(1, 2).reshape(x.shape))

    graph = captured(Network(shuffle, nn.Conv2d(8, 8, 1)), image())
    assert kinds(graph) == [ChannelGather, Convolution]


@pytest.mark.parametrize(
    "function",
    [
        lambda _, x: x[:, 2:5],
        lambda _, x: x[:, 1],
        lambda _, x: x[:, -1:],
        lambda _, x: x[:, [3, 1]],
        lambda _, x: x.flip(1),
        lambda _, x: list(x.chunk(3, 1)),
        lambda _, x: x.unbind(1)[3],
    ],
)
def test_choice_of_channels_becomes_gathers(function: Callable[..., Any]) -> None:
    assert set(kinds(captured(Network(function), image()))) == {ChannelGather}


@pytest.mark.parametrize(("start", "end"), [(0, 2), (1, 3), (2, None), (None, None)])
def test_channels_that_are_written_over_are_joined_with_the_rest(start: int | None, end: int | None) -> None:
    def written_over(_: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return torch.slice_scatter(x, x[:, start:end].relu() + 1, 1, start, end)

    assert fallback_targets(captured(Network(written_over), image())) == set()


@pytest.mark.parametrize(
    "function",
    [
        lambda _, x: x[:, :, ::2, 1::2],
        lambda _, x: x[..., 3:-2],
        lambda _, x: x[:, :, -4:],
        lambda _, x: x[:, :, 0],
        lambda _, x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)),
        lambda _, x: F.pad(x, (1, 2, 3, 4, 1, 2), value=2.0),
        lambda _, x: F.pad(x, (-1, 2, 0, -1)),
    ],
)
def test_choice_of_places_becomes_pads_and_subsampling(function: Callable[..., Any]) -> None:
    assert set(kinds(captured(Network(function), image()))) <= {Pad, MaxPool}


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
        lambda x: F.max_pool2d(x, 3, 2, 1, 2),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        lambda x: F.avg_pool2d(x, (2, 3), (3, 2), ceil_mode=True, divisor_override=5),
        lambda x: F.avg_pool2d(x, 4, 3, 2, ceil_mode=True),
        lambda x: F.adaptive_avg_pool2d(x, (5, 3)),
        lambda x: F.adaptive_max_pool2d(x, 1),
        lambda x: F.adaptive_max_pool2d(x, (6, 5)),
        lambda x: x.amax((2, 3)),
        lambda x: torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1),
        lambda x: x.sum((2, 3)),
        lambda x: x.mean(1, keepdim=True),
        lambda x: F.normalize(x, dim=1),
        lambda x: F.interpolate(x, scale_factor=1.7),
        lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"),
        lambda x: F.interpolate(x, scale_factor=0.4, mode="bilinear"),
        lambda x: F.interpolate(x, (17, 23), mode="bilinear", align_corners=True),
        lambda x: F.interpolate(x, scale_factor=2.3, recompute_scale_factor=True),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: F.pixel_unshuffle(x, 2),
        lambda x: torch.stack([x, x * 2], 2).flatten(1, 2),
        lambda x: x * x.mean((2, 3))[:, :, None, None].expand_as(x),
        lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (8,), torch.arange(8.0), torch.ones(8)).permute(0, 3, 1, 2),
        lambda x: F.layer_norm(x, (8, 12, 10), torch.arange(960.0).view(8, 12, 10), torch.ones(8, 12, 10)),
        lambda x: F.layer_norm(x, (8, 12, 10)),
        lambda x: F.group_norm(x, 2, torch.arange(8.0), torch.ones(8)),
        lambda x: F.instance_norm(x),
        lambda x: F.instance_norm(x, torch.arange(8.0), torch.arange(8.0) + 1, use_input_stats=False),
        lambda x: F.instance_norm(x, weight=torch.arange(8.0), bias=torch.ones(8)) * torch.arange(8.0).view(8, 1, 1),
        lambda x: x.flatten(2).transpose(1, 2) @ torch.ones(8, 3),
        lambda x: x.permute(0, 2, 3, 1).flatten(1) @ torch.ones(960, 2),
        lambda x: 2 / (x + 1) + x * torch.arange(10.0) - torch.arange(12.0).view(12, 1),
        lambda x: torch.maximum(x, x * 2 - 0.5) - torch.minimum(x, torch.tensor(0.4)),
        lambda x: (1 - x / 4) ** 2 + torch.add(x, x, alpha=3) + x.abs().sqrt(),
        lambda x: x.clamp(max=0.5) + x.clamp(min=0.1) + x.clamp(0.2, 0.4),
        lambda x: F.relu_(x * 2 - 1).add_(1).mul_(2),
    ],
)
def test_operator_is_native(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert fallback_targets(captured(Network(lambda _, x: function(x)), image())) == set()


@pytest.mark.parametrize(
    "activation",
    [
        nn.ReLU6(), nn.Hardtanh(), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(), nn.SiLU(), nn.GELU(), nn.Mish(),
        nn.GELU("tanh"), nn.Softplus(), nn.Sigmoid(), nn.Tanh(), nn.Hardswish(), nn.Hardsigmoid(), nn.PReLU(),
        nn.PReLU(8), nn.Softmax(1), nn.LogSoftmax(1),
    ],
    ids=lambda layer: str(layer),
)  # fmt: skip
def test_activation_is_native(activation: nn.Module) -> None:
    model = Network(lambda layers, x: layers[0](x * 6 - 3), activation)
    assert fallback_targets(captured(model, image())) == set()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 4, 4, padding="same"),
        nn.Conv2d(8, 4, (3, 2), padding=(2, 1), dilation=(1, 2), stride=(2, 1)),
        nn.Conv2d(8, 8, 3, groups=4, bias=False),
        nn.ConvTranspose2d(8, 6, 3, 2, 1, 1),
        nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=4),
        nn.ConvTranspose2d(8, 6, 2, 3, 0, 1, dilation=2, bias=False),
        nn.ConvTranspose2d(8, 6, (3, 2), (1, 2), (1, 0)),
    ],
)
def test_convolution_is_native(layer: nn.Module) -> None:
    assert fallback_targets(captured(Network(lambda layers, x: layers[0](x), layer), image())) == set()


@pytest.mark.parametrize(
    ("layer", "taps", "masked"),
    [
        (DeformConv2d(8, 6, 3, padding=1), 9, True),
        (DeformConv2d(8, 8, (1, 3), padding=(0, 2), dilation=2, groups=8, bias=False), 3, False),
        (DeformConv2d(8, 4, 3, padding=1, groups=2), 18, True),
    ],
)
def test_deformable_convolution_is_native(layer: DeformConv2d, taps: int, masked: bool) -> None:
    def function(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        return layers[0](x, layers[1](x), layers[2](x) if masked else None)

    model = Network(function, layer, nn.Conv2d(8, 2 * taps, 3, padding=1), nn.Conv2d(8, taps, 3, padding=1))
    assert fallback_targets(captured(model, image())) == set()


@pytest.mark.parametrize(
    ("function", "targets"),
    [
        (lambda layers, x: layers[0](torch.roll(x, 1, 2)), {"aten.roll.default"}),
        (lambda layers, x: F.layer_norm(layers[0](x), (10, 8)), {"aten.layer_norm.default"}),
        (
            lambda layers, x: F.max_pool2d(layers[0](x), 2, return_indices=True),
            {"aten.max_pool2d_with_indices.default"},
        ),
        (lambda layers, x: layers[0](x).mean((2, 3)).argmax(1), {"aten.argmax.default"}),
        (lambda layers, x: layers[0](x).double(), {"aten._to_copy.default"}),
        (lambda layers, x: torch.cumsum(layers[0](x), 3), {"aten.cumsum.default"}),
        (lambda layers, x: F.pad(layers[0](x), (1, 1, 2, 1), mode="reflect"), {"aten.pad.default"}),
    ],
)
def test_foreign_operator_falls_back_between_native_ones(function: Callable[..., Any], targets: set[str]) -> None:
    graph = captured(Network(function, nn.Conv2d(8, 4, 3)), image())
    assert fallback_targets(graph) == targets
    assert all(operator.reason for operator in graph.fallbacks())
    assert Convolution in kinds(graph)


def test_foreign_matrix_is_viewed_for_a_linear_layer() -> None:
    graph = captured(Network(lambda layers, x: layers[0](torch.erf(x.mean((2, 3)))), nn.Linear(8, 3)), image())
    assert fallback_targets(graph) == {"aten.erf.default", "aten.view.default"}
    assert kinds(graph)[-1] is Linear


def test_results_of_other_views_reach_fallbacks_with_a_layout() -> None:
    graph = captured(Network(lambda _, x: torch.cumsum(x.permute(0, 2, 3, 1), 3)), image())
    (operator,) = graph.fallbacks()
    assert isinstance(operator.arguments[0], Reference)
    assert operator.arguments[0].layout is not None


def test_weight_computations_are_folded() -> None:
    def standardize(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        weight = layers[0].weight
        weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / weight.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight, layers[0].bias)

    assert kinds(captured(Network(standardize, nn.Conv2d(8, 4, 3)), image())) == [Convolution]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_precisions_run_in_torch(dtype: torch.dtype) -> None:
    model = Network(lambda layers, x: layers[0](x), nn.Conv2d(8, 4, 3).to(dtype))
    assert fallback_targets(captured(model, image().to(dtype))) == {"aten.conv2d.default"}


def test_model_is_not_modified() -> None:
    model = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)).eval()
    before = copy.deepcopy(model.state_dict())
    capture_module(model, (image(),))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_training_mode_is_refused() -> None:
    with pytest.raises(TrainingModeError, match=r"model\.eval\(\)"):
        capture_module(nn.Conv2d(8, 4, 3), (image(),))


def test_branch_on_values_is_refused_with_the_cause() -> None:
    model = Network(lambda _, x: x if x.sum() > 0 else -x).eval()
    with pytest.raises(CaptureError, match=r"could not trace Network"):
        capture_module(model, (image(),))


def test_shape_that_depends_on_the_data_is_refused() -> None:
    with pytest.raises(CaptureError):
        capture_module(Network(lambda _, x: x.nonzero()).eval(), (image(),))


class Masked(nn.Module):
    def __init__(self, kept: int, tail: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mask", torch.arange(8) % 4 < kept)
        self.tail = tail

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(x[:, self.mask])


@pytest.mark.parametrize("tail", [nn.Identity(), nn.Conv2d(4, 3, 3), nn.ReLU()])
def test_mask_of_channels_in_a_buffer_is_native(tail: nn.Module) -> None:
    assert captured(Masked(2, tail), image()).fallbacks() == []


def test_fallback_behind_a_mask_has_a_known_shape() -> None:
    network = Masked(2, Network(lambda _, x: torch.special.i0(x).flatten(1)))
    assert fallback_targets(captured(network, image())) == {"aten.special_i0.default"}


def test_mask_of_other_channels_than_the_next_layer_reads_is_refused() -> None:
    with pytest.raises(CaptureError, match="as many positions as the next layer expects"):
        capture_module(Masked(3, nn.Conv2d(4, 3, 3)).eval(), (image(),))


@pytest.mark.parametrize("compute", [lambda _, x: x[x > 0], lambda _, x: x[:, x.mean((0, 2, 3)) > 0]])
def test_choice_that_depends_on_the_data_is_refused_with_advice(compute: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(CaptureError, match=r"aten\.index\.Tensor.*depends on the data.*fixed list of positions"):
        capture_module(Network(compute).eval(), (image(),))


def test_model_that_writes_to_its_buffers_is_refused() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.add_(1)
            return x + self.seen

    with pytest.raises(CaptureError, match="seen"):
        capture_module(Counter().eval(), (image(),))

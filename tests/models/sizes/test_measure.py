"""Sizes against other counters and against counts by hand."""

from __future__ import annotations

import warnings
from math import ceil

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import saccade.gates
import saccade.models
from saccade.errors import ModelError
from saccade.models.sizes import measure, parameters_of
from saccade.models.sizes.formulas import deformable_convolution


def sized(name: str, gate: str | None = None, **options: object) -> saccade.models.sizes.Size:
    with torch.device("meta"):
        model = saccade.models.create(name, gate, **options)
    return measure(model)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121"])
def test_the_papers_convention_is_what_thop_counts(name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thop = pytest.importorskip("thop", reason="needs thop, the counter of the paper", exc_type=ImportError)
    model = torchvision.models.get_model(name)
    macs, parameters = thop.profile(model, (torch.zeros(1, 3, 64, 64),), verbose=False)
    size = measure(torchvision.models.get_model(name), (1, 3, 64, 64))
    assert (size.paper_parameters, size.paper_macs) == (parameters, macs)


@pytest.mark.parametrize("gate", ["das", "bam", "dat"])
def test_the_papers_convention_of_a_gated_network_is_what_thop_counts(gate) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thop = pytest.importorskip("thop", reason="needs thop, the counter of the paper", exc_type=ImportError)
    model = saccade.models.create("resnet18", gate=gate)
    size = measure(model, (1, 3, 64, 64))
    macs, parameters = thop.profile(model, (torch.zeros(1, 3, 64, 64),), verbose=False)
    assert (size.paper_parameters, size.paper_macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "macs"), [("resnet18", 1_822_177_768), ("resnet50", 4_121_925_096), ("mobilenet_v2", 320_237_288)]
)
def test_the_count_with_activations_is_what_ptflops_0_6_4_prints(name, macs) -> None:
    assert sized(name).ptflops_macs == macs


@pytest.mark.parametrize("gate", [None, "das", "se", "cbam", "bam", "triplet", "eca"])
def test_products_of_gates_without_matrix_products_are_half_of_what_torch_counts(gate) -> None:
    options = {"form": "torchvision"} if gate == "das" else {}
    model = saccade.models.create("resnet18", gate=gate, **options).eval()
    size = measure(model, (1, 3, 64, 64))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 64, 64))
    kernels = 0
    if gate == "das":
        # A place of the output takes one product a tap, compressed channel and channel.
        kernels = sum(9 * ceil(0.2 * c) * c * side**2 for c, side in ((64, 16), (128, 8), (256, 4), (512, 2)))
    assert size.products == counter.get_total_flops() // 2 + kernels
    others = size.macs - size.products
    assert size.paper_macs == size.products - kernels + others


def test_products_of_functions_count_in_truth_and_not_in_the_papers_convention() -> None:
    plain = nn.Sequential(nn.Conv2d(64, 64, 1), nn.Conv2d(64, 64, 1))
    before = measure(plain, (1, 64, 14, 14))
    gate = saccade.gates.create("gsop", 64)
    alone = measure(gate, (1, 64, 14, 14))
    covariance = alone.macs - alone.paper_macs
    reduced = next(module for module in gate.modules() if isinstance(module, nn.Conv2d)).out_channels
    # One matrix product of (reduced, H W) with its transpose.
    assert covariance == reduced**2 * 14 * 14
    assert before.macs == before.paper_macs == 2 * 64 * 64 * 14 * 14


@pytest.mark.parametrize("form", ["rows", "grid_sample"])
def test_the_products_of_das_are_the_same_whatever_form_computes_them(form) -> None:
    sized_by_form = [
        measure(saccade.models.create("resnet18", gate="das", form=name), (1, 3, 64, 64)).products
        for name in ("torchvision", form)
    ]
    assert sized_by_form[0] == sized_by_form[1]


@pytest.mark.parametrize("groups", [1, 4])
def test_the_formula_of_the_deformable_convolution_counts_one_product_a_weight_and_place(groups) -> None:
    x, weight = torch.zeros(2, 8, 5, 7), torch.zeros(12, 8 // groups, 3, 3)
    offset = torch.zeros(2, 18, 5, 7)
    output = torchvision.ops.deform_conv2d(x, offset, weight, padding=1)
    by_hand = sum(2 * (8 // groups) * 9 for _ in range(output.numel()))
    assert deformable_convolution(x.shape, weight.shape, offset.shape) == by_hand


def test_nothing_of_the_model_changes_and_batches_count_in_full() -> None:
    model = saccade.models.create("resnet18", gate="das").train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    one, two = measure(model, (1, 3, 64, 64)), measure(model, (2, 3, 64, 64))
    assert two.macs == 2 * one.macs
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_tied_parameter_counts_once() -> None:
    first, second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    assert parameters_of(model) == parameters_of(model, "paper") == 9 + 3 + 3


def test_a_size_that_the_model_does_not_take_is_an_error() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    assert measure(model, (1, 3, 8, 8)).products == 4 * 27 * 36 + 4 * 36 * 2
    with pytest.raises(ModelError, match=r"Sequential does not run on images of shape 1x3x9x9: .*give the size"):
        measure(model, (1, 3, 9, 9))

"""Grad-CAM: numbers worked out by hand, and networks that come back as they were."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from saccade.errors import ExplanationError, MissingPackageError
from saccade.explain import grad_cam
from saccade.explain.grad_cam import _method

from .conftest import PlainClassifier

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed; run: pip install 'saccade[explain]'")

FRAMES = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]], [[4.0, 0.0], [0.0, 0.0]]]])
WEIGHT = [[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]


def hooks_of(model: nn.Module) -> int:
    """Returns how many hooks of any kind a model has."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def state_of(model: nn.Module) -> list[object]:
    """Returns all of a model that an explanation must not change."""
    modes = [module.training for module in model.modules()]
    flags = [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    return [modes, [flag for flag, _ in flags], [gradient for _, gradient in flags], hooks_of(model)]


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        # The class is the mean of channel 0: its values from smallest 0 to largest 3.
        (0, [[0, 1 / 3], [2 / 3, 1]]),
        (1, [[1, 0], [0, 0]]),
        # Channel 0 less channel 1 is -4, 1, 2, 3; what speaks against the class becomes 0.
        (2, [[0, 1 / 3], [2 / 3, 1]]),
    ],
)
def test_maps_are_as_worked_out_by_hand(category, expected) -> None:
    model = PlainClassifier(nn.Identity(), WEIGHT)
    seen = grad_cam(model, FRAMES, [model.features], [category])
    np.testing.assert_allclose(seen.maps[0][0], expected, atol=1e-5)
    assert seen.classes == (category,)


def test_the_first_choice_is_explained_by_default() -> None:
    model = PlainClassifier(nn.Identity(), WEIGHT)
    seen = grad_cam(model, FRAMES, [model.features])
    # Logits: 6/4, 4/4 and 2/4.
    assert seen.classes == seen.first_choices == (0,)
    assert seen.probabilities[0] == pytest.approx(np.exp(1.5) / (np.exp(1.5) + np.exp(1) + np.exp(0.5)))


def test_small_maps_are_stretched_bilinearly_after_scaling(staged) -> None:
    frames = torch.randn(2, 3, 48, 64)
    seen = grad_cam(staged, frames, [staged[1], staged[2]], [3, 1])
    staged.eval()
    for layer, rest, maps in ((2, slice(2, None), seen.maps[0]), (3, slice(3, None), seen.maps[1])):
        features = staged[:layer](frames).detach().requires_grad_()
        logits = staged[rest](features)
        (gradient,) = torch.autograd.grad(logits[0, 3] + logits[1, 1], features)
        raw = F.relu((gradient.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True)).detach()
        low, high = raw.amin((2, 3), keepdim=True), raw.amax((2, 3), keepdim=True)
        stretched = F.interpolate((raw - low) / (high - low), (48, 64), mode="bilinear", align_corners=False)
        np.testing.assert_allclose(maps, stretched[:, 0].numpy(), atol=1e-4)


def test_layers_come_back_in_the_order_asked_for(staged) -> None:
    frames = torch.randn(1, 3, 32, 32)
    late, early = grad_cam(staged, frames, [staged[2], staged[0]], [0]).maps
    np.testing.assert_array_equal(early, grad_cam(staged, frames, [staged[0]], [0]).maps[0])
    np.testing.assert_array_equal(late, grad_cam(staged, frames, [staged[2]], [0]).maps[0])
    assert not np.allclose(early, late)


def test_a_map_that_is_the_same_everywhere_is_zero() -> None:
    model = PlainClassifier(nn.Identity(), WEIGHT)
    assert not grad_cam(model, torch.ones(1, 2, 4, 4), [model.features], [0]).maps[0].any()


def test_maps_of_tiny_gradients_are_scaled_as_those_of_large_ones() -> None:
    small = PlainClassifier(nn.Identity(), [[1e-9, 0.0]])
    np.testing.assert_allclose(
        grad_cam(small, FRAMES, [small.features], [0]).maps[0][0], [[0, 1 / 3], [2 / 3, 1]], atol=1e-5
    )


def test_an_activation_in_place_after_the_layer_changes_no_map() -> None:
    torch.manual_seed(0)
    frames, convolution = torch.randn(1, 3, 8, 8), nn.Conv2d(3, 2, 3, padding=1)
    maps = [
        grad_cam(model, frames, [model.features], [0]).maps[0]
        for model in (
            PlainClassifier(convolution, WEIGHT, nn.ReLU(inplace=True)),
            PlainClassifier(convolution, WEIGHT, nn.ReLU()),
        )
    ]
    np.testing.assert_array_equal(*maps)
    assert maps[0].any()


def test_a_first_layer_in_place_leaves_the_frames_alone() -> None:
    model = PlainClassifier(nn.ReLU(inplace=True), WEIGHT)
    frames = -FRAMES.clone()
    grad_cam(model, frames, [model.after])
    torch.testing.assert_close(frames, -FRAMES)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_network_comes_back_as_it_was(staged, training, frozen) -> None:
    staged.train(training).requires_grad_(not frozen)
    staged[1].train(not training)
    gradient = torch.ones_like(staged[5].bias)
    staged[5].bias.grad = gradient
    kept = {key: value.clone() for key, value in staged.state_dict().items()}
    before = state_of(staged)
    grad_cam(staged, torch.randn(2, 3, 32, 32), [staged[2]])
    after = state_of(staged)
    assert before[:2] == after[:2]
    assert [gradient is old for gradient, old in zip(before[2], after[2], strict=True)] == [True] * len(before[2])
    assert before[3] == after[3] == 0
    torch.testing.assert_close(gradient, torch.ones_like(gradient), rtol=0, atol=0)
    torch.testing.assert_close(staged.state_dict(), kept, rtol=0, atol=0)


def test_the_network_comes_back_as_it_was_after_a_failure(staged) -> None:
    class Fails(nn.Module):
        calls = 0

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls > 1:
                raise RuntimeError("the second pass fails")
            return features

    staged.append(Fails())
    before = state_of(staged)
    with pytest.raises(RuntimeError, match="the second pass fails"):
        grad_cam(staged, torch.randn(1, 3, 32, 32), [staged[2]])
    assert state_of(staged) == before


def test_hooks_of_the_user_stay_and_are_called(staged) -> None:
    seen = []
    staged[2].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    grad_cam(staged, torch.randn(1, 3, 32, 32), [staged[2]])
    assert hooks_of(staged) == 1
    assert len(seen) == 2


def test_no_activation_outlives_the_call(staged) -> None:
    alive: list[weakref.ref[torch.Tensor]] = []
    staged[2].register_forward_hook(lambda module, inputs, output: alive.append(weakref.ref(output)))
    grad_cam(staged, torch.randn(1, 3, 32, 32), [staged[2]])
    gc.collect()
    assert len(alive) == 2
    assert [reference() for reference in alive] == [None, None]


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_maps_are_the_same_where_gradients_are_switched_off(staged, context) -> None:
    frames = torch.randn(1, 3, 32, 32)
    expected = grad_cam(staged, frames, [staged[2]])
    with context():
        seen = grad_cam(staged, frames.clone(), [staged[2]])
    np.testing.assert_array_equal(seen.maps[0], expected.maps[0])


@pytest.mark.parametrize(
    ("classes", "told"), [([5], "class 5 is out of range; the model knows 0 to 4"), ([1, 2], "2 classes for 1 frames")]
)
def test_a_class_that_is_none_is_an_error(staged, classes, told) -> None:
    with pytest.raises(ExplanationError, match=told):
        grad_cam(staged, torch.randn(1, 3, 32, 32), [staged[2]], classes)


def test_a_network_that_is_no_classifier_is_an_error() -> None:
    model = nn.Conv2d(3, 2, 3)
    with pytest.raises(
        ExplanationError, match=r"the model gave a tensor of \(1, 2, 6, 6\).*expected one tensor of logits"
    ):
        grad_cam(model, torch.randn(1, 3, 8, 8), [model])


def test_a_layer_without_places_is_an_error(staged) -> None:
    with pytest.raises(ExplanationError, match=r"Linear gives a tensor of \(1, 5\).*needs features of \(N, C, H, W\)"):
        grad_cam(staged, torch.randn(1, 3, 32, 32), [staged[5]])


@pytest.mark.parametrize("times", [0, 2])
def test_a_layer_that_does_not_run_just_once_is_an_error(times) -> None:
    layer = nn.ReLU()
    model = PlainClassifier(nn.Sequential(*[layer] * times), WEIGHT)
    with pytest.raises(ExplanationError, match=f"ReLU runs {times} times in a pass"):
        grad_cam(model, FRAMES, [layer])


def test_a_layer_that_the_logits_do_not_depend_on_is_an_error() -> None:
    class Detached(nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.detach().requires_grad_()

    model = PlainClassifier(nn.ReLU(), WEIGHT, Detached())
    with pytest.raises(ExplanationError, match="the logits do not depend on the output of the module ReLU"):
        grad_cam(model, FRAMES, [model.features])
    assert hooks_of(model) == 0


def test_weights_that_are_not_numbers_are_an_error() -> None:
    model = PlainClassifier(nn.Identity(), [[float("nan"), 1.0]])
    with pytest.raises(ExplanationError, match="is not a number in places"), np.errstate(invalid="ignore"):
        grad_cam(model, FRAMES, [model.features])


def test_a_network_without_parameters_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="Identity has no parameters"):
        grad_cam(nn.Identity(), FRAMES, [])


def test_a_missing_package_is_an_error_that_names_the_extra(monkeypatch) -> None:
    _method.cache_clear()
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'saccade\[explain\]'"):
        grad_cam(nn.Conv2d(3, 2, 3), FRAMES, [])

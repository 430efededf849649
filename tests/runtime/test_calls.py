"""Models and calls of unusual kinds: arguments that are alike, frames that are written to, modules half in training."""

from __future__ import annotations

import logging

import pytest
import torch
import torchvision
from small_models import frame
from torch import nn

import saccade
from saccade.errors import CaptureError, FrameError, ModelError, TrainingModeError


class Difference(nn.Module):
    """How far one frame is from another, in features."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, current: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        return self.convolution(current) - self.convolution(previous)


def test_a_tensor_given_twice_stands_for_two_inputs() -> None:
    model = Difference().eval()
    first, second = frame(), frame() + 1
    stream, session = saccade.incremental(model), saccade.compile(model, (first, first)).session()
    stream(first, first)
    for answer in (stream(first, second), session(first, second)):
        assert torch.allclose(answer, model(first, second), atol=1e-5)


class Choice(nn.Module):
    def forward(self, image: torch.Tensor, choice: object = 1) -> torch.Tensor:
        return image * 2 if choice is True else image * 3


def test_arguments_that_are_equal_but_not_alike_are_told_apart() -> None:
    stream = saccade.incremental(Choice().eval())
    assert [float(stream(torch.ones(1, 3, 4, 4), choice).max()) for choice in (1, True, 1.0)] == [3, 2, 3]
    for _ in range(3):
        stream(torch.ones(1, 3, 4, 4), float("nan"))
    assert len(stream._programs) == 4


class Normalising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image.sub_(0.5).div_(0.2)
        return self.convolution(image)


@pytest.mark.parametrize("model", [Normalising(), nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3))])
def test_a_model_that_writes_to_its_input_is_run_and_the_frame_is_left_alone(model) -> None:
    model.eval()
    given = frame() - 0.5
    stream = saccade.incremental(model)
    for step in range(2):
        kept = given.clone()
        answer = stream(given)
        assert torch.equal(given, kept)
        assert torch.allclose(answer, model(kept), atol=1e-5)
        given = given + step


class Mixed(nn.Module):
    """A native layer and one that runs in torch, both with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.mixing = nn.Parameter(torch.randn(32, 32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.convolution(image).cumsum(3) @ self.mixing[:30, :30]


def test_weights_are_those_of_the_first_frame() -> None:
    model = Mixed().eval()
    image = torch.rand(1, 3, 32, 32)
    stream = saccade.incremental(model)
    before = stream(image)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    stream.reset()
    assert torch.equal(stream(image), before)
    assert torch.allclose(saccade.incremental(model)(image), model(image), rtol=1e-4, atol=1e-4)


def test_a_module_in_training_mode_within_one_that_is_not_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5)).eval()
    model[1].train()
    with pytest.raises(TrainingModeError, match=r"'1', a Dropout of Sequential, .*call model.eval\(\)"):
        saccade.incremental(model)


def test_a_lazy_layer_without_a_shape_is_refused() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3)).eval()
    with pytest.raises(ModelError, match=r"'0.weight'.*has no shape yet.*call the model once"):
        saccade.incremental(model)


def bound() -> nn.Module:
    """Returns a network that takes frames of 8 x 8 only."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)).eval()


def test_a_frame_of_a_size_that_the_model_is_not_made_for_is_refused_by_its_size() -> None:
    stream = saccade.incremental(bound())
    stream(torch.rand(1, 3, 8, 8))
    with pytest.raises(FrameError, match=r"\(1, 3, 9, 9\).*it took.*\(1, 3, 8, 8\).*height and width.*resize"):
        stream(torch.rand(1, 3, 9, 9))


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("wrapped", [lambda tensor: [tensor], lambda tensor: (tensor,), lambda tensor: {"a": tensor}])
def test_a_tensor_within_something_is_refused_by_its_structure(started, wrapped) -> None:
    stream = saccade.incremental(bound())
    if started:
        stream(torch.rand(1, 3, 8, 8))
    with pytest.raises(FrameError, match=r"a (list|tuple|dict) of 1 was given"):
        stream(wrapped(torch.rand(1, 3, 8, 8)))


@pytest.mark.parametrize(
    ("example", "told"),
    [
        (torch.rand(3, 8, 8), r"expected four dimensions.*frame\[None\]"),
        (torch.rand(1, 4, 8, 8), "the model's first convolution takes 3 channels"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"convert it with frame.float\(\)"),
        (torch.zeros(0, 3, 8, 8), "at least 1"),
        (torch.rand(1, 3, 8, 8).numpy(), "no tensor but ndarray was given"),
        (None, "no tensor but NoneType was given"),
    ],
)
def test_examples_that_do_not_fit_are_refused_as_frames_are(example, told) -> None:
    with pytest.raises(FrameError, match=told):
        saccade.compile(bound(), example)


@pytest.mark.parametrize("type_", [torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_frames_of_another_kind_of_number_are_refused_by_a_program(type_) -> None:
    session = saccade.compile(bound(), torch.rand(1, 3, 8, 8)).session()
    with pytest.raises(FrameError, match=f"a frame of {type_} was given; this program was made for torch.float32"):
        session(torch.zeros(1, 3, 8, 8, dtype=type_))


def test_what_a_call_was_is_told_without_its_values() -> None:
    session = saccade.compile(bound(), torch.rand(1, 3, 8, 8)).session()
    with pytest.raises(FrameError, match=r"^\(a list of a tensor \(1, 3, 8, 8\), 7\) was given") as caught:
        session([torch.rand(1, 3, 8, 8)], 7)
    assert len(str(caught.value)) < 300
    with pytest.raises(FrameError, match=r"a ndarray \(1, 3, 8, 8\)"):
        session(torch.rand(1, 3, 8, 8).numpy())


def test_torch_logs_nothing_of_a_trace_that_fails(caplog: pytest.LogCaptureFixture, capfd) -> None:
    heard: list[str] = []
    other = logging.getLogger("torch._subclasses.fake_tensor")
    with caplog.at_level(logging.DEBUG), pytest.raises(CaptureError, match=r"torch\.export could not trace"):
        saccade.incremental(bound())(torch.rand(1, 3, 9, 9))
    assert "Traceback" not in capfd.readouterr().err
    other.addHandler(handler := logging.StreamHandler())
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    other.error("heard again")
    other.removeHandler(handler)
    assert heard == ["heard again"]


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.convolution(image)
        return torch.view_as_complex(torch.stack([torch.ones_like(features), features], -1))


@pytest.mark.parametrize("policy", ["exact", "near", "balanced:0.2", "frugal:0.2", "hold:2"])
def test_complex_outputs_are_answered_held_and_measured(policy) -> None:
    model = Complex().eval()
    stream = saccade.incremental(model, policy, audit=1, metric="raw")
    image = frame()
    torch.manual_seed(0)
    for _ in range(12):
        answer = stream(image)
        image = (image + 0.02 * torch.randn(image.shape)).clamp(0, 1)
    assert answer.dtype == torch.complex64
    error = stream.report().audit.error
    assert error.largest == 0 if policy == "exact" else 0 < error.largest < 0.5
    assert stream.report().held > 0 or policy in ("exact", "near")


class Classes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.convolution(image).argmax(1)


def test_frames_are_held_by_what_whole_numbers_change() -> None:
    torch.manual_seed(0)
    stream = saccade.incremental(Classes().eval(), "balanced:0.2")
    image = frame()
    for _ in range(20):
        stream(image)
        image = (image + 0.01 * torch.randn(image.shape)).clamp(0, 1)
    assert stream.report().held > 5


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([torch.zeros(3, 64, 64, dtype=torch.uint8)], r"an image of shape \(3, 64, 64\) and torch.uint8 was given"),
        ([torch.rand(4, 64, 64)], r"an image of shape \(4, 64, 64\).*float tensor \(3, H, W\)"),
        ([torch.rand(3, 0, 64)], r"an image of shape \(3, 0, 64\)"),
        ([torch.rand(3, 64, 64).to_sparse()], "layout torch.sparse_coo"),
        ([torch.rand(3, 64, 64).numpy()], "a ndarray was given as an image"),
        ([], "an empty list was given"),
    ],
)
def test_images_that_a_detector_does_not_take_are_refused(detector, images, told) -> None:
    with pytest.raises(FrameError, match=told):
        saccade.incremental(detector)(images)


@pytest.fixture(scope="module")
def detector() -> nn.Module:
    detection = torchvision.models.detection
    return detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval()


def test_a_detector_is_called_by_its_name(detector) -> None:
    with pytest.raises(ModelError, match=r"SSD is one of torchvision's detectors.*saccade.incremental\(detector\)"):
        saccade.compile(detector, ([torch.rand(3, 64, 64)],))
    try:
        with pytest.raises(TrainingModeError, match="SSD is in training mode"):
            saccade.incremental(detector.train())
    finally:
        detector.eval()

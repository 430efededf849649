"""How a stream behaves: frames of every kind, copies, threads, reports, memory, and the errors it raises."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from dataclasses import dataclass

import pytest
import torch
import torchvision
from torch import nn

import saccade
from saccade.errors import (
    FrameError,
    ModelError,
    PolicyError,
    SaccadeError,
    TrainingModeError,
    UnsupportedDeviceError,
)


class Small(nn.Module):
    """Convolutions, a residual sum, a pool and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.norm = nn.BatchNorm2d(16)
        self.block = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.head = nn.Linear(16, 5)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.norm(self.stem(frame)))
        features = torch.relu(features + self.block(features))
        return self.head(features.mean((2, 3)))


class Maps(nn.Module):
    """One convolution, so that its output shows where something changed."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return self.convolution(frame)


class Normalised(nn.Module):
    """Takes uint8 frames, as a camera gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Small()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return self.model((frame.float() / 255 - self.mean) / 0.25)


class TwoInputs(nn.Module):
    """Two inputs, nested outputs, a module that is used twice, and an argument that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 8, 3, 1, 1)

    def forward(self, left: torch.Tensor, right: torch.Tensor, *, scale: float = 1.0) -> dict:
        first, second = self.shared(left), self.shared(right)
        return {"sum": first + second * scale, "parts": (first, [second.mean((2, 3))]), "nothing": None}


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return Small().eval()


def frame(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape or (1, 3, 24, 32), generator=torch.Generator().manual_seed(seed))


def blob(before: torch.Tensor, y: int = 5, x: int = 7) -> torch.Tensor:
    after = before.clone()
    after[..., y : y + 4, x : x + 5] = 1 - after[..., y : y + 4, x : x + 5]
    return after


def close(given: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((given - expected).norm() <= 1e-5 * expected.norm()) and given.shape == expected.shape


def check_on(stream: saccade.Stream, model: nn.Module, *frames: torch.Tensor) -> None:
    """Each frame's output is torch's, and bit for bit the dense pass's."""
    for current in frames:
        with torch.no_grad():
            expected = model(current)
        output = stream(current)
        assert close(output, expected)
        assert torch.equal(output, stream.dense(current))


def test_a_stream_agrees_with_the_model_for_batches_above_one(model) -> None:
    first = frame(3, 3, 24, 32)
    only_second_image = first.clone()
    only_second_image[1] = blob(first[1])
    stream = saccade.incremental(model)
    check_on(stream, model, first, only_second_image, first)
    active = stream.change_maps()["frame"]
    assert active.shape == (3, 24, 32)
    assert active.any((1, 2)).tolist() == [False, True, False]


def test_a_stream_plans_anew_when_size_batch_or_type_change(model) -> None:
    stream = saccade.incremental(model)
    shapes = [(1, 3, 24, 32), (1, 3, 17, 9), (2, 3, 17, 9), (1, 3, 24, 32)]
    for seed, shape in enumerate(shapes):
        check_on(stream, model, frame(*shape, seed=seed), blob(frame(*shape, seed=seed), 2, 3))
    wide = frame().double()
    with torch.no_grad():
        expected = model(wide.float())
    assert close(stream(wide), expected)
    assert close(stream(wide.float()), expected)


def test_a_stream_takes_uint8_frames_where_the_model_normalises_them() -> None:
    model = Normalised().eval()
    first = torch.randint(0, 256, (1, 3, 24, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    second = first.clone()
    second[:, :, 3:6, 4:9] = 255 - second[:, :, 3:6, 4:9]
    stream = saccade.incremental(model)
    check_on(stream, model, first, second, second, first)
    assert int(stream.change_maps()["frame"].sum()) == 15
    check_on(stream, model, first.float(), second.float())


@pytest.mark.parametrize(
    "view",
    [
        lambda tensor: tensor.to(memory_format=torch.channels_last),
        lambda tensor: tensor.transpose(2, 3).contiguous().transpose(2, 3),
        lambda tensor: torch.cat((tensor, tensor), 3)[..., : tensor.shape[3]],
        lambda tensor: tensor.flip(3).flip(3).requires_grad_(),
    ],
    ids=["channels_last", "transposed", "sliced", "with gradients"],
)
def test_a_stream_takes_frames_however_they_lie_in_memory(model, view) -> None:
    first = frame()
    stream = saccade.incremental(model)
    check_on(stream, model, first, view(blob(first)).detach(), first)
    given = stream(view(first))
    assert not given.requires_grad
    assert torch.equal(given, stream.dense(first))


def test_several_inputs_and_nested_outputs_keep_their_structure() -> None:
    model = TwoInputs().eval()
    stream = saccade.incremental(model)
    left, right = frame(), frame(seed=1)
    for pair in ((left, right), (blob(left), right), (blob(left), blob(right)), (left, blob(right))):
        with torch.no_grad():
            expected = model(*pair, scale=2.0)
        output = stream(*pair, scale=2.0)
        assert output["nothing"] is None
        assert isinstance(output["parts"], tuple)
        assert close(output["sum"], expected["sum"])
        assert close(output["parts"][1][0], expected["parts"][1][0])
        dense = stream.dense(*pair, scale=2.0)
        assert torch.equal(output["sum"], dense["sum"])
        assert torch.equal(output["parts"][1][0], dense["parts"][1][0])
    by_name = stream(right=right, left=left, scale=2.0)
    with torch.no_grad():
        assert close(by_name["sum"], model(left, right, scale=2.0)["sum"])
        assert close(stream(left, right, scale=-1.0)["sum"], model(left, right, scale=-1.0)["sum"])


def test_the_original_model_is_never_changed(model) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stream = saccade.incremental(model)
    stream(frame())
    stream(blob(frame()))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not model.training


def test_a_copy_in_mid_sequence_goes_on_independently(model) -> None:
    first = frame()
    stream = saccade.incremental(model)
    stream(first)
    twin = copy.deepcopy(stream)
    assert twin.report().frames == 1
    assert twin.report().macs_done == stream.report().macs_done
    check_on(stream, model, blob(first, 1, 1), blob(first, 9, 9))
    check_on(twin, model, blob(first, 3, 3), first)
    assert twin.report().frames == stream.report().frames == 3
    assert twin.report().macs_done < 3 * twin.report().macs_dense // 3


def test_a_pickled_program_computes_the_same(model) -> None:
    program = saccade.compile(model, frame())
    twin = pickle.loads(pickle.dumps(program))
    assert torch.equal(program.session()(frame()), twin.session()(frame()))
    assert twin.threads == program.threads
    assert twin.policy == program.policy


def test_sessions_of_one_program_run_in_threads(model) -> None:
    program = saccade.compile(model, frame(), threads=1)
    expected = [program.session().dense(blob(frame(), step % 9, step % 11)) for step in range(40)]
    wrong: list[int] = []

    def watch(stride: int) -> None:
        session = program.session()
        for step in range(0, 40, stride):
            if not torch.equal(session(blob(frame(), step % 9, step % 11)), expected[step]):
                wrong.append(step)

    workers = [threading.Thread(target=watch, args=(stride,)) for stride in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_outputs_are_not_changed_by_later_frames() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model)
    outputs = [stream(frame(seed=seed)) for seed in range(3)]
    kept = [output.clone() for output in outputs]
    outputs[1].zero_()
    last = stream(frame(seed=2))
    assert torch.equal(outputs[0], kept[0])
    assert torch.equal(last, kept[2])
    assert torch.equal(stream(frame(seed=2)), kept[2])


def test_frames_are_neither_changed_nor_kept() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model)
    given = frame()
    original = given.clone()
    first = stream(given)
    assert torch.equal(given, original)
    given[:, :, 4, 4] += 1
    changed = stream(given)
    assert not torch.equal(first, changed)
    assert torch.equal(changed, stream.dense(given))


def test_a_nan_goes_away_with_the_place_that_held_it(model) -> None:
    stream = saccade.incremental(model)
    broken = frame()
    broken[0, 1, 6, 6] = float("nan")
    clean = stream(frame())
    assert stream(broken).isnan().all()
    assert stream(broken).isnan().all()
    assert torch.equal(stream(frame()), clean)


@pytest.mark.parametrize("shape", [(3, 24, 32), (24, 32), (1, 1, 3, 24, 32)])
@pytest.mark.parametrize("started", [False, True])
def test_a_frame_of_the_wrong_rank_raises_an_error_that_says_what_to_do(model, shape, started) -> None:
    stream = saccade.incremental(model)
    if started:
        stream(frame())
    with pytest.raises(FrameError, match=r"given; expected four dimensions \(N, 3, H, W\)"):
        stream(torch.zeros(shape))


@pytest.mark.parametrize("started", [False, True])
def test_a_frame_of_the_wrong_channel_count_raises_an_error_that_says_what_to_do(model, started) -> None:
    stream = saccade.incremental(model)
    if started:
        before = stream(frame())
    with pytest.raises(FrameError, match=r"\(1, 4, 24, 32\).*3"):
        stream(frame(1, 4, 24, 32))
    if started:
        assert torch.equal(stream(frame()), before)
        assert stream.report().frames == 2


def test_a_frame_that_is_empty_or_smaller_than_a_window_raises_an_error(model) -> None:
    stream = saccade.incremental(nn.Sequential(nn.Conv2d(3, 4, 5)).eval())
    with pytest.raises(FrameError, match="at least 1"):
        stream(torch.zeros(0, 3, 24, 32))
    stream(frame())
    with pytest.raises(FrameError, match=r"\(1, 3, 3, 3\).*\(1, 3, 24, 32\)"):
        stream(frame(1, 3, 3, 3))


def test_a_frame_that_is_no_tensor_raises_an_error(model) -> None:
    with pytest.raises(FrameError, match="no tensor was given"):
        saccade.incremental(model)([[1.0]])


def test_a_frame_on_another_device_raises_an_error(model) -> None:
    with pytest.raises(FrameError, match=r"frame\.cpu\(\)"):
        saccade.incremental(model)(frame().to("meta"))


def test_a_session_refuses_frames_that_its_program_was_not_compiled_for(model) -> None:
    session = saccade.compile(model, frame()).session()
    with pytest.raises(FrameError, match="compiled for"):
        session(frame(1, 3, 8, 8))
    with pytest.raises(FrameError, match="2 tensors were given"):
        session(frame(), frame())
    bytes_only = saccade.compile(Normalised().eval(), torch.zeros(1, 3, 24, 32, dtype=torch.uint8)).session()
    with pytest.raises(FrameError, match=r"torch\.float32 .* torch\.uint8"):
        bytes_only(frame())


def test_a_model_in_training_mode_raises_an_error_at_once(model) -> None:
    with pytest.raises(TrainingModeError, match=r"model\.eval\(\)"):
        saccade.incremental(model.train())
    with pytest.raises(TrainingModeError, match=r"model\.eval\(\)"):
        saccade.compile(model, frame())


def test_a_model_on_another_device_raises_an_error_at_once(model) -> None:
    with pytest.raises(UnsupportedDeviceError, match=r"model\.cpu\(\)"):
        saccade.incremental(model.to("meta"))


def test_what_is_no_model_raises_an_error_that_says_what_was_expected(tmp_path) -> None:
    with pytest.raises(ModelError, match="int was given as the model"):
        saccade.incremental(3)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"no model file at .*missing\.onnx"):
        saccade.incremental(tmp_path / "missing.onnx")


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_that_is_none_raises_an_error(model, threads) -> None:
    with pytest.raises(SaccadeError, match=r"threads=.*whole number from 1 up"):
        saccade.incremental(model, threads=threads)


@pytest.mark.parametrize("policy", ["exakt", None, 3])
def test_an_unknown_policy_raises_an_error_that_lists_the_known_ones(model, policy) -> None:
    with pytest.raises(PolicyError, match="exact"):
        saccade.incremental(model, policy=policy)


def test_a_stream_reports_nothing_before_its_first_frame(model) -> None:
    stream = saccade.incremental(model)
    assert stream.report().frames == 0
    assert stream.change_maps() == {}
    assert stream.program is None
    assert stream.last_frame.macs_done == 0
    stream.reset()
    assert "0 frames" in str(stream.report())


def test_a_report_counts_the_multiply_adds_of_each_operator(model) -> None:
    stream = saccade.incremental(model, threads=1)
    stream(frame())
    first = stream.report()
    dense = 12 * 16 * 16 * (3 * 9 + 9) + 16 * 5
    assert first.frames == 1
    assert first.macs_done == first.macs_dense == dense
    stream(frame())
    assert stream.report().macs_done == dense
    assert stream.last_frame.macs_done == 0
    assert stream.last_frame.input_share == 0.0
    stream(blob(frame()))
    report = stream.report()
    assert report.frames == 3
    assert report.macs_dense == 3 * dense
    assert dense < report.macs_done < 2 * dense
    cost = stream.last_frame
    assert cost.macs_done == stream.last_frame.macs_done == report.macs_done - dense
    assert cost.input_share == pytest.approx(20 / (24 * 32))
    assert sum(row.macs_done for row in report.operators) == report.macs_done
    stem = next(row for row in report.operators if row.name == "stem")
    assert stem.kind == "convolution"
    assert 1 / 3 < stem.active_share < 2 / 3
    assert "norm" in stem.fused
    assert report.seconds > 0
    text = str(report)
    assert "stem" in text
    assert "3 frames" in text
    assert json.loads(json.dumps(report.to_dict()))["operators"][0]["name"] == report.operators[0].name


def test_a_report_names_fallbacks_and_why() -> None:
    class Rolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 1)

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return self.convolution(frame).roll(2, 3)

    model = Rolled().eval()
    stream = saccade.incremental(model)
    check_on(stream, model, frame(), frame(), blob(frame()))
    (row,) = [row for row in stream.report().operators if row.kind == "fallback"]
    assert "aten.roll.default" in row.name
    assert row.reason
    assert row.active_share == pytest.approx(2 / 3)
    assert row.reason in str(stream.report())


def test_change_maps_show_what_was_recomputed_by_name() -> None:
    stream = saccade.incremental(Maps().eval())
    stream(frame())
    assert all(active.all() for active in stream.change_maps().values())
    stream(blob(frame(), 5, 7))
    maps = stream.change_maps()
    assert set(maps) == {"frame", "convolution"}
    assert all(active.dtype == torch.bool and active.shape == (1, 24, 32) for active in maps.values())
    expected = torch.zeros(1, 24, 32, dtype=torch.bool)
    expected[:, 4:10, 6:13] = True
    assert torch.equal(maps["convolution"], expected)
    stream(blob(frame(), 5, 7))
    assert not any(active.any() for active in stream.change_maps().values())


def test_a_reset_forgets_frames_and_counts(model) -> None:
    stream = saccade.incremental(model)
    before = stream(frame())
    stream(blob(frame()))
    stream.reset()
    assert stream.report().frames == 0
    assert stream.report().macs_done == 0
    assert stream.last_frame.macs_done == 0
    assert torch.equal(stream(frame()), before)
    assert stream.report().macs_done == stream.report().macs_dense
    assert stream.change_maps()["frame"].all()


@dataclass(frozen=True)
class LeftHalf(saccade.Policy):
    """Takes over the left half only, and remembers what it was asked."""

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        differs = (frame != reference).any(1)
        differs[..., frame.shape[3] // 2 :] = False
        return differs


def test_a_policy_of_ones_own_decides_what_is_taken_over() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model, policy=LeftHalf())
    first, second = frame(), frame(seed=1)
    stream(first)
    output = stream(second)
    mixed = first.clone()
    mixed[..., :16] = second[..., :16]
    assert torch.equal(output, saccade.incremental(model)(mixed))
    assert torch.equal(stream.dense(second), saccade.incremental(model)(second))
    assert not stream.policy.exact
    # The right half is still compared with what was taken over last.
    assert torch.equal(stream(first), saccade.incremental(model)(first))


def test_a_policy_that_answers_none_takes_every_place_that_differs() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model, policy=saccade.Policy())
    broken = frame()
    broken[0, 0, 2, 2] = float("nan")
    for current in (frame(), broken, broken, frame(seed=1)):
        output = stream(current)
        assert torch.equal(output.nan_to_num(7.0), stream.dense(current).nan_to_num(7.0))
    stream(broken)
    stream(broken)
    assert not stream.change_maps()["frame"].any()


def test_a_policy_whose_answer_has_the_wrong_shape_raises_an_error() -> None:
    class Wrong(saccade.Policy):
        def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            return frame != reference

    stream = saccade.incremental(Maps().eval(), policy=Wrong())
    stream(frame())
    with pytest.raises(PolicyError, match=r"expected torch\.bool of shape \(1, 24, 32\)"):
        stream(frame(seed=1))


def test_made_up_activity_reaches_every_image_of_a_batch(model) -> None:
    stream = saccade.incremental(model)
    first = frame(2, 3, 24, 32)
    stream(first)
    stream.run_with_activity(first, 0.25)
    active = stream.change_maps()["frame"].float().mean((1, 2))
    assert active.tolist() == pytest.approx([0.25, 0.25])
    assert torch.equal(stream(first), stream.dense(first))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_memory_stays_below_the_live_activations_and_a_half(name) -> None:
    model = torchvision.models.get_model(name).eval()
    live = 0

    def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal live
        live += output.nbytes

    current = torch.rand(1, 3, 160, 160)
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(current)
    for handle in handles:
        handle.remove()
    stream = saccade.incremental(model, threads=1)
    stream(current)
    assert stream.report().memory_bytes <= 1.5 * (live + current.nbytes)


def test_memory_does_not_grow_over_a_thousand_frames(model) -> None:
    stream = saccade.incremental(model, threads=1)
    first = frame(1, 3, 8, 8)
    stream(first)
    stream(blob(first, 1, 1))
    before = stream.report().memory_bytes
    for step in range(1000):
        stream(blob(first, step % 6, step % 5))
    assert stream.report().memory_bytes == before

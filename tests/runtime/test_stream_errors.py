"""What a stream refuses, and what it says then."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from small_models import Normalised, frame
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


@pytest.mark.parametrize("started", [False, True])
def test_a_sparse_frame_raises_an_error_that_says_what_to_do(model, started) -> None:
    stream = saccade.incremental(model)
    if started:
        stream(frame())
    with pytest.raises(FrameError, match=r"layout torch.sparse_coo was given.*frame\.to_dense\(\)"):
        stream(frame().to_sparse())


def test_a_frame_that_is_empty_or_smaller_than_a_window_raises_an_error(model) -> None:
    stream = saccade.incremental(nn.Sequential(nn.Conv2d(3, 4, 5)).eval())
    with pytest.raises(FrameError, match="at least 1"):
        stream(torch.zeros(0, 3, 24, 32))
    stream(frame())
    with pytest.raises(FrameError, match=r"\(1, 3, 3, 3\).*\(1, 3, 24, 32\)"):
        stream(frame(1, 3, 3, 3))


def test_a_frame_that_is_no_tensor_raises_an_error(model) -> None:
    with pytest.raises(FrameError, match="no tensor but float was given"):
        saccade.incremental(model)([[1.0]])


def test_a_frame_on_another_device_raises_an_error(model) -> None:
    with pytest.raises(FrameError, match=r"frame\.cpu\(\)"):
        saccade.incremental(model)(frame().to("meta"))


def test_a_session_refuses_frames_that_its_program_was_not_compiled_for(model) -> None:
    session = saccade.compile(model, frame()).session()
    with pytest.raises(FrameError, match="compiled for"):
        session(frame(1, 3, 8, 8))
    with pytest.raises(FrameError, match=r"a tensor .*, a tensor .* was given; .* compiled for \(frame=a tensor"):
        session(frame(), frame())
    bytes_only = saccade.compile(Normalised().eval(), torch.zeros(1, 3, 24, 32, dtype=torch.uint8)).session()
    with pytest.raises(FrameError, match=r"torch\.float32 .* torch\.uint8"):
        bytes_only(frame())


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
def test_a_frame_of_a_type_that_the_model_does_not_take_raises_an_error_that_names_it(kind) -> None:
    stream = saccade.incremental(nn.Sequential(nn.Conv2d(3, 4, 3)).eval())
    with pytest.raises(FrameError, match=rf"{str(kind)[6:]} given.*frame\.float\(\)"):
        stream(frame().to(kind))
    stream(frame())
    with pytest.raises(FrameError, match=rf"{str(kind)[6:]} given.* float32 before"):
        stream(frame().to(kind))


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


def onnx_file(path: Path) -> Path:
    """Writes one convolution of frames of any size."""
    frame_info = onnx.helper.make_tensor_value_info("frame", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    maps_info = onnx.helper.make_tensor_value_info("maps", onnx.TensorProto.FLOAT, ["n", 4, "h", "w"])
    weight = onnx.numpy_helper.from_array(torch.ones(4, 3, 3, 3).numpy(), "weight")
    node = onnx.helper.make_node("Conv", ["frame", "weight"], ["maps"], pads=[1, 1, 1, 1])
    graph = onnx.helper.make_graph([node], "one", [frame_info], [maps_info], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("shape", [(1, 4, 24, 32), (3, 24, 32)])
def test_a_frame_that_does_not_fit_an_onnx_file_raises_an_error_of_ours(tmp_path, started, shape) -> None:
    stream = saccade.incremental(onnx_file(tmp_path / "one.onnx"))
    if started:
        stream(frame())
    with pytest.raises(FrameError if started else SaccadeError):
        stream(torch.zeros(shape))
    assert stream(frame()).shape == (1, 4, 24, 32)


def difference_file(path: Path) -> Path:
    """Writes a network of two inputs: a - b."""
    infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "aby"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Sub", ["a", "b"], ["y"])], "two", infos[:2], infos[2:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_inputs_of_an_onnx_file_may_be_named_in_any_order(tmp_path) -> None:
    stream = saccade.incremental(difference_file(tmp_path / "two.onnx"))
    left, right = torch.rand(2, 1, 3, 8, 8)
    for outputs in (stream(left, right), stream(b=right, a=left), stream(left, b=right), stream.dense(b=right, a=left)):
        assert torch.equal(outputs, left - right)


@pytest.mark.parametrize("names", [("nonsense", "b"), ("a",), ("a", "b", "c")])
def test_names_that_an_onnx_file_does_not_have_raise_an_error_that_lists_its_own(tmp_path, names) -> None:
    stream = saccade.incremental(difference_file(tmp_path / "two.onnx"))
    with pytest.raises(FrameError, match=r"the inputs of .*two\.onnx are a, b"):
        stream(**{name: torch.rand(1, 3, 8, 8) for name in names})


def test_an_input_of_an_onnx_file_that_is_no_tensor_raises_an_error(tmp_path) -> None:
    stream = saccade.incremental(difference_file(tmp_path / "two.onnx"))
    with pytest.raises(FrameError, match="float given among the inputs"):
        stream(torch.rand(1, 3, 8, 8), 2.0)

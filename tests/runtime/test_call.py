"""Calls of sessions: by place and by name, and those of another form than the one that was compiled."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import torch
from small_models import Maps, Pair

import saccade
from saccade.errors import FrameError, ModelError

LEFT, RIGHT = torch.rand(2, 1, 3, 16, 16)


@pytest.mark.parametrize("pickled", [False, True])
def test_arguments_may_be_named_in_any_order(pickled: bool) -> None:
    model = Pair().eval()
    program = saccade.compile(model, (LEFT, RIGHT))
    session = (pickle.loads(pickle.dumps(program)) if pickled else program).session()
    expected = session(LEFT, RIGHT)
    torch.testing.assert_close(expected, model(LEFT, RIGHT), rtol=1e-4, atol=1e-5)
    assert torch.equal(session(right=RIGHT, left=LEFT), expected)
    assert torch.equal(session(LEFT, right=RIGHT), expected)
    assert torch.equal(session.dense(right=RIGHT, left=LEFT), expected)


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((LEFT, RIGHT), {}),
        ((LEFT, RIGHT, 5.0), {}),
        ((LEFT, RIGHT), {"scale": 7.0}),
        ((LEFT, RIGHT, 2), {}),
        ((LEFT, RIGHT, 2.0), {"scale": 2.0}),
        ((LEFT,), {"other": RIGHT, "scale": 2.0}),
        ((LEFT, None, 2.0), {}),
        ((LEFT, LEFT, RIGHT, 2.0), {}),
    ],
)
def test_a_call_of_another_form_raises_an_error_that_shows_both(arguments, keywords) -> None:
    session = saccade.compile(Pair().eval(), (LEFT, RIGHT, 2.0)).session()
    session(LEFT, RIGHT, 2.0)
    session(LEFT, RIGHT, scale=2.0)
    with pytest.raises(FrameError, match=r"compiled for \(left=a tensor \(1, 3, 16, 16\), right=.*scale=2\.0\)"):
        session(*arguments, **keywords)


def test_one_tensor_where_a_number_belongs_beside_it_raises_an_error() -> None:
    class Scaled(Maps):
        def forward(self, frame: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
            return self.convolution(frame) * scale

    session = saccade.compile(Scaled().eval(), (LEFT, 2.0)).session()
    with pytest.raises(FrameError, match=r"scale=2\.0"):
        session(LEFT)


def test_an_array_is_refused_with_what_makes_a_tensor_of_it() -> None:
    with pytest.raises(FrameError, match=r"numpy\.ndarray was given.*torch\.from_numpy"):
        saccade.incremental(Maps().eval())(np.zeros((1, 3, 16, 16), np.float32))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_of_another_precision_is_refused(kind: torch.dtype) -> None:
    with pytest.raises(ModelError, match=r"model\.float\(\)"):
        saccade.incremental(Maps().eval().to(kind))
    with pytest.raises(ModelError, match=r"model\.float\(\)"):
        saccade.compile(Maps().eval().to(kind), LEFT)


def test_streams_may_see_their_first_frames_in_threads_of_their_own() -> None:
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            stream = saccade.incremental(Pair().eval(), threads=1)
            assert torch.equal(stream(LEFT, RIGHT), stream.dense(LEFT, RIGHT))
        except BaseException as failure:
            failures.append(failure)

    cameras = [threading.Thread(target=watch) for _ in range(4)]
    for camera in cameras:
        camera.start()
    for camera in cameras:
        camera.join()
    assert not failures

"""The definitions that go place by place, against those that do it all at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.graph import Convolution, MaxPool
from saccade.kernels.convolution import reference as convolution
from saccade.kernels.max_pool import reference as max_pool

layers = st.fixed_dictionaries(
    {
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.tuples(*[st.integers(0, 2)] * 4),
        "dilation": st.tuples(st.integers(1, 2), st.integers(1, 2)),
    }
)
kernels = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _convolution(kernel, fields, bias=True) -> Convolution:
    weight = torch.randn(5, 3, *kernel)
    return Convolution("c", ("x",), ("y",), weight, torch.randn(5) if bias else None, **fields)


def _shape(kernel, fields, channels: int) -> tuple[int, ...]:
    (top, left, bottom, right), (down, across), (tall, wide) = fields["padding"], fields["stride"], fields["dilation"]
    height = (8 + top + bottom - (kernel[0] - 1) * tall - 1) // down + 1
    width = (9 + left + right - (kernel[1] - 1) * wide - 1) // across + 1
    return (2, channels, height, width)


@given(kernel=kernels, fields=layers, bias=st.booleans(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_convolving_place_by_place_agrees_with_torch(kernel, fields, bias, seed):
    torch.manual_seed(seed)
    operator, frame = _convolution(kernel, fields, bias), torch.randn(2, 3, 8, 9)
    shape = _shape(kernel, fields, 5)
    given = convolution.sequential(operator, frame, shape=shape)
    torch.testing.assert_close(given, convolution.reference(operator, frame, shape=shape), rtol=1e-5, atol=1e-5)


@given(kernel=kernels, fields=layers, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_pooling_place_by_place_is_torchs_to_the_bit(kernel, fields, seed):
    torch.manual_seed(seed)
    operator, frame = MaxPool("p", ("x",), ("y",), kernel, **fields), torch.randn(2, 3, 8, 9)
    shape = _shape(kernel, fields, 3)
    expected = max_pool.reference(operator, frame, shape=shape)
    assert torch.equal(max_pool.sequential(operator, frame, shape=shape), expected)


FIELDS = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}


@pytest.mark.parametrize("room", [convolution, max_pool], ids=["convolution", "max_pool"])
@pytest.mark.parametrize("in_place", [False, True])
def test_active_places_are_computed_and_all_others_keep_their_value(room, in_place):
    torch.manual_seed(0)
    operator = _convolution((3, 3), FIELDS) if room is convolution else MaxPool("p", ("x",), ("y",), (3, 3), **FIELDS)
    frame = torch.randn(2, 3, 8, 9)
    shape = (2, 5 if room is convolution else 3, 8, 9)
    previous, active = torch.full(shape, torch.nan), torch.rand(2, 8, 9) < 0.3
    given = room.change_driven(operator, frame, previous, active, in_place=in_place)
    fresh = room.reference(operator, frame, shape=shape).movedim(1, -1)
    torch.testing.assert_close(given.movedim(1, -1)[active], fresh[active], rtol=1e-5, atol=1e-5)
    assert given.movedim(1, -1)[~active].isnan().all()
    assert (given is previous) == in_place
    assert bool(previous.isnan().all()) != in_place, "the caller's tensor changes only when asked"

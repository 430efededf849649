"""What layers tell each other, and convolutions that add up deltas, against their definitions in torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from single import error, same_bits

from saccade.graph import Activation, Binary, Convolution, Graph, Operator, Reference, Tensor, Transmission
from saccade.kernels.reference import run_native
from saccade.kernels.transmission.reference import update
from saccade.policy import Policy, Tolerance
from saccade.runtime import Program, native
from saccade.runtime.delta_cost import DeltaCost

few = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


class Told(Policy):
    """Layers tell each other by one tolerance."""

    def __init__(self, tolerance: Tolerance) -> None:
        object.__setattr__(self, "_tolerance", tolerance)

    @property
    def tolerance(self) -> Tolerance:
        return self._tolerance


def network(image: tuple[int, ...], convolution: dict, residual: bool, seed: int) -> tuple[Graph, Convolution]:
    """Returns frame -> absolute value -> convolution (-> + residual) -> ReLU, and the convolution."""
    generator = torch.Generator().manual_seed(seed)
    c_in, kernel = image[1], convolution["kernel"]
    depthwise = convolution.get("depthwise", False)
    channels, groups = (c_in, c_in) if depthwise else (convolution["channels"], 1)
    weight = torch.randn((channels, c_in // groups, *kernel), generator=generator)
    operator = Convolution(
        "convolution",
        ("act",),
        ("sums",),
        weight / weight[0].numel() ** 0.5,
        torch.randn(channels, generator=generator),
        convolution["stride"],
        convolution["padding"],
        convolution["dilation"],
        groups,
    )
    shape = tuple(run_native(operator, [torch.zeros(image)], ()).shape)
    operators: list[Operator] = [Activation("absolute", ("frame",), ("act",), "abs"), operator]
    tensors = [Tensor("frame", image), Tensor("act", image), Tensor("sums", shape), Tensor("out", shape)]
    last = "sums"
    if residual:
        tensors += [Tensor("other", shape), Tensor("joined", shape)]
        operators.append(Binary("add", ("sums", "other"), ("joined",), "add"))
        last = "joined"
    operators.append(Activation("relu", (last,), ("out",), "relu"))
    inputs = ("frame", "other") if residual else ("frame",)
    tree = torch.utils._pytree.tree_structure(0)
    names = {tensor.name: tensor for tensor in tensors}
    return Graph(inputs, (Reference("out"),), tree, tuple(operators), names), operator


@st.composite
def convolutions(draw: st.DrawFn) -> dict:
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    return {
        "kernel": kernel,
        "channels": draw(st.one_of(st.integers(8, 40), st.integers(90, 200))),
        "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "padding": tuple(draw(st.integers(0, kernel[side % 2] - 1)) for side in range(4)),
        "dilation": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        "depthwise": draw(st.booleans()),
    }


def sequence(image: tuple[int, ...], seed: int) -> list[torch.Tensor]:
    """Returns a frame, small noise on it, a few changed places, NaN and infinity, and the first again."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(image, generator=generator)
    noisy = first + 0.05 * torch.randn(image, generator=generator)
    moved = noisy.clone()
    moved[..., : 1 + image[2] // 3, : 1 + image[3] // 2] += 1
    broken = moved.clone()
    broken[0, 0, image[2] // 2, image[3] // 2] = float("nan")
    broken[-1, -1, 0, 0] = float("inf")
    return [first, noisy, noisy, moved, broken, broken, moved, first]


@few
@given(
    convolutions(),
    st.integers(1, 2),
    st.integers(2, 40),
    st.integers(9, 14),
    st.integers(9, 14),
    st.booleans(),
    st.sampled_from([0.0, 0.04, 0.3]),
    st.integers(1, 2),
    st.integers(0, 100),
)
def test_sums_of_deltas_are_a_convolution_of_what_was_told(
    convolution, batch, c_in, height, width, residual, threshold, threads, seed
) -> None:
    image = (batch, c_in, height, width)
    graph, operator = network(image, convolution, residual, seed)
    others = torch.randn((3, *graph.tensors["out"].shape), generator=torch.Generator().manual_seed(seed))
    for instruction_set in native.instruction_sets():
        program = Program(
            graph,
            Told(Tolerance("element", threshold, "absolute", delta_cost=2.0, least_cost=0)),
            threads,
            instruction_set,
        )
        session = program.session(poison=True)
        told = None
        for step, frame in enumerate(sequence(image, seed)):
            other = others[step % 3]
            output = session(frame, other) if residual else session(frame)
            value = frame.abs()
            thresholds = torch.full((c_in,), threshold)
            told = value if told is None else update(Transmission("", (), ()), value, told, thresholds)[0]
            held = torch.empty(image)
            session._native.read(program.tensor_numbers["act.told"], held.data_ptr())
            assert same_bits(held, told), (instruction_set, step)
            sums = run_native(operator, [told], tuple(output.shape))
            expected = torch.relu(sums + other if residual else sums)
            assert error(output, expected) < 1e-5, (instruction_set, step)


@few
@given(
    st.sampled_from(["largest", "rms"]),
    st.integers(1, 2),
    st.integers(1, 40),
    st.integers(9, 14),
    st.sampled_from([0.02, 0.1, 0.3]),
    st.integers(1, 2),
    st.integers(0, 100),
)
def test_whole_places_are_told_by_their_largest_or_mean_difference(
    statistic, batch, c_in, side, threshold, threads, seed
) -> None:
    image = (batch, c_in, side, side + 3)
    convolution = {"kernel": (3, 3), "channels": 20, "stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    graph, operator = network(image, convolution, False, seed)
    tolerance = Tolerance("position", threshold, "absolute", statistic, least_cost=0)
    for instruction_set in native.instruction_sets():
        program = Program(graph, Told(tolerance), threads, instruction_set)
        session = program.session(poison=True)
        told = None
        for step, frame in enumerate(sequence(image, seed)):
            output = session(frame)
            value = frame.abs()
            sending = Transmission("", (), (), "places_by_largest" if statistic == "largest" else "places_by_mean")
            told = value if told is None else update(sending, value, told, torch.full((c_in,), threshold))[0]
            expected = torch.relu(run_native(operator, [told], tuple(output.shape)))
            assert error(output, expected) < 1e-5, (instruction_set, step)


@few
@given(
    st.sampled_from(["elements", "largest", "rms"]),
    st.integers(1, 2),
    st.integers(1, 40),
    st.integers(9, 14),
    st.integers(1, 6),
    st.integers(1, 2),
    st.integers(0, 100),
)
def test_thresholds_may_differ_from_place_to_place(statistic, batch, c_in, side, rows, threads, seed) -> None:
    image = (batch, c_in, side, side + 3)
    convolution = {"kernel": (3, 3), "channels": 20, "stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    graph, operator = network(image, convolution, False, seed)
    kind = "element" if statistic == "elements" else "position"
    tolerance = Tolerance(
        kind, 1.0, "absolute", "rms" if kind == "element" else statistic, delta_cost=2.0, least_cost=0
    )
    sending = {"elements": "elements", "largest": "places_by_largest", "rms": "places_by_mean"}[statistic]
    generator = torch.Generator().manual_seed(seed)
    levels = 0.3 * torch.rand((rows, c_in), generator=generator) + 0.01
    places = torch.randint(0, rows, (batch, *image[2:]), generator=generator).to(torch.uint8)
    thresholds = levels[places.long()].permute(0, 3, 1, 2)
    for instruction_set in native.instruction_sets():
        session = Program(graph, Told(tolerance), threads, instruction_set).session(poison=True)
        told = None
        for step, frame in enumerate(sequence(image, seed)):
            output = session(frame)
            if told is None:
                sender = session.program.transmissions["act.told"]
                session._native.set_thresholds(sender, levels.numpy(), places.numpy())
            value = frame.abs()
            told = value if told is None else update(Transmission("", (), (), sending), value, told, thresholds)[0]
            expected = torch.relu(run_native(operator, [told], tuple(output.shape)))
            assert error(output, expected) < 1e-5, (instruction_set, step)


@pytest.mark.parametrize(
    ("rows", "places"),
    [((0, 8), None), ((1, 7), None), ((257, 8), None), ((2, 8), (3, 4)), ((2, 8), (1, 9, 9))],
    ids=["no row", "a channel short", "too many rows", "few places", "a row that is not there"],
)
def test_thresholds_that_do_not_fit_are_refused(rows, places) -> None:
    convolution = {"kernel": (3, 3), "channels": 20, "stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    graph, _ = network((1, 8, 9, 9), convolution, False, 0)
    session = Program(graph, Told(Tolerance("element", 1.0, "absolute", least_cost=0)), 1).session()
    rows_of_places = None if places is None else torch.full(places, 2, dtype=torch.uint8).numpy()
    with pytest.raises(ValueError, match=r"a transmission takes|a row of thresholds"):
        session._native.set_thresholds(
            session.program.transmissions["act.told"], torch.ones(rows).numpy(), rows_of_places
        )


def test_few_deltas_are_added_and_many_make_the_layer_recompute() -> None:
    convolution = {"kernel": (3, 3), "channels": 64, "stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    image = (1, 64, 12, 12)
    graph, _ = network(image, convolution, False, 0)
    session = Program(graph, Told(Tolerance("element", 0.0, "absolute", delta_cost=2.0, least_cost=0)), 1).session()
    frame = torch.randn(image)
    session(frame)
    frame[0, 3, 5, 5] += 1
    session(frame)
    assert session.last_frame.macs_done == 9 * 64
    session(frame + 1)
    assert session.last_frame.macs_done == session.last_frame.macs_dense


@pytest.mark.parametrize("dilation", [20, 32, 50, 70])
def test_windows_may_be_wider_than_a_word_of_places(dilation) -> None:
    convolution = {
        "kernel": (2, 3),
        "channels": 16,
        "stride": (1, 1),
        "padding": (1, dilation, 0, dilation),
        "dilation": (1, dilation),
    }
    image = (1, 3, 4, 160)
    graph, operator = network(image, convolution, False, dilation)
    session = Program(graph, Told(Tolerance("element", 0.0, "absolute", delta_cost=0.1, least_cost=0)), 1).session()
    frame = torch.randn(image, generator=torch.Generator().manual_seed(0))
    session(frame)
    for x in (0, 1, 63, 64, 65, 127, 128, 159):
        frame[0, x % 3, x % 4, x] += 1
        output = session(frame)
        assert 0 < session.last_frame.macs_done < session.last_frame.macs_dense / 4
        expected = torch.relu(run_native(operator, [frame.abs()], tuple(output.shape)))
        assert error(output, expected) < 1e-5, x


@pytest.mark.parametrize(("element", "rests"), [(1e9, True), (1e-9, False), (0.0, False)])
def test_a_layer_for_which_comparing_does_not_pay_is_told_everything_for_a_while(monkeypatch, element, rests) -> None:
    monkeypatch.setattr("saccade.runtime.program.delta_cost", lambda *_: DeltaCost(1.0, 1.0, 0.0, element))
    convolution = {"kernel": (3, 3), "channels": 20, "stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    image = (1, 5, 12, 12)
    graph, _ = network(image, convolution, False, 0)
    session = Program(graph, Told(Tolerance("element", 1.0, "absolute", least_cost=0)), 1).session()
    frame = 10 + torch.randn(image, generator=torch.Generator().manual_seed(0))
    told_everything = []
    for number in range(70):
        frame = frame + 0.01 + (torch.arange(12) == number % 12) * 2.0
        output = session(frame)
        told_everything.append(error(output, session.dense(frame)) < 1e-6)
    assert told_everything[0]
    assert not told_everything[1]
    assert told_everything[2:33] == [rests] * 31
    assert not told_everything[33]
    assert told_everything[34:65] == [rests] * 31

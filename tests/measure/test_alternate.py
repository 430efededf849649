import pytest

from saccade.measure import Timing, alternate


def test_every_contender_runs_once_a_round_and_the_order_rotates() -> None:
    calls: list[tuple[str, int]] = []
    contenders = {name: (lambda item, name=name: calls.append((name, item))) for name in "abc"}
    timings = alternate(contenders, range(4), warm_up=1)
    assert "".join(name for name, _ in calls) == "abc" + "bca" + "cab" + "abc"
    assert [item for _, item in calls] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 3, "b": 3, "c": 3}


def test_settling_calls_each_contender_twice_and_counts_one() -> None:
    calls: list[int] = []
    timings = alternate({"a": calls.append}, range(3), warm_up=0, settle=True)
    assert calls == [0, 0, 1, 1, 2, 2]
    assert len(timings["a"].seconds) == 3


def test_a_time_limit_ends_the_rounds_after_at_least_one_that_counts() -> None:
    timings = alternate({"a": lambda item: None}, range(1000), warm_up=2, seconds=0.0)
    assert len(timings["a"].seconds) == 1


def test_results_are_shown_between_rounds() -> None:
    seen: list[tuple[int, str, object]] = []
    alternate(
        {"a": str.upper},
        ["x", "y"],
        warm_up=1,
        after_round=lambda number, item, results: seen.append((number, item, results["a"])),
    )
    assert seen == [(0, "x", "X"), (1, "y", "Y")]


def test_inputs_that_end_in_the_warm_up_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 warm-up rounds"):
        alternate({"a": lambda item: None}, range(2), warm_up=2)


def test_timing_summarises_in_milliseconds() -> None:
    timing = Timing((0.004, 0.001, 0.002, 0.003, 0.010))
    assert (timing.median, timing.minimum, timing.quartiles) == (0.003, 0.001, (0.002, 0.004))
    assert timing.to_dict()["median_ms"] == pytest.approx(3.0)
    assert Timing((0.5,)).quartiles == (0.5, 0.5)

"""What the report of tolerant training says of a stream's thresholds."""

from __future__ import annotations

import pytest

from saccade.experiments.tolerant_training.trade_off import Point, TradeOff


def test_work_at_an_error_lies_between_the_thresholds() -> None:
    points = (Point(0.1, 0.8, 0.001), Point(1.0, 0.4, 0.1), Point(3.0, 0.2, 0.0))
    found = TradeOff(points, 0.0, 0.0, 10)
    assert found.share_at(0.01) == pytest.approx(0.6)
    assert found.share_at(0.2) is None

"""What is missing from a recording, by its container's word."""

from __future__ import annotations

import pytest

from saccade.errors import SourceError
from saccade.video.decoding import Decoding
from saccade.video.length import Length

COUNTED = Length(20, 2.0, 10.0, True)
RECKONED = Length(20, 2.0, 10.0, False)


@pytest.mark.parametrize(
    ("length", "count", "time", "told"),
    [
        (COUNTED, 20, 1.9, None),
        (COUNTED, 18, 1.7, None),
        (COUNTED, 17, 1.6, "ends after 17 of 20 frames"),
        (RECKONED, 11, 1.0, None),
        (RECKONED, 9, 0.8, "ends after 9 of 20 frames"),
        (Length(None, None, None, False), 3, 0.1, None),
    ],
)
def test_a_recording_that_is_shorter_than_its_container_says_is_truncated(length, count, time, told):
    missing = length.what_is_missing("clip", Decoding(None), count, time)
    assert missing is None if told is None else f"'clip' is truncated: it {told}" == missing


def test_a_break_and_damage_are_told_apart():
    broken = COUNTED.what_is_missing("clip", Decoding(None, broken="reset by peer"), 5, 0.4)
    assert broken == "'clip' is truncated: it breaks off after 5 of 20 frames (reset by peer)"
    damaged = COUNTED.what_is_missing("clip", Decoding(None, damaged=2), 20, 1.9)
    assert damaged == "'clip' is damaged: 2 packets could not be decoded and were left out"


def test_a_recording_without_a_frame_is_refused():
    with pytest.raises(SourceError, match="no frame could be decoded from 'clip'"):
        COUNTED.what_is_missing("clip", Decoding(None), 0, 0.0)

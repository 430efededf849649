"""What one layer may keep from the next, so that small changes stop where they arise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saccade.errors import PolicyError
from saccade.policy.fields import check_number

Granularity = Literal["element", "position"]
Measure = Literal["sensitivity", "deviation", "absolute"]


@dataclass(frozen=True)
class Tolerance:
    """Which changes of an activation its consumers are not told.

    Before each convolution a copy of what it was last told is kept. An element (one channel at one place), or a whole
    position, is sent on when it differs from that copy by more than a threshold; what is not sent stays in the
    difference and is compared again next time, so that nothing drifts away.

    Attributes:
        granularity: "element" sends single channels of a place, "position" all channels of a place at once.
        threshold: 0 or more, in the unit that ``measure`` names.
        measure: "sensitivity": the threshold of a channel is ``threshold`` * .22 * sqrt(cost / all) / J, where cost is
            the consumer's multiply-adds an element, all those of the network, and J how much the network's outputs,
            each in units of its norm, depend on an element of that channel; measured on a stream's first frame or read
            from a profile. If each element of every layer were off by its threshold, up or down by chance, the outputs
            would err by .22 * ``threshold``.
            "deviation": in standard deviations of the layer's values on the first frame. "absolute": as it is.
        statistic: for positions: "rms" or "largest" difference over the channels.
        delta_cost: by elements: the time of a multiply-add by deltas over that of one by whole places, by which each
            layer chooses every frame; 1 does the fewest multiply-adds. None measures on this machine what
            multiply-adds, places and comparing take; where comparing does not pay, a layer is told everything for 31
            frames before it is tried again.
        least_cost: only before operators that make at least so many multiply-adds of an element. Comparing an element
            and keeping sums takes the time of about 25 multiply-adds: less than 64 saves work, but rarely time.
        by_place: with ``measure`` "sensitivity": the threshold at a place is that of its channel over the square root
            of how much more the outputs depend on the part of the picture that the place lies in, about 32 x 32 pixels,
            than on the mean part, from a half to four: low where the task looks, high elsewhere. Measured on a stream's
            first frame and on every keyframe.
        sensitivities: by tensor, one number a channel, as a calibration measured them; none to measure them.
        fingerprint: of the network and frame size that the sensitivities belong to; "" for none.
    """

    granularity: Granularity = "element"
    threshold: float = 0.0
    measure: Measure = "sensitivity"
    statistic: Literal["rms", "largest"] = "rms"
    delta_cost: float | None = None
    least_cost: float = 64.0
    by_place: bool = False
    sensitivities: tuple[tuple[str, tuple[float, ...]], ...] = ()
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_number(self, "threshold")
        for name, value, known in (
            ("granularity", self.granularity, ("element", "position")),
            ("measure", self.measure, ("sensitivity", "deviation", "absolute")),
            ("statistic", self.statistic, ("rms", "largest")),
        ):
            if value not in known:
                raise PolicyError(f"{name} {value!r} is not known; give one of {', '.join(known)}")
        if self.delta_cost is not None:
            check_number(self, "delta_cost", above=True, infinite=True)
        check_number(self, "least_cost", infinite=True)
        if self.by_place and self.measure != "sensitivity":
            raise PolicyError(
                f"by_place was given with thresholds measured by {self.measure}; expected measure='sensitivity', as it "
                "is the outputs' dependence that differs from place to place"
            )

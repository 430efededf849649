"""An error that a stream may make in the mean, and what the stream learns of the errors that it is about to make."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from saccade.policy.change import CellChange
from saccade.policy.fields import check_number, check_whole

_LIKELY_POWER = 0.8
_LIKELY_WEIGHT = 0.075  # as if changes had spread by a quarter when that power was found
_LEAST_POWER, _LARGEST_POWER = 0.3, 1.3
_RATE = 0.2  # the last five pairs make up two thirds of a mean
_MOMENTS_RATE = 0.05
_FIRST_VARIANCE = 0.3
_SMALLEST = 1e-6
_NEWS = 4.0
_FORGETTING = 0.97  # about the last 30 pairs make up a correction
_TRUST = 2.0
_LEAST_CORRECTION, _LARGEST_CORRECTION = 0.4, 1.5
_FIRST_LIMIT, _LEAST_LIMIT = 1.5, 0.3
_LIMIT_RATE = 1 / 16
_SPENT_AT_FIRST = 0.75


@dataclass(frozen=True)
class Allowance:
    """How large an error may be.

    Attributes:
        error: relative L2 error of the outputs against a dense pass, in the mean over frames; None for ``share`` of the
            error that the network makes of frames re-encoded as JPEG, which is measured on the first frame and now and
            then again; each measurement stands for the frames since the one before.
        quality: of that JPEG, 1..95.
        share: of its error, above 0.
        largest: foreseen error of a single frame that is held, at most, as a multiple of what is allowed in the mean.
        frames: over which the mean is taken, roughly: an exponential window.
    """

    error: float | None = None
    quality: int = 90
    share: float = 0.9
    largest: float = 2.5
    frames: int = 64

    def __post_init__(self) -> None:
        if self.error is not None:
            check_number(self, "error")
        check_whole(self, "quality", least=1, most=95)
        check_number(self, "share", above=True)
        check_number(self, "largest", above=True)
        check_whole(self, "frames", least=1)


@dataclass
class PowerLaw:
    """error = scale * change ** power, learned from pairs of both: the last ones count most.

    Until pairs tell otherwise, the power is thought to be .8 and the law to be off by some seventy per cent.

    Attributes:
        change, error: means of their logarithms over the last pairs.
        square, product: mean square of a change's distance from that mean, and mean product with the error's.
        variance: of the logarithm of the error around the law.
        scale, power: of the law for the mean error.
        farthest: change up to which it is known; below 0 before the first pair.
    """

    change: float = 0.0
    error: float = 0.0
    square: float = _LIKELY_WEIGHT
    product: float = _LIKELY_WEIGHT * _LIKELY_POWER
    variance: float = _FIRST_VARIANCE
    scale: float = math.nan
    power: float = _LIKELY_POWER
    farthest: float = -1.0

    def at(self, change: float) -> float:
        """Returns the mean error at a change, 0 or more; infinity where nothing is known of such changes.

        Noise says nothing of what a door does that opens: a change far beyond those of late is news.
        """
        return math.inf if change > self.farthest else self.scale * max(change, _SMALLEST) ** self.power

    def learn(self, change: float, error: float) -> None:
        """Takes note of a pair; of none in which nothing, or something infinite, happened."""
        if not (_SMALLEST < change < math.inf and _SMALLEST < error < math.inf):
            return
        along, up = math.log(change), math.log(error)
        if self.farthest < 0:
            self.change, self.error = along, up
        along, up = along - self.change, up - self.error
        off = up - self.power * along
        self.variance += _RATE * (min(off * off, 1.0) - self.variance)
        self.square += _MOMENTS_RATE * (along * along - self.square)
        self.product += _MOMENTS_RATE * (along * up - self.product)
        power = (self.product + _LIKELY_WEIGHT * _LIKELY_POWER) / (self.square + _LIKELY_WEIGHT)
        self.power = min(max(power, _LEAST_POWER), _LARGEST_POWER)
        self.change += _RATE * along
        self.error += _RATE * up
        self.scale = math.exp(self.error + 0.5 * self.variance - self.power * self.change)
        self.farthest = _NEWS * math.exp(self.change)


@dataclass
class Correction:
    """How errors that were foreseen compare with what they turned out to be, over the last pairs of both.

    Attributes:
        foreseen, found: sums over the pairs, the older the less.
        pairs: their number, likewise.
    """

    foreseen: float = 0.0
    found: float = 0.0
    pairs: float = 0.0

    @property
    def factor(self) -> float:
        """What to multiply a foreseen error by; near 1 until several pairs agree."""
        if not self.foreseen > 0:
            return 1.0
        doubt = _TRUST * self.foreseen / self.pairs
        return min(max((self.found + doubt) / (self.foreseen + doubt), _LEAST_CORRECTION), _LARGEST_CORRECTION)

    def learn(self, foreseen: float, found: float) -> None:
        """Takes note of a pair; of none that is not finite."""
        if math.isfinite(foreseen) and math.isfinite(found):
            self.foreseen = _FORGETTING * self.foreseen + foreseen
            self.found = _FORGETTING * self.found + found
            self.pairs = _FORGETTING * self.pairs + 1


@dataclass
class Outlook:
    """What one stream has learned of its errors so far.

    Holding a frame makes an error that nobody sees. But whenever a frame is computed after others were held, the
    difference between its outputs and the last ones *is* the error that holding it would have made. From these two laws
    are learned: by the change of the whole picture and by that of its liveliest part. What is foreseen is the larger,
    which is too much in the mean and is corrected by what was found.

    Attributes:
        allowance: what is allowed.
        allowed: relative error that is allowed in the mean.
        spent: mean of the foreseen errors of the last frames.
        limit: foreseen error of a single frame that is held, as a multiple of ``allowed``. It rises while less is
            spent than is allowed and falls while more is, so that what can be spent goes to the frames that err least.
        updated: relative error of frames that are updated, as it was measured last, and no less than the share that
            layers have which tell each other less than everything; 0 where updates are exact.
        whole, liveliest: the laws.
        correction: of their larger.
    """

    allowance: Allowance
    allowed: float
    spent: float
    limit: float = _FIRST_LIMIT
    updated: float = 0.0
    whole: PowerLaw = field(default_factory=PowerLaw)
    liveliest: PowerLaw = field(default_factory=PowerLaw)
    correction: Correction = field(default_factory=Correction)

    @classmethod
    def at(cls, allowance: Allowance, allowed: float) -> Outlook:
        """Returns that of a stream that has little to spend yet: what it did before is not known."""
        return cls(allowance, allowed, _SPENT_AT_FIRST * allowed)

    def foreseen(self, change: CellChange) -> float:
        """Returns the relative error of a held frame whose picture changed so since the last computed one."""
        return math.hypot(self._larger(change) * self.correction.factor, self.updated)

    def allows(self, error: float) -> bool:
        """Returns whether a frame may be held whose foreseen error is ``error``."""
        return error <= self.limit * self.allowed and self._mean_with(error) <= self.allowed

    def spend(self, error: float) -> None:
        """Counts a frame's foreseen error."""
        self.spent = self._mean_with(error)
        if self.allowed > 0:
            limit = self.limit * math.exp(_LIMIT_RATE * (1 - error / self.allowed))
            self.limit = min(max(limit, _LEAST_LIMIT), self.allowance.largest)

    def learn(self, change: CellChange, error: float) -> None:
        """Takes note that a frame whose picture changed so would have had this error, had it been held."""
        self.correction.learn(self._larger(change), error)
        self.whole.learn(change.mean, error)
        self.liveliest.learn(change.largest, error)

    def _larger(self, change: CellChange) -> float:
        return max(self.whole.at(change.mean), self.liveliest.at(change.largest))

    def _mean_with(self, error: float) -> float:
        return self.spent + (error - self.spent) / self.allowance.frames

"""What a plot of policies can have on its horizontal axis."""

from enum import Enum


class Cost(str, Enum):
    """What a policy costs, as a share of the dense pass."""

    macs = "macs"
    time = "time"

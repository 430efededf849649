"""From an unlabelled clip and an error that is allowed to the policy that does the least work."""

from saccade.calibration.goal import Goal
from saccade.calibration.search import Calibration, Trial, calibrate

__all__ = ["Calibration", "Goal", "Trial", "calibrate"]

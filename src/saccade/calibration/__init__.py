"""From an unlabelled clip and an error that is allowed to the policy that does the least work."""

from saccade.calibration.calibration import FEWEST_FRAMES, Calibration, calibrate
from saccade.calibration.goal import Goal
from saccade.calibration.trial import Trial

__all__ = ["FEWEST_FRAMES", "Calibration", "Goal", "Trial", "calibrate"]

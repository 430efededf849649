"""What counts as a change."""

from saccade.policy.allowance import Allowance, Outlook
from saccade.policy.balanced import Balanced, Frugal
from saccade.policy.borji import Borji
from saccade.policy.gate import Gate
from saccade.policy.hold import Hold
from saccade.policy.ignore import Ignore
from saccade.policy.keyframed import Keyframed
from saccade.policy.policy import Exact, History, Policy, Verdict, policies
from saccade.policy.profile import Calibrated, Held, Profile, read_profile
from saccade.policy.resolve import resolve_policy
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance
from saccade.policy.tolerant import CBInfer, DeltaCNN, Near

__all__ = [
    "Allowance",
    "Balanced",
    "Borji",
    "CBInfer",
    "Calibrated",
    "DeltaCNN",
    "Exact",
    "Frugal",
    "Gate",
    "Held",
    "History",
    "Hold",
    "Ignore",
    "Keyframed",
    "Near",
    "Outlook",
    "Policy",
    "Profile",
    "SceneChange",
    "Tolerance",
    "Verdict",
    "policies",
    "read_profile",
    "resolve_policy",
]

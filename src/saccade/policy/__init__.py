"""What counts as a change."""

from saccade.policy.gate import Gate
from saccade.policy.hold import Hold
from saccade.policy.ignore import Ignore
from saccade.policy.keyframed import Keyframed
from saccade.policy.policy import Exact, History, Policy, Verdict, policies, resolve_policy
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance
from saccade.policy.tolerant import Balanced, CBInfer, DeltaCNN, Near

__all__ = [
    "Balanced",
    "CBInfer",
    "DeltaCNN",
    "Exact",
    "Gate",
    "History",
    "Hold",
    "Ignore",
    "Keyframed",
    "Near",
    "Policy",
    "SceneChange",
    "Tolerance",
    "Verdict",
    "policies",
    "resolve_policy",
]

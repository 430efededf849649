"""What counts as a change."""

from saccade.policy.gate import Gate
from saccade.policy.hold import Hold
from saccade.policy.ignore import Ignore
from saccade.policy.policy import Exact, History, Policy, Verdict, policies, resolve_policy
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance

__all__ = [
    "Exact",
    "Gate",
    "History",
    "Hold",
    "Ignore",
    "Policy",
    "SceneChange",
    "Tolerance",
    "Verdict",
    "policies",
    "resolve_policy",
]

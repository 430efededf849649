"""What counts as a change."""

from saccade.policy.borji import Borji
from saccade.policy.gate import Gate
from saccade.policy.hold import Hold
from saccade.policy.policy import Exact, History, Policy, Verdict, policies, resolve_policy
from saccade.policy.tolerance import Tolerance
from saccade.policy.tolerant import Balanced, CBInfer, DeltaCNN, Near

__all__ = [
    "Balanced",
    "Borji",
    "CBInfer",
    "DeltaCNN",
    "Exact",
    "Gate",
    "History",
    "Hold",
    "Near",
    "Policy",
    "Tolerance",
    "Verdict",
    "policies",
    "resolve_policy",
]

"""What counts as a change."""

from saccade.policy.gate import Gate
from saccade.policy.hold import Hold
from saccade.policy.policy import Exact, History, Policy, Verdict, policies, resolve_policy
from saccade.policy.tolerance import Tolerance

__all__ = ["Exact", "Gate", "History", "Hold", "Policy", "Tolerance", "Verdict", "policies", "resolve_policy"]

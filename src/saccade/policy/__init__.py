"""What counts as a change."""

from saccade.policy.borji import Borji
from saccade.policy.policy import Exact, Policy, policies, resolve_policy

__all__ = ["Borji", "Exact", "Policy", "policies", "resolve_policy"]

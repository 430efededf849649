"""What counts as a change."""

from saccade.policy.policy import Exact, Policy, policies, resolve_policy

__all__ = ["Exact", "Policy", "policies", "resolve_policy"]

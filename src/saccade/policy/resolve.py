"""From what a user names a policy by to the policy."""

from __future__ import annotations

import os
from typing import Any

from saccade.errors import PolicyError
from saccade.policy.policy import Policy, policies
from saccade.policy.profile import read_profile


def resolve_policy(policy: Any) -> Policy:
    """Returns the policy that a name, a name with a number such as "hold:2", a profile's path or an object stands for.

    Args:
        policy: a text; an ``os.PathLike``, which is a profile's path; or a Policy.

    Raises:
        PolicyError: for anything but a known name, a profile or a Policy, where the number does not suit it, or where
            the engine cannot run the policy.
    """
    if isinstance(policy, Policy):
        policy.check_runnable()
        return policy
    if isinstance(policy, os.PathLike):
        return read_profile(policy).policy()
    if isinstance(policy, str):
        name, colon, text = policy.partition(":")
        if name in policies:
            return policies.get(name).parse(text) if colon else policies.get(name)()
        if policy.endswith(".json"):
            return read_profile(policy).policy()
    raise PolicyError(
        f"policy {policy!r} is not known; give one of {', '.join(policies.names())}, the path of a "
        "profile that ends in .json, or a saccade.policy.Policy object"
    )

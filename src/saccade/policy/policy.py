"""What counts as a change. A policy is a frozen dataclass; the named ones are in the registry ``policies``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from saccade.errors import PolicyError
from saccade.graph import Registry


@dataclass(frozen=True)
class Policy:
    """Decides which places of an input are taken over; all else follows from the network."""

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        """Returns which places of ``frame`` to take over.

        Args:
            frame: (N, C, H, W), the new frame.
            reference: (N, C, H, W), for each place the value last taken over.

        Returns:
            (N, H, W), boolean; or None to let the engine take every place that differs in any bit.
        """
        del frame, reference
        return None

    @property
    def exact(self) -> bool:
        """Whether outputs equal a dense pass bit for bit."""
        return False


policies: Registry[type[Policy]] = Registry("policy")


@policies.register("exact")
@dataclass(frozen=True)
class Exact(Policy):
    """Every bit that changed counts: outputs are identical to a dense pass of the same engine."""

    @property
    def exact(self) -> bool:
        """Always True."""
        return True


def resolve_policy(policy: Any) -> Policy:
    """Returns the policy that a name or an object stands for.

    Raises:
        PolicyError: for anything but a known name or a Policy.
    """
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str) and policy in policies:
        return policies.get(policy)()
    raise PolicyError(
        f"policy {policy!r} is not known; give one of {', '.join(policies.names())}, or a saccade.policy.Policy object"
    )

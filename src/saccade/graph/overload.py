"""From an ATen overload's name to what torch runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def torch_operator(target: str) -> Callable[..., Any]:
    """Returns the torch operator named ``target``, such as "aten.roll.default"."""
    found: Any = torch.ops
    for part in target.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]

"""Lets this room's tests import the modules beside them."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def model() -> torch.nn.Module:
    """A small network with a residual sum, a pool and a head, always the same."""
    from small_models import Small

    torch.manual_seed(0)
    return Small().eval()

"""Random numbers as functions of a run's seed, what they are for, and when: so that none has to be replayed."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers are for; each purpose has a stream of its own."""

    ORDER = 0
    AUGMENTATION = 1
    NETWORK = 2
    VALIDATION = 3


def generator(seed: int, purpose: Purpose, *index: int) -> torch.Generator:
    """Returns a generator that depends on the arguments alone.

    Args:
        seed: of the run, at least 0.
        purpose: of the numbers.
        *index: the epoch, the step or the like, at least 0.
    """
    return torch.Generator().manual_seed(derived(seed, purpose, *index))


def derived(seed: int, purpose: Purpose, *index: int) -> int:
    """Returns a seed, 0..2**63 - 1, that depends on the arguments alone."""
    return int(np.random.SeedSequence((seed, int(purpose), *index)).generate_state(1, np.uint64)[0] >> 1)

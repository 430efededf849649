"""The paper's network (Fig. 3), its training, and its weights on disk.

Deviation: the convolutions' weights start as torch's layers start them, not from a standard normal as in the figure:
that start gives logits in the thousands, where a float32 cannot tell 1e-5 any more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from saccade.errors import SinkError
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.sequences import BLACK, FIRST

_TEST_BATCH = 200


@dataclass(frozen=True)
class Training:
    """How the network is trained: Adam, cross entropy.

    Attributes:
        epochs: passes over the training digits.
        batch: images a step.
        learning_rate: of Adam.
        seed: of the weights and of the order of the digits.
    """

    epochs: int = 10
    batch: int = 32
    learning_rate: float = 1e-3
    seed: int = 0


def network() -> nn.Sequential:
    """Returns the network for images (N, 1, 64, 64), with fresh weights."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 16 * 16, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def on_black(digits: torch.Tensor) -> torch.Tensor:
    """Returns digits (N, 28, 28) in the middle of black images: (N, 1, 64, 64)."""
    return F.pad(digits, (FIRST,) * 4, value=BLACK)[:, None]


def trained_network(
    digits: Digits, training: Training, cache: Path, advance: Callable[[str], None] = lambda line: None
) -> nn.Sequential:
    """Returns the trained network in eval mode.

    Args:
        digits: what to train on.
        training: how.
        cache: the file that keeps the weights; taken when it was made with the same digits and training, else replaced.
        advance: called after every step with a line about it.
    """
    described = _described(digits, training)
    state = _cached(cache, described)
    if state is not None:
        model = network()
        model.load_state_dict(state)
        for _ in range(steps(digits, training)):
            advance("the weights were there")
        return model.eval().requires_grad_(False)
    model = train(digits, training, advance)
    draft = cache.with_name(f".{cache.name}.{os.getpid()}.partial")
    try:
        save_file(model.state_dict(), draft, metadata=described)
        draft.chmod(0o644)  # safetensors makes it private
        os.replace(draft, cache)
    except OSError as error:
        raise SinkError(f"cannot write the weights to {str(cache)!r}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return model


def train(digits: Digits, training: Training, advance: Callable[[str], None] = lambda line: None) -> nn.Sequential:
    """Trains the network from its seed; returns it in eval mode. The global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = network().to(memory_format=torch.channels_last).train()  # a sixth faster than torch's default
        optimizer = torch.optim.Adam(model.parameters(), training.learning_rate)
        for epoch in range(training.epochs):
            for chosen in torch.split(torch.randperm(len(digits.train_images)), training.batch):
                loss = F.cross_entropy(model(on_black(digits.train_images[chosen])), digits.train_labels[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                advance(f"epoch {epoch + 1} of {training.epochs}")
    return model.to(memory_format=torch.contiguous_format).eval().requires_grad_(False)


def steps(digits: Digits, training: Training) -> int:
    """Returns how many steps ``train`` takes."""
    return training.epochs * -(-len(digits.train_images) // training.batch)


def accuracy(model: nn.Module, digits: Digits) -> float:
    """Returns the share of test digits, centred, that the network tells right."""
    right = 0
    with torch.inference_mode():
        for start in range(0, len(digits.test_images), _TEST_BATCH):
            batch = slice(start, start + _TEST_BATCH)
            right += int((model(on_black(digits.test_images[batch])).argmax(1) == digits.test_labels[batch]).sum())
    return right / len(digits.test_labels)


def _described(digits: Digits, training: Training) -> dict[str, str]:
    fingerprint = hashlib.sha256(digits.train_images.numpy().tobytes() + digits.train_labels.numpy().tobytes())
    return {key: str(value) for key, value in asdict(training).items()} | {"digits": fingerprint.hexdigest()}


def _cached(path: Path, described: dict[str, str]) -> dict[str, torch.Tensor] | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            if file.metadata() != described:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError):
        return None

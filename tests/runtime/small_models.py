"""Small models and frames for tests of streams."""

from __future__ import annotations

import torch
from torch import nn

import saccade


class Small(nn.Module):
    """Convolutions, a residual sum, a pool and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.norm = nn.BatchNorm2d(16)
        self.block = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.head = nn.Linear(16, 5)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.norm(self.stem(frame)))
        features = torch.relu(features + self.block(features))
        return self.head(features.mean((2, 3)))


class Maps(nn.Module):
    """One convolution, so that its output shows where something changed."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return self.convolution(frame)


class Normalised(nn.Module):
    """Takes uint8 frames, as a camera gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Small()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return self.model((frame.float() / 255 - self.mean) / 0.25)


class TwoInputs(nn.Module):
    """Two inputs, nested outputs, a module that is used twice, and an argument that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 8, 3, 1, 1)

    def forward(self, left: torch.Tensor, right: torch.Tensor, *, scale: float = 1.0) -> dict:
        first, second = self.shared(left), self.shared(right)
        return {"sum": first + second * scale, "parts": (first, [second.mean((2, 3))]), "nothing": None}


def frame(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape or (1, 3, 24, 32), generator=torch.Generator().manual_seed(seed))


def blob(before: torch.Tensor, y: int = 5, x: int = 7) -> torch.Tensor:
    after = before.clone()
    after[..., y : y + 4, x : x + 5] = 1 - after[..., y : y + 4, x : x + 5]
    return after


def close(given: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((given - expected).norm() <= 1e-5 * expected.norm()) and given.shape == expected.shape


def check_on(stream: saccade.Stream, model: nn.Module, *frames: torch.Tensor) -> None:
    """Each frame's output is torch's, and bit for bit the dense pass's."""
    for current in frames:
        with torch.no_grad():
            expected = model(current)
        output = stream(current)
        assert close(output, expected)
        assert torch.equal(output, stream.dense(current))


class Pair(nn.Module):
    """A difference of two inputs, at a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

    def forward(self, left: torch.Tensor, right: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return (self.convolution(left) - self.convolution(right).relu()) * scale

"""The demo's detector: a small residual encoder, one step back up, and two heads at stride 8."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from saccade.demo.actors import KINDS

STRIDE = 8
WEIGHTS = Path(__file__).with_name("weights.safetensors")


class Unit(nn.Sequential):
    """Convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input is added (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Unit(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features of the same shape (N, C, H, W)."""
        out: torch.Tensor = self.activation(features + self.norm(self.second(self.first(features))))
        return out


class Bottleneck(nn.Module):
    """A 3x3 convolution at half the channels, between two of 1x1, around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = Unit(channels, channels // 2, kernel=1)
        self.middle = Unit(channels // 2, channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features of the same shape (N, C, H, W)."""
        out: torch.Tensor = self.activation(features + self.norm(self.expand(self.middle(self.reduce(features)))))
        return out


class StreetDetector(nn.Module):
    """Finds cars, people and cyclists.

    About 280,000 parameters and 1.0 billion multiply-accumulates at 384x640.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Unit(3, 16, stride=2), Unit(16, 32, stride=2), Residual(32))
        self.middle = nn.Sequential(Unit(32, 64, stride=2), Residual(64))
        self.deep = nn.Sequential(Unit(64, 96, stride=2), Bottleneck(96), Bottleneck(96))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.merge = nn.Sequential(Unit(64 + 96, 64, kernel=1), Unit(64, 64))
        self.centres = nn.Conv2d(64, len(KINDS), 1)
        self.edges = nn.Conv2d(64, 4, 1)

    def forward(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns where the centres are, and how far the edges are from them.

        Args:
            frame: (N, 3, H, W) float32, rgb in 0..1; H and W divisible by 16.

        Returns:
            Logits of a centre of each kind (N, 3, H/8, W/8), and the distances (N, 4, H/8, W/8) from the cell's
            middle to the left, top, right and bottom edge as logarithms of cells.
        """
        shallow = self.middle(self.stem(frame))
        features = self.merge(torch.cat([shallow, self.up(self.deep(shallow))], dim=1))
        return self.centres(features), self.edges(features)


def load_detector() -> StreetDetector:
    """Returns the trained detector that the package ships, in eval mode."""
    from safetensors.torch import load_file

    detector = StreetDetector()
    detector.load_state_dict(load_file(str(WEIGHTS)))
    return detector.eval().requires_grad_(False)

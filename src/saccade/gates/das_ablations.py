"""The variants that the DAS paper tried on the way and the parts it took away (Figure 2, Table 4); variant c is DAS.

    a: concatenates X with itself sampled on a predicted grid, then a separable convolution; no gate.
    b: like a on compressed features, and only to predict one weight a place.
    d: without the compression: X * sigmoid(LayerNorm(deform(X))).
    e: without the deformable kernel: X * sigmoid(LayerNorm(separable(X))).
    f: an ordinary separable convolution in place of the deformable kernel.
    g: no gate, only a deformable convolution: BN(deform(X)).
    h: no gate, with the compression: BN(deform(X_c)).

d to h reproduce the printed parameters and FLOPs to the digit and are thereby certain. The print of a and b can be met
in several ways; these are the most natural that meet it.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saccade.gates.catalogue import ablations
from saccade.gates.das import Compression, compressed_channels
from saccade.gates.deformable_kernel import DeformableKernel
from saccade.gates.gate import Gate
from saccade.gates.grid import regular_grid
from saccade.gates.normalization import SampleNormalization
from saccade.gates.placement import Placement

STAGES = Placement("stages", position="after_block")


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Returns a depthwise 3x3 and a 1x1 convolution, both with bias."""
    return nn.Sequential(nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs), nn.Conv2d(inputs, outputs, 1))


def sample_on_grid(x: Tensor, shift: Tensor) -> Tensor:
    """Returns features sampled at shifted places, bilinear, zero outside.

    Args:
        x: (N, C, H, W).
        shift: (N, 2, H, W), (dy, dx) in units in which the image is 2 wide and 2 high.
    """
    grid = regular_grid(x.shape[2], x.shape[3], shift) + shift.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid.flip(-1).to(x.dtype), align_corners=False)


@ablations.register("das_a")
class DASa(Gate):
    """Variant a: the features and themselves sampled elsewhere, convolved together.

    Args:
        channels: C of the features, at least 1.
    """

    placement: ClassVar[Placement] = STAGES

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.grid = nn.Sequential(*separable(channels, channels), nn.Conv2d(channels, 2, 1))
        self.fusion = separable(2 * channels, channels)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the shift of the grid, (N, 2, H, W), (dy, dx): this variant has no map of weights."""
        shift: Tensor = self.grid(x)
        return shift

    def forward(self, x: Tensor) -> Tensor:
        """Returns the fused features, (N, C, H, W)."""
        fused: Tensor = self.fusion(torch.cat((x, sample_on_grid(x, self.attention(x))), 1))
        return fused


@ablations.register("das_b")
class DASb(Gate):
    """Variant b: one weight a place from compressed features and themselves sampled elsewhere.

    Args:
        channels: C of the features, at least 1.
        alpha: share of the channels kept, in (0, 1].
    """

    placement: ClassVar[Placement] = STAGES

    def __init__(self, channels: int, alpha: float = 0.2) -> None:
        super().__init__(channels)
        compressed = compressed_channels(channels, alpha)
        self.compression = Compression(channels, compressed, "instance", False, "chw")
        self.grid = separable(channels, 2)
        self.sampled = separable(compressed, compressed)
        self.weight = nn.Conv2d(2 * compressed, 1, 3, padding=1)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the places in (0, 1), (N, 1, H, W)."""
        compressed = self.compression(x)
        elsewhere = self.sampled(sample_on_grid(compressed, self.grid(x)))
        return torch.sigmoid(self.weight(torch.cat((compressed, elsewhere), 1)))


class _Gated(Gate):
    """X * sigmoid(LayerNorm(logits(X)))."""

    placement: ClassVar[Placement] = STAGES

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.norm = SampleNormalization(channels, "chw")

    def logits(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights in (0, 1), (N, C, H, W)."""
        return torch.sigmoid(self.norm(self.logits(x)))


@ablations.register("das_d")
class DASd(_Gated):
    """Variant d: a deformable convolution of the features themselves gates them.

    Args:
        channels: C of the features, at least 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.kernel = DeformableKernel(channels, channels)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the deformable convolution, (N, C, H, W)."""
        result: Tensor = self.kernel(x)
        return result


@ablations.register("das_e")
class DASe(_Gated):
    """Variant e: a separable convolution of the features gates them.

    Args:
        channels: C of the features, at least 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.convolution = separable(channels, channels)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the separable convolution, (N, C, H, W)."""
        result: Tensor = self.convolution(x)
        return result


@ablations.register("das_f")
class DASf(_Gated):
    """Variant f: DAS with a separable convolution in place of the deformable kernel.

    Args:
        channels: C of the features, at least 1.
        alpha: share of the channels kept, in (0, 1].
    """

    def __init__(self, channels: int, alpha: float = 0.2) -> None:
        super().__init__(channels)
        compressed = compressed_channels(channels, alpha)
        self.compression = Compression(channels, compressed, "instance", False, "chw")
        self.convolution = separable(compressed, channels)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the separable convolution of the compressed features, (N, C, H, W)."""
        result: Tensor = self.convolution(self.compression(x))
        return result


@ablations.register("das_g")
class DASg(Gate):
    """Variant g: a deformable convolution with batch norm replaces the features; nothing is gated.

    Args:
        channels: C of the features, at least 1.
    """

    placement: ClassVar[Placement] = STAGES

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.kernel = DeformableKernel(channels, channels)
        self.norm = nn.BatchNorm2d(channels)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the mask of the kernel's taps in (0, 1), (N, 9, H, W): this variant has no map of weights."""
        return self.kernel.sampling(x).mask.flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the new features, (N, C, H, W)."""
        features: Tensor = self.norm(self.kernel(x))
        return features


@ablations.register("das_h")
class DASh(Gate):
    """Variant h: compression, deformable convolution and batch norm replace the features; nothing is gated.

    Args:
        channels: C of the features, at least 1.
        alpha: share of the channels kept, in (0, 1].
    """

    placement: ClassVar[Placement] = STAGES

    def __init__(self, channels: int, alpha: float = 0.2) -> None:
        super().__init__(channels)
        compressed = compressed_channels(channels, alpha)
        self.compression = Compression(channels, compressed, "instance", False, "chw")
        self.kernel = DeformableKernel(compressed, channels)
        self.norm = nn.BatchNorm2d(channels)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the mask of the kernel's taps in (0, 1), (N, 9, H, W): this variant has no map of weights."""
        return self.kernel.sampling(self.compression(x)).mask.flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the new features, (N, C, H, W)."""
        features: Tensor = self.norm(self.kernel(self.compression(x)))
        return features

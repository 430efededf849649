"""Deformable attention: every place attends to a few keys, sampled where its query and its neighbours' point to.

Paper: Z. Xia et al., Vision Transformer with Deformable Attention (CVPR 2022), Eqs. 5 to 9: queries q = x W_q;
offsets by a depthwise convolution with stride, LayerNorm, GELU and a 1x1 convolution to (dy, dx), bounded by tanh; keys
and values from features sampled there; softmax(q k / sqrt(d) + bias) v W_o, with a bias interpolated from a table of
relative positions; x + attention(LayerNorm(x)). In the third and fourth stages.
Code: none used. The table is indexed by distances in units of the image's sides, so that it serves any size. DAS's
paper compares with this module but prints no numbers; there it replaces a transformer's layer, here it stands beside
the features. The offset's last convolution starts at zero, so that keys start on their regular grid.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.catalogue import gates
from saccade.gates.checks import check_at_least, check_divides, check_odd
from saccade.gates.gate import Gate
from saccade.gates.grid import regular_grid
from saccade.gates.normalization import SampleNormalization
from saccade.gates.placement import Placement


@gates.register("dat")
class DAT(Gate):
    """Deformable attention.

    Args:
        channels: C of the features, at least 1.
        heads: attention heads; divides C.
        offset_groups: groups of channels that are sampled at their own places; divides the heads.
        stride: places of the features by places of the keys, along each side.
        kernel_size: side of the offset's depthwise convolution, odd and at least ``stride``.
        largest_offset: bound on the offsets, in steps of the keys' grid, above 0.
        bias_size: places along a side that the table of relative positions resolves; 0 for no such bias.

    Raises:
        GateError: an argument is out of range.

    Source: Xia et al. 2022, Eqs. 5 to 9.
    """

    placement: ClassVar[Placement] = Placement("stages", stages=(3, 4), position="after_block")

    def __init__(
        self,
        channels: int,
        heads: int = 8,
        offset_groups: int = 1,
        stride: int = 2,
        kernel_size: int = 5,
        largest_offset: float = 2.0,
        bias_size: int = 7,
    ) -> None:
        super().__init__(channels)
        _check(channels, heads, offset_groups, stride, kernel_size, largest_offset, bias_size)
        self.heads, self.offset_groups, self.largest_offset = heads, offset_groups, largest_offset
        self.stride = stride
        self.norm = SampleNormalization(channels, "c", affine=True)
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.output = nn.Conv2d(channels, channels, 1)
        grouped = channels // offset_groups
        self.offset = nn.Sequential(
            nn.Conv2d(grouped, grouped, kernel_size, stride, kernel_size // 2, groups=grouped),
            SampleNormalization(grouped, "c", affine=True),
            nn.GELU(),
            pointer := nn.Conv2d(grouped, 2, 1, bias=False),
        )
        nn.init.zeros_(pointer.weight)
        self.table = nn.Parameter(torch.zeros(heads, 2 * bias_size - 1, 2 * bias_size - 1)) if bias_size else None

    def positions(self, x: Tensor) -> Tensor:
        """Returns where the keys are sampled, (N, G, Hk, Wk, 2): (y, x) in [-1, 1] from edge to edge of the image."""
        return self._positions(self.query(self.norm(x)))

    def _positions(self, query: Tensor) -> Tensor:
        batch, channels, height, width = query.shape
        grouped = query.reshape(batch * self.offset_groups, channels // self.offset_groups, height, width)
        offset = torch.tanh(self.offset(grouped))
        rows, columns = offset.shape[2:]
        step = offset.new_tensor((2 / rows, 2 / columns))
        moved = regular_grid(rows, columns, offset) + self.largest_offset * step * offset.permute(0, 2, 3, 1)
        return moved.reshape(batch, self.offset_groups, rows, columns, 2)

    def _weights(self, query: Tensor, key: Tensor, positions: Tensor) -> Tensor:
        """Returns the softmax over the keys, (N, heads, H * W, Hk * Wk)."""
        batch, channels, height, width = query.shape
        size = channels // self.heads
        queries = query.reshape(batch, self.heads, size, height * width).transpose(2, 3)
        logits = queries @ key.reshape(batch, self.heads, size, -1) / size**0.5
        if self.table is not None:
            logits = logits + self._bias(positions, height, width)
        weights: Tensor = logits.softmax(-1)
        return weights

    def _bias(self, positions: Tensor, height: int, width: int) -> Tensor:
        """Returns the table's value at each distance of a query from a key, (N, heads, H * W, Hk * Wk)."""
        assert self.table is not None
        batch = positions.shape[0]
        distances = (
            regular_grid(height, width, positions).reshape(1, -1, 1, 2)
            - positions.reshape(batch * self.offset_groups, 1, -1, 2)
        ) / 2
        tables = self.table.to(positions.dtype).reshape(self.offset_groups, -1, *self.table.shape[1:])
        tables = tables.expand(batch, -1, -1, -1, -1).flatten(0, 1)
        bias = F.grid_sample(tables, distances.flip(-1), align_corners=True)
        return bias.reshape(batch, self.heads, height * width, -1)

    def _attend(self, x: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Returns weights (N, heads, H * W, keys), values (N, heads, keys, C / heads), the keys' rows and columns."""
        normed = self.norm(x)
        batch, channels = x.shape[:2]
        query = self.query(normed)
        positions = self._positions(query)
        rows, columns = positions.shape[2:4]
        sampled = F.grid_sample(
            normed.reshape(batch * self.offset_groups, -1, *x.shape[2:]),
            positions.flatten(0, 1).flip(-1).to(normed.dtype),
            align_corners=False,
        ).reshape(batch, channels, rows, columns)
        values = self.value(sampled).reshape(batch, self.heads, channels // self.heads, -1).transpose(2, 3)
        return self._weights(query, self.key(sampled), positions), values, (rows, columns)

    def attention(self, x: Tensor) -> Tensor:
        """Returns how much each key is attended to, averaged over the queries, (N, heads, Hk, Wk), on its regular grid.

        Each map adds up to 1; ``positions`` says where the keys are.
        """
        weights, _, size = self._attend(x)
        return weights.mean(2).reshape(*weights.shape[:2], *size)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features with what they attended to added, (N, C, H, W)."""
        weights, values, _ = self._attend(x)
        attended = (weights @ values).transpose(2, 3).reshape(x.shape)
        added: Tensor = x + self.output(attended)
        return added


def _check(
    channels: int, heads: int, offset_groups: int, stride: int, kernel_size: int, largest_offset: float, bias_size: int
) -> None:
    check_divides(channels, heads=heads)
    if offset_groups < 1 or heads % offset_groups:
        raise GateError(f"offset_groups is {offset_groups!r}, which does not divide {heads} heads")
    check_at_least(1, stride=stride)
    check_odd(kernel_size=kernel_size)
    check_at_least(stride, kernel_size=kernel_size)
    if not largest_offset > 0:
        raise GateError(f"largest_offset is {largest_offset!r}; give a number of steps above 0")
    check_at_least(0, bias_size=bias_size)

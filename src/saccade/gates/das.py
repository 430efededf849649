"""DAS: a gate for every channel of every place, from a deformable convolution of compressed features.

Paper: F. Salajegheh, N. Asadi, S. Saryazdi, S. Mudur, DAS: A Deformable Attention to Capture Salient Information in
CNNs (arXiv 2311.12091), with c channels and m = ceil(alpha * c):

    X_c = GELU(InstanceNorm(X W1)), W1 a depthwise separable convolution c -> m          (Eq. 1)
    deform(p) = sum over k of w_k * mask_k(p) * X_c(p + k + offset_k(p)), m -> c          (Eq. 2)
    A = sigmoid(LayerNorm(deform(X_c)))                                                   (Eq. 3)
    X_out = X * A                                                                         (Eq. 4)

Code: none published. What the paper leaves open is set so that its printed parameters and FLOPs come out to the
digit: biases in W1 and in the two convolutions that predict offsets and mask, none in the deformable kernel, both norms
without scale and shift, LayerNorm over (C, H, W).
Beyond the paper, by option: cheaper kernels, other forms of offsets and mask, a start at the identity.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.catalogue import gates
from saccade.gates.checks import check_known
from saccade.gates.deformable_kernel import DeformableKernel, Sampling
from saccade.gates.exporting import exporting
from saccade.gates.gate import Gate
from saccade.gates.normalization import normalizations
from saccade.gates.placement import Placement


def compressed_channels(channels: int, alpha: float) -> int:
    """Returns m = ceil(alpha * channels).

    Raises:
        GateError: ``alpha`` is outside (0, 1].
    """
    if not 0 < alpha <= 1:
        raise GateError(f"alpha is {alpha!r}; give the share of channels kept, above 0 and at most 1")
    return math.ceil(round(alpha * channels, 9))  # 0.2 * 35 is a little above 7, which must not become 8


class Compression(nn.Module):
    """A depthwise separable convolution, a norm and GELU: X_c of Eq. 1.

    Args:
        channels: C of the features.
        compressed: M of the result.
        norm: a name in ``normalizations``.
        affine: a scale and a shift a channel in the norm.
        layer_axes: axes of the norm "layer".
    """

    def __init__(self, channels: int, compressed: int, norm: str, affine: bool, layer_axes: str) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, compressed, 1)
        self.norm = normalizations.get(norm)(compressed, affine, layer_axes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the compressed features, (N, M, H, W)."""
        return F.gelu(self.norm(self.pointwise(self.depthwise(x))))


@gates.register("das")
class DAS(Gate):
    """The deformable attention gate.

    Args:
        channels: C of the features, at least 1.
        alpha: share of the channels kept by the compression, in (0, 1].
        first_norm: norm of the compressed features: "batch", "feature" (over the channels of each place), "instance",
            "layer" or "none".
        second_norm: norm of the logits, the same names.
        layer_axes: axes of the norm "layer": "chw", each sample; "c", each place, which makes the mean logit of every
            place 0, so that the gate cannot suppress a place as a whole.
        first_affine: a scale and a shift a channel in the first norm.
        second_affine: a scale and a shift a channel in the second norm.
        kernel: "dense", m -> c; "grouped", the same in ``groups`` groups; "separable", a depthwise deformable
            convolution and a 1x1 convolution m -> c.
        groups: groups of the kernel "grouped"; divides m and c.
        kernel_size: side of the deformable kernel, odd.
        offset: what predicts the offsets: "dense", a kernel_size x kernel_size convolution; "pointwise", 1x1;
            "separable", depthwise and then 1x1; "none", no offsets, which is an ordinary kernel.
        mask: "sigmoid", one weight in (0, 1) a tap (DCNv2); "softmax", weights that add up to 1 over the taps (DCNv3);
            "none", all ones (DCNv1).
        offset_groups: groups of channels with their own offsets and mask; divides m.
        largest_offset: bound on the offsets in places, through tanh; None for no bound.
        start: "paper"; or "identity", beyond the paper: A = 2 * sigmoid(scale * norm), a scale a channel that starts
            at 0, so that a pretrained backbone is not halved by sigmoid(0) but starts unchanged.
        form: how the deformable convolution is computed: "auto", or a name in ``deformable_convolutions``.

    Raises:
        GateError: an argument is out of range.
        RegistryError: a norm or a form is unknown.

    Source: arXiv 2311.12091, Eqs. 1 to 4.
    """

    placement: ClassVar[Placement] = Placement("stages", position="after_block")

    def __init__(
        self,
        channels: int,
        alpha: float = 0.2,
        first_norm: str = "instance",
        second_norm: str = "layer",
        layer_axes: str = "chw",
        first_affine: bool = False,
        second_affine: bool = False,
        kernel: str = "dense",
        groups: int = 1,
        kernel_size: int = 3,
        offset: str = "dense",
        mask: str = "sigmoid",
        offset_groups: int = 1,
        largest_offset: float | None = None,
        start: str = "paper",
        form: str = "auto",
    ) -> None:
        super().__init__(channels)
        check_known(start, ("identity", "paper"), "start")
        compressed = compressed_channels(channels, alpha)
        self.alpha = alpha
        self.compression = Compression(channels, compressed, first_norm, first_affine, layer_axes)
        self.kernel = DeformableKernel(
            compressed,
            channels,
            kernel=kernel,
            groups=groups,
            kernel_size=kernel_size,
            offset=offset,
            mask=mask,
            offset_groups=offset_groups,
            largest_offset=largest_offset,
            form=form,
        )
        self.norm = normalizations.get(second_norm)(channels, second_affine, layer_axes)
        self.scale = nn.Parameter(torch.zeros(channels, 1, 1)) if start == "identity" else None

    def attention(self, x: Tensor) -> Tensor:
        """Returns A, (N, C, H, W), in (0, 1), or in (0, 2) with ``start="identity"``."""
        logits: Tensor = self.norm(self.kernel(self.compression(x)))
        if self.scale is not None:
            return 2 * torch.sigmoid(self.scale * logits)
        return torch.sigmoid(logits)

    def forward(self, x: Tensor) -> Tensor:
        """Returns X * A, (N, C, H, W)."""
        attention = self.attention(x)
        if torch.is_grad_enabled() or exporting() or attention.dtype != x.dtype:
            return x * attention
        return attention.mul_(x)  # nobody else holds it, and its memory is in cache

    def sampling(self, x: Tensor) -> Sampling:
        """Returns where the deformable kernel looks and how much each look counts.

        Args:
            x: (N, C, H, W), what the gate would be called with.
        """
        return self.kernel.sampling(self.compression(x))

    def extra_repr(self) -> str:
        """Returns channels and alpha for the module's printed form."""
        return f"{self.channels}, alpha={self.alpha}"

"""The operators that a Graph is made of.

Capture brings every model into this small set; plan fuses and lays it out; kernels compute it. Every native operator
reads and writes float32 tensors of shape (N, C, H, W); a fully connected activation of F features is (N, F, 1, 1).
Weights are contiguous float32 tensors on the CPU. Each operator has its definition in plain torch in
``saccade/kernels/<operator>/reference.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from saccade.graph.layout import Layout

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
"""Top, left, bottom, right, in pixels."""


@dataclass(frozen=True, eq=False)
class Operator:
    """One step of a graph.

    Attributes:
        name: unique in its graph; the name of the module or node that it came from.
        inputs: names of the tensors read.
        outputs: names of the tensors written; one, except for a fallback.
    """

    kind: ClassVar[str] = "operator"

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """The only output's name."""
        (name,) = self.outputs
        return name


@dataclass(frozen=True, eq=False)
class Convolution(Operator):
    """Cross-correlation with zero padding.

    Attributes:
        weight: (C_out, C_in / groups, kernel height, kernel width).
        bias: (C_out,) or None.
        padding: zeros around the input; may differ on the four sides.
    """

    kind: ClassVar[str] = "convolution"

    weight: torch.Tensor
    bias: torch.Tensor | None
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class TransposedConvolution(Operator):
    """The adjoint of a convolution, as torch.nn.ConvTranspose2d computes it.

    Attributes:
        weight: (C_in, C_out / groups, kernel height, kernel width).
        bias: (C_out,) or None.
        padding: rows and columns cut off at the (top, left) of the full result; the output's shape fixes the far sides.
    """

    kind: ClassVar[str] = "transposed_convolution"

    weight: torch.Tensor
    bias: torch.Tensor | None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class ChannelAffine(Operator):
    """``input * scale + shift`` with one scale and one shift a channel: batch norm at inference, and constants.

    Attributes:
        scale: (C,).
        shift: (C,).
    """

    kind: ClassVar[str] = "channel_affine"

    scale: torch.Tensor
    shift: torch.Tensor


ACTIVATIONS: dict[str, tuple[str, ...]] = {
    "relu": (),
    "clamp": ("minimum", "maximum"),
    "leaky_relu": ("negative_slope",),
    "hardswish": (),
    "hardsigmoid": (),
    "silu": (),
    "gelu": (),
    "gelu_tanh": (),
    "sigmoid": (),
    "tanh": (),
    "elu": ("alpha",),
    "mish": (),
    "softplus": (),
    "exp": (),
    "sqrt": (),
    "abs": (),
}
"""Every native activation and the names of its parameters; ReLU6 is clamp(0, 6)."""


@dataclass(frozen=True, eq=False)
class Activation(Operator):
    """A function applied to every element.

    Attributes:
        function: a key of ACTIVATIONS.
        parameters: as many numbers as ACTIVATIONS names for the function.
    """

    kind: ClassVar[str] = "activation"

    function: str
    parameters: tuple[float, ...] = ()


BINARY_FUNCTIONS = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


@dataclass(frozen=True, eq=False)
class Binary(Operator):
    """A function of two tensors, element by element; each of N, C, H, W is equal or 1 on one side (broadcast).

    Attributes:
        function: one of BINARY_FUNCTIONS; the first input is the left operand.
    """

    kind: ClassVar[str] = "binary"

    function: str


@dataclass(frozen=True, eq=False)
class Constant(Operator):
    """A tensor that no input reaches.

    Attributes:
        value: (N or 1, C, H, W).
    """

    kind: ClassVar[str] = "constant"

    value: torch.Tensor


@dataclass(frozen=True, eq=False)
class Concatenate(Operator):
    """The inputs' channels one after the other."""

    kind: ClassVar[str] = "concatenate"


@dataclass(frozen=True, eq=False)
class PlaceConcatenate(Operator):
    """The inputs' places one after the other in a single row, (N, C, 1, P): what the heads of a detector are joined by.

    An input's place may become several, each with some of its channels, such as a place's anchors.

    Attributes:
        layouts: how each input is seen as (N, C, 1, P_i). Rows and columns stay whole: a place lies a fixed step behind
            the one to its left, and another one behind the one above.
    """

    kind: ClassVar[str] = "place_concatenate"

    layouts: tuple[Layout, ...]


@dataclass(frozen=True, eq=False)
class ChannelGather(Operator):
    """Output channel ``i`` is input channel ``indices[i]``: a slice, a split's part, a shuffle, a flip.

    Attributes:
        indices: (C_out,) numbers below C_in.
    """

    kind: ClassVar[str] = "channel_gather"

    indices: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pad(Operator):
    """A constant border; a negative width cuts.

    Attributes:
        padding: rows and columns added at the top, left, bottom and right.
        channels: channels added before and after.
        value: what the border holds.
    """

    kind: ClassVar[str] = "pad"

    padding: Padding
    channels: Pair = (0, 0)
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class MaxPool(Operator):
    """The largest value of each window; padding never wins. Kernel 1 with a stride is a plain subsampling.

    Attributes:
        padding: places around the input that a window may reach; they count as minus infinity.
    """

    kind: ClassVar[str] = "max_pool"

    kernel: Pair
    stride: Pair
    padding: Padding = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class ChannelMaximum(Operator):
    """The largest channel of each place: (N, 1, H, W)."""

    kind: ClassVar[str] = "channel_maximum"


@dataclass(frozen=True, eq=False)
class AveragePool(Operator):
    """The mean of each window.

    Attributes:
        padding: zeros around the input. A window that reaches beyond the padding (torch's ceil_mode) is clipped to it.
        count_include_pad: whether the divisor counts the padding.
        divisor: a fixed divisor, or None.
    """

    kind: ClassVar[str] = "average_pool"

    kernel: Pair
    stride: Pair
    padding: Padding = (0, 0, 0, 0)
    count_include_pad: bool = True
    divisor: int | None = None


@dataclass(frozen=True, eq=False)
class AdaptiveAveragePool(Operator):
    """The mean over each of H_out x W_out windows, ``floor(i * H / H_out) .. ceil((i + 1) * H / H_out)``.

    An output of 1 x 1 is global pooling.
    """

    kind: ClassVar[str] = "adaptive_average_pool"


@dataclass(frozen=True, eq=False)
class Upsample(Operator):
    """Nearest or bilinear interpolation to the output's size, as torch.nn.functional.interpolate.

    Attributes:
        mode: "nearest" or "bilinear".
        align_corners: whether corner pixels' centres coincide (bilinear only).
        scale: output over input size as the model gave it (rows, columns), or None to derive it from the sizes.
    """

    kind: ClassVar[str] = "upsample"

    mode: str
    align_corners: bool = False
    scale: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Linear(Operator):
    """A fully connected layer over all of C, H, W: ``weight @ input.flatten(1) + bias``, shape (N, F, 1, 1).

    Attributes:
        weight: (F, C * H * W), the input flattened in C, H, W order.
        bias: (F,) or None.
    """

    kind: ClassVar[str] = "linear"

    weight: torch.Tensor
    bias: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """Softmax over the channels of each place.

    Attributes:
        logarithm: whether to return its logarithm.
    """

    kind: ClassVar[str] = "softmax"

    logarithm: bool = False


@dataclass(frozen=True, eq=False)
class LayerNormalization(Operator):
    """Zero mean and unit variance over the channels of each place, then ``* weight + bias``.

    Attributes:
        weight: (C,) or None.
        bias: (C,) or None.
        epsilon: added to the variance.
    """

    kind: ClassVar[str] = "layer_normalization"

    weight: torch.Tensor | None
    bias: torch.Tensor | None
    epsilon: float


@dataclass(frozen=True, eq=False)
class GroupMoments(Operator):
    """The mean and the reciprocal standard deviation of each group of channels over an image: (N, 2 * C, 1, 1).

    Channel ``c`` of the output holds the mean of ``c``'s group, channel ``C + c`` holds 1 / sqrt(variance + epsilon).

    Attributes:
        groups: groups of neighbouring channels; C for an instance norm, 1 for a layer norm over C, H and W.
        epsilon: added to the variance, which is that of the population (divided by the count).
    """

    kind: ClassVar[str] = "group_moments"

    groups: int
    epsilon: float


@dataclass(frozen=True, eq=False)
class Standardization(Operator):
    """``(input - mean) * reciprocal deviation * weight + bias`` by the moments that GroupMoments writes.

    Its inputs are what is standardised, (N, C, H, W), and the moments, (N, 2 * C, 1, 1).

    Attributes:
        weight: (C,) or None.
        bias: (C,) or None.
    """

    kind: ClassVar[str] = "standardization"

    weight: torch.Tensor | None
    bias: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class DeformableConvolution(Operator):
    """A convolution whose taps look where the offsets say, as torchvision.ops.deform_conv2d (DCNv2).

    Its inputs are the features (N, C_in, H, W); the offsets (N, 2 * G * K, H_out, W_out) for G offset groups and K
    taps, (dy, dx) in places for each; and perhaps a mask (N, G * K, H_out, W_out) of factors. Samples are bilinear.
    Outside the image, and at an offset that is not a number, lie zeros.

    Attributes:
        weight: (C_out, C_in / groups, kernel height, kernel width).
        bias: (C_out,) or None.
        padding: zeros above and below, and at the left and right.
        offset_groups: groups of channels with offsets and masks of their own.
    """

    kind: ClassVar[str] = "deformable_convolution"

    weight: torch.Tensor
    bias: torch.Tensor | None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    offset_groups: int = 1


@dataclass(frozen=True, eq=False)
class Transmission(Operator):
    """A copy of its input that follows it where it has moved by more than a threshold; a plan's own, never captured.

    Attributes:
        sending: "elements" sends single channels of a place on, by a threshold a channel; "places_by_largest" and
            "places_by_mean_square" send whole places, by the largest or the root mean square of difference / threshold
            over the channels.
    """

    kind: ClassVar[str] = "transmission"

    sending: str = "elements"


@dataclass(frozen=True, eq=False)
class Fallback(Operator):
    """Any other operator: run in torch on dense values.

    Attributes:
        target: the ATen overload's full name, such as "aten.roll.default".
        arguments: positional arguments, References in the tensors' places.
        keywords: keyword arguments, likewise.
        reason: why it is not native, for the report.
    """

    kind: ClassVar[str] = "fallback"

    target: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

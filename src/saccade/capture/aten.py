"""All ATen lowerings; importing this file fills the table in saccade.capture.lowering."""

from saccade.capture import (
    aten_channels,
    aten_convolution,
    aten_deformable,
    aten_elementwise,
    aten_normalization,
    aten_pooling,
    aten_views,
)

__all__ = [
    "aten_channels",
    "aten_convolution",
    "aten_deformable",
    "aten_elementwise",
    "aten_normalization",
    "aten_pooling",
    "aten_views",
]

"""Modulated deformable convolution with stride 1, in forms that compute the same.

    out[n, c, p] = sum over taps k and channels i of
        weight[c, i, k] * mask[n, k, p] * x[n, i, p + tap k + offset[n, k, p]]

with bilinear interpolation between the four nearest places and zeros outside the image.

Source: X. Zhu et al., Deformable ConvNets v2 (2019), Eq. 1; DAS (arXiv 2311.12091), Eq. 2. The tests write the
definition out as loops; each form is compared with them.
"""

from saccade.gates.deformable_convolution.choice import deformable_convolution, deformable_convolutions

__all__ = ["deformable_convolution", "deformable_convolutions"]

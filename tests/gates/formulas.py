"""Definitions written out in numpy, slowly and plainly, for gates to be compared with."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor, nn

Array = np.ndarray


def array(tensor: Tensor) -> Array:
    """Returns a tensor's values in float64."""
    return tensor.detach().double().numpy()


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def softmax(x: Array, axis: int) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def normalize(x: Array, axes: tuple[int, ...], epsilon: float = 1e-5) -> Array:
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def batch_norm(x: Array, norm: nn.BatchNorm2d) -> Array:
    """Applies a batch norm in eval mode to (N, C, ...)."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
    return (x - array(norm.running_mean).reshape(shape)) * scale.reshape(shape) + array(norm.bias).reshape(shape)


def convolution(x: Array, weight: Array, bias: Array | None = None, dilation: int = 1, groups: int = 1) -> Array:
    """Convolves (N, M, H, W) by (C, M / groups, k, l), odd sides, stride 1, the size kept by zeros."""
    batch, channels, height, width = x.shape
    outputs, inputs, rows, columns = weight.shape
    up, left = rows // 2 * dilation, columns // 2 * dilation
    padded = np.zeros((batch, channels, height + 2 * up, width + 2 * left))
    padded[:, :, up : up + height, left : left + width] = x
    result = np.zeros((batch, outputs, height, width))
    for output in range(outputs):
        first = output // (outputs // groups) * inputs
        for inner in range(inputs):
            for row in range(rows):
                for column in range(columns):
                    y, x0 = row * dilation, column * dilation
                    window = padded[:, first + inner, y : y + height, x0 : x0 + width]
                    result[:, output] += weight[output, inner, row, column] * window
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


def layer(x: Array, module: nn.Module) -> Array:
    """Applies a torch convolution of stride 1 that keeps the size."""
    assert isinstance(module, nn.Conv2d)
    bias = None if module.bias is None else array(module.bias)
    return convolution(x, array(module.weight), bias, module.dilation[0], module.groups)


def bilinear(image: Array, y: float, x: float) -> Array:
    """Returns (M,), what an image (M, H, W) is at a fraction of a place, with zeros outside."""
    value = np.zeros(image.shape[0])
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                value += (1 - abs(y - row)) * (1 - abs(x - column)) * image[:, row, column]
    return value


def deformable_convolution(x: Array, offset: Array, mask: Array | None, weight: Array) -> Array:
    """The definition of a modulated deformable convolution, stride 1, odd side, the size kept, as loops."""
    batch, channels, height, width = x.shape
    outputs, inputs, side, _ = weight.shape
    taps = side * side
    offset_groups = offset.shape[1] // (2 * taps)
    of_group, groups = channels // offset_groups, channels // inputs
    result = np.zeros((batch, outputs, height, width))
    for n in range(batch):
        for row in range(height):
            for column in range(width):
                for tap in range(taps):
                    seen = np.zeros(channels)
                    for group in range(offset_groups):
                        number = group * taps + tap
                        y = row + tap // side - side // 2 + offset[n, 2 * number, row, column]
                        x0 = column + tap % side - side // 2 + offset[n, 2 * number + 1, row, column]
                        part = slice(group * of_group, (group + 1) * of_group)
                        amount = 1.0 if mask is None else mask[n, number, row, column]
                        seen[part] = amount * bilinear(x[n, part], y, x0)
                    for output in range(outputs):
                        first = output // (outputs // groups) * inputs
                        kernel = weight[output, :, tap // side, tap % side]
                        result[n, output, row, column] += kernel @ seen[first : first + inputs]
    return result

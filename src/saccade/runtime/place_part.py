"""From a layout to the steps and tables by which the engine moves an input's places into a row."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saccade.errors import CaptureError
from saccade.graph import Layout


@dataclass(frozen=True)
class PlacePart:
    """Where one input of a PlaceConcatenate lies among its own places of the output.

    Channel c of place (y, x) becomes channel ``channels[c]`` of place ``y * steps[0] + x * steps[1] + places[c]``.

    Attributes:
        steps: places of the output from one row to the next and from one column to the next.
        places: (C_in,).
        channels: (C_in,), each below C.
    """

    steps: tuple[int, int]
    places: list[int]
    channels: list[int]


def place_part(layout: Layout, shape: tuple[int, ...]) -> PlacePart:
    """Returns the steps and tables of a layout.

    Args:
        layout: how the input is seen as (N, C, 1, P).
        shape: the input's, (N, C_in, H, W).

    Raises:
        CaptureError: when rows or columns are not in regular steps, or images are mixed.
    """
    images, inputs, height, width = shape
    _, channels, _, count = layout.shape
    numbers = torch.arange(images * inputs * height * width).reshape(shape)
    seen = layout.apply(numbers).reshape(images, -1)
    targets = seen[0].argsort()  # of each element of the input
    place, channel = (targets % count).reshape(shape[1:]), (targets // count).reshape(shape[1:])
    # A step that is never taken is chosen so that rows of single places may be copied whole.
    step_y = int(place[0, 1, 0] - place[0, 0, 0]) if height > 1 else 0
    step_x = int(place[0, 0, 1] - place[0, 0, 0]) if width > 1 else inputs // channels
    expected = place[:, :1, :1] + torch.arange(height)[:, None] * step_y + torch.arange(width) * step_x
    regular = torch.equal(place, expected) and torch.equal(channel, channel[:, :1, :1].expand_as(channel))
    if not regular or not torch.equal(seen, seen[0] + numbers.flatten(1)[:, :1]):
        raise CaptureError(
            f"a tensor of shape {shape} cannot be joined by {layout}: whole rows and columns have to lie in regular "
            "steps, each image by itself"
        )
    return PlacePart((step_y, step_x), place[:, 0, 0].tolist(), channel[:, 0, 0].tolist())

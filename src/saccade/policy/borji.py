"""The change-driven rule of Borji 2024 (arXiv 2407.01782): as its program has it, and as it should have been.

A change map goes from layer to layer beside the data. A layer computes an output anew where the map's window has
changed enough, and tells the next layer where it did. The published program deviates from that in twelve ways, of which
these are the rule's own; each is a field of ``Borji``, so that each can be mended alone::

    1. windows of the map start at (row, column) of the unpadded map, while the data is padded    ``padded_map``
    2. the first frame goes through the rule like any other, and its last corners stay zero       ``dense_first_frame``
    3. a hidden map, which is binary, has to exceed the threshold too: single cells are dropped   ``any_hidden_change``
    4. the same threshold everywhere: from 4 on no 2x2 pooling fires, from 9 on no 3x3 layer      (mended by 3)
    5. the difference is to the previous frame, so that a slow drift never counts                 ``reference``
   10. a layer's previous output is changed in place                                              ``in_place``
   11. recomputed counts as changed, so that maps only grow                                       ``compare_outputs``
   12. pooling pads the data, not the map                                                         (mended by 1)

Rows 6 to 9 are about the sequence shown: ``saccade.experiments.spatial_attention.sequences``.

Deviations: none in ``as_published``, which keeps each of these to the letter. ``corrected`` takes a whole receptive
field over, and what it took over is what later frames are compared with, so that every layer's output is the one that
belongs to those values. That is also how the engine runs the policy.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from saccade.errors import PolicyError
from saccade.graph import Padding, Pair
from saccade.policy.fields import check_number, check_whole, number_behind
from saccade.policy.policy import Policy, policies

Norm = Literal["l1", "l2"]
_ROUNDING = 1e-5
"""How far a sum of nine float32 values of the order of 1 can be from the true one, generously."""


@policies.register("borji")
@dataclass(frozen=True)
class Borji(Policy):
    """Counts a change where the norm of the difference within a receptive field exceeds a threshold.

    The default is the corrected rule. The engine runs that one only; ``as_published`` leaves stale outputs behind that
    the engine cannot be made to keep, and is run by ``saccade.experiments.spatial_attention.contenders``.

    Attributes:
        threshold: tau, in units of the model's input; 0 takes over all that differs.
        norm: of the input's difference over a receptive field and all channels.
        field: height and width of the first layer's receptive field, odd.
        padded_map: pad the change map as the data is.
        dense_first_frame: compute the first frame everywhere.
        any_hidden_change: a layer behind the first computes where any cell of its window changed.
        reference: compare with the value last "consumed" at a place, or with the "previous" frame.
        in_place: write into the previous output, also where the caller still holds it.
        compare_outputs: pass on as changed only what came out different.
    """

    threshold: float = 1.0
    norm: Norm = "l1"
    field: int = 3
    padded_map: bool = True
    dense_first_frame: bool = True
    any_hidden_change: bool = True
    reference: Literal["consumed", "previous"] = "consumed"
    in_place: bool = False
    compare_outputs: bool = False

    def __post_init__(self) -> None:
        check_number(self, "threshold")
        check_whole(self, "field", least=1, odd=True)
        if self.norm not in ("l1", "l2"):
            raise PolicyError(f"the norm {self.norm!r} was given; expected l1 or l2")
        if self.reference not in ("consumed", "previous"):
            raise PolicyError(f"the reference {self.reference!r} was given; expected consumed or previous")

    @classmethod
    def as_published(cls, threshold: float = 1.0, norm: Norm = "l1") -> Borji:
        """Returns the rule of the published program, every row of it."""
        return cls(
            threshold,
            norm,
            padded_map=False,
            dense_first_frame=False,
            any_hidden_change=False,
            reference="previous",
            in_place=True,
        )

    @classmethod
    def corrected(cls, threshold: float = 1.0, norm: Norm = "l1") -> Borji:
        """Returns the rule as it should have been."""
        return cls(threshold, norm)

    @classmethod
    def parse(cls, text: str) -> Borji:
        """Reads the threshold of "borji:0.5".

        Raises:
            PolicyError: where the text is no finite number, or a negative one.
        """
        return cls(number_behind("borji", text, "threshold", "0.5"))

    @property
    def is_corrected(self) -> bool:
        """Whether every output belongs to the values taken over, which the engine guarantees."""
        return self.padded_map and self.dense_first_frame and self.any_hidden_change and self.reference == "consumed"

    @property
    def exact(self) -> bool:
        """Whether outputs equal a dense pass: the corrected rule at a threshold of 0."""
        return self.is_corrected and self.threshold == 0

    def check_runnable(self) -> None:
        """Checks that this is the corrected rule, with no field that only the published program heeds.

        Raises:
            PolicyError: when it is not.
        """
        if self.is_corrected and not self.in_place and not self.compare_outputs:
            return
        corrected = Borji(self.threshold, self.norm, self.field)
        names = [field.name for field in dataclasses.fields(self)]
        others = [name for name in names if getattr(self, name) != getattr(corrected, name)]
        raise PolicyError(
            f"Borji({', '.join(f'{name}={getattr(self, name)!r}' for name in others)}) was given; the engine runs the "
            "corrected rule of borji only, saccade.policy.Borji.corrected(): run the published one with `saccade "
            "reproduce spatial-attention`"
        )

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        """Returns the places of a frame that lie in a receptive field which changed enough, and differ.

        Args:
            frame: (N, C, H, W), the new frame.
            reference: (N, C, H, W), for each place the value last taken over.

        Returns:
            (N, H, W), boolean; None, for all that differs, at a threshold of 0.

        Raises:
            PolicyError: when the rule is not the corrected one.
        """
        self.check_runnable()
        return None if self.threshold == 0 else self.taken(frame, reference)

    def taken(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Returns what ``changes`` returns, as a map at any threshold and for any rule.

        Args:
            frame: (N, C, H, W), the new frame.
            reference: (N, C, H, W), what to compare it with.
        """
        border = self.field // 2
        magnitude = self.magnitude(frame, reference)
        kernel, padding = (self.field, self.field), (border,) * 4
        fired = self.fires(magnitude, kernel, (1, 1), padding, of_input=True)
        covered = F.max_pool2d(fired.float()[:, None], self.field, 1, border)[:, 0] > 0
        return covered & (frame != reference).any(1)

    def magnitude(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Returns how much each place changed, such that ``fires`` can sum it up: (N, H, W).

        The absolute difference over all channels; for the L2 norm its square.
        """
        difference = (frame.float() - reference.float()).abs()
        return (difference if self.norm == "l1" else difference.square()).sum(1)

    def fires(
        self,
        change_map: torch.Tensor,
        kernel: Pair,
        stride: Pair,
        padding: Padding,
        *,
        dilation: Pair = (1, 1),
        of_input: bool = False,
    ) -> torch.Tensor:
        """Returns where a layer computes its output anew.

        Sums are in float64; where one comes out at the threshold up to rounding, a rule that compares with the previous
        frame decides by the sum in the map's own type, as the published program does.

        Args:
            change_map: (N, H, W): ``magnitude`` of the input; behind it 1 where a layer computed and 0 elsewhere.
            kernel, stride, dilation: of the layer.
            padding: of the layer's data: top, left, bottom, right.
            of_input: whether the map is the input's.

        Returns:
            (N, H_out, W_out), boolean.
        """
        top, left, bottom, right = padding
        borders = (left, right, top, bottom) if self.padded_map else (0, left + right, 0, top + bottom)
        # Zeros below and to the right of an unpadded map are the published program's clipped windows.
        padded = F.pad(change_map.double()[:, None], borders)
        ones = torch.ones(1, 1, *kernel, dtype=torch.float64)
        sums = F.conv2d(padded, ones, None, stride, 0, dilation)[:, 0]
        if not of_input:
            return sums > (0 if self.any_hidden_change else self.threshold)
        norms = sums.sqrt() if self.norm == "l2" else sums
        fired = norms > self.threshold
        if self.reference == "consumed":
            return fired | norms.isnan()  # NaN is never greater, and what cannot be compared has changed
        # Slices end where the map ends, as the published program's do.
        source = F.pad(change_map, borders) if self.padded_map else change_map
        ties = ((norms - self.threshold).abs() < _ROUNDING) & (norms > 0)
        for image, row, column in ties.nonzero().tolist():
            top, left = row * stride[0], column * stride[1]
            tall, wide = (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1
            window = source[image, top : top + tall : dilation[0], left : left + wide : dilation[1]]
            total = float(window.sum())
            fired[image, row, column] = (total**0.5 if self.norm == "l2" else total) > self.threshold
        return fired

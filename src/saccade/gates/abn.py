"""ABN: a second head that classifies shows where it looked, and the map gates the features before the last stage.

Paper: H. Fukui et al., Attention Branch Network (CVPR 2019), Section 3:
    the head, the next stage again but with stride 1, then BN, 1x1 convolution to the classes, BN, ReLU: R;
    map M = sigmoid(BN(conv3x3(R))) with one channel, features X * (1 + M);
    scores = the mean over all places of a 1x1 convolution of R; their loss is added to the network's own.
Code: none used.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.catalogue import gates
from saccade.gates.checks import check_at_least
from saccade.gates.gate import Gate
from saccade.gates.placement import Placement
from saccade.gates.scores import collecting, report_scores


@gates.register("abn")
class ABN(Gate):
    """Attention branch.

    Args:
        channels: C of the features, at least 1.
        head: maps (N, C, H, W) to (N, head_channels, H, W), a copy of the next stage with stride 1; None for
            the identity.
        head_channels: channels of the head's output; None for C.
        classes: number of classes, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Fukui et al. 2019, Section 3.
    """

    placement: ClassVar[Placement] = Placement("before_stages", stages=(4,), position="after_block", head=True)

    def __init__(
        self, channels: int, head: nn.Module | None = None, head_channels: int | None = None, classes: int = 1000
    ) -> None:
        super().__init__(channels)
        head_channels = channels if head_channels is None else head_channels
        check_at_least(1, head_channels=head_channels, classes=classes)
        if head is None and head_channels != channels:
            raise GateError(f"head_channels is {head_channels} without a head; give the head, or leave both out")
        self.head = nn.Identity() if head is None else head
        self.responses = nn.Sequential(
            nn.BatchNorm2d(head_channels),
            nn.Conv2d(head_channels, classes, 1, bias=False),
            nn.BatchNorm2d(classes),
            nn.ReLU(),
        )
        self.map = nn.Sequential(nn.Conv2d(classes, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())
        self.classifier = nn.Conv2d(classes, classes, 1, bias=False)

    def branch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the map in (0, 1), (N, 1, H, W), and the class scores, (N, classes)."""
        responses = self.responses(self.head(x))
        return self.map(responses), self.classifier(responses).mean((2, 3))

    def attention(self, x: Tensor) -> Tensor:
        """Returns the map M in (0, 1), (N, 1, H, W); the features are multiplied by 1 + M."""
        weights: Tensor = self.map(self.responses(self.head(x)))
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W); the scores go to ``collect_scores``."""
        if not collecting():
            return x + x * self.attention(x)
        weights, scores = self.branch(x)
        report_scores(scores)
        return x + x * weights

"""How many gates, and where: the study of Section 4.3 of the DAS paper as a recipe.

The paper tried gates after all skip connections ("slightly enhances performance but significantly increases FLOPs and
parameters"), numbers of gates and their locations, and settled on four gates, one after each stage. It prints no table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from saccade.gates import Placement
from saccade.models.backbone import CLASSES
from saccade.models.create import create


@dataclass(frozen=True)
class Variant:
    """One answer to how many gates, and where.

    Attributes:
        name: in words.
        placement: where the gates go, or None for no gate.
    """

    name: str
    placement: Placement | None


@dataclass(frozen=True)
class PlacementStudy:
    """A recipe: the same network and gate, at each of the places.

    Attributes:
        network: a name that ``saccade.models.create`` takes, of a network with four stages.
        gate: a name in ``saccade.gates.list_gates(ablations=True)``.
        options: the gate's options, as pairs of name and value.
        classes: number of classes.

    Source: arXiv 2311.12091, Section 4.3.
    """

    network: str = "resnet18"
    gate: str = "das"
    options: tuple[tuple[str, Any], ...] = ()
    classes: int = CLASSES

    def variants(self) -> tuple[Variant, ...]:
        """Returns no gate, one to four gates after stages, and gates at the other places, fewest first."""
        return (
            Variant("no gate", None),
            *(Variant(f"after stage {number}", _after(number)) for number in (1, 2, 3, 4)),
            Variant("after stages 3 and 4", _after(3, 4)),
            Variant("after stages 1 and 2", _after(1, 2)),
            Variant("after stages 2 to 4", _after(2, 3, 4)),
            Variant("after stages 1 to 3", _after(1, 2, 3)),
            Variant("after every stage (the paper's)", _after(1, 2, 3, 4)),
            Variant("before every stage", Placement("before_stages")),
            Variant("in the last block of every stage, before the addition", Placement("last_blocks")),
            Variant("in every block, before the addition", Placement("blocks")),
            Variant("after every skip connection", Placement("blocks", position="after_block")),
        )

    def build(self, variant: Variant, *, pretrained: bool = False) -> nn.Module:
        """Returns the network of a variant.

        Args:
            variant: one of ``variants()``.
            pretrained: with the published weights of the backbone.

        Raises:
            SaccadeError: as ``saccade.models.create``.
        """
        if variant.placement is None:
            return create(self.network, pretrained=pretrained, classes=self.classes)
        return create(
            self.network,
            self.gate,
            variant.placement,
            pretrained=pretrained,
            classes=self.classes,
            **dict(self.options),
        )


def _after(*stages: int) -> Placement:
    return Placement("stages", stages=stages, position="after_block")

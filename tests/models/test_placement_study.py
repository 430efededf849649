"""How many gates, and where."""

from __future__ import annotations

import pytest
import torch

import saccade.gates
from saccade.models import PlacementStudy

EXPECTED = [0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 8, 8]


@pytest.mark.parametrize(("network", "blocks"), [("resnet18", 8), ("timm:resnet26", 8)])
def test_every_variant_has_its_number_of_gates(network, blocks) -> None:
    study = PlacementStudy(network, "se")
    found = []
    for variant in study.variants():
        with torch.device("meta"):
            found.append(len(saccade.gates.gates_of(study.build(variant))))
    assert found == [*EXPECTED[:-2], blocks, blocks]
    assert len({variant.name for variant in study.variants()}) == len(EXPECTED)


def test_the_variant_of_the_paper_is_what_das_gets_by_default() -> None:
    study = PlacementStudy(options=(("alpha", 0.1),), classes=5)
    (paper,) = (variant for variant in study.variants() if "paper" in variant.name)
    model = study.build(paper).eval()
    gates = saccade.gates.gates_of(model)
    assert list(gates) == ["layer1.1", "layer2.1", "layer3.1", "layer4.1"]
    assert all(gate.alpha == 0.1 for gate in gates.values())
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_a_study_is_a_recipe_that_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PlacementStudy().gate = "se"
    assert PlacementStudy() == PlacementStudy("resnet18", "das")

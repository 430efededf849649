"""Every recipe runs, on data that is made here, with a network that is small where its own is large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from saccade.cli.compare import parse_contenders
from saccade.training import Recipe, build_network, recipes, train

SMALL = {"network": "cifar-resnet8", "width": 4, "classes": 3, "batch": 4, "epochs": 0.5, "workers": 0}


def changes_of(recipe: Recipe) -> dict[str, Any]:
    """Returns what makes a recipe small."""
    if recipe.task == "detection":
        return SMALL | {
            "network": "resnet18",
            "classes": 2,
            "batch": 2,
            "image_size": 48,
            "longer_side": 64,
            "proposals": 16,
        }
    if recipe.loading == "files":
        return SMALL | {"image_size": 32, "shorter_side": 36, "data": "image-folder"}
    return SMALL | {"image_size": 8}


@pytest.mark.parametrize("name", recipes.names())
def test_a_small_form_of_every_recipe_runs(
    name: str, folder: Path, photographs: Path, boxes: Path, tmp_path: Path
) -> None:
    recipe = recipes.get(name)
    changes = changes_of(recipe)
    if recipe.task == "detection":
        pytest.importorskip("pycocotools")
    data = boxes if recipe.task == "detection" else photographs if recipe.loading == "files" else folder
    if name == "cifar100-fine-tuning":
        train(recipe.replace(**changes), folder, tmp_path / "before", cache=tmp_path, accelerator="cpu")
        changes["pretrained"] = str(tmp_path / "before" / "last.safetensors")
    elif recipe.pretrained:
        changes["pretrained"] = ""  # published weights would be downloaded
    small = recipe.replace(**changes).with_gate("das")
    report = train(small, data, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert report.steps >= 1
    assert report.gate_parameters > 0
    assert 0 <= report.accuracy <= 1
    assert report.history[-1].training_loss > 0


@pytest.mark.parametrize("name", recipes.names())
def test_every_contender_of_a_recipe_can_be_built(name: str) -> None:
    recipe = recipes.get(name).replace(pretrained="")
    assert recipe.contenders or name == "cifar100-short"
    built = {}
    for label, contender in parse_contenders(recipe, ",".join(recipe.contenders or ("none",))).items():
        with torch.device("meta"):
            built[label] = sum(parameter.numel() for parameter in build_network(contender).parameters())
    assert all(size >= built.get("none", 0) for size in built.values())


def test_the_placement_study_is_that_of_the_models() -> None:
    from saccade.gates import gates_of
    from saccade.models import PlacementStudy

    study = PlacementStudy(classes=120)
    recipe = recipes.get("stanford-dogs-placement")
    with torch.device("meta"):
        expected = [set(gates_of(study.build(variant))) for variant in study.variants()]
        found = [
            set(gates_of(build_network(one))) for one in parse_contenders(recipe, ",".join(recipe.contenders)).values()
        ]
    assert found == expected

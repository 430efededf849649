"""Recipes."""

import pytest
import torch

from saccade.errors import RecipeError
from saccade.training import Recipe, build_network, learning_rate, recipes


def test_a_change_makes_another_fingerprint_and_a_description_does_not(recipe: Recipe) -> None:
    assert recipe.replace(seed=1).fingerprint != recipe.fingerprint
    assert recipe.with_gate("das", options={"alpha": 0.1}).fingerprint != recipe.with_gate("das").fingerprint
    assert recipe.replace(cost="an hour").fingerprint == recipe.fingerprint


def test_an_unknown_field_lists_the_known_ones(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"no 'widht'; it has .*width"):
        recipe.replace(widht=8)


@pytest.mark.parametrize("change", [{"width": 0}, {"epochs": -1}, {"accumulate": 3}, {"width": "wide"}, {"batch": 2.5}])
def test_a_value_out_of_range_or_of_another_type_is_refused(recipe: Recipe, change: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=next(iter(change))):
        recipe.replace(**change)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_builds_its_network_and_its_rates_stay_below_the_highest(name: str) -> None:
    recipe = recipes.get(name).replace(pretrained="")  # published weights would be downloaded
    network = build_network(recipe)
    assert sum(parameter.numel() for parameter in network.parameters()) > 0
    rates = [learning_rate(recipe, step, 400) for step in range(400)]
    assert max(rates) <= recipe.learning_rate
    assert rates[-1] < 0.05 * recipe.learning_rate


def test_the_paper_steps_down_at_its_milestones() -> None:
    recipe = recipes.get("cifar100")
    rates = [learning_rate(recipe, epoch, 300) for epoch in (0, 69, 70, 130, 200, 260)]
    assert rates == pytest.approx([0.1, 0.1, 0.02, 0.004, 0.0008, 0.00016])


@pytest.mark.parametrize(("gate", "places"), [("se", 9), ("das", 3)])
def test_gates_of_a_cifar_resnet_go_where_their_papers_put_them(gate: str, places: int) -> None:
    from saccade.gates import gates_of

    network = build_network(recipes.get("cifar100-short").with_gate(gate))
    assert len(gates_of(network)) == places


def test_resnet_20_has_the_published_size() -> None:
    network = build_network(recipes.get("cifar100-short").replace(width=16, classes=10))
    assert sum(parameter.numel() for parameter in network.parameters()) == 269_722  # 0.27 M


def test_a_resnet_for_small_images_keeps_their_size_through_its_first_stage() -> None:
    network = build_network(Recipe("small", network="resnet18-small-images", classes=10)).eval()
    seen: list[torch.Size] = []
    network.get_submodule("layer1").register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert seen == [(1, 64, 32, 32)]

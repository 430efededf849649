"""Names and what they stand for."""

from __future__ import annotations

import pytest

from saccade.errors import RegistryError, SaccadeError
from saccade.graph import Registry


@pytest.fixture
def gates() -> Registry[int]:
    registry: Registry[int] = Registry("gate")
    registry.register("square")(1)
    registry.register("round")(2)
    return registry


def test_an_entry_is_found_by_the_name_it_was_registered_under(gates) -> None:
    assert gates.get("square") == 1
    assert "round" in gates
    assert "oval" not in gates


def test_names_are_sorted_and_counted(gates) -> None:
    assert gates.names() == list(gates) == ["round", "square"]
    assert len(gates) == 2


def test_registering_returns_the_entry_so_that_it_decorates_a_class() -> None:
    registry: Registry[type] = Registry("policy")

    @registry.register("mine")
    class Mine:
        pass

    assert registry.get("mine") is Mine


def test_a_name_that_is_registered_twice_raises_an_error(gates) -> None:
    with pytest.raises(RegistryError, match="the gate 'round' is registered twice"):
        gates.register("round")(3)
    assert gates.get("round") == 2


def test_an_unknown_name_raises_an_error_that_lists_the_known_ones_and_the_closest(gates) -> None:
    with pytest.raises(RegistryError, match="unknown gate 'sqare'; known: round, square; did you mean 'square'"):
        gates.get("sqare")
    with pytest.raises(SaccadeError, match=r"known: round, square$"):
        gates.get("zzz")


def test_two_registries_never_meet(gates) -> None:
    other: Registry[int] = Registry("gate")
    assert len(other) == 0
    other.register("round")(5)
    assert gates.get("round") == 2

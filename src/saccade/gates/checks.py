"""Errors for numbers that are out of range."""

from __future__ import annotations

from saccade.errors import GateError


def check_at_least(least: int, **numbers: int) -> None:
    """Raises GateError for the first of the named numbers that is below ``least``."""
    for name, number in numbers.items():
        if number < least:
            raise GateError(f"{name} is {number!r}; give a number of at least {least}")


def check_odd(**numbers: int) -> None:
    """Raises GateError for the first of the named numbers that is not odd and at least 1."""
    for name, number in numbers.items():
        if number < 1 or number % 2 == 0:
            raise GateError(f"{name} is {number!r}; give an odd number of at least 1")


def check_divides(channels: int, **numbers: int) -> None:
    """Raises GateError for the first of the named numbers that does not divide ``channels``."""
    for name, number in numbers.items():
        if number < 1 or channels % number:
            raise GateError(f"{name} is {number!r}, which does not divide {channels} channels")


def check_known(value: str, known: tuple[str, ...], name: str) -> None:
    """Raises GateError when ``value`` is not one of ``known``."""
    if value not in known:
        raise GateError(f"unknown {name} {value!r}; known: {', '.join(known)}")

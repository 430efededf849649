"""What may stand in a policy's fields, and behind its name: numbers that are checked where they are given."""

from __future__ import annotations

import math
from numbers import Integral, Real

from saccade.errors import PolicyError


def is_number(value: object, least: float = 0.0) -> bool:
    """Returns whether a value is a finite number of at least ``least``; a truth value or a text is none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return least <= float(value) < math.inf
    except OverflowError:  # of a whole number that no float can hold
        return False


def is_whole(value: object, least: int = 0) -> bool:
    """Returns whether a value is a whole number of at least ``least``; 2.0, a truth value or a text is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def check_number(
    owner: object,
    field: str,
    *,
    least: float = 0.0,
    most: float = math.inf,
    above: bool = False,
    infinite: bool = False,
) -> None:
    """Checks that a field holds a number.

    Args:
        owner: that has the field.
        field: its name.
        least, most: of the number.
        above: whether ``least`` itself is too little.
        infinite: whether it may be infinity.

    Raises:
        PolicyError: when it holds anything else; names the owner, the field and what is expected.
    """
    value = getattr(owner, field)
    if infinite and isinstance(value, float) and value == math.inf:
        return
    if is_number(value, least) and value <= most and not (above and value == least):
        return
    kind = "a number" if infinite else "a finite number"
    if most < math.inf:
        raise _refused(owner, field, f"{kind} from {least:g} to {most:g}")
    raise _refused(owner, field, f"{kind} above {least:g}" if above else f"{kind} of {least:g} or more")


def check_whole(owner: object, field: str, *, least: int = 0, most: int | None = None, odd: bool = False) -> None:
    """Checks that a field holds a whole number from ``least`` to ``most``, an odd one if asked; see ``check_number``.

    Raises:
        PolicyError: when it holds anything else.
    """
    value = getattr(owner, field)
    if is_whole(value, least) and (most is None or value <= most) and (not odd or value % 2 == 1):
        return
    kind = "an odd whole number" if odd else "a whole number"
    raise _refused(owner, field, f"{kind} from {least} up" if most is None else f"{kind} from {least} to {most}")


def check_kind(owner: object, field: str, kind: type) -> None:
    """Checks that a field holds None or an object of a class.

    Raises:
        PolicyError: when it holds anything else.
    """
    value = getattr(owner, field)
    if value is not None and not isinstance(value, kind):
        raise _refused(owner, field, f"a saccade.policy.{kind.__name__}, or None")


def number_behind(name: str, text: str, what: str, example: str) -> float:
    """Reads the number behind a policy's name.

    Args:
        name: of the policy.
        text: what stands behind the colon.
        what: the number is, such as "threshold".
        example: of one.

    Raises:
        PolicyError: where it is none, or not finite, or below 0.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not is_number(value):
        raise PolicyError(f"{name}:{text} was given; expected a finite {what} of 0 or more, such as {name}:{example}")
    return value


def _refused(owner: object, field: str, expected: str) -> PolicyError:
    return PolicyError(f"{type(owner).__name__}({field}={getattr(owner, field)!r}) was given; expected {expected}")

"""A metric that a user wrote: module:function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saccade.errors import MetricError


def load_function(module_name: str, attribute: str) -> Callable[[Any, Any], float]:
    """Returns a function of a module in the current folder or among the installed packages.

    Raises:
        MetricError: when there is no such module or function, or importing it fails.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a script that calls sys.exit must not end the program
        raise MetricError(
            f"the metric {module_name}:{attribute} cannot be had: importing {module_name!r} failed "
            f"({type(error).__name__}: {error}); expected a known metric or module:function"
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise MetricError(
            f"the module {module_name!r} has no function {attribute!r}; it has {', '.join(known) or 'none'}"
        )
    found: Callable[[Any, Any], float] = function
    return found

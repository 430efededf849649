"""One kind of registry for everything that a user names: policies, peers, gates."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from saccade.errors import RegistryError

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Names and what they stand for.

    Args:
        kind: what the entries are, in the singular, for messages ("policy", "gate").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Returns a decorator that registers its argument as ``name``.

        Raises:
            RegistryError: when the name is taken.
        """

        def add(entry: Entry) -> Entry:
            if name in self._entries:
                raise RegistryError(f"the {self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str) -> Entry:
        """Returns the entry of that name.

        Raises:
            RegistryError: when there is none; the message lists the known names.
        """
        if name in self._entries:
            return self._entries[name]
        close = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise RegistryError(f"unknown {self.kind} {name!r}; known: {', '.join(self.names())}{hint}")

    def names(self) -> list[str]:
        """Returns all names, sorted."""
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)

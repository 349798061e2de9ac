"""Place: where in a configuration a value stands, and what is wrong with it there."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from .exceptions import ConfigError, DeclarationError, nearest_name
from .phases import Phase
from .scopes import make_scope

SCOPE_KEYS = (*inspect.signature(make_scope).parameters, "location_match")
ORDER_KEYS = ("order", "before", "after", "requires", "name", "blocking", "allow_duplicate")
REGISTRATION_KEYS = (*SCOPE_KEYS, *ORDER_KEYS)

# What newcomers from httpd and mod_python write.
_OTHER_NAMES = {name.lower(): phase.value for phase in Phase for name in (phase.hook, phase.directive or phase.hook)}


Table: TypeAlias = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the file, or None, and the key with the tables around it."""

    file: str | None = None
    key: str = ""

    def __str__(self) -> str:
        """Name it as errors do."""
        return ": ".join(part for part in (self.file, self.key) if part)

    def at(self, key: str | int) -> Place:
        """Return the place of a key of this table, or of an element of this list."""
        if isinstance(key, int):
            return Place(self.file, f"{self.key}[{key}]")
        return Place(self.file, f"{self.key}.{key}" if self.key else key)

    def error(self, message: str, nearest: str | None = None) -> ConfigError:
        """Return an error of this place."""
        return ConfigError(message, file=self.file, key=self.key or None, nearest=nearest)

    @contextmanager
    def declaring(self) -> Generator[None, None, None]:
        """Let a declaration that is refused be an error of this place."""
        try:
            yield
        except DeclarationError as error:
            raise self.error(str(error)) from error

    def path(self, path: Any) -> Any:
        """Return a path as it counts from the folder of the file; anything else as it is."""
        if self.file is None or not isinstance(path, str) or not path:
            return path
        return os.path.join(os.path.dirname(os.path.abspath(self.file)), path)  # noqa: PTH100, PTH118, PTH120 - a str


def table_of(value: object) -> Table | None:
    """Return a value that is a table; None for any other."""
    return cast("Table", value) if isinstance(value, Mapping) else None


def check_keys(table: Mapping[Any, Any], allowed: Collection[str], place: Place) -> None:
    """Refuse a key that a table does not have."""
    for key in table:
        if key not in allowed:
            raise _unknown_key(key, allowed, place)


def _unknown_key(key: Any, allowed: Collection[str], place: Place) -> ConfigError:
    if not isinstance(key, str):
        return place.error(f"the key {key!r} is not text")
    name = key.lower()
    other = _OTHER_NAMES.get(name)
    nearest = other if other in allowed else nearest_name(name, allowed)
    known = "" if nearest else f"; the keys here are {', '.join(allowed)}"
    return place.at(key).error(f"there is no such key{known}", nearest)


def entries(value: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    """Yield what a key holds, one value or a list of them, with places."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            yield item, place.at(index)
    else:
        yield value, place

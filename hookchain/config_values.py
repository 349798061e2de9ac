"""Values of a configuration: what entries name, with which arguments, for which scope and in what order."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .access_log import AccessLog
from .declarations import as_order, as_references
from .dotted import import_dotted
from .exceptions import ConfigError, DeclarationError, nearest_name
from .handlers import name_of
from .phases import Phase
from .scopes import make_scope

SCOPE_KEYS = (*inspect.signature(make_scope).parameters, "location_match")
ORDER_KEYS = ("order", "before", "after", "requires", "name", "blocking", "allow_duplicate")
REGISTRATION_KEYS = (*SCOPE_KEYS, *ORDER_KEYS)
USE = "use"

# What newcomers from httpd and mod_python write.
_OTHER_NAMES = {
    name.lower(): phase.value for phase in Phase for name in (phase.hook, phase.directive or phase.hook)
}


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
    def declaring(self) -> Iterator[None]:
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
    return place.at(key).error("there is no such key", other if other in allowed else nearest_name(name, allowed))


def entries(value: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    """Yield what a key holds, one value or a list of them, with places."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield item, place.at(index)
    else:
        yield value, place


def named(value: Any, place: Place) -> object:
    """Return what a dotted name stands for; in a mapping made by a program, the thing may stand there itself."""
    return import_dotted(value, file=place.file, key=place.key) if isinstance(value, str) else value


def used(value: Any, place: Place) -> tuple[object, dict[str, Any], Place]:
    """Take an entry apart: what it names, the other keys of its table, and the place of the name.

    Raises:
        ConfigError: it is no entry, or what it names can't be imported.
    """
    if not isinstance(value, Mapping):
        if isinstance(value, bool | int | float | list | tuple | None):
            raise place.error(f"{value!r} is no entry: write 'package.module:name', or {{use = '...'}}")
        return named(value, place), {}, place
    if USE not in value:
        raise place.error(f"a table needs the key 'use': {{use = 'package.module:name'}}")
    rest = {key: item for key, item in value.items() if key != USE}
    return named(value[USE], place.at(USE)), rest, place.at(USE)


def namespace(value: Any, place: Place) -> object:
    """Return what an entry of ``load`` stands for: of a class an instance, made with the entry's other keys."""
    target, arguments, _ = used(value, place)
    return _made(target, arguments, place)


def function(value: Any, place: Place) -> Any:
    """Return the function, or the instance of a class, that an entry without scope and order stands for."""
    target, arguments, at = used(value, place)
    made = _made(target, arguments, place)
    if not callable(made):
        raise at.error(f"{made!r} is not callable")
    return made


def handler(value: Any, place: Place) -> tuple[Any, dict[str, Any]]:
    """Return the handler that an entry of a phase stands for, and the keywords of its registration.

    Raises:
        ConfigError: it names nothing, has a key that its function or class does not take, or can't be made.
    """
    target, rest, at = used(value, place)
    given = {key: item for key, item in rest.items() if key in REGISTRATION_KEYS}
    if isinstance(target, type):
        taken = _parameters(target) or {}
        given = {key: item for key, item in given.items() if key in ORDER_KEYS or key not in taken}
        target = _made(target, {key: item for key, item in rest.items() if key not in given}, place)
    else:
        check_keys(rest, REGISTRATION_KEYS, place)
    if not callable(target):
        raise at.error(f"{target!r} is not callable: a handler is called with the request")
    return target, keywords(given, place)


def _made(target: object, arguments: dict[str, Any], place: Place) -> object:
    if isinstance(target, type):
        return _instance(target, arguments, place)
    check_keys(arguments, (), place)
    return target


def _instance(cls: type, arguments: dict[str, Any], place: Place) -> object:
    name = name_of(cls)
    signature = _signature(cls)
    if signature is not None:
        _check_arguments(name, signature, arguments, place)
    try:
        return cls(**arguments)
    except Exception as error:
        given = f" with {', '.join(arguments)}" if arguments else ""
        raise place.error(f"making {name}{given} raised {type(error).__name__}: {error}") from error


def _check_arguments(name: str, signature: inspect.Signature, arguments: dict[str, Any], place: Place) -> None:
    taken = _named_parameters(signature)
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        for key in arguments:
            if key not in taken:
                takes = f"it takes {', '.join(taken)}" if taken else "it takes none"
                nearest = nearest_name(str(key), (*taken, *REGISTRATION_KEYS))
                raise place.at(str(key)).error(f"{name} has no argument {key!r}; {takes}", nearest)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise place.error(f"{name}: {error}") from error


def _signature(cls: type) -> inspect.Signature | None:
    try:
        return inspect.signature(cls)
    except ValueError:  # builtins that do not tell
        return None


def _named_parameters(signature: inspect.Signature) -> list[str]:
    return [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    ]


def _parameters(cls: type) -> Collection[str]:
    signature = _signature(cls)
    return () if signature is None else _named_parameters(signature)


# --- scope and order


def keywords(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return keywords for ``register`` and ``section`` from keys of scope and order.

    Raises:
        ConfigError: a value is none that the key takes.
    """
    found: dict[str, Any] = {}
    for key, value in given.items():
        at = place.at(key)
        with at.declaring():
            found[key] = _READERS[key](key, value, at)
    pattern = found.pop("location_match", None)
    if pattern is not None:
        if "location" in found:
            raise place.at("location_match").error("give either 'location' or 'location_match'")
        found["location"] = pattern
    return found


def several(key: str, value: Any, place: Place) -> Any:
    """Return one or several names; they are checked where they are used."""
    if not (isinstance(value, str | list | tuple | set | frozenset) or callable(value)):
        raise place.error(f"{key}={value!r}: give one name or a list of names")
    return value


def _scope(key: str, value: Any, place: Place) -> Any:
    del place
    make_scope(**{key: value})
    return value


def _names_of_scope(key: str, value: Any, place: Place) -> Any:
    return _scope(key, several(key, value, place), place)


def _references(key: str, value: Any, place: Place) -> Any:
    return as_references(key, several(key, value, place))


def _order(key: str, value: Any, place: Place) -> Any:
    del key, place
    return as_order(value)


def _of_type(expected: type | tuple[type, ...], wanted: str) -> Callable[[str, Any, Place], Any]:
    def read(key: str, value: Any, place: Place) -> Any:
        if not isinstance(value, expected):
            raise place.error(f"{key}={value!r}: it is {wanted}")
        return value

    return read


def _directory(key: str, value: Any, place: Place) -> Any:
    return _scope(key, _of_type((str, os.PathLike), "a folder below document_root")(key, value, place), place)


def _when(key: str, value: Any, place: Place) -> Any:
    return _scope(key, function(value, place), place)


def _pattern(key: str, value: Any, place: Place) -> re.Pattern[str]:
    _of_type(str, "a regular expression")(key, value, place)
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise place.error(f"{value!r} is no regular expression: {error}") from error


_flag = _of_type(bool, "true or false")

_READERS: Mapping[str, Callable[[str, Any, Place], Any]] = {
    "location": _scope,
    "location_match": _pattern,
    "exact": _flag,
    "methods": _names_of_scope,
    "hosts": _names_of_scope,
    "directory": _directory,
    "files": _scope,
    "endpoint": _scope,
    "when": _when,
    "order": _order,
    "before": _references,
    "after": _references,
    "requires": _references,
    "name": _of_type(str, "text"),
    "blocking": _flag,
    "allow_duplicate": _flag,
}


# --- the access log


def access_log(value: Any, place: Place) -> Any:
    """Return what the setting ``access_log`` takes; a table has the keywords of AccessLog, or names one."""
    if not isinstance(value, Mapping):
        return value
    if USE in value:
        return namespace(value, place)
    check_keys(value, (*inspect.signature(AccessLog).parameters, USE), place)
    given = dict(value)
    if "to" in given:
        given["to"] = place.path(given["to"])
    if "when" in given:
        given["when"] = function(given["when"], place.at("when"))
    try:
        return AccessLog(**given)
    except (TypeError, AttributeError) as error:
        raise place.error(f"a value has a wrong type: {error}") from error

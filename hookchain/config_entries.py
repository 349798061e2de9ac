"""Entries of a configuration: what they name, made ready where that is a class."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from .config_place import Place, check_keys, table_of
from .dotted import import_dotted
from .exceptions import nearest_name
from .handlers import name_of

USE = "use"


def named(value: Any, place: Place) -> object:
    """Return what a dotted name stands for; in a mapping made by a program, the thing may stand there itself."""
    return import_dotted(value, file=place.file, key=place.key) if isinstance(value, str) else value


def used(value: Any, place: Place) -> tuple[object, dict[str, Any], Place]:
    """Take an entry apart: what it names, the other keys of its table, and the place of the name.

    Raises:
        ConfigError: it is no entry, or what it names can't be imported.
    """
    table = table_of(value)
    if table is None:
        if isinstance(value, bool | int | float | list | tuple | None):
            raise place.error(f"{value!r} is no entry: write 'package.module:name', or {{use = '...'}}")
        return named(value, place), {}, place
    if USE not in table:
        raise place.error("a table needs the key 'use': {use = 'package.module:name'}")
    rest = {key: item for key, item in table.items() if key != USE}
    return named(table[USE], place.at(USE)), rest, place.at(USE)


def namespace(value: Any, place: Place) -> object:
    """Return what an entry of ``load`` stands for: of a class an instance, made with the entry's other keys."""
    target, arguments, _ = used(value, place)
    return made(target, arguments, place)


def function(value: Any, place: Place) -> Any:
    """Return the function, or the instance of a class, that an entry without scope and order stands for."""
    target, arguments, at = used(value, place)
    found = made(target, arguments, place)
    if not callable(found):
        raise at.error(f"{found!r} is not callable")
    return found


def made(target: object, arguments: dict[str, Any], place: Place, other_keys: Collection[str] = ()) -> object:
    """Return an instance where a class was named, and what was named otherwise.

    Args:
        target: what was named.
        arguments: what a class is made with.
        place: where they stand.
        other_keys: what may stand there besides, and be meant by a wrong key.

    Raises:
        ConfigError: the class does not take the arguments, or something else was given some.
    """
    if isinstance(target, type):
        _check_arguments(target, arguments, place, other_keys)
        return _instance(target, arguments, place)
    check_keys(arguments, (), place)
    return target


def _instance(cls: type, arguments: dict[str, Any], place: Place) -> object:
    try:
        return cls(**arguments)
    except Exception as error:
        given = f" with {', '.join(map(str, arguments))}" if arguments else ""
        raise place.error(f"making {name_of(cls)}{given} raised {type(error).__name__}: {error}") from error


def _check_arguments(cls: type, arguments: dict[str, Any], place: Place, other_keys: Collection[str]) -> None:
    signature = _signature(cls)
    if signature is None:
        return
    name, taken = name_of(cls), _names(signature)
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        for key in arguments:
            if key not in taken:
                takes = f"it takes {', '.join(taken)}" if taken else "it takes none"
                nearest = nearest_name(str(key), (*taken, *other_keys))
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


def _names(signature: inspect.Signature) -> list[str]:
    return [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    ]


def parameters(cls: type) -> Collection[str]:
    """Return the names of the arguments that a class takes by name."""
    signature = _signature(cls)
    return () if signature is None else _names(signature)

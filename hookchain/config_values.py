"""Values of a configuration: handlers with their scope and order, and the access log."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from .access_log import AccessLog
from .config_entries import USE, function, made, namespace, parameters, used
from .config_place import ORDER_KEYS, REGISTRATION_KEYS, Place, check_keys, table_of
from .declarations import as_order, as_references
from .exceptions import nearest_name
from .order import Order
from .scopes import make_scope


def handler(value: Any, place: Place) -> tuple[Any, dict[str, Any]]:
    """Return the handler that an entry of a phase stands for, and the keywords of its registration.

    Raises:
        ConfigError: it names nothing, has a key that its function or class does not take, or can't be made.
    """
    target, rest, at = used(value, place)
    given = {key: item for key, item in rest.items() if key in REGISTRATION_KEYS}
    if isinstance(target, type):
        taken = parameters(target)
        given = {key: item for key, item in given.items() if key in ORDER_KEYS or key not in taken}
        target = made(target, {key: item for key, item in rest.items() if key not in given}, place, REGISTRATION_KEYS)
    else:
        check_keys(rest, REGISTRATION_KEYS, place)
    if not callable(target):
        raise at.error(f"{target!r} is not callable: a handler is called with the request")
    return target, keywords(given, place)


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
    if isinstance(value, str | list | tuple | set | frozenset) or callable(value):
        return cast("Any", value)
    raise place.error(f"{key}={value!r}: give one name or a list of names")


def _scope(key: str, value: Any, place: Place) -> Any:
    del place
    make_scope(**{key: value})
    return value


def _names_of_scope(key: str, value: Any, place: Place) -> Any:
    return _scope(key, several(key, value, place), place)


def _references(key: str, value: Any, place: Place) -> Any:
    return as_references(key, several(key, value, place))


def _order(key: str, value: Any, place: Place) -> Any:
    if isinstance(value, Order):
        return value
    ranks = [name.lower() for name in Order.__members__]
    if str(value).lower() not in ranks:
        raise place.error(f"{key}={value!r}: it is one of {', '.join(ranks)}", nearest_name(str(value).lower(), ranks))
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
    table = table_of(value)
    if table is None:
        return value
    if USE in table:
        return namespace(value, place)
    check_keys(table, (*inspect.signature(AccessLog).parameters, USE), place)
    given = dict(table)
    if "to" in given:
        given["to"] = place.path(given["to"])
    if "when" in given:
        given["when"] = function(given["when"], place.at("when"))
    try:
        return AccessLog(**given)
    except (TypeError, AttributeError) as error:
        raise place.error(f"a value has a wrong type: {error}") from error

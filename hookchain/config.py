"""Configuration: mappings and TOML files become settings, options and registrations of a chain."""

from __future__ import annotations

import dataclasses
import functools
import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .config_entries import USE, function, namespace, used
from .config_place import SCOPE_KEYS, Place, Table, check_keys, entries, table_of
from .config_values import access_log, handler, keywords, several
from .declarations import OPTION_NAMES, Filter, SectionOptions, make_options
from .exceptions import ConfigError
from .phases import PHASE_NAMES
from .registry import Registry
from .settings import SETTING_NAMES, Settings, make_settings


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it can't be read, is not UTF-8 or no TOML; the message has line and column.
    """
    file = os.fspath(path)
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - a str is what errors name
            text = stream.read().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror or error}", file=file) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"is not UTF-8 (at line {line}): {error.reason}", file=file) from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no valid TOML: {error}", file=file) from error


def configure(chain: Registry, settings: Settings, mapping: Table, *, file: str | None = None) -> Settings:
    """Apply a configuration to a chain: all of it, or, where something is wrong, nothing.

    Args:
        chain: what handlers, sections and options are added to.
        settings: the chain's settings so far.
        mapping: the configuration.
        file: the file that it was read from; relative paths count from its folder.

    Returns:
        The chain's settings from now on.

    Raises:
        ConfigError: the first mistake that was met.
        AlreadyCompiledError: the chain has been compiled.
    """
    chain.state.check_open("configure()")
    saved = (chain.items[:], chain.error_documents[:], chain.section_options, chain.label)
    try:
        return _configure(chain, settings, mapping, Place(file))
    except BaseException:
        chain.items[:], chain.error_documents[:], chain.section_options, chain.label = saved
        raise


def _configure(chain: Registry, settings: Settings, mapping: Table, place: Place) -> Settings:
    table = _table(mapping, place, _CHAIN_KEYS)
    chain.section_options = _merged(chain.section_options, _options(table, place))
    if "name" in table:
        chain.label = _name(table["name"], place.at("name"))
    _fill(chain, table, place)
    return dataclasses.replace(settings, **_settings(table, place))


def _table(value: Any, place: Place, allowed: Collection[str]) -> Table:
    table = table_of(value)
    if table is None:
        raise place.error(f"{value!r} is no table")
    for key in table:
        # A key that is right in another table deserves more than "there is no such key".
        if key in _ELSEWHERE and key not in allowed:
            raise place.at(key).error(f"this key does not go here, but {_ELSEWHERE[key]}")
    check_keys(table, allowed, place)
    return table


def _name(value: Any, place: Place) -> str:
    if not (isinstance(value, str) and value):
        raise place.error(f"name={value!r}: give a text")
    return value


# --- settings and options


def _settings(table: Table, place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in SETTING_NAMES:
        if key in table:
            at = place.at(key)
            with at.declaring():
                value = _setting_value(key, table[key], at)
                found[key] = getattr(make_settings({key: value}), key)
    return found


def _setting_value(key: str, value: Any, place: Place) -> Any:
    if key == "access_log":
        return access_log(value, place)
    if key == "document_root":
        return place.path(value)
    return several(key, value, place) if key == "index" else value


def _options(table: Table, place: Place) -> dict[str, Any]:
    given = {key: table[key] for key in OPTION_NAMES if table.get(key) is not None}
    for key, value in given.items():
        at = place.at(key)
        with at.declaring():
            make_options({key: several(key, value, at) if key == "without" else value})
    return given


def _merged(before: SectionOptions, given: dict[str, Any]) -> SectionOptions:
    made = make_options(given)
    changes = {key: getattr(made, key) for key in given}
    if "options" in changes:
        changes["options"] = {**before.options, **made.options}
    if "without" in changes:
        changes["without"] = (*before.without, *made.without)
    return before._replace(**changes)


# --- what is registered


def _fill(registry: Registry, table: Table, place: Place) -> None:
    for key, value in table.items():
        fill = _FILLERS.get(key)
        if fill is not None:
            fill(registry, value, place.at(key))


def _register(phase: str, registry: Registry, value: Any, place: Place) -> None:
    for entry, at in entries(value, place):
        target, given = handler(entry, at)
        location = given.pop("location", None)
        with at.declaring():
            if phase in PHASE_NAMES:
                registry.register(phase, target, location, **given)
            else:
                getattr(registry, phase)(location, **given)(target)


def _load(registry: Registry, value: Any, place: Place) -> None:
    for entry, at in entries(value, place):
        source = namespace(entry, at)
        with at.declaring():
            registry.load(source)


def _include(registry: Registry, value: Any, place: Place) -> None:
    for entry, at in entries(value, place):
        other, rest, _ = used(entry, at)
        check_keys(rest, SCOPE_KEYS, at)
        given = keywords(rest, at)
        with at.declaring():
            registry.include(other, given.pop("location", None), **given)


def _error_documents(registry: Registry, value: Any, place: Place) -> None:
    table = table_of(value)
    if table is None or USE in table:
        _error_document(registry, (), value, place)
        return
    for key, target in table.items():
        # TOML's keys are text.
        status: Any = int(key) if str(key).isdecimal() else key
        _error_document(registry, (status,), target, place.at(str(key)))


def _error_document(registry: Registry, statuses: tuple[Any, ...], target: Any, place: Place) -> None:
    document = target if isinstance(target, str) else function(target, place)
    with place.declaring():
        registry.error_document(*statuses, document)


def _sections(registry: Registry, value: Any, place: Place) -> None:
    for entry, at in entries(value, place):
        table = _table(entry, at, _SECTION_KEYS)
        scope = keywords({key: table[key] for key in table if key in SCOPE_KEYS}, at)
        options = _options(table, at)
        with at.declaring():
            section = registry.section(**scope, **options)
        if at.file is not None:
            section.origin = str(at)
        _fill(section, table, at)


_FILLERS: Mapping[str, Callable[[Registry, Any, Place], None]] = {
    **{name: functools.partial(_register, name) for name in (*PHASE_NAMES, *(kind.value for kind in Filter))},
    "error_document": _error_documents,
    "load": _load,
    "include": _include,
    "section": _sections,
}

_CHAIN_KEYS = ("name", *SETTING_NAMES, *OPTION_NAMES, *_FILLERS)
_SECTION_KEYS = (*SCOPE_KEYS, *OPTION_NAMES, *_FILLERS)
_ELSEWHERE = {
    **dict.fromkeys(("name", *SETTING_NAMES), "at the top, where the whole chain is configured"),
    **dict.fromkeys(SCOPE_KEYS, "into a [[section]] or the table of a handler"),
}

"""Finding marked handlers: in a module, a class instance or a namespace, for ``load()``."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from werkzeug.utils import ImportStringError, import_string

from .exceptions import DeclarationError

MARKS = "__hookchain_marks__"
"""The attribute under which markers keep what they were given (see ``hookchain.mark``)."""


def import_source(name: str) -> object:
    """Return what a dotted name stands for; raises DeclarationError where it can't be imported."""
    try:
        return import_string(name)
    except ImportStringError as error:
        raise DeclarationError(f"load({name!r}): {error.exception}") from error


def marks_of(source: object, name: str) -> tuple[Any, ...]:
    """Return what markers have put on an attribute of a module, an instance or a namespace; empty where nothing is."""
    thing = inspect.getattr_static(source, name)  # properties are not asked
    try:
        marks: Any = getattr(thing, MARKS, ())
    except Exception:  # noqa: BLE001 - a proxy for what is not there now, such as flask.request
        return ()
    return marks if issubclass(type(marks), tuple) else ()  # a mock has every attribute


def public_names(source: object) -> list[str]:
    """Return the names of all attributes in the order in which they were written; of a class, its bases first."""
    if isinstance(source, ModuleType) or not hasattr(type(source), "__mro__"):
        return list(vars(source))
    classes = source.__mro__ if isinstance(source, type) else type(source).__mro__
    names = [name for cls in reversed(classes) for name in vars(cls)]
    own = vars(source) if hasattr(source, "__dict__") and not isinstance(source, type) else {}
    return list(dict.fromkeys([*names, *own]))

"""Markers: decorate handlers without a chain, to be registered later by ``hooks.load()``.

>>> from hookchain.mark import access
>>> @access("/internal")
... def office_only(req):
...     return 403
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from .loading import MARKS
from .scopes import Location

F = TypeVar("F", bound=Callable[..., Any])


class Marker:
    """A decorator that only puts an attribute on the function; its arguments are those of ``register``."""

    def __init__(self, phase: str) -> None:
        """Remember the phase."""
        self._phase = phase

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(self, location: Location | None = None, **scope_and_order: Any) -> Callable[[F], F]: ...

    def __call__(self, location: Any = None, **scope_and_order: Any) -> Any:
        """Mark a function, and return it unchanged; used bare or called."""
        if callable(location):
            return self._mark(location, None, scope_and_order)

        def decorate(function: F) -> F:
            return self._mark(function, location, scope_and_order)

        return decorate

    def _mark(self, function: F, location: Any, options: dict[str, Any]) -> F:
        marks = (*getattr(function, MARKS, ()), (self._phase, location, options))
        setattr(function, MARKS, marks)
        return function


init = Marker("init")
post_read_request = Marker("post_read_request")
trans = Marker("trans")
map_to_storage = Marker("map_to_storage")
header_parser = Marker("header_parser")
access = Marker("access")
authen = Marker("authen")
authz = Marker("authz")
type = Marker("type")  # noqa: A001 - the phase's name
fixup = Marker("fixup")
content = Marker("content")
log = Marker("log")
cleanup = Marker("cleanup")
input_filter = Marker("input_filter")
output_filter = Marker("output_filter")

__all__ = [
    "access",
    "authen",
    "authz",
    "cleanup",
    "content",
    "fixup",
    "header_parser",
    "init",
    "input_filter",
    "log",
    "map_to_storage",
    "output_filter",
    "post_read_request",
    "trans",
    "type",
]

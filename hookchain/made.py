"""What requests that are made of a server's words share: attributes made when asked for, and remembered paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# How many paths are remembered. A client can make up any number of them.
REMEMBERED_PATHS = 4096
LONGEST_REMEMBERED = 512


class RememberedPaths:
    """The canonical paths of what a server has said before; only ever added to or replaced, so without a lock."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.known: dict[str, str] = {}

    def remember(self, raw: str, path: str) -> None:
        """Remember the canonical path of what a server said, unless it is long."""
        if len(raw) > LONGEST_REMEMBERED:
            return
        if len(self.known) >= REMEMBERED_PATHS:
            self.known = {}
        self.known[raw] = path


class Made:
    """An attribute of a request that is made when it is first asked for.

    A ``__getattr__`` would do so too, and would make each access to all other attributes dearer.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        """Take what makes it of the request."""
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the attribute's name."""
        self._name = name

    def __get__(self, req: Any, owner: type) -> Any:
        """Make it; from then on Python finds it in the request itself."""
        if req is None:
            return self
        value = self._make(req)
        setattr(req, self._name, value)  # to ask for its __dict__ would make a dictionary of it
        return value


class Query:
    """The query string of a request, made when first asked for; ``is_query_known`` tells that it was, or was set."""

    def __init__(self, read: Callable[[Any], bytes]) -> None:
        """Take what reads it where the server has said it."""
        self._read = read

    def __get__(self, req: Any, owner: type) -> Any:
        """Return it."""
        if req is None:
            return self
        if not req.is_query_known:
            self.__set__(req, req.quoted(self._read(req)))
        return req.kept_query

    def __set__(self, req: Any, query: bytes) -> None:
        """Take another one."""
        req.kept_query, req.is_query_known = query, True


def made(make: Callable[[Any], Any]) -> Any:
    """Return a ``Made``; to type checkers an attribute keeps the type that the class of all requests gives it."""
    return Made(make)

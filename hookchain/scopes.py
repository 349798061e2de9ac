"""Scope: whether a location, method, host, folder, file name or predicate covers a request."""

from __future__ import annotations

import fnmatch
import inspect
import os
import re
import stat
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from .exceptions import DeclarationError
from .handlers import check_callable
from .paths import BadPathError, normalise
from .several import one_or_several

if TYPE_CHECKING:
    from .request import Request

Location: TypeAlias = str | re.Pattern[str]
When: TypeAlias = Callable[["Request"], object]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Scope(NamedTuple):
    """What a section or a handler is limited to; empty, it covers everything.

    Attributes:
        location: a path prefix by whole segments (with ``exact``, the whole path), without trailing slash.
        exact: whether ``location`` covers itself alone.
        pattern: a regular expression that is searched in the path, like LocationMatch.
        methods: names in upper case; GET brings HEAD with it. None covers every method, known or not.
        hosts: in lower case, without port and final dot. None covers every host.
        directory: a folder below the document root, by whole segments.
        files: a shell pattern of the file's name.
        endpoint: a shell pattern of the route's name.
        when: a function of the request.

    Source: httpd ``<Location>``, ``<LocationMatch>``, ``<Directory>``, ``<Files>``, ``<If>``, ``<Limit>``.
    """

    location: str | None = None
    exact: bool = False
    pattern: re.Pattern[str] | None = None
    methods: frozenset[str] | None = None
    hosts: frozenset[str] | None = None
    directory: str | None = None
    files: str | None = None
    endpoint: str | None = None
    when: When | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it covers every request."""
        return self == _EVERYTHING

    def describe(self) -> str:
        """Return the scope as people would write it; empty for the empty one."""
        parts: list[str] = []
        if self.location is not None:
            parts.append(self.location + (" (exact)" if self.exact else ""))
        if self.pattern is not None:
            parts.append(f"~ {self.pattern.pattern}")
        for name, names in (("methods", self.methods), ("hosts", self.hosts)):
            if names is not None:
                parts.append(f"{name}={','.join(sorted(names))}")
        rest = {"directory": self.directory, "files": self.files, "endpoint": self.endpoint}
        parts.extend(f"{name}={value}" for name, value in rest.items() if value is not None)
        if self.when is not None:
            parts.append(f"when={getattr(self.when, '__qualname__', repr(self.when))}")
        return " ".join(parts)


_EVERYTHING = Scope()


def make_scope(
    location: Location | None = None,
    *,
    exact: bool = False,
    methods: str | Collection[str] | None = None,
    hosts: str | Collection[str] | None = None,
    directory: str | os.PathLike[str] | None = None,
    files: str | None = None,
    endpoint: str | None = None,
    when: When | None = None,
) -> Scope:
    """Check what a declaration was limited to and make a Scope of it.

    Args:
        location: a decoded path starting with "/", or a compiled regular expression.
        exact: cover the path alone.
        methods: one or several names.
        hosts: one or several names, without port.
        directory: a folder below the document root.
        files: a shell pattern of the file's name.
        endpoint: a shell pattern of the route's name.
        when: a sync function of the request.

    Returns:
        The Scope.

    Raises:
        DeclarationError: one of them can't be meant; the message says which and what to write.
    """
    text, pattern = _check_location(location, exact=exact)
    if when is not None:
        _check_when(when)
    scope = Scope(
        location=text,
        exact=exact,
        pattern=pattern,
        methods=_check_methods(methods),
        hosts=_check_hosts(hosts),
        directory=_check_directory(directory),
        files=_check_text("files", files),
        endpoint=_check_text("endpoint", endpoint),
        when=when,
    )
    return _EVERYTHING if scope.is_empty else scope  # one for all, as most handlers have no limits of their own


def _check_location(location: object, *, exact: bool) -> tuple[str | None, re.Pattern[str] | None]:
    if isinstance(location, str):
        return _check_prefix(location, exact=exact), None
    if exact:
        raise DeclarationError("exact=True goes with a location that is a path")
    pattern: Any = location
    if location is not None and not (isinstance(location, re.Pattern) and isinstance(pattern.pattern, str)):
        raise DeclarationError(
            f"location {location!r} is neither a path nor a compiled regular expression of text: "
            "write '/admin' or re.compile(...)"
        )
    return None, pattern


def _check_prefix(location: str, *, exact: bool) -> str:
    hint = "re.compile(r'/users/(?P<name>[^/]+)')"
    for sign in "<{":
        if sign in location:
            raise DeclarationError(
                f"location {location!r} holds {sign!r}: a location is a path prefix, no route; "
                f"for parts that vary give {hint}"
            )
    if not location.startswith("/"):
        raise DeclarationError(f"location {location!r} does not start with '/': write {'/' + location!r}")
    try:
        canonical = normalise(location)
    except BadPathError as error:
        raise DeclarationError(f"location {location!r} can never match: {error}") from error
    if canonical != location:
        raise DeclarationError(f"location {location!r} can never match a normalised path: write {canonical!r}")
    return location if exact or location == "/" else location.rstrip("/")


_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]|\$", re.DOTALL)


def as_httpd_matches(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return a regular expression that a line feed in a path can't get around, as ``%0a`` puts one there.

    Args:
        pattern: as it was declared.

    Returns:
        The same, but "." takes every character, and "$" stands at the end alone, not before a line feed there too.

    Source: httpd ``RegexDefaultOptions`` (DOTALL and DOLLAR_ENDONLY are its default); ``security/RULES.md`` 4.
    """
    if pattern.flags & re.MULTILINE:
        return re.compile(pattern.pattern, pattern.flags | re.DOTALL)
    text = _PIECES.sub(lambda piece: r"\Z" if piece[0] == "$" else piece[0], pattern.pattern)
    return re.compile(text, pattern.flags | re.DOTALL)


def _several(name: str, value: str | Collection[str]) -> list[str]:
    names = [item for item in one_or_several(value) if isinstance(item, str) and item]
    if not names or len(names) != len(one_or_several(value)):
        raise DeclarationError(f"{name}={value!r}: give one or several names, or leave it out to cover all")
    return names


def _check_methods(methods: str | Collection[str] | None) -> frozenset[str] | None:
    if methods is None:
        return None
    names = {name.upper() for name in _several("methods", methods)}
    for name in names:
        if not _TOKEN.match(name):
            raise DeclarationError(f"methods: {name!r} is no HTTP method; write methods=['GET', 'POST']")
    return frozenset(names | {"HEAD"} if "GET" in names else names)


def _check_hosts(hosts: str | Collection[str] | None) -> frozenset[str] | None:
    if hosts is None:
        return None
    names: set[str] = set()
    for host in _several("hosts", hosts):
        name = canonical_host(host)
        if name is None or "*" in name:
            raise DeclarationError(f"hosts: {host!r} is no host name; write 'www.example.org'")
        names.add(name)
    return frozenset(names)


def _check_text(name: str, value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise DeclarationError(f"{name}={value!r}: give a shell pattern such as '*.pdf'")
    return value


def _check_directory(directory: object) -> str | None:
    path = directory
    if hasattr(directory, "__fspath__"):
        path = os.fspath(cast("os.PathLike[str]", directory))
    if path is not None and not (isinstance(path, str) and path):
        raise DeclarationError(f"directory={directory!r}: give a folder below document_root such as 'private'")
    return path


def _check_when(when: object) -> None:
    if not callable(when):
        raise DeclarationError(f"when={when!r} is not callable; give a function of the request")
    check_callable(when, "when", 1)
    if inspect.iscoroutinefunction(when) or inspect.iscoroutinefunction(getattr(when, "__call__", None)):  # noqa: B004
        raise DeclarationError("when must be a plain function; what has to await belongs in a handler")


def canonical_host(host: str | None) -> str | None:
    """Return a Host header's value without port and final dot, in lower case.

    Args:
        host: the header's value; None where it is missing.

    Returns:
        The name, or None where there is none that could match.

    Source: RFC 9110, section 7.2; httpd ``fix_hostname`` (server/vhost.c).
    """
    if not host or any(sign in host for sign in ", \t/@"):
        return None
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        name = name + bracket if bracket else ""
    else:
        name, colon, port = host.partition(":")
        port = colon + port
    if port and not (port[0] == ":" and (port[1:].isdecimal() or port == ":")):
        return None
    return name.lower().removesuffix(".") or None


Condition: TypeAlias = Callable[["Request"], object]


def conditions_of(scope: Scope) -> tuple[Condition, ...]:
    """Return what is left to be asked of a request whose path, method and host are covered."""
    found: list[Condition] = []
    if scope.directory is not None:
        found.append(_InDirectory(scope.directory))
    if scope.files is not None:
        found.append(_NamedLike(scope.files))
    if scope.endpoint is not None:
        found.append(_Endpoint(scope.endpoint))
    if scope.when is not None:
        found.append(scope.when)
    return tuple(found)


class _InDirectory:
    __slots__ = ("directory",)

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def __call__(self, req: Request) -> bool:
        # A folder is covered under its own name too: a redirect to it would tell that it is there.
        end = "/" if req.finfo is not None and stat.S_ISDIR(req.finfo.st_mode) else ""
        return any(self.covers_file(path + end) for path in req.storage_paths)

    def covers_file(self, path: str) -> bool:
        wanted = tuple(part for part in self.directory.split("/") if part)
        return _folders(path)[: len(wanted)] == wanted


class _NamedLike:
    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __call__(self, req: Request) -> bool:
        return any(map(self.covers_file, req.storage_paths))

    def covers_file(self, path: str) -> bool:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], self.pattern)


class _Endpoint:
    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __call__(self, req: Request) -> bool:
        endpoint: Any = req.endpoint
        return isinstance(endpoint, str) and covers_endpoint(self.pattern, endpoint)


def covers_endpoint(pattern: str, endpoint: str) -> bool:
    """Tell whether a scope's ``endpoint`` covers a route's name."""
    return fnmatch.fnmatchcase(endpoint, pattern)


def closes_file(condition: Condition, req: Request, path: str) -> bool:
    """Tell whether a condition on the file holds for another file but not for the request's own.

    Args:
        condition: any condition; one that is not on the file never does.
        req: the request.
        path: the other file's path below the document root.
    """
    return isinstance(condition, _InDirectory | _NamedLike) and condition.covers_file(path) and not condition(req)


def _folders(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/")[:-1] if part)

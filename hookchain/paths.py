"""The one normalisation of a request path, so that sections, handlers, files and the app see the same one.

Source: ``security/RULES.md`` 1 to 3; RFC 3986, sections 5.2.4 and 6.2.2; httpd ``ap_normalize_path`` (server/util.c).
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote, unquote_to_bytes, urljoin

_NEEDS_WORK = re.compile(r"//|/\.\.?(?:/|\Z)|\x00")

# What may stand in a path segment unescaped (RFC 3986, pchar), and the slash.
_SAFE = "/!$&'()*+,;=:@-._~"
is_its_spelling = re.compile(r"[A-Za-z0-9/._~-]*\Z").match
"""Whether a decoded path holds nothing that is ever encoded."""


class BadPathError(ValueError):
    """The path climbs above the root, holds NUL or bytes that are not UTF-8, or does not start with a slash."""


def normalise(path: str) -> str:
    """Merge slashes and resolve ``.`` and ``..`` in a decoded path.

    Nothing else is translated: not backslash, semicolon, letter case or Unicode forms.

    Args:
        path: a decoded path, starting with "/".

    Returns:
        The one spelling of this path. Normalising it again changes nothing.

    Raises:
        BadPathError: the path does not start with "/", climbs above the root, holds NUL or bytes that are not UTF-8
            (as surrogate escapes).
    """
    if not path.startswith("/"):
        raise BadPathError("the path does not start with '/'")
    if not path.isascii():
        _refuse_surrogates(path)
    if not _NEEDS_WORK.search(path):
        return path
    if "\x00" in path:
        raise BadPathError("the path holds NUL")
    return _resolve(path)


def _refuse_surrogates(path: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadPathError("the path is not UTF-8") from error


def _resolve(path: str) -> str:
    kept: list[str] = []
    segments = [segment for segment in path.split("/") if segment]
    for segment in segments:
        if segment == "..":
            if not kept:
                raise BadPathError("the path climbs above the root")
            kept.pop()
        elif segment != ".":
            kept.append(segment)
    is_folder = path.endswith("/") or segments[-1:] in (["."], [".."])
    return "/" + "/".join(kept) + ("/" if kept and is_folder else "")


def decode(raw: bytes) -> str:
    """Return the text of a path whose percent-encoding is gone; what is no UTF-8 as surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def decode_url_path(path: str) -> str:
    """Return the path of a URL, percent-decoded once; what is no UTF-8 as surrogate escapes."""
    return decode(unquote_to_bytes(path))


def encode(path: str) -> str:
    """Return the one percent-encoded spelling of a decoded path; surrogate escapes become the bytes they stand for."""
    return path if is_its_spelling(path) else quote(path, safe=_SAFE, errors="surrogateescape")


def split_url(url: str, base: str) -> tuple[str, str]:
    """Return the canonical path and the query of a URL given inside the program.

    Args:
        url: what ``InternalRedirect`` or ``lookup`` was given: "/path?query", or relative to ``base``.
        base: the decoded path of the request it is given to.

    Returns:
        The canonical path, and the query without "?".

    Raises:
        BadPathError: there is no such path.
    """
    path, _, query = url.partition("#")[0].partition("?")
    if not path.startswith("/"):
        path = urljoin(encode(base), path) if path else encode(base)
    return normalise(decode_url_path(path)), query


def join(prefix: str, location: str) -> str:
    """Return the location below a prefix; "/" is the prefix of everything.

    >>> join("/api", "/users")
    '/api/users'
    """
    if prefix == "/":
        return location
    return prefix if location == "/" else prefix + location


def prefixes(path: str) -> list[str]:
    """Return the prefixes of a path by whole segments, shortest first.

    >>> prefixes("/a/b")
    ['/', '/a', '/a/b']
    """
    found = ["/"]
    end = path.find("/", 1)
    while end != -1:
        found.append(path[:end])
        end = path.find("/", end + 1)
    if not path.endswith("/"):
        found.append(path)
    return found


def below(prefix: str, path: str) -> str:
    """Return the path as seen from a mount point that covers it; always starting with "/"."""
    return path if prefix == "/" else path[len(prefix) :] or "/"


def segment_count(location: str) -> int:
    """Return how many segments a location has; "/" has none."""
    return 0 if location == "/" else posixpath.normpath(location).count("/")

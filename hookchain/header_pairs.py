"""Headers as a list of pairs: looked at, completed, merged and checked without Werkzeug's class for them.

The functions change the list that they are given, which a response and its ``headers`` share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from .plain_response import KEPT_AS, Pair, PlainResponse, kept_pairs

Pairs: TypeAlias = tuple[Pair, ...]
SaidOfBody: TypeAlias = tuple[str | None, bool]
"""The length of a body, where headers say one, and whether they say its type."""

_ADDED = frozenset({"set-cookie", "vary", "www-authenticate", "link", "cache-control", "warning", "via"})
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5: no control character but the tab
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_ORDINARY = frozenset({"Last-Modified", "ETag", "Accept-Ranges", "Set-Cookie", "Vary", "Cache-Control"})
_TOKENS = _ORDINARY | {"Content-Type", "Content-Length", "Location"}
_TYPE_NAMES = ("Content-Type", "content-type")
_ONCE = frozenset({"content-length", "content-type", "location"})
"""Headers with which more may have to be done: more than one of them, or in unusual letters."""

_MORE: SaidOfBody = (None, False)
"""Stands for headers that have to be looked at closer."""

_MOST_KNOWN = 512
_LONGEST_KNOWN = 1024
_known: dict[Pairs, SaidOfBody] = {}
"""What was found in headers lately; only ever added to or cleared, so without a lock."""


class BadHeaderError(ValueError):
    """A header that must not leave; the message names it."""


def pairs_of(response: Response) -> list[Pair]:
    """Return the list that the headers of a response are; what is changed in it is changed in the response."""
    if type(response) is PlainResponse and not response.is_seen:
        return response.pairs
    if type(response.headers) is not Headers:  # somebody's own kind of headers
        response.headers = headers_of([*response.headers])
    pairs: list[Pair] = kept_pairs(response.headers)
    return pairs


def headers_of(pairs: list[Pair]) -> Headers:
    """Return Headers around a list of which is known that all of it is text, and no value holds a line end."""
    headers = Headers()
    setattr(headers, KEPT_AS, pairs)  # to let Werkzeug look at each costs more than all else that is done with them
    return headers


def names_in(pairs: Iterable[Pair]) -> set[str]:
    """Return the names of headers in lower case."""
    return {name.lower() for name, _ in pairs}


def value_in(pairs: Iterable[Pair], wanted: str) -> str | None:
    """Return the first value of a header.

    Args:
        pairs: the headers.
        wanted: the header's name in lower case.

    Returns:
        The value; None where there is none.
    """
    return next((value for name, value in pairs if name.lower() == wanted), None)


def drop(pairs: list[Pair], unwanted: str) -> None:
    """Take off a header, as often as it is there.

    Args:
        pairs: the headers.
        unwanted: the header's name in lower case.
    """
    pairs[:] = [pair for pair in pairs if pair[0].lower() != unwanted]


def replace(pairs: list[Pair], name: str, value: str) -> None:
    """Let a header be there once, in the place of the first that there was.

    Args:
        pairs: the headers.
        name: the header's name as it is to be sent.
        value: the one value that it has then.
    """
    lower = name.lower()
    positions = [position for position, pair in enumerate(pairs) if pair[0].lower() == lower]
    if not positions:
        pairs.append((name, value))
        return
    for position in reversed(positions[1:]):
        del pairs[position]
    pairs[positions[0]] = name, value


def merge(pairs: list[Pair], more: Iterable[Pair]) -> None:
    """Add headers to others: what is said there stays, lists such as Set-Cookie grow, nothing is said twice.

    Args:
        pairs: the headers that are added to.
        more: those that are added.
    """
    names, count = names_in(pairs), len(pairs)
    for name, value in more:
        lower = name.lower()
        if lower not in names or (lower in _ADDED and not _is_said(lower, value, pairs[:count])):
            pairs.append((name, value))


def _is_said(lower: str, value: str, pairs: Iterable[Pair]) -> bool:
    return any(said == value and name.lower() == lower for name, said in pairs)


def complete_pairs(pairs: list[Pair], length: int | None, type_pair: Pair | None) -> bool:
    """Add the length of the body, where it is known, and a type, where none is said.

    Args:
        pairs: the headers.
        length: the length in bytes, or None where it is not known.
        type_pair: the Content-Type for headers that say none; None where they need not.

    Returns:
        False where more is to be done than that; nothing is changed then.
    """
    said = said_of_body(pairs, length)
    if said is None:
        return False
    if length is not None and said[0] is None:
        pairs.append(("Content-Length", str(length)))
    if type_pair is not None and not said[1]:
        pairs.insert(0, type_pair)
    return True


def said_of_body(pairs: Iterable[Pair], length: int | None) -> SaidOfBody | None:
    """Look whether headers may be sent as they are, but for a length and a type.

    Args:
        pairs: the headers; what an app behind the chain says may be anything.
        length: the length of the body, or None where it is not known.

    Returns:
        The length that they say, and whether they say a type; None where they have to be looked at closer.
    """
    try:
        key = (*pairs,)
        said = _known.get(key) or _look_at(key)
    except (AttributeError, TypeError, ValueError):
        return None
    said_length = said[0]
    if said is _MORE or (said_length is not None and length is not None and said_length != str(length)):
        return None
    return said


def _look_at(pairs: Pairs) -> SaidOfBody:
    """Look at headers that have not been looked at lately; the same are sent again and again."""
    once: dict[str, str] = {}
    for pair in pairs:
        name, value = pair
        if type(pair) is not tuple or not (value.isascii() and value.isprintable()):
            return _MORE
        lower = "content-type" if name in _TYPE_NAMES else name.lower()
        if lower not in _ONCE:
            if name not in _ORDINARY and not _TOKEN.match(name):
                return _MORE
        elif lower in once:
            return _MORE
        else:
            once[lower] = value
    location = once.get("location")
    if location is not None and iri_to_uri(location) != location:
        return _MORE
    said = once.get("content-length"), "content-type" in once
    # Cookies are secrets, and mostly other ones each time.
    if "set-cookie" not in names_in(pairs) and sum(len(name) + len(value) for name, value in pairs) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[pairs] = said
    return said


def check(pairs: Iterable[Pair]) -> None:
    """Refuse headers that would break the response apart.

    Raises:
        BadHeaderError: a name is no token, or a value holds CR, LF, NUL, another control character or what latin-1
            can't say.
    """
    for name, value in pairs:
        if name not in _TOKENS and not _TOKEN.match(name):
            raise BadHeaderError(f"the response header name {name!r} can't be sent")
        if value.isascii() and value.isprintable():
            continue
        if _BAD_VALUE.search(value):
            raise BadHeaderError(f"the value of the response header {name} holds CR, LF, NUL or a control character")
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise BadHeaderError(f"the value of the response header {name} is not latin-1: {value!r}") from None


def check_status_line(line: str) -> None:
    """Refuse a status line that would end too early: servers write the reason phrase as it is.

    Raises:
        BadHeaderError: it holds a control character, or what latin-1 can't say.
    """
    if line.isascii() and line.isprintable():
        return
    if _BAD_VALUE.search(line) or max(line) > "\xff":
        raise BadHeaderError(f"the status line {line!r} can't be sent")

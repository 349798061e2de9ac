"""The one way out: plain pages for statuses, and what is put right on every response before it leaves."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from .plain_response import DEFAULT_TYPE, PLAIN_STATUSES, Pair, PlainResponse, status_code, whole_of
from .request import Request
from .results import FIRST_STATUS, LAST_STATUS, reason

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})
_TYPELESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ADDED = frozenset({"set-cookie", "vary", "www-authenticate", "link", "cache-control", "warning", "via"})
# What is no longer true when a filter has replaced the body (httpd's content filters unset the same).
SAID_OF_THE_BODY = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified", "Content-MD5")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5: no control character but the tab
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_ORDINARY = frozenset({"Last-Modified", "ETag", "Accept-Ranges", "Set-Cookie", "Vary", "Cache-Control"})
Pairs: TypeAlias = tuple[Pair, ...]
SaidOfBody: TypeAlias = tuple[str | None, bool]
"""The length of a body, where headers say one, and whether they say its type."""

_MORE: SaidOfBody = (None, False)
"""Stands for headers that have to be looked at closer."""

_MOST_KNOWN = 512
_LONGEST_KNOWN = 1024
_known: dict[Pairs, SaidOfBody] = {}
"""What was found in headers lately; only ever added to or cleared, so without a lock."""

_TYPE_NAMES = ("Content-Type", "content-type")
_TOKENS = _ORDINARY | {"Content-Type", "Content-Length", "Location"}
_TO_BE_LOOKED_AT = frozenset({"content-length", "content-type", "location"})
"""Headers with which more may have to be done: more than one of them, in unusual letters, an address to be encoded."""


_SEQUENCES = (list, tuple, Sequence)  # the abstract class last, as it is slow to tell


class NoBody:
    """A body of no bytes that still closes the one it stands for."""

    def __init__(self, body: object) -> None:
        """Keep the body that is not sent."""
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        """Yield nothing."""
        return iter(())

    def close(self) -> None:
        """Close the body that is not sent."""
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


class BadHeaderError(ValueError):
    """A header that must not leave; the message names it."""


def status_response(req: Request, status: int | HTTPException) -> Response:
    """Make the plain page of a status.

    Args:
        req: the request; its ``headers_out`` gives the Location of a redirect, its ``allowed_methods`` Allow.
        status: what a handler answered, or the exception that it raised.

    Returns:
        The page. Nothing of the server's inside is in it.

    Source: httpd ``ap_send_error_response`` (modules/http/http_protocol.c).
    """
    if isinstance(status, HTTPException):
        response = _page(status)
    elif status < 300:  # noqa: PLR2004 - a success has no page
        response = Response(status=status)
        del response.headers["Content-Type"]
    else:
        response = _page(exception_of(status))
    _add_needed_headers(req, response)
    return response


def _page(error: HTTPException) -> Response:
    # One without a status says of itself that it is none to be sent.
    response = (exception_of(500) if error.code is None else error).get_response()
    response.headers.pop("Content-Length", None)
    return response


def exception_of(status: int) -> HTTPException:
    """Return the exception that stands for a status."""
    known = default_exceptions.get(status)
    if known is not None:
        return known()
    error = HTTPException(description=f"{status} {reason(status)}")
    error.code = status
    return error


def _add_needed_headers(req: Request, response: Response) -> None:
    status = response.status_code
    location = req.headers_out.get("Location") if "headers_out" in req.__dict__ else None
    if location and (status in REDIRECTS or status == HTTPStatus.CREATED):
        response.headers.setdefault("Location", location)
    if status in {405, 501} and "Allow" not in response.headers:
        also = ["HEAD"] if "GET" in req.allowed_methods else []
        response.headers["Allow"] = ", ".join(sorted(req.allowed_methods.union(also)))


def own_copy(response: Response) -> Response:
    """Return a copy that can be changed: a handler may keep one response object and answer with it again."""
    if isinstance(response, PlainResponse):
        response = response.as_full()
    copied = object.__new__(type(response))
    kept = vars(copied)
    kept.update(vars(response))
    kept["_on_close"] = [*kept["_on_close"]]
    kept["headers"] = headers_of(header_list(response))
    return copied


def headers_of(pairs: list[tuple[str, str]]) -> Headers:
    """Return Headers around a list of which is known that all of it is text, and no value holds a line end."""
    headers = Headers()
    vars(headers)["_list"] = pairs  # to let Werkzeug look at each costs more than all else that is done with them
    return headers


def response_of(status: str, pairs: list[tuple[str, str]], body: Any = ()) -> Response:
    """Make a response of what an app behind the chain has said and no more.

    Args:
        status: the status line.
        pairs: its headers; the list becomes the response's own.
        body: its body, where it is there as a whole.

    Returns:
        The response. It has no Content-Type where the app said none.

    Raises:
        ValueError: a header must not leave.
    """
    code = status_code(status)
    if code:
        whole = whole_of(body)
        length = None if whole is None else len(whole)
        said = said_of_body(pairs, length)
        if said is not None or _are_plain(pairs):
            made = PlainResponse(body, pairs, status, code, whole)
            made.is_fit = length is not None and said is not None and said[0] is not None and code in PLAIN_STATUSES
            return made
    response = Response(status=status, headers=pairs)
    if "content-type" not in {name.lower() for name, _ in pairs}:
        response.headers.pop("Content-Type", None)
    response.response = body
    return response


@functools.lru_cache
def status_line(status: int) -> str:
    """Return the status line that Werkzeug writes for a status."""
    return Response(status=status).status


def _are_plain(pairs: Sequence[tuple[Any, Any]]) -> bool:
    # What the app says may be anything.
    for pair in pairs:
        if type(pair) is not tuple or not (type(pair[0]) is type(pair[1]) is str and pair[1].isprintable()):
            return False
    return True


def header_list(response: Response) -> list[tuple[str, str]]:
    """Return the headers of a response as a list, without making Werkzeug's of those that nobody has looked at."""
    if type(response) is PlainResponse and not response.is_seen:
        return [*response.pairs]
    headers = response.headers
    # Headers as a sequence are asked for their length first, by a call.
    return [*vars(headers)["_list"]] if type(headers) is Headers else [*headers]


def finalise_plain(made: PlainResponse, type_pair: Pair | None) -> bool:
    """Put right, like ``finalise``, the answer to a request whose answer may have a body.

    Args:
        made: the response.
        type_pair: what it says of its type, where it has said nothing; None where it need not.

    Returns:
        False where more is to be done than to add length and type; nothing is changed then.
    """
    length = complete_length(made) if made.whole is None else len(made.whole)
    return complete_pairs(made.pairs, length, type_pair)


def complete_pairs(pairs: list[Pair], length: int | None, type_pair: Pair | None) -> bool:
    """Add the length of the body, where it is known, and a type; the rest is as with ``finalise_plain``."""
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
    said_length: str | None = None
    has_type = False
    for pair in pairs:
        name, value = pair
        if type(pair) is not tuple or not (value.isascii() and value.isprintable()):
            return _MORE
        if name in _TYPE_NAMES:
            has_type = True
        elif name not in _ORDINARY:
            said = name.lower()
            if said == "content-length" and said_length is None:
                said_length = value
            elif said in _TO_BE_LOOKED_AT or not _TOKEN.match(name):
                return _MORE
    if sum(len(value) for _, value in pairs) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[pairs] = said_length, has_type
    return said_length, has_type


def merge_headers(response: Response, headers: Headers) -> None:
    """Add headers to a response: what it says itself stays, lists such as Set-Cookie grow, nothing is said twice."""
    said = {(name.lower(), value) for name, value in response.headers}
    names = {name for name, _ in said}
    for name, value in headers:
        if name.lower() not in names or (name.lower() in _ADDED and (name.lower(), value) not in said):
            response.headers.add(name, value)


def set_status(response: Response, req: Request) -> None:
    """Give a response that a body was made into the status that handlers have set."""
    status = req.status
    if response.status_code != status:
        response.status_code = status if FIRST_STATUS <= status <= LAST_STATUS else 500


def set_type(response: Response, req: Request) -> None:
    """Give a response that has no Content-Type the one that TYPE found, else text."""
    said = names_of(response.headers)
    if "content-type" not in said and req.content_type_out is not None:
        response.headers.add("Content-Type", req.content_type_out)
    set_default_type(response)
    has_type = response.status_code not in _TYPELESS
    if has_type and req.content_encoding_out is not None and "content-encoding" not in said:
        response.headers.add("Content-Encoding", req.content_encoding_out)


def names_of(headers: Headers) -> set[str]:
    """Return the names of headers in lower case; to ask Werkzeug's Headers for one that is not there costs more."""
    return {name.lower() for name, _ in headers}


def set_default_type(response: Response) -> None:
    """Call a response text that says nothing else, an empty one too; a status that never has a body has no type.

    Source: ``wsgiref.validate``; PEP 3333 leaves the type to the application.
    """
    if response.status_code in _TYPELESS:
        response.headers.pop("Content-Type", None)
    elif "content-type" not in names_of(response.headers):
        response.headers.add("Content-Type", DEFAULT_TYPE)


def complete_length(response: Response) -> int | None:
    """Return the length of a body that is there as a whole, in bytes; None for a stream."""
    body = response.response
    if isinstance(body, NoBody):
        return 0
    if isinstance(body, _SEQUENCES):
        return sum(len(chunk.encode() if isinstance(chunk, str) else chunk) for chunk in body)
    return None


def finalise(response: Response, req: Request) -> None:
    """Put right what the protocol asks for, just before the response leaves.

    Args:
        response: changed in place.
        req: the request as the client sent it, whose method decides about the body; an error document's is GET.

    Raises:
        BadHeaderError: a header must not leave.

    Source: RFC 9110, sections 6.4.1, 8.6 and 9.3.2; ``security/RULES.md`` 13 and 15.
    """
    headers = response.headers
    status = response.status_code
    if status in _BODILESS or status < 200:  # noqa: PLR2004
        drop_body(response)
        headers.pop("Content-Length", None)
    else:
        said = names_of(headers)
        length = complete_length(response)
        if length is not None and not (req.method == "HEAD" and "content-length" in said):
            _set_length(headers, said, length)
        if req.method == "HEAD":
            drop_body(response)
        if "location" in said:
            headers["Location"] = iri_to_uri(headers["Location"])
    check_headers(headers)
    _check_status_line(response.status)


def _set_length(headers: Headers, said: set[str], length: int) -> None:
    if "content-length" in said:
        headers["Content-Length"] = str(length)
    else:
        headers.add("Content-Length", str(length))


def drop_body(response: Response) -> None:
    """Send no body; the one that was there is closed when the response is."""
    body = response.response
    response.response = [] if isinstance(body, Sequence) else NoBody(body)


def check_headers(headers: Headers) -> None:
    """Refuse headers that would break the response apart.

    Raises:
        BadHeaderError: a name is no token, or a value holds CR, LF, NUL, another control character or what latin-1
            can't say.
    """
    for name, value in headers:
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


def _check_status_line(status: str) -> None:
    # Servers write the reason phrase as it is, so that it can end the line just as a header's value can.
    if status.isascii() and status.isprintable():
        return
    if _BAD_VALUE.search(status) or max(status) > "\xff":
        raise BadHeaderError(f"the status line {status!r} can't be sent")


def drop_bad_headers(headers: Headers) -> None:
    """Leave out the headers that would break the response apart."""
    for name, value in list(headers):
        try:
            check_headers(Headers([(name, value)]))
        except ValueError:  # ours, or Werkzeug's
            headers.remove(name)


def last_resort() -> Response:
    """Return the answer to a failure of the way out itself."""
    return _page(exception_of(500))

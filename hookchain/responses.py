"""The one way out: plain pages for statuses, and what is put right on every response before it leaves."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from .header_pairs import (
    BadHeaderError,
    check,
    check_status_line,
    complete_pairs,
    drop,
    headers_of,
    merge,
    names_in,
    pairs_of,
    replace,
    said_of_body,
    value_in,
)
from .plain_response import PLAIN_STATUSES, TYPE_PAIR, Pair, PlainResponse, kept_pairs, status_code, whole_of
from .request import Request
from .results import FIRST_STATUS, LAST_STATUS, reason

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})
_TYPELESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What is no longer true when a filter has replaced the body (httpd's content filters unset the same).
SAID_OF_THE_BODY = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified", "Content-MD5")
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


def status_response(req: Request, status: int | HTTPException) -> Response:
    """Make the plain page of a status.

    Args:
        req: the request; its ``headers_out`` gives the Location of a redirect, its ``allowed_methods`` Allow.
        status: what a handler answered, or the exception that it raised.

    Returns:
        The page. Nothing of the server's inside is in it.

    Source: httpd ``ap_send_error_response`` (modules/http/http_protocol.c).
    """
    response = _page(status) if isinstance(status, HTTPException) else PlainResponse.copied(_page_of_status(status))
    _add_needed_headers(req, response)
    return response


def _page(error: HTTPException) -> Response:
    # One without a status says of itself that it is none to be sent.
    response = (exception_of(500) if error.code is None else error).get_response()
    response.headers.pop("Content-Length", None)
    return response


@functools.lru_cache
def _page_of_status(status: int) -> PlainResponse:
    """Return the page of a status about which nothing else is said, to be copied."""
    if status < 300:  # noqa: PLR2004 - a success has no page
        return PlainResponse([], [], status_line(status), status)
    return PlainResponse.copied(_page(exception_of(status)))


def exception_of(status: int) -> HTTPException:
    """Return the exception that stands for a status."""
    known = default_exceptions.get(status)
    if known is not None:
        return known()
    error = HTTPException(description=f"{status} {reason(status)}")
    error.code = status
    return error


def _add_needed_headers(req: Request, response: Response) -> None:
    status, pairs = response.status_code, pairs_of(response)
    location = req.headers_out.get("Location") if req.has_made("headers_out") else None
    if location and (status in REDIRECTS or status == HTTPStatus.CREATED):
        merge(pairs, [("Location", location)])
    if status in {405, 501}:
        also = ["HEAD"] if "GET" in req.allowed_methods else []
        merge(pairs, [("Allow", ", ".join(sorted(req.allowed_methods.union(also))))])


def own_copy(response: Response) -> Response:
    """Return a copy that can be changed: a handler may keep one response object and answer with it again."""
    if type(response) is PlainResponse:
        return PlainResponse.copied(response)
    copied = object.__new__(type(response))
    copied.__dict__ = kept = vars(response).copy()
    kept["_on_close"] = [*kept["_on_close"]]
    kept["headers"] = headers_of(header_list(response))
    return copied


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
    return [*kept_pairs(headers)] if type(headers) is Headers else [*headers]


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


def set_status(response: Response, req: Request) -> None:
    """Give a response that a body was made into the status that handlers have set."""
    status = req.status
    if response.status_code != status:
        response.status_code = status if FIRST_STATUS <= status <= LAST_STATUS else 500


def set_type(response: Response, req: Request) -> None:
    """Give a response that has no Content-Type the one that TYPE found, else text."""
    _give_type(response, req.content_type_out, req.content_encoding_out)


def set_default_type(response: Response) -> None:
    """Call a response text that says nothing else, an empty one too; a status that never has a body has no type.

    Source: ``wsgiref.validate``; PEP 3333 leaves the type to the application.
    """
    _give_type(response, None, None)


def _give_type(response: Response, content_type: str | None, encoding: str | None) -> None:
    pairs = pairs_of(response)
    if response.status_code in _TYPELESS:
        drop(pairs, "content-type")
        return
    said = names_in(pairs)
    if "content-type" not in said:
        pairs.append(TYPE_PAIR if content_type is None else ("Content-Type", str(content_type)))
    if encoding is not None and "content-encoding" not in said:
        pairs.append(("Content-Encoding", str(encoding)))


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
    pairs = pairs_of(response)
    status = response.status_code
    if status in _BODILESS or status < 200:  # noqa: PLR2004
        drop_body(response)
        drop(pairs, "content-length")
    else:
        length = complete_length(response)
        if length is not None and not (req.method == "HEAD" and value_in(pairs, "content-length") is not None):
            replace(pairs, "Content-Length", str(length))
        if req.method == "HEAD":
            drop_body(response)
        location = value_in(pairs, "location")
        if location is not None:
            replace(pairs, "Location", iri_to_uri(location))
    check(pairs)
    check_status_line(response.status)


def drop_body(response: Response) -> None:
    """Send no body; the one that was there is closed when the response is."""
    body = response.response
    response.response = [] if isinstance(body, Sequence) else NoBody(body)
    if type(response) is PlainResponse:
        response.whole = None


def drop_bad_headers(response: Response) -> None:
    """Leave out the headers that would break the response apart."""
    pairs = pairs_of(response)
    for pair in [*pairs]:
        try:
            check([pair])
        except BadHeaderError:
            pairs.remove(pair)


def last_resort() -> Response:
    """Return the answer to a failure of the way out itself."""
    return _page(exception_of(500))

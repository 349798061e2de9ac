"""Django's responses and exceptions as answers of handlers, and responses as Django's."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase, ResponseHeaders
from werkzeug import exceptions
from werkzeug.wrappers import Response

from hookchain.adapting import PLAIN_STATUSES, said_of_body

_EXCEPTIONS: tuple[tuple[type[Exception], type[exceptions.HTTPException]], ...] = (
    (Http404, exceptions.NotFound),
    (PermissionDenied, exceptions.Forbidden),
    (BadRequest, exceptions.BadRequest),
    (SuspiciousOperation, exceptions.BadRequest),
    (MultiPartParserError, exceptions.BadRequest),
)

_FILE_BLOCK = 65536


class DjangosResponse(Response):
    """A response that Django made; ``made`` is Django's own."""

    made: HttpResponseBase


class _Stream:
    """The body of a response that streams."""

    def __init__(self, made: StreamingHttpResponse) -> None:
        self._made = made
        self._closers = _taken_closers(made)

    def close(self) -> None:
        for closer in self._closers:
            closer()


class _SyncStream(_Stream):
    def __iter__(self) -> Iterator[bytes]:
        return iter(cast("Iterable[bytes]", self._made.streaming_content))


class _AsyncStream(_Stream):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(cast("AsyncIterable[bytes]", self._made.streaming_content))

    async def aclose(self) -> None:
        """Close what the view streams."""
        await _aclose(self._made.__dict__["_iterator"])


async def _aclose(iterator: Any) -> None:
    if hasattr(iterator, "aclose"):
        await iterator.aclose()


def _taken_closers(made: HttpResponseBase) -> list[Any]:
    # Its close() must not be called: it tells all of Django that the request is finished.
    closers = made.__dict__["_resource_closers"]
    made.__dict__["_resource_closers"] = []
    return list(closers)


def translate(value: object) -> object:
    """Return what an answer or exception of Django's means; any other as it is."""
    if isinstance(value, HttpResponseBase):
        return from_django(value)
    if isinstance(value, Exception):
        for theirs, ours in _EXCEPTIONS:
            if isinstance(value, theirs):
                error = ours()
                error.__cause__ = value
                return error
    return value


def from_django(made: Any) -> DjangosResponse:
    """Return a response of Django's as one that filters know; a stream stays one."""
    if not getattr(made, "is_rendered", True):
        made.render()
    headers = [*made.items(), *(("Set-Cookie", morsel.OutputString()) for morsel in made.cookies.values())]
    response = DjangosResponse(status=f"{made.status_code} {made.reason_phrase}", headers=headers)
    if not made.has_header("Content-Type"):
        response.headers.pop("Content-Type", None)
    if isinstance(made, FileResponse):
        made.block_size = _FILE_BLOCK
    if made.streaming:
        stream: Any = _AsyncStream(made) if made.is_async else _SyncStream(made)
        response.response = stream
    else:
        response.response = [made.content]
        for closer in _taken_closers(made):
            response.call_on_close(closer)
    response.made = made
    return response


def is_whole(made: object) -> bool:
    """Tell whether Django has made a response that is there as a whole, as one of ``HttpResponse`` itself always is."""
    return isinstance(made, HttpResponse) and getattr(made, "is_rendered", True)


def passes(req: Any, answer: Any) -> bool:
    """Let a whole response of Django's pass where there is no more to be done to it than to give it its length."""
    status = answer.status_code
    if status not in PLAIN_STATUSES or answer._resource_closers or answer._reason_phrase:
        return False
    if answer.cookies and not _are_plain(answer.cookies):
        return False
    length = len(b"".join(answer._container))
    store = answer.headers._store
    said = said_of_body(store.values(), length)
    if said is None:
        return False
    if said[0] is None:  # on the view's own object, as Django's CommonMiddleware does
        store["content-length"] = ("Content-Length", str(length))
    req.passed, req.status = answer, status
    return True


def _are_plain(cookies: SimpleCookie) -> bool:
    said = [morsel.OutputString() for morsel in cookies.values()]
    return all(text.isascii() and text.isprintable() for text in said)


def to_django(response: Response, stream: Any) -> HttpResponseBase:
    """Return a response as one of Django's; the one that Django made, where it did.

    Args:
        response: ready to be sent.
        stream: what gives its body and is told when it is gone.

    Returns:
        A new object, as a view may answer with the same one again.
    """
    made = response.made if isinstance(response, DjangosResponse) else None
    body = response.response
    sent: Any
    if isinstance(body, list | tuple):
        content = b"".join(chunk.encode() if isinstance(chunk, str) else chunk for chunk in body)
        sent = HttpResponse() if made is None or made.streaming else copy(made)
        if made is None or sent.content != content:
            sent.content = content
    else:
        sent = copy(made) if made is not None and made.streaming else StreamingHttpResponse()
        sent.streaming_content = stream
    sent.status_code = response.status_code
    phrase = response.status.partition(" ")[2]
    if phrase.upper() != sent.reason_phrase.upper():
        sent.reason_phrase = phrase
    _set_headers(sent, response, made)
    return cast("HttpResponseBase", sent)


def copy(made: HttpResponseBase) -> Any:
    """Return a copy of a response that has nothing to be closed, as a view may answer with the same one again."""
    sent = object.__new__(type(made))
    sent.__dict__.update(made.__dict__, _resource_closers=[])
    return sent


class _Headers(ResponseHeaders):
    """Headers of which some may be there several times."""

    def __init__(self) -> None:
        super().__init__({})
        self.repeated: list[tuple[str, str]] = []

    def items(self) -> Any:
        """Return all of them."""
        return [*self._store.values(), *self.repeated]


def _set_headers(sent: Any, response: Response, made: HttpResponseBase | None) -> None:
    cookies = sent.cookies = SimpleCookie()
    headers = sent.headers = _Headers()
    for name, value in response.headers:
        if name.lower() == "set-cookie" and _take_cookie(cookies, value, made):
            continue
        if name in headers or name.lower() == "set-cookie":
            headers.repeated.append((name, value))
        else:
            headers[name] = value


def _parsed(value: str) -> SimpleCookie:
    parsed: SimpleCookie = SimpleCookie()
    with contextlib.suppress(CookieError):
        parsed.load(value)
    return parsed


def _take_cookie(cookies: SimpleCookie, value: str, made: HttpResponseBase | None) -> bool:
    """Put a cookie where Django and its test client look for it, if that does not change a letter of it."""
    name = value.partition("=")[0]
    known = None if made is None else made.cookies.get(name)
    if known is None or known.OutputString() != value:
        known = _parsed(value).get(name)
    if known is None or name in cookies or known.OutputString() != value:
        return False
    cookies[name] = known
    return True

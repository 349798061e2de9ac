"""The app of the contract: what stands behind the chain in every place, and answers the same in each.

A place of your own hands each request that reaches its view or app to ``answer``, and sends the ``Page`` that it gets.
"""

from __future__ import annotations

import http
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SEEN: ContextVar[str] = ContextVar("hookchain.testing.contract.seen", default="nothing")
"""What the contract's handlers set; the app tells what it has found."""

_BODILESS = frozenset({204, 304})


class AppError(Exception):
    """What the app raises where a request asks for it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the app answers.

    Attributes:
        status: the status.
        headers: names and values, to be sent as they are; some names come twice.
        body: the whole body, or the chunks of one that is to be streamed.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Iterator[bytes]

    @property
    def status_line(self) -> str:
        """The status as WSGI has it: "200 OK"."""
        return f"{self.status} {http.HTTPStatus(self.status).phrase}"

    @property
    def chunks(self) -> Iterable[bytes]:
        """The body in chunks, whichever it is."""
        return [self.body] if isinstance(self.body, bytes) else self.body


def answer(method: str, path: str, query: str, user: str | None, body: bytes) -> Page:
    """Answer a request that reached the app.

    Args:
        method: the method, as the framework tells it.
        path: the decoded path, as the framework routes it.
        query: what follows "?", as it was sent.
        user: who the framework says is asking: REMOTE_USER, ``scope["user"]``; None for nobody.
        body: the whole body.

    Returns:
        The page. ``query`` chooses it: ``status=418``; ``stream=3`` for so many chunks, of which ``fail=1`` raises at
        that one; ``cookies`` sets two; ``fail`` without a stream raises; ``seen`` shows the value of ``SEEN``.

    Raises:
        AppError: the query asks for it.
    """
    asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    status = int(asked.get("status", "200"))
    headers = [("X-App", "contract")]
    if "cookies" in asked:
        headers += [("Set-Cookie", "one=1; Path=/"), ("Set-Cookie", "two=2; Path=/")]
    if "stream" in asked:
        fails_at = int(asked.get("fail", "-1"))
        return Page(status, [*headers, _TEXT], _stream(int(asked["stream"]), fails_at))
    if "fail" in asked:
        raise AppError("the app was asked to fail")
    if status in _BODILESS:
        return Page(status, headers, b"")
    text = f"{method} {path}?{query} for {user}".encode() + body
    if "seen" in asked:
        text += f" seen {SEEN.get()}".encode()
    return Page(status, [*headers, _TEXT, ("Content-Length", str(len(text)))], text)


_TEXT = ("Content-Type", "text/plain; charset=utf-8")


def _stream(count: int, fails_at: int) -> Iterator[bytes]:
    for number in range(count):
        if number == fails_at:
            raise AppError("the app was asked to fail")
        yield f"chunk {number} ".encode()


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Be the app of the contract, for WSGI."""
    path = environ["PATH_INFO"].encode("latin-1").decode()
    body = environ["wsgi.input"].read() if "CONTENT_LENGTH" in environ or "wsgi.input_terminated" in environ else b""
    page = answer(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], environ.get("REMOTE_USER"), body)
    start_response(page.status_line, page.headers)
    return page.chunks


async def asgi_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Be the app of the contract, for ASGI."""
    body = b""
    message: MutableMapping[str, Any] = {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root)
    page = answer(scope["method"], path, scope["query_string"].decode("latin-1"), scope.get("user"), body)
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in page.headers]
    await send({"type": "http.response.start", "status": page.status, "headers": raw})
    for chunk in page.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

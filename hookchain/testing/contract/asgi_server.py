"""An ASGI server inside the test: one that minds the standard, and whose client may leave at any byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Self, TypeAlias

from .exchanges import ENDINGS, Answer, Sent, check_values, received, values_here
from .own_loop import OwnLoop

Message: TypeAlias = MutableMapping[str, Any]
_AT_ONCE = 200
"""Requests that are on their way at the same time, where many are sent."""


class ASGIServer:
    """Serves an application on an event loop of its own, one request after the other or many at once."""

    def __init__(self, application: Callable[..., Awaitable[None]], leaves: Collection[str] = ()) -> None:
        """Keep the application, and the names of the context variables that it may leave changed."""
        self._application = application
        self._leaves = leaves
        self._loop = OwnLoop()
        self._running: _Exchange | None = None

    def __enter__(self) -> Self:
        """Start the loop."""
        self._loop.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the loop, with its threads."""
        self._loop.__exit__(None)

    def ask(self, sent: Sent) -> Answer:
        """Send a request."""
        return self._loop.run(self._ask(sent))

    async def _ask(self, sent: Sent) -> Answer:
        self._running = exchange = _Exchange(sent, self._leaves)
        return await exchange.run(self._application)

    def ask_all(self, requests: list[Sent]) -> list[Answer]:
        """Send many requests at once, as tasks."""
        return self._loop.run(self._ask_all(requests))

    async def _ask_all(self, requests: list[Sent]) -> list[Answer]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(sent: Sent) -> Answer:
            async with gate:
                return await _Exchange(sent, self._leaves).run(self._application)

        return await asyncio.gather(*map(ask, requests))

    def interrupt(self, how: str) -> None:
        """Cancel the request that is being served, or let its client leave."""
        assert self._running is not None, "no request is being served"
        self._running.interrupt(how)


class _Exchange:
    """One request."""

    def __init__(self, sent: Sent, leaves: Collection[str]) -> None:
        self._leaves = leaves
        self._sent = sent
        self._answer = Answer()
        environ = sent.environ()
        self._scope = _scope_of(environ)
        self._incoming: list[Message] = _pieces(environ["wsgi.input"].read())
        self._loop = asyncio.get_running_loop()
        self._is_over = asyncio.Event()
        self._has_left = asyncio.Event()
        self._calls = 0
        self._task: asyncio.Task[None] | None = None

    async def run(self, application: Callable[..., Awaitable[None]]) -> Answer:
        async def serve() -> None:
            before = values_here()
            try:
                await application(self._scope, self._receive, self._send)
            except ENDINGS as error:
                self._answer.raised = error
            check_values(before, self._leaves)

        self._task = asyncio.create_task(serve())
        await self._task
        has_left = self._has_left.is_set() or isinstance(self._sent.refuses, OSError)
        self._answer.is_complete = self._is_over.is_set() or has_left or self._answer.raised is not None
        return self._answer

    def interrupt(self, how: str) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel if how == "cancel" else self._has_left.set)

    def _count(self) -> None:
        self._calls += 1
        if self._calls == self._sent.cancelled_at and self._task is not None:
            self._task.cancel()

    async def _receive(self) -> Message:
        self._count()
        await asyncio.sleep(0)
        if self._incoming and not self._has_left.is_set():
            return self._incoming.pop(0)
        waits = [asyncio.ensure_future(event.wait()) for event in (self._is_over, self._has_left)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._count()
        await asyncio.sleep(0)
        if self._has_left.is_set():
            raise BrokenPipeError("the client has left")
        kind = message["type"]
        if kind == "http.response.start":
            self._start(message)
        else:
            assert kind == "http.response.body", f"unexpected {kind}"
            assert self._answer.status, "a chunk came before the response began"
            assert not self._is_over.is_set(), "a chunk came after the response was complete"
            self._take(message)

    def _start(self, message: Message) -> None:
        assert not self._answer.status, "the response began twice"
        for name, value in message["headers"]:
            assert type(name) is bytes, f"the header {name!r} is not bytes"
            assert type(value) is bytes, f"{name!r}: {value!r} is not bytes"
            assert not re.search(rb"[\0\r\n]", name + value), f"{name!r}: {value!r} would break the response apart"
        if self._sent.refuses is not None:
            raise self._sent.refuses
        self._answer.status = message["status"]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        self._answer.headers = received(headers)

    def _take(self, message: Message) -> None:
        chunk = message.get("body", b"")
        assert isinstance(chunk, bytes), f"{chunk!r} is not bytes"
        if chunk:
            self._answer.chunks.append(chunk)
        if not message.get("more_body", False):
            self._is_over.set()
        if self._sent.leaves_after is not None and len(self._answer.body) >= self._sent.leaves_after:
            self._has_left.set()


def _pieces(body: bytes) -> list[Message]:
    middle = len(body) // 2  # a body that comes in two pieces, as it may
    parts = [body[:middle], body[middle:]] if middle else [body]
    last = len(parts) - 1
    return [{"type": "http.request", "body": part, "more_body": number < last} for number, part in enumerate(parts)]


def _scope_of(environ: dict[str, Any]) -> Message:
    root = environ["SCRIPT_NAME"].encode("latin-1").decode("utf-8", "surrogateescape")
    raw_path = environ["REQUEST_URI"].partition("?")[0]
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "surrogateescape")
    names = [name for name in environ if name.startswith("HTTP_")]
    names += [name for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), environ[name].encode("latin-1"))
        for name in names
    ]
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ["SERVER_PROTOCOL"].partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": root + path,
        "raw_path": raw_path.encode("latin-1"),
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "root_path": root,
        "headers": headers,
        "client": (environ["REMOTE_ADDR"], 1) if environ.get("REMOTE_ADDR") else None,
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
    }
    if "REMOTE_USER" in environ:
        scope["user"] = environ["REMOTE_USER"]
    return scope

"""What an ASGI server sends in: the request's body, and that the client went away."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeAlias, TypeVar

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from .body import RequestBody
from .exceptions import HookChainError
from .loops import running_loop
from .request import Request

_TURNS = 8
"""Turns of the event loop in which a server tells what it knows already."""

T = TypeVar("T")
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]


class Incoming:
    """The server's ``receive``, for several who want to know what comes.

    Attributes:
        has_body: whether the request may have a body.
        is_open: whether the client still waits for something; cleared when everything is on its way to it.
        is_gone: whether it went away.
        aborted: whether it went away before it had everything.
    """

    def __init__(self, receive: Receive, *, has_body: bool) -> None:
        """Take over a server's ``receive``."""
        self._receive = receive
        self._arrived: deque[Message] = deque()
        self._flight: asyncio.Future[Message] | None = None
        self._body_ended = False
        self._gone: Message | None = None
        self.has_body = has_body
        self.is_open = True
        self.is_gone = False
        self.aborted = False

    async def message(self) -> Message:
        """Return the next message; that the client is gone again and again.

        The server is asked in this task, as an app without a chain does; who else wants to know waits for that.
        """
        while not self._arrived and self._gone is None:
            if self._flight is not None:
                await self._arrive()
                continue
            self._flight = flight = asyncio.get_running_loop().create_future()
            try:
                message = await self._receive()
            finally:
                self._flight = None
                flight.cancel()
            self._take(message)
        return self._arrived.popleft() if self._arrived else self._gone or {}

    async def _arrive(self) -> None:
        """Ask the server in a task of its own, which is there for all who want to know."""
        if self._flight is None:
            self._flight = asyncio.ensure_future(self._receive())
        flight = self._flight
        await asyncio.wait({flight})
        if self._flight is flight:
            self._flight = None
            self._take(flight.result())

    def _take(self, message: Message) -> None:
        if message["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._gone = message
            self.lose(early=self.is_open)
            return
        self._arrived.append(message)
        if message["type"] == "http.request":
            self._body_ended = not message.get("more_body", False)

    def lose(self, *, early: bool) -> None:
        """Take note that the client is gone; ``early`` where it still waited for something."""
        self.is_gone = True
        self.aborted = self.aborted or early

    async def chunk(self) -> bytes:
        """Return the next chunk of the body that is not empty; no bytes at its end.

        Raises:
            ClientDisconnected: the client went away before.
        """
        while self._arrived or not self._body_ended:
            message = await self.message()
            if message["type"] != "http.request":
                raise ClientDisconnected("The client went away before the body ended.")
            body = message.get("body", b"")
            if body:
                return bytes(body)
        return b""

    async def disconnected(self) -> None:
        """Wait until the client goes away, as far as that can be known without reading its body."""
        while self._gone is None:
            if self._arrived and not self._body_ended:
                await asyncio.Event().wait()  # what is not read stands in front of the news
            await self._arrive()

    async def look(self) -> None:
        """Find out whether the client has gone away, without waiting for it and without reading its body."""
        asking = asyncio.ensure_future(self.disconnected())
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody else has to know
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        finally:
            asking.cancel()

    @property
    def has_unread_body(self) -> bool:
        """Whether more of the body may come."""
        return self.has_body and not self._body_ended

    @contextlib.asynccontextmanager
    async def dropped(self) -> AsyncGenerator[None, None]:
        """Drop what is left of the body meanwhile: some servers take no last message while nobody takes the body."""
        dropping = asyncio.ensure_future(self._drop())
        try:
            yield
        finally:
            dropping.cancel()

    async def _drop(self) -> None:
        while self._gone is None and not self._body_ended:
            await self._arrive()
            self._arrived.clear()

    def ended_early(self, how: str) -> Exception:
        """Return what is wrong with an app that ends too early; nothing of its own if the client is gone."""
        if self.is_gone:
            return ClientDisconnected("The client went away.")
        return HookChainError(f"the app ended {how}")

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._flight is not None:
            self._flight.cancel()


class Replay:
    """An app's ``receive``: the body from its first byte, whoever has read it before, then what the server says.

    Attributes:
        refused: the error, once the app was denied more of the body than ``max_body``.
    """

    def __init__(self, incoming: Incoming, record: Request) -> None:
        """Prepare for one app; nothing is read yet."""
        self._incoming = incoming
        self._record = record
        self._next: Callable[[], Awaitable[bytes]] | None = None
        self._left: int | None = None
        self._ended = False
        self.refused: RequestEntityTooLarge | None = None

    def _open(self) -> Callable[[], Awaitable[bytes]]:
        record = self._record
        body = record.body if record.has_body and record.error_status is None else RequestBody()
        self._next, self._left = body.areplay(), body.length
        return self._next

    async def __call__(self) -> Message:
        """Return the next message."""
        if self._ended:
            return await self._what_follows()
        read = self._next or self._open()
        try:
            data = await read()
        except ClientDisconnected:
            return {"type": "http.disconnect"}
        except RequestEntityTooLarge as error:
            self.refused = error
            raise
        if self._left is not None:
            self._left -= len(data)
        self._ended = not data or self._left == 0
        return {"type": "http.request", "body": data, "more_body": not self._ended}

    async def _what_follows(self) -> Message:
        while True:
            message = await self._incoming.message()
            if message["type"] != "http.request":
                return message


class Bridge:
    """How a worker thread waits for what runs on the event loop."""

    def __init__(self) -> None:
        """Remember the running loop."""
        self._loop = asyncio.get_running_loop()
        self._waiting: concurrent.futures.Future[Any] | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and wait for it.

        Raises:
            ClientDisconnected: the request was cancelled meanwhile.
            RuntimeError: called on an event loop, which must not wait.
        """
        if running_loop() is None:
            return self._wait(coroutine)
        coroutine.close()
        raise RuntimeError("this would block the event loop: read it with 'async for', or in a handler that is sync")

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        self._waiting = future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ClientDisconnected("The request was cancelled before the body ended.") from None

    def interrupt(self) -> None:
        """Let the thread go on that waits, with an error."""
        if self._waiting is not None:
            self._waiting.cancel()

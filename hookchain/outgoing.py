"""What leaves over an ASGI server: messages, counted; and a whole response, as fast as the client takes it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, TypeAlias, cast

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response

from .file_response import FileBody
from .incoming import Incoming, Message
from .own_context import in_servers_context
from .request import Request
from .responses import NoBody
from .threads import Threads
from .wires import Wire, announced_length, measure

Send: TypeAlias = Callable[[Message], Awaitable[None]]

LONG = 0.1
"""Seconds after which a client may have lost patience: then the server is asked, in case that nobody else does."""

_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_BLOCKS = 4
"""How many blocks of a file are read at once: so many are in memory for each client."""


class Outgoing:
    """The server's ``send``, with the books that are kept about it.

    Attributes:
        wire: how responses are put into messages.
    """

    def __init__(self, req: Request, wire: Wire, incoming: Incoming, send: Send, threads: Threads) -> None:
        """Take over a server's ``send``, in its context."""
        self._around = copy_context()
        self.wire = wire
        self._req = req
        self._incoming = incoming
        self._send = send
        self._threads = threads
        self._due: int | None = None

    def take_over(self, start: Message) -> None:
        """Go on where a response was begun with a message."""
        self._due = announced_length(start)

    async def send(self, message: Message) -> None:
        """Hand a message to the server, and count what it sends."""
        size, is_last = measure(message)
        if is_last and self._req.duration > LONG:
            await self._incoming.look()
        waited = self._incoming.is_open
        if is_last or self._is_all(message, size):
            # What is announced is on its way with this. The client may leave before the server says that it took it.
            self._incoming.is_open = False
        try:
            if not is_last:
                await self._send(message)
            elif not self._incoming.has_unread_body:
                await in_servers_context(self._send(message), self._around)
            else:
                async with self._incoming.dropped():
                    await in_servers_context(self._send(message), self._around)
        except OSError:  # as the standard wants it where the client is gone
            self._incoming.lose(early=waited)
            raise
        self._req.bytes_sent += size
        if is_last:
            self._complete()

    def _is_all(self, message: Message, size: int) -> bool:
        if message["type"] in _STARTS:  # trailers have headers too, which may be read but once
            self._due = announced_length(message)
            return False
        return self._due is not None and self._req.bytes_sent + size >= self._due

    def _complete(self) -> None:
        self._incoming.is_open = False
        self._req.mark_finished()

    async def respond(self, response: Response, *, may_be_watched: bool) -> None:
        """Send a whole response.

        Args:
            response: as it leaves.
            may_be_watched: whether nobody else waits for what the server sends in.

        Raises:
            ClientDisconnected: the client went away.
            BaseException: what the body or the server raised.
        """
        start = self.wire.start(response, None)
        self._req.status = start.status
        await self.send(start.message)
        if not start.has_body:
            self._complete()
            return
        body = response.response
        if isinstance(body, NoBody | Sequence):
            await self.send(self.wire.body(b"".join(_encoded(body)), more=False))
            return
        async with _watched(self._incoming, self._threads) if may_be_watched else contextlib.nullcontext():
            await self._stream(body)
        await self.send(self.wire.body(b"", more=False))

    async def _stream(self, body: Any) -> None:
        if isinstance(body, AsyncIterable):
            async for piece in cast("AsyncIterable[str | bytes]", body):
                await self._send_piece(piece.encode() if isinstance(piece, str) else piece)
            return
        pieces = _encoded(body)
        count = _BLOCKS if isinstance(body, FileBody) else 1
        taken = [b""] * count
        while len(taken) == count:
            # Like a sync handler, a sync body may block.
            taken, cancelled = await self._threads.run(functools.partial(_take, pieces, count))
            if cancelled is not None:
                raise cancelled
            await self._send_piece(b"".join(taken))

    async def _send_piece(self, piece: bytes) -> None:
        if piece:
            await self.send(self.wire.body(piece, more=True))


def _encoded(body: Iterable[str | bytes]) -> Iterator[bytes]:
    for piece in body:
        yield piece.encode() if isinstance(piece, str) else piece


def _take(pieces: Iterator[bytes], count: int) -> list[bytes]:
    return list(itertools.islice(pieces, count))


@contextlib.asynccontextmanager
async def _watched(incoming: Incoming, threads: Threads) -> AsyncGenerator[None, None]:
    """Break off what is awaited inside when the client goes away.

    Raises:
        ClientDisconnected: it did.

    Source: asyncio.timeout, which breaks off in the same way.
    """
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    others, inside, gone = task.cancelling(), True, False

    def break_off(watcher: asyncio.Task[None]) -> None:
        nonlocal gone
        if inside and incoming.aborted and not watcher.cancelled() and watcher.exception() is None:
            gone = True
            task.cancel()

    watcher = asyncio.get_running_loop().create_task(incoming.disconnected())
    watcher.add_done_callback(break_off)
    try:
        yield
    except BaseException as error:
        if gone and task.uncancel() <= others:
            threads.cancelled = None  # it was this one, if it overtook what a thread raised
            raise ClientDisconnected from error
        raise
    finally:
        inside = False
        watcher.cancel()

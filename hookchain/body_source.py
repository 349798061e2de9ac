"""BodySource: the bytes of a request as they come from the server, counted and filtered, each handed out once."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from .loops import running_loop, without_stop_iteration

if TYPE_CHECKING:
    import asyncio

    from _typeshed import WriteableBuffer

CHUNK: Final = 64 * 1024
"""The most that is asked of a source at once, in bytes."""


class SupportsRead(Protocol):
    """A binary stream that can be read: all that is asked of a server's input and of a filter's result."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes, and none at the end only."""
        ...


Caller: TypeAlias = tuple[str, str]
Receive: TypeAlias = Callable[[], Awaitable[bytes]]
Bridge: TypeAlias = Callable[[Coroutine[Any, Any, bytes]], bytes]
_Aread: TypeAlias = Callable[[int], Coroutine[Any, Any, bytes]]
Filter: TypeAlias = Callable[[BinaryIO], SupportsRead]
AsyncFilter: TypeAlias = Callable[[AsyncIterator[bytes]], AsyncIterable[bytes]]

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


class Tap(io.RawIOBase):
    """A raw stream over a read function, which may return more than it was asked for."""

    def __init__(self, take: Callable[[int], bytes]) -> None:
        """Read from `take`, which gives no bytes at the end only."""
        self._take = take
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that this stream is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with what one call of the read function gives."""
        view = memoryview(buffer).cast("B")
        data = self._rest or memoryview(self._take(len(view)))
        part = data[: len(view)]
        view[: len(part)] = part
        self._rest = data[len(part) :]
        return len(part)

    def readall(self) -> bytes:
        """Return everything up to the end, asking for large pieces."""
        rest, self._rest = bytes(self._rest), memoryview(b"")
        return rest + b"".join(iter(partial(self._take, CHUNK), b""))


class _Layer(NamedTuple):
    """The source, or a filter on what is below it: how to read it, and how to await it."""

    read: Callable[[int], bytes]
    aread: _Aread


class BodySource:
    """What a body is read from. It keeps nothing: what it hands out, the caller keeps or loses.

    Attributes:
        stream, receive, content_length, limit, bridge: as in RequestBody.
        bytes_received: how many bytes came from the server.
        passed: how many bytes were handed out, or dropped; behind filters not the same number.
        ended: whether the server has no more bytes.
        complete: whether everything was handed out.
        filters: the filters in order, each with whether it is async.
    """

    __slots__ = ("_failure", "_top", "bridge", "bytes_received", "complete", "content_length", "ended", "filters",
                 "limit", "passed", "receive", "stream")  # fmt: skip

    def __init__(
        self, stream: SupportsRead | None, receive: Receive | None, content_length: int | None, limit: int | None
    ) -> None:
        """Read from `stream` or `receive`, or from nothing."""
        self.stream = stream
        self.receive = receive
        self.content_length = content_length
        self.limit = limit
        self.bridge: Bridge | None = None
        self.bytes_received = self.passed = 0
        self.complete = self.ended = content_length == 0 or (stream is None and receive is None)
        self.filters: tuple[tuple[bool, Callable[[Any], Any]], ...] = ()
        self._top: _Layer | None = None
        self._failure: Exception | None = None

    @property
    def length(self) -> int | None:
        """The declared length, None where it is unknown or no longer true."""
        return None if self.filters else self.content_length

    def add_filter(self, wrap: Filter | AsyncFilter, *, is_async: bool) -> None:
        """Put a filter on top of those that are there.

        Raises:
            RuntimeError: something was read already, so that the filter would see half a body.
        """
        if self.bytes_received or self._top is not None:
            raise RuntimeError("the body was read already: an input filter must be added before the first read")
        self.filters = (*self.filters, (is_async, wrap))

    def pull(self, size: int, caller: Caller) -> bytes:
        """Return the next bytes behind all filters, about `size` of them; none at the end.

        Raises:
            RuntimeError: they must be awaited, and this thread cannot wait (see `waiting`).
            ClientDisconnected: the body ended before its declared length.
        """
        if self.complete:
            return b""
        if self._suspends():
            self.waiting(caller)
        try:
            self._refuse_again()
            data = (self._top or self._open()).read(size) if self.filters else self.take(size)
        except BaseException as error:
            self._remember(error)
            raise
        return self._hand_out(data)

    async def apull(self, size: int) -> bytes:
        """Return the same as `pull`, without blocking the event loop where the source is async."""
        if self.complete:
            return b""
        try:
            self._refuse_again()
            # No layer where there is no filter: it would refer to this object, which then lives until it is collected.
            data = await ((self._top or await self._aopen()).aread(size) if self.filters else self.atake(size))
        except BaseException as error:
            self._remember(error)
            raise
        return self._hand_out(data)

    def take(self, size: int) -> bytes:
        """Return the next bytes from below all filters, waiting for an async source through the bridge."""
        if self.ended:
            return b""
        if self.stream is None:
            return self._wait_for(self.atake, size)
        if self.content_length is not None:
            # Beyond the declared length a server's stream may block, or give the next request.
            size = min(size, self.content_length - self.bytes_received)
        return self._count(self.stream.read(size))

    async def atake(self, size: int) -> bytes:
        """Return the next bytes from below all filters.

        A blocking stream is read inline: it meets async handlers under WSGI only, on the event loop of the one
        thread that serves this one request, where nothing else is kept waiting.
        """
        if self.ended:
            return b""
        if self.receive is None:
            return self.take(size)
        return self._count(await self.receive())

    def drop(self, size: int, caller: Caller) -> int:
        """Read about `size` bytes that nobody will get, and return how many they were."""
        if self.receive is not None and not self.ended:
            self.waiting(caller)
        return self._dropped(self.take(size))

    async def adrop(self, size: int) -> int:
        """Do as `drop` does, without blocking the event loop where the source is async."""
        return self._dropped(await self.atake(size))

    def release(self) -> None:
        """Let go of the filters: nobody will read through them any more."""
        self._top = None

    def waiting(self, caller: Caller = ("read()", "async for")) -> Bridge:
        """Return the bridge for use in this thread.

        Raises:
            RuntimeError: this thread runs an event loop, or there is no bridge; the message names the async twin.
        """
        if running_loop() is not None:
            problem = "would block the event loop"
        elif self.bridge is not None:
            return self.bridge
        else:
            problem = "cannot wait for an async body in this thread"
        name, twin = caller
        raise RuntimeError(f"{name} {problem}: use {twin}")

    def _suspends(self) -> bool:
        """Tell whether reading may have to await something."""
        return self.receive is not None or any(is_async for is_async, _ in self.filters)

    def _count(self, data: bytes) -> bytes:
        """Keep the books about bytes that came from the server."""
        self.bytes_received += len(data)
        if self.content_length is None:
            self.ended = not data
        elif data:
            self.ended = self.bytes_received >= self.content_length
        else:
            raise ClientDisconnected(f"The body ended after {self.bytes_received} of {self.content_length} bytes.")
        # Without filters the readers watch the limit, and what they read too much is kept.
        if self.filters and self.limit is not None and self.bytes_received > self.limit:
            raise RequestEntityTooLarge
        return data

    def _hand_out(self, data: bytes) -> bytes:
        self.passed += len(data)
        self.complete = not data if self.filters else self.ended
        return data

    def _dropped(self, data: bytes) -> int:
        self.passed += len(data)
        self.complete = self.complete or (self.ended and not self.filters)
        return len(data)

    def _remember(self, error: BaseException) -> None:
        """Make an error final: a source or filter that was broken off may look like one that came to its end."""
        if isinstance(error, Exception):
            self._failure = error
        elif self.filters:
            self._failure = RuntimeError("an earlier read of the filtered body was interrupted")

    def _refuse_again(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _open(self) -> _Layer:
        """Build the filters, each on what is below it."""
        if self.limit is not None and (self.content_length or 0) > self.limit:
            raise RequestEntityTooLarge
        layer = _Layer(self.take, self.atake)
        suspends = self.receive is not None
        for is_async, wrap in self.filters:
            if is_async:
                aread = partial(_next_chunk, aiter(wrap(_chunks(layer.aread))))
                layer, suspends = _Layer(partial(self._wait_for, aread), aread), True
            else:
                read = wrap(io.BufferedReader(Tap(layer.read))).read
                layer = _Layer(read, partial(self._in_thread if suspends else _inline, read))
        self._top = layer
        return layer

    async def _aopen(self) -> _Layer:
        """Build the filters where a blocking one that reads at once does not block the event loop."""
        if not self._suspends() or all(is_async for is_async, _ in self.filters):
            return self._open()
        return await self._in_thread(self._open)

    def _wait_for(self, aread: _Aread, size: int) -> bytes:
        return self.waiting()(aread(size))

    async def _in_thread(self, call: Callable[_Args, _Result], *args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
        """Call a function that will wait for this event loop; the driver's bridge may count on a loop at rest."""
        import asyncio

        bridge, self.bridge = self.bridge, partial(_run_on, asyncio.get_running_loop())
        try:
            return await asyncio.to_thread(without_stop_iteration, partial(call, *args, **kwargs))
        finally:
            self.bridge = bridge


async def _inline(read: Callable[[int], bytes], size: int) -> bytes:
    return read(size)


async def _chunks(aread: _Aread) -> AsyncIterator[bytes]:
    while chunk := await aread(CHUNK):
        yield chunk


async def _next_chunk(chunks: AsyncIterator[bytes], _size: int) -> bytes:
    """Return the next chunk that is not empty: a filter may have nothing to give for what it got."""
    async for chunk in chunks:
        if chunk:
            return chunk
    return b""


def _run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, bytes]) -> bytes:
    import asyncio

    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

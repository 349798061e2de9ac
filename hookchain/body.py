"""RequestBody: a request's body, read from the server once and replayed to every reader, within a limit."""

from __future__ import annotations

import io
from functools import partial
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from werkzeug.exceptions import RequestEntityTooLarge

from hookchain.body_source import CHUNK, BodySource, Tap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hookchain.body_source import AsyncFilter, Bridge, Caller, Filter, Receive, SupportsRead

MAX_MEMORY: Final = 512 * 1024
"""How much of a body is kept in memory by default, in bytes; what is longer goes to a temporary file."""

# Who may have to wait for an async source, and what to write instead on the event loop.
_GET_DATA: Final = ("get_data()", "await req.aget_data()")
_STREAM: Final = ("reading the stream", "await req.aget_data(), or areader()")
_REPLAY: Final = ("replay()", "areplay()")
_EXHAUST: Final = ("exhaust()", "await aexhaust()")


class _Spool:
    """What was read of a body: in memory up to a size, then in a temporary file."""

    __slots__ = ("_file", "_max_memory", "closed", "size")

    def __init__(self, max_memory: int) -> None:
        self._max_memory = max_memory
        # Not a SpooledTemporaryFile: that one warns when it is forgotten, even where it is only memory.
        self._file: IO[bytes] = io.BytesIO()
        self.size = 0
        self.closed = False

    def append(self, data: bytes) -> None:
        if self.size <= self._max_memory < self.size + len(data):
            memory, self._file = self._file, TemporaryFile()  # noqa: SIM115  (see close)
            memory.seek(0)
            self._file.write(memory.read())
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read(self, position: int, size: int) -> bytes:
        if position >= self.size:
            return b""
        self._file.seek(position)
        return self._file.read(size)

    def close(self) -> None:
        self.closed = True
        self._file.close()


class _Cursor:
    """One reader's place in the body: gives what the spool has, then what the source has, up to a limit."""

    __slots__ = ("_caller", "_keep", "_limit", "_position", "_source", "_spool")

    def __init__(self, source: BodySource, spool: _Spool, limit: int | None, caller: Caller, *, keep: bool) -> None:
        self._source = source
        self._spool = spool
        self._limit = source.limit if limit is None else limit if source.limit is None else min(limit, source.limit)
        self._caller = caller
        self._keep = keep
        self._position = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, about `size` of them; none at the end."""
        return self._recorded(size) or self._accept(self._source.pull(self._wanted(size), self._caller))

    async def aread(self, size: int) -> bytes:
        """Return the same as `read`, without blocking the event loop where the source is async."""
        return self._recorded(size) or self._accept(await self._source.apull(self._wanted(size)))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give everything from here to the end."""
        while chunk := await self.aread(CHUNK):
            yield chunk

    def _recorded(self, size: int) -> bytes:
        """Return the next bytes of the spool, none where the source must be asked."""
        if self._spool.closed:
            raise ValueError("the body was closed: it can be read until its request is finished")
        passed = self._source.passed
        if self._limit is not None:
            if (self._source.length or 0) > self._limit or self._limit <= self._position < passed:
                raise RequestEntityTooLarge
            size = min(size, self._limit - self._position)
        data = self._spool.read(self._position, size)
        if not data and self._position < passed:
            raise RuntimeError("the body was passed on and not kept: read it earlier, or replay it with keep=True")
        self._position += len(data)
        return data

    def _wanted(self, size: int) -> int:
        """Return how much to ask for: a byte more than the limit shows that it is crossed."""
        size = min(size, CHUNK)
        return size if self._limit is None else min(size, self._limit + 1 - self._position)

    def _accept(self, data: bytes) -> bytes:
        """Keep what came from the source, and return as much of it as the limit allows."""
        if self._keep and data:
            self._spool.append(data)
        if self._limit is not None and data:
            data = data[: self._limit - self._position]
            if not data:
                raise RequestEntityTooLarge
        self._position += len(data)
        return data


class RequestBody:
    """A request's body: read once, limited, and given from its first byte to everyone who asks.

    A request is handled by one thread at a time, so nothing here takes a lock. Making a body reads and opens nothing.

    Args:
        stream: a blocking binary stream that ends where the body ends.
        receive: gives the next chunk to await, and no bytes at the end. With neither there is no body.
        content_length: the declared length in bytes, None if none was declared (chunked).
        limit: the most bytes that anyone may read, and that are taken from the server; None for any number.
        max_memory: how many bytes are kept in memory; a longer body goes to a temporary file.

    Raises:
        TypeError: both `stream` and `receive` are given.
    """

    __slots__ = ("_source", "_spool", "_stream", "max_memory")

    def __init__(
        self,
        stream: SupportsRead | None = None,
        *,
        receive: Receive | None = None,
        content_length: int | None = None,
        limit: int | None = None,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        if stream is not None and receive is not None:
            raise TypeError("a body has one source: give stream or receive, not both")
        self._source = BodySource(stream, receive, content_length, limit)
        self._spool: _Spool | None = None
        self._stream: io.BufferedReader | None = None
        self.max_memory = max_memory

    @property
    def limit(self) -> int | None:
        """The most bytes that anyone may read; None for any number."""
        return self._source.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._source.limit = limit

    @property
    def bridge(self) -> Bridge | None:
        """What runs an awaitable on the event loop from a worker thread and waits for it; set by the driver."""
        return self._source.bridge

    @bridge.setter
    def bridge(self, bridge: Bridge | None) -> None:
        self._source.bridge = bridge

    @property
    def length(self) -> int | None:
        """The length of the body in bytes; None if it was not declared, or is unknown because of a filter."""
        return self._source.length

    @property
    def filtered(self) -> bool:
        """Whether an input filter stands before the readers."""
        return bool(self._source.filters)

    @property
    def bytes_received(self) -> int:
        """How many bytes were taken from the server so far, before any filter."""
        return self._source.bytes_received

    @property
    def complete(self) -> bool:
        """Whether the body was read to its end."""
        return self._source.complete

    def add_filter(self, wrap: Filter) -> None:
        """Let everyone read the stream that `wrap` makes of the body.

        It is called at the first read, not at all if there is no body, and gets what earlier filters made. Only
        `read(size)` is asked of its result. The limit then counts twice: for what comes from the server, and for
        what the filters make of it.

        Raises:
            RuntimeError: something was read already.
        """
        self._source.add_filter(wrap, is_async=False)

    def add_async_filter(self, wrap: AsyncFilter) -> None:
        """Do as `add_filter` does, with a function of chunks to await: it may be an async generator function.

        Raises:
            RuntimeError: something was read already.
        """
        self._source.add_filter(wrap, is_async=True)

    def get_data(self, limit: int | None = None) -> bytes:
        """Return the whole body, however often it is asked for.

        Args:
            limit: the most bytes to accept; the body's own limit counts too.

        Raises:
            RequestEntityTooLarge: there is more. What was read stays for those who accept more.
            ClientDisconnected: the body ended before its declared length.
            RuntimeError: the source is async and this thread cannot wait for it, or the body was not kept.
            ValueError: the body was closed.
        """
        return b"".join(iter(partial(self._cursor(limit, _GET_DATA).read, CHUNK), b""))

    async def aget_data(self, limit: int | None = None) -> bytes:
        """Return the whole body as `get_data` does; a blocking source is read inline."""
        return b"".join([chunk async for chunk in self._cursor(limit, _GET_DATA).chunks()])

    @property
    def stream(self) -> io.BufferedReader:
        """One reader that is kept, so that a handler can read on where it stopped; see `rewind`."""
        if self._stream is None:
            self._stream = self.reader()
        return self._stream

    def rewind(self) -> None:
        """Let the next use of `stream` start at the first byte, as for the next handler."""
        self._stream = None

    def reader(self, limit: int | None = None) -> io.BufferedReader:
        """Return a new stream that starts at the first byte; closing it leaves the body open.

        Its methods raise what `get_data` raises. Readers may be used by turns: each gets every byte.
        """
        return io.BufferedReader(Tap(self._cursor(limit, _STREAM).read))

    def areader(self, limit: int | None = None) -> AsyncIterator[bytes]:
        """Return the body in chunks to await, from its first byte."""
        return self._cursor(limit, _STREAM).chunks()

    def replay(self, *, keep: bool = False) -> io.BufferedReader:
        """Return the stream for the app behind, which gets what was read before and then the rest.

        Args:
            keep: record the rest too. Without it nobody can read the body once more.
        """
        return io.BufferedReader(Tap(self._cursor(None, _REPLAY, keep=keep).read))

    def areplay(self, *, keep: bool = False) -> Callable[[], Awaitable[bytes]]:
        """Return what gives the app behind its next chunk to await, and no bytes at the end."""
        return partial(self._cursor(None, _REPLAY, keep=keep).aread, CHUNK)

    def exhaust(self, max_bytes: int) -> bool:
        """Drop what nobody read, so that a server can use the connection again.

        Args:
            max_bytes: stop after so many bytes; an async source may give one chunk more.

        Returns:
            Whether the server has no more bytes.

        Raises:
            ClientDisconnected: the body ended before its declared length.
        """
        while max_bytes > 0 and (dropped := self._source.drop(min(max_bytes, CHUNK), _EXHAUST)):
            max_bytes -= dropped
        return self._source.ended

    async def aexhaust(self, max_bytes: int) -> bool:
        """Do as `exhaust` does; a blocking source is read inline."""
        while max_bytes > 0 and (dropped := await self._source.adrop(min(max_bytes, CHUNK))):
            max_bytes -= dropped
        return self._source.ended

    @property
    def is_on_disk(self) -> bool:
        """Whether some of what is kept is in a temporary file."""
        return self._spool is not None and self._spool.size > self.max_memory

    def close(self) -> None:
        """Give up what was kept; reading raises ValueError from now on, dropping the rest (`exhaust`) does not."""
        self._source.release()
        self._opened_spool().close()

    def _cursor(self, limit: int | None, caller: Caller, *, keep: bool = True) -> _Cursor:
        return _Cursor(self._source, self._opened_spool(), limit, caller, keep=keep)

    def _opened_spool(self) -> _Spool:
        if self._spool is None:
            self._spool = _Spool(self.max_memory)
        return self._spool

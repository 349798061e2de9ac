"""AsyncDelivery: what ``ahandle`` gives to a caller without a server, finished like any other response."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator, Sequence
from contextvars import Context
from typing import Any, TypeVar, cast

from werkzeug.wrappers import Response

from .dispatch import Steps
from .drivers import Finished, Pending, acall, adrive, advance, call_here, thread_loop
from .loops import running_loop
from .request import Request
from .responses import complete_length
from .results import Raised
from .threads import Threads

T = TypeVar("T")

_unfinished: set[asyncio.Task[None]] = set()
"""Tasks that finish a request; the loop itself keeps no reference to them."""


class AsyncDelivery:
    """The body of a response that was made on an event loop; it may be read with and without ``await``.

    Its end or its closing, whichever comes first, finishes the request. Where that happens without ``await``, sync
    finishers run at once, and what is async as a task of the running loop, or on one of its own where none runs.
    """

    def __init__(
        self, req: Request, response: Response, steps: Steps[None], threads: Threads, context: Context
    ) -> None:
        """Take a response that ``steps`` wants to be sent."""
        self._req = req
        self._response = response
        self._steps: Steps[None] | None = steps
        self._threads = threads
        self._context = context
        self._length = complete_length(response)
        self._started = False

    # --- without await

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the body; an async one only where no loop is running."""
        self._started = True
        try:
            for chunk in self._chunks():
                data = chunk.encode() if isinstance(chunk, str) else chunk
                self._req.bytes_sent += len(data)
                yield data
        except GeneratorExit:
            raise
        except BaseException as error:
            self._end(Raised(error))
            raise
        self._end(None)

    def _chunks(self) -> Iterator[str | bytes]:
        if not isinstance(self._response.response, AsyncIterable):
            self._threads.enter(self._context)
            chunks: Any = iter(self._response.response)
            while True:
                chunk = self._threads.context.run(next, chunks, None)
                if chunk is None:
                    return
                yield chunk
        if running_loop() is not None:
            raise RuntimeError("the body is async: read it with 'await response.aget_data()'")
        iterator = _achunks(self._response.response, self._threads)
        while True:
            try:
                yield thread_loop.run(iterator.__anext__(), self._context)
            except StopAsyncIteration:
                return

    def close(self) -> None:
        """Close the body and finish the request, if that has not been done."""
        self._note_unread()
        self._end(None)

    def _note_unread(self) -> None:
        if self._steps is None:
            return
        if self._length is not None and not self._started:
            self._req.bytes_sent = self._length
        else:
            self._req.aborted = True

    def _end(self, outcome: Raised | None) -> None:
        steps, self._steps = self._steps, None
        if steps is None:
            return
        outcome = self._close_sync_body() or outcome
        try:
            step, args = advance(steps, outcome)
            while not step.is_async:
                step, args = advance(steps, self._threads.context.run(call_here, step, args))
        except Finished:
            return
        rest = self._drive_rest(steps, (step, args))
        loop = running_loop()
        if loop is None:
            thread_loop.run(rest, self._context)
            return
        task = loop.create_task(rest, context=self._context)
        _unfinished.add(task)
        task.add_done_callback(_unfinished.discard)

    def _close_sync_body(self) -> Raised | None:
        if isinstance(self._response.response, AsyncIterable):
            return None
        try:
            self._threads.context.run(self._response.close)
        except BaseException as error:
            return Raised(error)
        finally:
            self._threads.leave(self._context.run)
        return None

    async def _drive_rest(self, steps: Steps[None], pending: Pending) -> None:
        answer = await acall(*pending)
        try:
            await adrive(steps, answer, self._threads)
        except Finished:
            return

    # --- with await

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body, sync or async."""
        self._started = True
        chunks = _achunks(self._response.response, self._threads)
        try:
            while (chunk := await self._in_context(anext(chunks, None))) is not None:
                data = chunk.encode() if isinstance(chunk, str) else chunk
                self._req.bytes_sent += len(data)
                yield data
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._aend(Raised(error))
            raise
        await self._aend(None)

    async def aclose(self) -> None:
        """Close the body and finish the request, if that has not been done."""
        self._note_unread()
        await self._aend(None)

    async def _aend(self, outcome: Raised | None) -> None:
        steps, self._steps = self._steps, None
        if steps is None:
            return
        outcome = self._close_sync_body() or await self._close_async_body() or outcome
        await self._in_context(self._finish(steps, outcome))

    async def _in_context(self, awaitable: Awaitable[T]) -> T:
        # Whoever reads or closes has a context of its own; the body has the request's.
        async def wait() -> T:
            return await awaitable

        return await asyncio.get_running_loop().create_task(wait(), context=self._context)

    async def _close_async_body(self) -> Raised | None:
        aclose = getattr(self._response.response, "aclose", None)
        if aclose is None:
            return None
        try:
            await self._in_context(aclose())
        except BaseException as error:
            return Raised(error)
        return None

    async def _finish(self, steps: Steps[None], outcome: Raised | None) -> None:
        try:
            await adrive(steps, outcome, self._threads)
        except Finished:
            return


class AsyncResponse(Response):
    """What ``ahandle`` returns: Werkzeug's Response, which can be read and closed with ``await`` too."""

    def __init__(self, response: Response, delivery: AsyncDelivery) -> None:
        """Take over status and headers."""
        super().__init__(delivery, status=response.status)
        self.headers = response.headers  # 204 and 304 have no Content-Type, which Werkzeug's constructor would add
        self._delivery = delivery

    async def aget_data(self) -> bytes:
        """Return the whole body, and finish the request."""
        if isinstance(self.response, AsyncDelivery):
            self.response = [chunk async for chunk in self._delivery]
        return self.get_data()

    async def aclose(self) -> None:
        """Close the response, and finish the request."""
        await self._delivery.aclose()


async def _achunks(body: Any, threads: Threads) -> AsyncIterator[str | bytes]:
    if isinstance(body, AsyncIterable):
        async for chunk in cast("AsyncIterable[str | bytes]", body):
            yield chunk
        return
    if isinstance(body, list | tuple):
        for chunk in cast("Sequence[str | bytes]", body):
            yield chunk
        return
    chunks = iter(body)
    while True:
        # Like a sync handler, a sync body may block.
        following, cancelled = await threads.run(functools.partial(next, chunks, None))
        if cancelled is not None:
            raise cancelled
        if following is None:
            return
        yield following

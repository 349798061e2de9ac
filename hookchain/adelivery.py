"""AsyncDelivery: what ``ahandle`` gives to a caller without a server, finished like any other response."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterator, Sequence
from contextvars import Context
from typing import Any, cast

from werkzeug.wrappers import Response

from .cycle import FINISH
from .dispatch import Steps
from .drivers import Finished, advance, aproceed, call_here, deliver, thread_loop
from .ending import close, finish, in_background, wind_up
from .going_on import SEND, Pending
from .loops import running_loop
from .outlast import outlast
from .request import Request
from .responses import complete_length
from .results import Raised
from .threads import Threads

_STOPS = (SEND, FINISH)


async def arespond(req: Request, steps: Steps[None], threads: Threads, context: Context) -> Response:
    """Call steps on an event loop until they want a response to be sent; like ``drive``.

    Args:
        req: the request.
        steps: its cycle.
        threads: where sync steps run.
        context: where async ones do.

    Returns:
        The response, for an ``AsyncDelivery``.

    Raises:
        BaseException: what no response can stand for, a cancellation included, when the request is finished.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(_until_stop(steps, threads), context=context)
    # Not before it has begun: then nobody would learn of the request.
    cancelled = await outlast(task, interrupt=lambda: loop.call_soon(task.cancel))
    step, args = task.result()
    if step is SEND and cancelled is None:
        response: Response = args[0]
        return response
    req.aborted = req.aborted or cancelled is not None
    if step is FINISH:
        cancelled = await wind_up(req, finish(steps, (step, args), threads), context, hurry=req.aborted) or cancelled
    else:  # nobody takes the response any more
        await AsyncDelivery(req, args[0], steps, threads, context).afail(cast("BaseException", cancelled))
    raise cast("BaseException", cancelled)  # where the finishers had to be given up; else they have raised it


async def _until_stop(steps: Steps[None], threads: Threads) -> Pending:
    pending = await aproceed(steps, advance(steps, None), threads, _STOPS)
    while threads.cancelled is not None and pending[0] is SEND:
        await close(pending[1][0], threads)  # nobody takes the response any more
        pending = await aproceed(steps, deliver(steps, threads), threads, _STOPS)
    return pending


class AsyncDelivery:
    """The body of a response that was made on an event loop; it may be read with and without ``await``.

    Its end or its closing, whichever comes first, finishes the request. Where that happens without ``await``, sync
    finishers run at once, and what is async as a task of the running loop, or on one of its own where none runs.
    """

    _steps: Steps[None] | None = None

    def __init__(
        self, req: Request, response: Response, steps: Steps[None], threads: Threads, context: Context
    ) -> None:
        """Take a response that ``steps`` wants to be sent."""
        self._req = req
        self._response = response
        self._steps = steps
        self._threads = threads
        self.context = context
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
            self.end(Raised(error))
            raise
        self.end(None)

    def _chunks(self) -> Iterator[str | bytes]:
        if not isinstance(self._response.response, AsyncIterable):
            self._threads.enter(self.context)
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
                yield thread_loop.run(iterator.__anext__(), self.context)
            except StopAsyncIteration:
                return

    def close(self) -> None:
        """Close the body and finish the request, if that has not been done."""
        self._note_unread()
        self.end(None)

    def _note_unread(self) -> None:
        if self._steps is None:
            return
        if self._length is not None and not self._started:
            self._req.bytes_sent = self._length
        else:
            self._req.aborted = True

    def fail(self, error: BaseException) -> None:
        """Finish a request whose response can't be sent."""
        self.end(Raised(error))

    def abandon(self) -> None:
        """Finish a request whose response nobody takes any more."""
        if self._steps is not None:
            self._req.aborted = True
        self.end(None)

    def end(self, outcome: Raised | None) -> None:
        """Finish the request without ``await``."""
        steps = self.taken_steps()
        if steps is None:
            return
        if hasattr(self._response.response, "aclose"):
            self.complete(self.afinish(steps, outcome))
            return
        closed = self._close_here()
        try:
            step, args = advance(steps, outcome or closed)
            while not step.is_async:
                step, args = advance(steps, self._threads.context.run(call_here, step, args))
        except Finished:
            return
        self.complete(finish(steps, (step, args), self._threads))

    def taken_steps(self) -> Steps[None] | None:
        """Take what is left to do, which then is nobody else's; None where somebody else has, in whatever thread."""
        steps: Steps[None] | None = vars(self).pop("_steps", None)
        return steps

    def _close_here(self) -> Raised | None:
        try:
            self._threads.context.run(self._response.close)
        except BaseException as error:
            return Raised(error)
        finally:
            self._threads.leave(self.context.run)
        return None

    def complete(self, rest: Coroutine[Any, Any, None]) -> None:
        """Run those of the last steps that are async."""
        if running_loop() is None:
            thread_loop.run(rest, self.context)
        else:
            in_background(rest, self.context)

    # --- with await

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body, sync or async."""
        self._started = True
        chunks = _achunks(self._response.response, self._threads)
        try:
            while (chunk := await self._following(chunks)) is not None:
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

    async def afail(self, error: BaseException) -> None:
        """Finish a request whose response can't be sent, like ``fail``."""
        await self._aend(Raised(error))

    async def _aend(self, outcome: Raised | None) -> None:
        steps = self.taken_steps()
        if steps is None:
            return
        cancelled = await wind_up(self._req, self.afinish(steps, outcome), self.context, hurry=self._req.aborted)
        if cancelled is not None:
            raise cancelled

    async def afinish(self, steps: Steps[None], outcome: Raised | None) -> None:
        """Close the body and call the last steps; an adapter does so in a task of its own."""
        closed = await close(self._response, self._threads)
        await finish(steps, advance(steps, outcome or closed), self._threads)

    async def _following(self, chunks: AsyncIterator[str | bytes]) -> str | bytes | None:
        # Whoever reads has a context of its own; the body has the request's.
        async def following() -> str | bytes | None:
            return await anext(chunks, None)  # made here, as a task that is cancelled early never gets here

        return await asyncio.get_running_loop().create_task(following(), context=self.context)


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

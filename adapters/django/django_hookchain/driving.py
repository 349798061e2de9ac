"""Where handlers are called in Django: sync ones in asgiref's thread for the request, async ones on its loop."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, async_to_sync, sync_to_async

from hookchain import Request
from hookchain.adapting import (
    AsyncDelivery,
    InCallersContext,
    InContext,
    Raised,
    Steps,
    Threads,
    call_as_is,
    carry,
    in_background,
    running_loop,
    wind_up,
)

T = TypeVar("T")


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


_latest: ContextVar[ServedBody | None] = ContextVar("django_hookchain.body", default=None)
"""The body that was last made in a task."""


def abandon(**_: Any) -> None:
    """End the request of the task that is running, when Django says that it is over.

    From Django 6 on, a task whose client has left may end as if nothing had been; this is all that is told of it.
    """
    body = _latest.get()
    if body is not None:
        body.abandon()


class SensitiveThreads(Threads):
    """Sync handlers on an event loop: they run in asgiref's thread-sensitive thread, as Django's own sync code does."""

    _back: Context | None = None

    def __init__(self, context: Context) -> None:
        """Take the context that they run in."""
        super().__init__()
        self.context = context

    def start(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Start a function there."""
        self._back = contextvars.copy_context()
        in_thread = sync_to_async(self._run, thread_sensitive=True)
        return asyncio.get_running_loop().create_task(_awaited(in_thread(function)), context=self._back)

    def _run(self, function: Callable[[], T]) -> T:
        # Here rather than before and after, as asgiref gives its own variables to the thread that they are needed in.
        self.enter(contextvars.copy_context())
        try:
            return self.context.run(function)
        finally:
            carry(self.context, call_as_is, {})

    def leave(self, run: Callable[..., Any]) -> None:
        """Give the task the values that were set in the thread, as asgiref has brought them back."""
        back, self._back = self._back, None
        values = self.context if back is None else {key: value for key, value in back.items() if key in self.context}
        carry(values, run, self.left)


def wait_on_server_loop(awaitable: Awaitable[T], context: Context) -> T:
    """Wait in a thread for something that runs on the server's event loop, in a context."""

    async def run() -> T:
        # This thread waits here for sync code of its own, such as Django's database is; without being told, asgiref
        # would look for it where the context was made, and find it busy.
        rest = _served_by(AsyncToSync.executors.current, awaitable)
        return await asyncio.get_running_loop().create_task(rest, context=context)

    try:
        return async_to_sync(run)()
    finally:
        if isinstance(awaitable, Coroutine):
            awaitable.close()  # it has ended, or was cancelled before it could begin


async def _served_by(executor: Any, awaitable: Awaitable[T]) -> T:
    before = getattr(AsyncToSync.executors, "current", None)
    AsyncToSync.executors.current = executor
    try:
        return await awaitable
    finally:
        AsyncToSync.executors.current = before


class InServersContext(InContext):
    """A caller for sync middleware under ASGI: async steps run on the server's event loop."""

    def __init__(self, context: Context) -> None:
        """Keep the request's context."""
        super().__init__(context, uses_loop=True)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run something async to its end."""
        return wait_on_server_loop(awaitable, self.context)


class Inside(InCallersContext):
    """A caller for what is called while the view's side of Django runs, in the context that it has."""

    def __init__(self, req: Request, *, on_server: bool) -> None:
        """Tell whether a server's event loop is there to be used."""
        super().__init__(req)
        self._on_server = on_server

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run something async to its end."""
        return async_to_sync(_awaited)(awaitable) if self._on_server else super().wait(awaitable)


class ServedBody(AsyncDelivery):
    """The body of a response under ASGI; Django may close it on the loop and in a thread, or forget to."""

    _task: asyncio.Task[Any] | None = None
    _held: weakref.ref[HeldBody] | None = None

    def held(self) -> HeldBody:
        """Return what Django's response holds of it."""
        held = HeldBody(self)
        self._held = weakref.ref(held)
        return held

    def close_with(self, task: asyncio.Task[Any]) -> None:
        """Finish the request when a task is over: Django closes no response that could not be sent."""
        self._task = task
        task.add_done_callback(self._note_end)
        _latest.set(self)

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        self._task = None  # which holds the response
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OSError) or task.cancelled():  # the server's send raises OSError where the client has left
            self.abandon()
        elif error is not None:
            self.fail(error)
        else:
            self.end_when_dropped()  # Django closes it now, unless the server has cancelled Django

    def end_when_dropped(self) -> None:
        """Finish the request when Django drops the response without having closed it."""
        held = self._held and self._held()
        if held is not None:
            weakref.finalize(held, _drop, self, running_loop() or _loop_of_thread()).atexit = False

    def taken_steps(self) -> Steps[None] | None:
        """Take what is left to do, which then is nobody else's; None where somebody else has."""
        if self._task is not None:
            self._task.remove_done_callback(self._note_end)
        return super().taken_steps()

    def end(self, outcome: Raised | None) -> None:
        """Finish the request: sync handlers never on the loop."""
        if running_loop() is None:
            super().end(outcome)
            return
        steps = self.taken_steps()
        if steps is not None:
            in_background(self.afinish(steps, outcome), self.context)

    def complete(self, rest: Coroutine[Any, Any, None]) -> None:
        """Run those of the last steps that are async, in one go even if Django's closing is cancelled meanwhile."""

        async def run() -> None:
            served = _served_by(AsyncToSync.executors.current, rest)
            cancelled = await wind_up(self._req, served, self.context)
            if cancelled is not None:
                raise cancelled

        async_to_sync(run)()


class HeldBody:
    """A body as Django's response holds it, which can be read on the loop alone."""

    def __init__(self, body: ServedBody) -> None:
        """Hold a body; nothing that it refers to may refer to this."""
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the body chunk by chunk."""
        async for chunk in self._body:
            yield chunk

    def close(self) -> None:
        """Finish the request."""
        self._body.close()


class Closer:
    """Finishes a request when Django closes its response; a copy of that, as a cache keeps one, finishes nothing."""

    def __init__(self, close: Callable[[], object] | None = None) -> None:
        self._close = close

    def __call__(self) -> None:
        """Finish the request."""
        if self._close is not None:
            self._close()

    def __reduce__(self) -> tuple[type[Closer], tuple[()]]:
        """Leave the request out: it can't be copied, and was finished where it was answered."""
        return Closer, ()


def _loop_of_thread() -> asyncio.AbstractEventLoop | None:
    return getattr(SyncToAsync.threadlocal, "main_event_loop", None)


def _drop(body: ServedBody, loop: asyncio.AbstractEventLoop | None) -> None:
    # Called in any thread, in the middle of anything: no place to run handlers.
    if loop is None or loop.is_closed():
        body.abandon()
    else:
        loop.call_soon_threadsafe(body.abandon)

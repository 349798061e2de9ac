"""drive() and aproceed(): they call what the cycle wants to be called, off an event loop and on one.

Source: the idea of a generator that decides and drivers that call is h11's and httpx's (``auth_flow``).
"""

from __future__ import annotations

import contextvars
import functools
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

from .carrying import call_as_is, carry
from .dispatch import Steps
from .exceptions import AsyncHandlerError
from .going_on import OVER, SEND, Pending, go_on
from .handlers import Handler, SecondHalf, origin_of
from .records import current
from .request import Request
from .results import Raised
from .runs import Segment, Step
from .stretches import Stretch

if TYPE_CHECKING:
    from .threads import Threads

T = TypeVar("T")


class Finished(Exception):  # noqa: N818 - a way to end, not an error
    """The steps are over; ``value`` is what they returned."""

    def __init__(self, value: Any) -> None:
        """Keep the value."""
        self.value = value


def advance(steps: Steps[Any], answer: Any) -> Pending:
    """Give the steps an answer, and return what they want to be called next.

    Raises:
        Finished: they are over.
    """
    try:
        return steps.send(answer)
    except StopIteration as stop:
        raise Finished(stop.value) from None


def drive(steps: Steps[Any], answer: Any, caller: Here) -> Any:
    """Call steps until they are over or want a response to be sent.

    Args:
        steps: a generator of steps.
        answer: what it is sent first; None to start it.
        caller: says where sync steps are called, and calls the async ones.

    Returns:
        The response to be sent.

    Raises:
        Finished: the steps are over.
    """
    step, args = drive_on(steps, answer, caller)
    if step is OVER:
        raise Finished(args[0])
    return args[0]


def drive_on(steps: Steps[Any], answer: Any, caller: Here) -> Pending:
    """Call steps like ``drive``; returns SEND with a response, or OVER with what they returned."""
    step, args = caller.run(go_on, steps, answer)
    while step.is_async:
        step, args = caller.run(go_on, steps, caller.call_async(step, args))
    return step, args


def call_here(step: Step, args: tuple[Any, ...]) -> Any:
    """Call a sync step in this thread and context."""
    try:
        return step.call(*args)
    except BaseException as error:
        return Raised(error)


def async_met(step: Step) -> AsyncHandlerError:
    """Return the error of a sync call that met an async step."""
    handler = (
        step.handlers[0]
        if isinstance(step, Segment | Stretch)
        else step.handler
        if isinstance(step, SecondHalf)
        else step
    )
    message = "it is async, and this call is not: use 'await chain.ahandle(req)' or 'await req.alookup(uri)'"
    if isinstance(handler, Handler):
        return AsyncHandlerError(message, handler=handler.name, phase=handler.phase, origin=handler.origin)
    name = getattr(step.call, "__qualname__", repr(step.call))
    return AsyncHandlerError(message, handler=name, phase=None, origin=origin_of(step.call))


class OwnLoop:
    """An event loop that is closed when nobody holds it any more, as when its thread is over."""

    def __init__(self) -> None:
        """Make a loop."""
        import asyncio

        self.loop = asyncio.new_event_loop()
        weakref.finalize(self, self.loop.close)  # at the program's end too, while asyncio is still whole


class ThreadLoop(threading.local):
    """The event loop of a serving thread, made when first needed and used for one request after the other."""

    own: OwnLoop | None = None

    def run(self, awaitable: Awaitable[T], context: Context) -> T:
        """Run something to its end, with the values of a context."""
        if self.own is None:
            self.own = OwnLoop()

        async def wait() -> T:
            return await awaitable

        loop = self.own.loop
        return loop.run_until_complete(loop.create_task(wait(), context=context))


thread_loop = ThreadLoop()


class Here:
    """A caller for a sync call from anywhere: an async step fails with its name and the way out.

    Attributes:
        async_met: the error of the first step that failed so.
    """

    async_met: AsyncHandlerError | None = None

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function where sync steps are called."""
        return function(*args)

    def call_async(self, step: Step, args: tuple[Any, ...]) -> Any:
        """Fail, as the caller is sync."""
        del args
        self.async_met = self.async_met or async_met(step)
        return Raised(self.async_met)


class InContext(Here):
    """A caller that runs everything in one context.

    Attributes:
        context: the request's context.
        uses_loop: whether an async step is run on the thread's event loop; else it fails.
    """

    def __init__(self, context: Context, *, uses_loop: bool) -> None:
        """Keep the request's context."""
        self.context = context
        self.uses_loop = uses_loop

    def call_async(self, step: Step, args: tuple[Any, ...]) -> Any:
        """Run a step to its end, or fail."""
        if not self.uses_loop:
            return super().call_async(step, args)
        try:
            return self.wait(_awaited(step, args))
        except BaseException as error:
            return Raised(error)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function in the context."""
        return self.context.run(function, *args)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run something async to its end, on the thread's event loop."""
        return thread_loop.run(awaitable, self.context)


class InCallersContext(InContext):
    """A caller that uses the context of whoever calls the application, as a test client that keeps contexts open needs.

    What handlers set stays set. Only the request that is being handled is there no longer than it is handled.
    """

    def __init__(self, req: Request) -> None:
        """Keep the request that is handled."""
        super().__init__(contextvars.copy_context(), uses_loop=True)
        self._req = req

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function where the caller is."""
        token = current.set(self._req)
        try:
            return function(*args)
        finally:
            current.reset(token)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run something async; a task can't enter a context that is in use, so values are carried there and back."""
        context = contextvars.copy_context()
        context.run(current.set, self._req)
        try:
            return thread_loop.run(awaitable, context)
        finally:
            self.run(carry, context, call_as_is, {})


def drive_to_end(steps: Steps[T], caller: Here) -> T:
    """Call steps that send no response, and return what they come to.

    Raises:
        AsyncHandlerError: one of them is async, and the caller is not.
    """
    try:
        drive(steps, None, caller)
    except Finished as finished:
        if caller.async_met is not None:
            raise caller.async_met from None
        value: T = finished.value
        return value
    raise RuntimeError("these steps send nothing")


async def adrive_to_end(steps: Steps[T], threads: Threads) -> T:
    """Call steps on an event loop that send no response, like ``drive_to_end``."""
    try:
        await aproceed(steps, advance(steps, None), threads, (SEND,))
    except Finished as finished:
        value: T = finished.value
        return value
    raise RuntimeError("these steps send nothing")


async def _awaited(step: Step, args: tuple[Any, ...]) -> Any:
    # The call itself has to happen in the context too.
    return await step.call(*args)


async def aproceed(steps: Steps[Any], pending: Pending, threads: Threads, stops: tuple[Step, ...]) -> Pending:
    """Call steps on an event loop, from a pending one on, until they are over or want one that is left to the caller.

    Sync steps go to a worker thread in runs, not one by one: the thread itself goes on until the next async one.

    Args:
        steps: a generator of steps.
        pending: the step that it wants to be called.
        threads: where sync steps run.
        stops: the steps that are left to the caller, and with them a cancellation in ``threads`` that came too late.

    Returns:
        The first of those that is wanted.

    Raises:
        Finished: the steps are over.
    """
    step, args = pending
    while step not in stops:
        if step.is_async:
            step, args = advance(steps, await acall(step, args))
        elif step.blocking:
            (step, args), cancelled = await threads.run(functools.partial(_drive_sync, steps, step, args, stops))
            threads.cancelled = threads.cancelled or cancelled
            if threads.cancelled is not None and threads.delivers and step not in stops:
                step, args = deliver(steps, threads)
        else:
            step, args = advance(steps, call_here(step, args))
    return step, args


def call_what_does_not_wait(steps: Steps[Any], pending: Pending) -> Pending:
    """Call steps on an event loop, from a pending one on, up to the first that is async or has to be kept off it.

    Raises:
        Finished: the steps are over.
    """
    step, args = pending
    while not (step.is_async or step.blocking):
        step, args = advance(steps, call_here(step, args))
    return step, args


def deliver(steps: Steps[Any], threads: Threads) -> Pending:
    """Answer the pending step with the cancellation that arrived while a thread ran."""
    cancelled, threads.cancelled = threads.cancelled, None
    return advance(steps, None if cancelled is None else Raised(cancelled))


async def acall(step: Step, args: tuple[Any, ...]) -> Any:
    """Call an async step."""
    try:
        return await step.call(*args)
    except BaseException as error:
        return Raised(error)


def _drive_sync(steps: Steps[Any], step: Step, args: tuple[Any, ...], stops: tuple[Step, ...]) -> Pending:
    while step not in stops and not step.is_async:
        step, args = advance(steps, call_here(step, args))
    return step, args

"""Threads: where sync handlers run under an event loop, and how the values of context variables get there and back."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from .carrying import Tokens, call_as_is, carry
from .outlast import outlast
from .results import Raised

T = TypeVar("T")


class Threads:
    """Where sync handlers run under an event loop: a worker thread, with a context of its own for the request.

    A thread never enters the context of a running task: values are carried over at each change of side.

    Attributes:
        context: where the threads run.
        cancelled: the cancellation that arrived while a thread ran, until it is delivered.
        interrupt: called at that moment, to end what the thread may be waiting for.
        left: what resets, in the task, the variables that a thread has set.
        delivers: whether such a cancellation is the answer of the next step; of a finisher it isn't.
    """

    def __init__(self, interrupt: Callable[[], object] | None = None) -> None:
        """Start with the values of the task; the context is kept, so that a token can be reset later."""
        self.context = contextvars.copy_context()
        self._entered: Tokens = {}
        self.left: Tokens = {}
        self.cancelled: BaseException | None = None
        self.interrupt = interrupt
        self.delivers = True

    def enter(self, values: Context) -> None:
        """Give the worker threads the values of the task's context."""
        carry(values, self.context.run, self._entered)

    def leave(self, run: Callable[..., Any]) -> None:
        """Give the task the values that were set in a worker thread; ``run`` calls a function in its context."""
        carry(self.context, run, self.left)

    def start(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Start a function in a worker thread; an adapter may have threads of its own."""
        self.enter(contextvars.copy_context())
        return asyncio.get_running_loop().run_in_executor(None, self.context.run, function)

    async def run(self, function: Callable[[], T]) -> tuple[T, BaseException | None]:
        """Run a function in a worker thread; what it sets is there afterwards, and the other way round.

        Returns:
            What it returned, and the cancellation that arrived meanwhile: a thread can't be stopped, it is waited for.
        """

        def caught() -> T | Raised:
            # Not as the future's exception: no future takes StopIteration, and then it never ends.
            try:
                return function()
            except BaseException as error:
                return Raised(error)

        future = self.start(caught)
        cancelled = await outlast(future, interrupt=self.interrupt)
        self.leave(call_as_is)
        result = future.result()
        if isinstance(result, Raised):
            self.cancelled = self.cancelled or cancelled
            raise result.error
        return result, cancelled

"""OwnContext: awaiting something with a context of its own, without a task of its own.

A task would cost time, and would stand between the server's cancellation and what is cancelled.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class OwnContext(Generic[T]):
    """An awaitable that runs a coroutine in a context; it is left whenever the coroutine waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], context: Context) -> None:
        """Take a coroutine that has not been started."""
        self._coroutine = coroutine
        self._context = context

    def __await__(self) -> Generator[Any, Any, T]:
        """Go on with the coroutine, step by step, each of them in the context."""
        go_on: Any = self._coroutine.send
        value: Any = None
        while True:
            try:
                waiting = self._context.run(go_on, value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                value = yield waiting
            except BaseException as error:
                go_on, value = self._coroutine.throw, error
            else:
                go_on = self._coroutine.send

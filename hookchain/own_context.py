"""in_context(): awaiting something with a context of its own, without a task of its own.

A task would cost time, and would stand between the server's cancellation and what is cancelled.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


@types.coroutine
def in_context(coroutine: Coroutine[Any, Any, T], context: Context) -> Generator[Any, Any, T]:
    """Run a coroutine in a context, which is left whenever the coroutine waits.

    Args:
        coroutine: one that has not been started.
        context: entered for each of its steps.

    Returns:
        What it returns.
    """
    go_on: Any = coroutine.send
    value: Any = None
    while True:
        try:
            waiting = context.run(go_on, value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            value = yield waiting
        except BaseException as error:
            go_on, value = coroutine.throw, error
        else:
            go_on = coroutine.send

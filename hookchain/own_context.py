"""in_context(): awaiting something with a context of its own, without a task of its own; and with the server's again.

A task would cost time, and would stand between the server's cancellation and what is cancelled.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator
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


def in_servers_context(sending: Awaitable[T], context: Context) -> Awaitable[T]:
    """Let a server send the end of a response in its own context.

    With it a server sets timers for the connection, which keep a copy of the context, and so a request's whole record,
    until long after the next request.

    Args:
        sending: what the server's ``send`` returned; what is no coroutine does nothing before it is awaited.
        context: the server's, or a copy of it.

    Returns:
        What is to be awaited in its place.
    """
    coroutine: Any = sending
    return in_context(coroutine, context) if type(sending) is types.CoroutineType else sending

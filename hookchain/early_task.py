"""begin(): a coroutine as a task of its own that is started at once, so that one that never waits costs no turn.

What asks for the current task, as ``asyncio.timeout`` does, gets the one in which the coroutine goes on.

Source: "Extending" in asyncio's documentation, and its eager tasks, which Python 3.11 does not have.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeAlias

_Marks: TypeAlias = Callable[[asyncio.AbstractEventLoop, "asyncio.Task[Any]"], None]

# Documented, in spite of their names, for those who run tasks by themselves.
_enter_task: _Marks = vars(asyncio.tasks)["_enter_task"]
_leave_task: _Marks = vars(asyncio.tasks)["_leave_task"]


async def _rest(begun: list[Any]) -> None:
    if begun:
        await _go_on(*begun)


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    while True:
        go_on: Any = coroutine.send
        try:
            value = yield waiting
        except BaseException as error:
            go_on, value = coroutine.throw, error
        try:
            waiting = go_on(value)
        except StopIteration:
            return


def begin(coroutine: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None] | None:
    """Start a coroutine.

    Args:
        coroutine: one that has not been started.
        context: the current one, in which it goes on.

    Returns:
        The task that it goes on as; None where it has come to its end.

    Raises:
        BaseException: what it raised before it ever waited.
    """
    loop = asyncio.get_running_loop()
    caller = asyncio.current_task(loop)
    begun: list[Any] = []  # the coroutine and what it waits for, once it does
    task = loop.create_task(_rest(begun), context=context)
    if caller is not None:
        _leave_task(loop, caller)
    _enter_task(loop, task)
    try:
        begun += coroutine, coroutine.send(None)
    except StopIteration:
        return None
    finally:
        _leave_task(loop, task)
        if caller is not None:
            _enter_task(loop, caller)
    return task

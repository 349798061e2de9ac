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


class _Begun:
    """A coroutine that was started, and what it waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Take a coroutine that has not been started."""
        self._coroutine = coroutine
        self._waiting: Any = None
        self._is_over = True

    def begin(self) -> bool:
        """Run it up to where it waits; returns False where it does not."""
        try:
            self._waiting = self._coroutine.send(None)
        except StopIteration:
            return False
        self._is_over = False
        return True

    async def rest(self) -> None:
        """Run the rest of it, which is nothing where it is over."""
        if not self._is_over:
            await self._go_on()

    @types.coroutine
    def _go_on(self) -> Generator[Any, Any, None]:
        waiting = self._waiting
        while True:
            go_on: Any = self._coroutine.send
            try:
                value = yield waiting
            except BaseException as error:
                go_on, value = self._coroutine.throw, error
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
    loop, caller = asyncio.get_running_loop(), asyncio.current_task()
    begun = _Begun(coroutine)
    task = loop.create_task(begun.rest(), context=context)
    if caller is not None:
        _leave_task(loop, caller)
    _enter_task(loop, task)
    try:
        return task if begun.begin() else None
    finally:
        _leave_task(loop, task)
        if caller is not None:
            _enter_task(loop, caller)

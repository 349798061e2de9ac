"""OwnLoop: an event loop that knows its tasks, and is made and closed in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")

_PATIENCE = 5.0
"""Seconds in which a task that has been told to end has to end."""


class OwnLoop:
    """An event loop for a few requests.

    ``asyncio.run`` and ``asyncio.all_tasks`` look at every task that was ever made in the process and still lies about,
    which takes long where there are thousands.
    """

    def __init__(self) -> None:
        """Make the loop."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(self._make_task)
        self._tasks: set[asyncio.Task[Any]] = set()

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __enter__(self) -> Self:
        """Get ready."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the loop, with its threads."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something to its end.

        Raises:
            AssertionError: it has left tasks behind.
        """
        return self._loop.run_until_complete(self._and_nothing_else(coroutine))

    async def _and_nothing_else(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return await coroutine
        finally:
            deadline = self._loop.time() + _PATIENCE
            while (left := self._tasks - {asyncio.current_task()}) and self._loop.time() < deadline:
                await asyncio.wait(left, timeout=_PATIENCE)
            assert not left, f"a request has left tasks behind: {left}"

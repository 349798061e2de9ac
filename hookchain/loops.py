"""Whether an event loop is running in this thread, and what a thread may hand over to one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread; None where none does."""
    if "asyncio" not in sys.modules:
        return None  # nobody can have started one
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an exception is what the cancellation of a task raises."""
    if "asyncio" not in sys.modules:
        return False  # there are no tasks
    import asyncio

    return isinstance(error, asyncio.CancelledError)


def without_stop_iteration(call: Callable[[], T]) -> T:
    """Call a function in a worker thread whose future somebody awaits.

    Raises:
        RuntimeError: in place of StopIteration, which no future takes: it would never end (PEP 479 has the same).
    """
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError(f"{call!r} raised StopIteration") from error

"""Whether an event loop is running in this thread, and what a thread may hand over to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread; None where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def without_stop_iteration(call: Callable[[], T]) -> T:
    """Call a function in a worker thread whose future somebody awaits.

    Raises:
        RuntimeError: in place of StopIteration, which no future takes: it would never end (PEP 479 has the same).
    """
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError(f"{call!r} raised StopIteration") from error

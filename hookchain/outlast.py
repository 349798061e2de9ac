"""Waiting that outlasts cancellation: that of asyncio's tasks, and that of anyio's cancel scopes where anyio is in use.

Source: anyio's documentation, "Cancellation and timeouts": a cancelled scope cancels every wait anew.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def shield() -> AbstractContextManager[Any]:
    """Return what keeps the cancellation of an anyio scope away from what is awaited inside."""
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)


async def outlast(
    future: asyncio.Future[Any],
    seconds: float | None = None,
    *,
    hurry: bool = False,
    interrupt: Callable[[], object] | None = None,
) -> BaseException | None:
    """Wait until a future is done, however often this task is cancelled meanwhile; the future itself is left alone.

    Args:
        future: what is waited for; its result is the caller's.
        seconds: how long to go on once this task is cancelled; None for as long as it takes.
        hurry: whether those seconds count from the start.
        interrupt: called at the first cancellation, to let the future come to an end.

    Returns:
        The first cancellation, or None.
    """
    if not hurry:
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            if interrupt is not None:
                interrupt()
            await _wait_shielded(future, seconds)
            return error
        return None
    return await _wait_shielded(future, seconds)


async def _wait_shielded(future: asyncio.Future[Any], seconds: float | None) -> BaseException | None:
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    cancelled: BaseException | None = None
    with shield():
        while not future.done():
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                break
            try:
                await asyncio.wait({future}, timeout=left)
            except asyncio.CancelledError as error:
                cancelled = cancelled or error
    return cancelled

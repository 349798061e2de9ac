"""The end of a request on an event loop: its response is closed, and no cancellation reaches LOG and CLEANUP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from werkzeug.wrappers import Response

from .dispatch import Steps
from .drivers import Finished, aproceed
from .early_task import begin
from .error_log import log_refusal
from .going_on import Pending
from .outlast import outlast
from .request import Request
from .results import Raised
from .threads import Threads

_GRACE = 1.0
"""Seconds that a finisher has to end in once it was cancelled."""

_unfinished: set[asyncio.Task[None]] = set()
"""Tasks that finish a request and that nobody waits for any more; the loop itself keeps no reference to them."""


async def close(response: Response, threads: Threads) -> Raised | None:
    """Close a response and its body, sync or async; returns what that raised."""
    aclose = getattr(response.response, "aclose", None)
    try:
        if aclose is not None:
            await aclose()
        if _closes(response, has_aclose=aclose is not None):
            await threads.run(response.close)
    except BaseException as error:
        return Raised(error)
    return None


def is_closed_already(response: Response) -> bool:
    """Tell whether there is nothing to close."""
    return not hasattr(response.response, "aclose") and not _closes(response, has_aclose=False)


def _closes(response: Response, *, has_aclose: bool) -> bool:
    may_block = hasattr(response.response, "close") and not has_aclose
    return may_block or bool(getattr(response, "_on_close", None))


async def finish(steps: Steps[None], pending: Pending, threads: Threads) -> None:
    """Call the last steps of a request: finishers, of whom no cancellation is the answer."""
    threads.delivers = False
    with contextlib.suppress(Finished):
        await aproceed(steps, pending, threads, ())


async def wind_up(
    req: Request, finishing: Coroutine[Any, Any, None], context: Context, *, hurry: bool = False
) -> BaseException | None:
    """Run the last steps of a request in a task of their own, which a cancellation of this one does not reach.

    Args:
        req: the request, whose chain says how long they may go on after a cancellation.
        finishing: the steps.
        context: the request's.
        hurry: whether that time counts from now, as the client is gone.

    Returns:
        The cancellation that arrived meanwhile, or None.

    Raises:
        BaseException: what the steps raised, where they ended in time.
    """
    return await until_over(req, in_background(finishing, context), hurry=hurry)


async def until_over(req: Request, task: asyncio.Task[None], *, hurry: bool) -> BaseException | None:
    """Wait for the last steps of a request, like ``wind_up``."""
    cancelled = await outlast(task, req.chain.cleanup_timeout, hurry=hurry)
    if task.done():
        task.result()
        return cancelled
    task.cancel()
    await outlast(task, _GRACE, hurry=True)
    log_refusal(req, f"LOG and CLEANUP did not end in cleanup_timeout ({req.chain.cleanup_timeout:g} seconds)")
    return cancelled


def in_background(finishing: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
    """Start the last steps of a request as a task that ends whether or not somebody waits for it."""
    return _kept(asyncio.get_running_loop().create_task(finishing, context=context))


def begin_to_end(finishing: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None] | None:
    """Start the last steps of a request in the current context, like ``in_background``; None where they are over.

    Raises:
        BaseException: what they raised before they ever waited.
    """
    task = begin(finishing, context)
    return None if task is None else _kept(task)


def _kept(task: asyncio.Task[None]) -> asyncio.Task[None]:
    _unfinished.add(task)
    task.add_done_callback(_forget)
    return task


def _forget(task: asyncio.Task[None]) -> None:
    _unfinished.discard(task)
    if not task.cancelled():
        task.exception()  # seen: the finishers' own failures have been logged

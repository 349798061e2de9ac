"""A coroutine as a task of its own that is started at once."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from hookchain.early_task import begin

mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine")


def run(coroutine, caller=None):
    """Begin a coroutine inside a task; returns whether it waited, after it has come to its end."""

    async def main():
        task = begin(coroutine, contextvars.copy_context())
        if caller is not None:
            caller(task)
        if task is not None:
            await asyncio.wait({task})
            task.result()
        return task is not None

    return asyncio.run(main())


def test_what_never_waits_is_over_at_once():
    seen = []

    async def work():
        seen.append(asyncio.current_task())

    assert run(work(), seen.append) is False
    assert isinstance(seen[0], asyncio.Task)
    assert seen[1:] == [None]


@pytest.mark.parametrize("seconds", [0, 0.001])
def test_what_waits_goes_on_as_the_task_that_it_began_as(seconds):
    seen = []

    async def work():
        seen.append(asyncio.current_task())
        await asyncio.sleep(seconds)
        seen.append(asyncio.current_task())
        await asyncio.sleep(seconds)
        seen.append(asyncio.current_task())

    assert run(work(), seen.append) is True
    assert len(set(seen)) == 1


def test_the_caller_is_the_current_task_again():
    async def work():
        await asyncio.sleep(0)

    async def main():
        before = asyncio.current_task()
        task = begin(work(), contextvars.copy_context())
        assert asyncio.current_task() is before
        assert task is not before
        await task

    asyncio.run(main())


def test_it_may_be_begun_where_no_task_runs():
    seen = []

    async def work():
        seen.append("first")
        await asyncio.sleep(0)
        seen.append("rest")

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: seen.append(begin(work(), contextvars.copy_context())))
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert (seen[0], seen[2]) == ("first", "rest")


def test_a_timeout_inside_ends_what_is_inside():
    seen = []

    async def work():
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append("timeout")
        await asyncio.sleep(0)
        seen.append("rest")

    assert run(work()) is True
    assert seen == ["timeout", "rest"]


def test_a_cancellation_is_raised_where_it_waits():
    seen = []

    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        task = begin(work(), contextvars.copy_context())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_a_failure_is_raised_at_once_or_is_the_tasks():
    async def fail(seconds):
        if seconds is not None:
            await asyncio.sleep(seconds)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(fail(None), lambda task: pytest.fail("not raised at once"))
    with pytest.raises(ZeroDivisionError):
        run(fail(0))


def test_what_it_sets_stays_set_where_it_was_begun():
    async def work():
        mine.set("first")
        await asyncio.sleep(0)
        mine.set("rest")

    async def main():
        context = contextvars.copy_context()

        def inside():
            return begin(work(), context)

        task = context.run(inside)
        assert context[mine] == "first"
        await task
        assert context[mine] == "rest"

    asyncio.run(main())

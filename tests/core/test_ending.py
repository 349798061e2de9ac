"""What runs last on an event loop: no cancellation reaches it, and it has its time."""

from __future__ import annotations

import asyncio

import pytest

from hookchain import Response
from hookchain.testing import make_request
from tests.asking import quiet


@pytest.fixture
def watched():
    """A chain, and what its finishers saw."""
    hooks = quiet(cleanup_timeout=0.2)
    hooks.seen = []
    hooks.log(lambda req: hooks.seen.append(("log", req.status, req.aborted)))
    hooks.cleanup(lambda req: hooks.seen.append("cleanup"))
    return hooks


async def cancelled_when(begun, coroutine):
    """Cancel a task when an event says so; the cancellation is what becomes of it."""
    task = asyncio.create_task(coroutine)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_handler_that_keeps_a_cancellation_to_itself_changes_nothing(watched):
    async def run():
        begun = asyncio.Event()

        @watched.content
        async def stubborn(req):
            begun.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return "an answer all the same"

        await cancelled_when(begun, watched.ahandle(make_request("/")))

    asyncio.run(run())
    assert watched.seen == [("log", 200, True), "cleanup"]


def test_a_finisher_goes_on_when_the_task_that_waits_for_it_is_cancelled(watched):
    async def run():
        begun = asyncio.Event()

        @watched.log
        async def slow(req):
            begun.set()
            await asyncio.sleep(0.05)
            watched.seen.append("slow")

        response = await watched.ahandle(make_request("/"))
        await cancelled_when(begun, response.aclose())
        await response.aclose()

    asyncio.run(run())
    assert watched.seen == [("log", 404, False), "slow", "cleanup"]


@pytest.mark.parametrize("when", ["there is a response", "there is none"])
def test_a_finisher_that_hangs_is_given_up_when_its_time_is_over(watched, when, error_log):
    async def run():
        begun, waits = asyncio.Event(), asyncio.Event()

        @watched.log
        async def hangs(req):
            waits.set()
            begun.set()
            await asyncio.sleep(10)

        if when == "there is none":

            @watched.content
            async def slow(req):
                begun.set()
                await asyncio.sleep(10)

            await cancelled_when(begun, watched.ahandle(make_request("/")))
            assert waits.is_set()
        else:
            response = await watched.ahandle(make_request("/"))
            await cancelled_when(begun, response.aclose())

    asyncio.run(run())
    assert watched.seen[-1] == "cleanup"
    assert "LOG and CLEANUP did not end in cleanup_timeout (0.2 seconds)" in error_log()


def test_a_body_that_fails_when_it_is_closed_without_await_is_told(watched):
    class Parts:
        def __iter__(self):
            return iter([b"a"])

        def close(self):
            raise LookupError("in close()")

    watched.content(lambda req: Response(Parts()))

    async def run():
        (await watched.ahandle(make_request("/"))).close()

    asyncio.run(run())
    assert watched.seen == [("log", 200, True), "cleanup"]


def test_an_async_body_that_is_closed_without_await_is_closed_too(watched):
    async def parts():
        try:
            yield b"a"
            yield b"b"
        finally:
            watched.seen.append("closed")

    watched.content(lambda req: parts())

    async def run():
        response = await watched.ahandle(make_request("/"))
        chunks = aiter(response.response)
        assert await anext(chunks) == b"a"
        response.close()
        await asyncio.sleep(0.05)
        await chunks.aclose()

    asyncio.run(run())
    assert watched.seen == ["closed", ("log", 200, True), "cleanup"]

"""Whatever is cancelled and whenever: a request that has begun has one LOG and one CLEANUP."""

from __future__ import annotations

import asyncio
import gc

import pytest

from hookchain import OK
from hookchain.testing import make_request
from tests.adapters.django.places import SYNC, ClosingHandler, project, scope_of
from tests.asking import quiet

STEPS = (*range(0, 44, 4), None)
MIDDLEWARE = "tests.adapters.django.middleware"


@pytest.fixture
def counted():
    """A chain with handlers of every kind, and how often requests began and ended."""
    hooks = quiet()
    hooks.seen = {"began": 0, "second half": 0, "log": 0, "cleanup": 0}

    def count(what):
        hooks.seen[what] += 1

    @hooks.post_read_request
    async def pair(req):
        count("began")
        try:
            yield OK
        finally:
            count("second half")

    @hooks.access
    async def wait(req):
        await asyncio.sleep(0)

    hooks.fixup(lambda req: None)

    @hooks.log
    async def log(req):
        await asyncio.sleep(0)
        count("log")

    hooks.cleanup(lambda req: count("cleanup"))
    return hooks


async def cancelled_after(steps, path, *, by):
    """Ask Django; after some turns of the loop the server cancels its task, or tells that the client has left."""
    gone = asyncio.Event()
    received = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if not received:
            await gone.wait()
            return {"type": "http.disconnect"}
        return received.pop()

    async def send(message):
        await asyncio.sleep(0)

    app = ClosingHandler()
    task = asyncio.create_task(app(scope_of(dict(make_request(path).environ or {}), path), receive, send))
    if steps is not None:
        for _ in range(steps):
            await asyncio.sleep(0)
        if by == "the server":
            task.cancel()
        gone.set()
    await asyncio.gather(task, return_exceptions=True)


def is_settled(seen):
    """Each request that began has ended; one that was cancelled before its first handler could begin may have, too."""
    return seen["log"] == seen["cleanup"] >= seen["began"] == seen["second half"]


async def settled(seen):
    """Wait until nothing goes on any more."""
    until = asyncio.get_running_loop().time() + 10
    while not is_settled(seen) and asyncio.get_running_loop().time() < until:
        gc.collect()  # in a thread, nobody but the response itself knows when it is dropped
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("behind", [(), (SYNC,)], ids=["async", "in a thread"])
@pytest.mark.parametrize("path", ["/async", "/", "/async-stream", "/stream"])
@pytest.mark.parametrize("by", ["the server", "the client"])
def test_each_request_that_began_ends_once_wherever_it_is_cancelled(counted, path, by, behind):
    async def ask():
        for number, steps in enumerate(STEPS, 1):
            await cancelled_after(steps, path, by=by)
            await settled(counted.seen)
            assert is_settled(counted.seen), (steps, counted.seen)
            assert counted.seen["log"] <= number

    with project(counted, behind=behind):
        asyncio.run(ask())
    assert counted.seen["began"] > 0


def test_finishers_go_on_when_the_server_cancels_django_while_it_closes_the_response(counted):
    async def ask():
        begun, received = asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]

        @counted.log
        async def slow(req):
            begun.set()
            await asyncio.sleep(0.05)
            counted.seen["slow"] = 1

        async def receive():
            return received.pop() if received else await asyncio.Event().wait()

        async def send(message):
            await asyncio.sleep(0)

        scope = scope_of(dict(make_request("/").environ or {}), "/")
        task = asyncio.create_task(ClosingHandler()(scope, receive, send))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(counted.seen)

    with project(counted):
        asyncio.run(ask())
    assert counted.seen == {"began": 1, "second half": 1, "log": 1, "cleanup": 1, "slow": 1}


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize("path", ["/", "/async", "/stream", "/fail"])
def test_an_exception_in_another_middleware_changes_nothing_about_that(counted, ask, path, where):
    try:
        ask(counted, path, **{where: (f"{MIDDLEWARE}.fails_afterwards", f"{MIDDLEWARE}.fails_at_the_view")})
    finally:
        assert set(counted.seen.values()) == {1}

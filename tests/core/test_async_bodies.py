"""Bodies of responses that ``ahandle`` gives: where they run, and which context variables they see."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from hookchain import HookChain
from hookchain.testing import make_request

name = ContextVar("name", default="nobody")


async def set_async(req):
    name.set("ann")


def set_sync(req):
    name.set("ann")


def sync_body(req):
    token = name.set(name.get() + "!")
    try:
        yield name.get()
        yield name.get()
    finally:
        name.reset(token)


async def async_body(req):
    token = name.set(name.get() + "!")
    try:
        yield name.get()
        yield name.get()
    finally:
        name.reset(token)


def chain(setter, body, seen):
    hooks = HookChain(access_log=False)
    hooks.register("post_read_request", setter)
    hooks.register("content", body)
    hooks.register("cleanup", lambda req: seen.append(name.get()))
    return hooks


@pytest.mark.parametrize("setter", [set_async, set_sync])
@pytest.mark.parametrize("body", [sync_body, async_body])
def test_a_body_sees_what_handlers_have_set_and_resets_what_it_sets(setter, body):
    seen = []

    async def main():
        response = await chain(setter, body, seen).ahandle(make_request("/"))
        return await response.aget_data(), name.get()

    assert asyncio.run(main()) == (b"ann!ann!", "nobody")
    assert seen == ["ann"]


@pytest.mark.parametrize("setter", [set_async, set_sync])
@pytest.mark.parametrize("body", [sync_body, async_body])
def test_a_body_that_is_read_without_a_loop_sees_the_same(setter, body):
    seen = []
    response = asyncio.run(chain(setter, body, seen).ahandle(make_request("/")))
    assert response.get_data() == b"ann!ann!"
    assert name.get() == "nobody"
    assert seen == ["ann"]


@pytest.mark.parametrize("body", [sync_body, async_body])
def test_a_body_that_is_closed_half_read_is_closed_with_the_same_values(body):
    seen = []

    async def main():
        response = await chain(set_async, body, seen).ahandle(make_request("/"))
        chunks = aiter(response.response)
        first = await anext(chunks)
        await chunks.aclose()
        await response.aclose()
        return first

    assert asyncio.run(main()) == b"ann!"
    assert seen == ["ann"]


def test_a_sync_body_may_block_without_blocking_the_loop():
    threads = []

    def blocking(req):
        threads.append(threading.current_thread())
        yield "a"

    async def main():
        response = await chain(set_sync, blocking, []).ahandle(make_request("/"))
        return await response.aget_data()

    assert asyncio.run(main()) == b"a"
    assert threads[0] is not threading.current_thread()

"""Async handlers in every place; cancellation; what a sync call does that meets one."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from hookchain import AsyncHandlerError, Response
from hookchain.testing import make_request
from tests.asking import Calls, by_ahandle, by_handle, by_wsgi, quiet


async def declines(req):
    await asyncio.sleep(0)


@pytest.mark.parametrize("phase", ["post_read_request", "access", "fixup", "content"])
def test_handle_fails_on_an_async_handler_with_its_name_and_the_method_to_use(phase):
    ran = Calls()
    hooks = quiet()
    hooks.register(phase, declines, name="the async one")
    hooks.log(ran.handler("LOG"))
    with pytest.raises(AsyncHandlerError, match=r"the async one \(.*test_async\.py:\d+\).*await chain\.ahandle\(req\)"):
        by_handle(hooks)
    assert ran == ["LOG"]


@pytest.mark.parametrize("phase", ["log", "cleanup"])
def test_handle_fails_on_an_async_finisher_too_when_the_response_is_finished(phase):
    ran = Calls()
    hooks = quiet()
    hooks.register(phase, declines, name="the async one")
    hooks.cleanup(ran.handler("CLEANUP"))
    with pytest.raises(AsyncHandlerError, match="the async one"):
        by_handle(hooks)
    assert ran == ["CLEANUP"]


def test_handle_fails_on_an_async_pair_cleanup_or_filter_with_its_name():
    async def later():
        pass

    async def pair(req):
        yield

    async def output(req, response):
        pass

    for register, name in (
        (lambda hooks: hooks.access(pair), "pair"),
        (lambda hooks: hooks.access(lambda req: req.register_cleanup(later)), "later"),
        (lambda hooks: hooks.output_filter(output), "output"),
    ):
        hooks = quiet()
        register(hooks)
        with pytest.raises(AsyncHandlerError, match=name):
            by_handle(hooks)


def test_handle_fails_on_an_async_body():
    hooks = quiet()

    @hooks.content
    async def body(req):
        yield "x"

    with pytest.raises(AsyncHandlerError, match=r"async body.*ahandle"):
        by_handle(hooks)


def test_a_sync_call_never_starts_an_event_loop_behind_the_callers_back():
    hooks = quiet()
    hooks.access(declines)
    with pytest.raises(AsyncHandlerError):
        by_handle(hooks)


def test_async_callables_and_partials_are_async(ask_async):
    class Guard:
        async def __call__(self, req):
            return 403

    async def refuse(status, req):
        return status

    for handler, status in ((Guard(), 403), (functools.partial(refuse, 402), 402), (Guard().__call__, 403)):
        hooks = quiet()
        hooks.access(handler)
        assert ask_async(hooks).status == status


def test_under_wsgi_all_requests_of_a_thread_run_on_one_event_loop():
    loops: list[object] = []
    hooks = quiet()

    @hooks.access
    async def look(req):
        loops.append(asyncio.get_running_loop())

    @hooks.log
    async def look_again(req):
        loops.append(asyncio.get_running_loop())

    def serve():
        by_wsgi(hooks)
        by_wsgi(hooks)

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert len(loops) == 4
    assert len(set(loops)) == 1


def test_sync_and_async_handlers_run_in_their_order(ask_async):
    ran: list[str] = []
    hooks = quiet()
    for name in "abcdef":
        if name in "be":

            @hooks.access(name=name)
            async def handler(req, name=name):
                await asyncio.sleep(0)
                ran.append(name)
        else:
            hooks.access(lambda req, name=name: ran.append(name), name=name, blocking=name != "f")
    ask_async(hooks)
    assert ran == list("abcdef")


def ask_and_cancel(hooks, started, *, times=1):
    """Cancel a request when a handler has said that it started; returns what the caller sees."""

    async def ask():
        task = asyncio.create_task(hooks.ahandle(make_request()))
        await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "answered"

    return asyncio.run(ask())


@pytest.mark.parametrize("phase", ["post_read_request", "access", "content"])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_cancelled_task_still_finishes_its_request_once(phase, kind):
    started = threading.Event()
    finish = threading.Event()
    ran = Calls()
    hooks = quiet()

    @hooks.post_read_request(order="first")
    def pair(req):
        try:
            yield
        except asyncio.CancelledError:
            ran.append("cancelled at the yield")
            raise

    async def wait(req):
        started.set()
        await asyncio.sleep(10)

    def wait_in_thread(req):
        started.set()
        finish.wait(0.05)

    hooks.register(phase, wait if kind == "async" else wait_in_thread)
    hooks.log(ran.handler("LOG"))
    hooks.cleanup(ran.handler("CLEANUP"))
    seen: list[object] = []
    hooks.log(lambda req: seen.append((req.exception, req.status)))
    assert ask_and_cancel(hooks, started) == "cancelled"
    assert ran == ["LOG", "cancelled at the yield", "CLEANUP"]
    assert isinstance(seen[0][0], asyncio.CancelledError)


def test_a_response_that_a_cancellation_overtakes_is_closed():
    started, closed = threading.Event(), Calls()
    finish = threading.Event()

    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            closed.append("closed")

    hooks = quiet()

    @hooks.content
    def content(req):
        started.set()
        finish.wait(0.05)
        return Response(Body())

    assert ask_and_cancel(hooks, started) == "cancelled"
    assert closed == ["closed"]


def test_a_blocking_handler_does_not_block_the_event_loop():
    hooks = quiet()
    both = threading.Barrier(2, timeout=10)
    hooks.access(lambda req: both.wait() and None)

    async def two():
        answers = await asyncio.gather(*(hooks.ahandle(make_request()) for _ in range(2)))
        for answer in answers:
            await answer.aclose()

    asyncio.run(two())


def test_a_response_of_ahandle_can_be_read_and_closed_without_await():
    ran: list[str] = []
    hooks = quiet()
    hooks.content(lambda req: iter(["a", b"b"]))
    hooks.log(lambda req: ran.append(f"LOG {req.bytes_sent}"))

    async def later(req):
        await asyncio.sleep(0)
        ran.append("async CLEANUP")

    hooks.cleanup(later)
    hooks.cleanup(lambda req: ran.append("sync CLEANUP"))

    async def ask():
        response = await hooks.ahandle(make_request())
        data = response.get_data()
        response.close()
        await asyncio.sleep(0.05)
        return data

    assert asyncio.run(ask()) == b"ab"
    assert ran == ["LOG 2", "async CLEANUP", "sync CLEANUP"]
    ran.clear()
    response = asyncio.run(hooks.ahandle(make_request()))
    assert response.get_data() == b"ab"
    assert ran == ["LOG 2", "async CLEANUP", "sync CLEANUP"]


def test_an_async_body_can_be_read_without_await_where_no_loop_runs_and_else_says_how():
    ran = Calls()
    hooks = quiet()

    @hooks.content
    async def body(req):
        yield "a"
        yield b"b"

    hooks.log(ran.handler("LOG"))
    assert asyncio.run(hooks.ahandle(make_request())).get_data() == b"ab"

    async def ask():
        response = await hooks.ahandle(make_request())
        with pytest.raises(RuntimeError, match=r"await response\.aget_data"):
            response.get_data()

    asyncio.run(ask())
    assert ran == ["LOG", "LOG"]


def test_closing_a_response_of_ahandle_early_counts_as_aborted_and_a_complete_one_as_sent():
    seen: list[object] = []
    hooks = quiet()
    hooks.content(lambda req: "four" if req.path == "/whole" else iter(["a", "b"]))
    hooks.log(lambda req: seen.append((req.path, req.bytes_sent, req.aborted)))

    async def ask(path, *, sync):
        response = await hooks.ahandle(make_request(path))
        if sync:
            response.close()
        else:
            await response.aclose()
            await response.aclose()

    for sync in (False, True):
        asyncio.run(ask("/whole", sync=sync))
        asyncio.run(ask("/parts", sync=sync))
    assert seen == [("/whole", 4, False), ("/parts", 0, True)] * 2


def test_data_can_be_got_twice():
    hooks = quiet()
    hooks.content(lambda req: "x")

    async def ask():
        response = await hooks.ahandle(make_request())
        return await response.aget_data(), await response.aget_data()

    assert asyncio.run(ask()) == (b"x", b"x")


@pytest.mark.parametrize("way", [by_ahandle, by_wsgi])
def test_an_async_body_that_fails_is_closed_and_told_to_log(way):
    seen: list[object] = []
    hooks = quiet()

    @hooks.content
    async def body(req):
        try:
            yield "a"
            raise LookupError("in the body")
        finally:
            seen.append("closed")

    hooks.log(lambda req: seen.append(repr(req.exception)))
    with pytest.raises(LookupError):
        way(hooks)
    assert seen == ["closed", "LookupError('in the body')"]


@pytest.mark.parametrize("ask", [by_handle, by_ahandle, by_wsgi])
def test_a_handler_that_raises_stop_iteration_has_failed_like_any_other(ask):
    hooks = quiet()
    hooks.content(Calls().handler("content", StopIteration()))
    assert ask(hooks).status == 500

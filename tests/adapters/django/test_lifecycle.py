"""LOG and CLEANUP run once, after the last byte, whatever becomes of the request."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory

from django_hookchain import HookChainMiddleware
from hookchain import OK
from hookchain.testing import make_request
from tests.adapters.django.places import PLACES, SYNC, ClosingHandler, project, scope_of
from tests.asking import quiet

REPLACES = "tests.adapters.django.middleware.replaces"


@pytest.fixture
def watched():
    """A chain with finishers, and what they saw."""
    hooks = quiet()
    hooks.seen = []

    @hooks.access
    def pair(req):
        try:
            yield OK
        finally:
            hooks.seen.append("second half")

    @hooks.log
    def log(req):
        hooks.seen.append(("log", req.status, req.bytes_sent, req.aborted, type(req.exception).__name__))

    @hooks.log
    async def async_log(req):
        hooks.seen.append("async log")

    @hooks.cleanup
    def cleanup(req):
        hooks.seen.append("cleanup")

    return hooks


def expected(status, sent, *, aborted=False, exception="NoneType"):
    return [("log", status, sent, aborted, exception), "async log", "second half", "cleanup"]


async def until(condition):
    """Wait for what another thread or task does."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def failure(coroutine):
    """Run a request in a task of its own as servers do, and forget it; tells what kind of exception came out."""
    (result,) = await asyncio.gather(asyncio.create_task(coroutine), return_exceptions=True)
    return type(result)


def environ(path):
    return dict(make_request(path).environ or {})


def test_under_wsgi_finishers_wait_for_the_end_of_the_stream(watched):
    with project(watched):
        body = WSGIHandler()(environ("/stream"), lambda *_: None)
        chunks = iter(body)
        assert next(chunks) == b"0\n"
        assert watched.seen == []
        assert list(chunks) == [b"1\n", b"2\n"]
        body.close()
    assert watched.seen == expected(200, 6)


def test_under_wsgi_a_client_that_leaves_is_told_from_one_that_stays(watched):
    with project(watched):
        body = WSGIHandler()(environ("/stream"), lambda *_: None)
        next(iter(body))
        body.close()
    assert watched.seen == expected(200, 2, aborted=True)


@pytest.mark.parametrize("behind", [(), ("tests.adapters.django.places.sync_middleware",)])
@pytest.mark.parametrize("path", ["/stream", "/async-stream"])
def test_under_asgi_a_client_that_leaves_is_told_from_one_that_stays(watched, path, behind):
    async def leave():
        app = ASGIHandler()
        gone, sent = asyncio.Event(), []
        received = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if received:
                return received.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if message.get("body") == b"0\n":
                gone.set()
                await asyncio.sleep(10)

        await asyncio.wait_for(app(scope_of(environ(path), path), receive, send), 5)
        assert sent[-1]["body"] == b"0\n"

    with project(watched, behind=behind) as begun:
        asyncio.run(leave())
    assert watched.seen == expected(200, 2, aborted=True)
    assert path == "/stream" or begun[0].notes["closed"]


async def ask_and_leave(path):
    """Ask on an event loop, and leave before there is an answer."""
    received = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

    async def receive():
        await asyncio.sleep(0.1)
        return received.pop(0)

    async def send(message):
        raise AssertionError("nobody is there")

    await asyncio.wait_for(ASGIHandler()(scope_of(environ(path), path), receive, send), 5)


def test_a_client_that_leaves_while_an_async_handler_runs_gives_its_log_line(watched):
    @watched.fixup
    async def slow(req):
        await asyncio.sleep(10)

    with project(watched):
        asyncio.run(ask_and_leave("/"))
    assert watched.seen == expected(500, 0, aborted=True, exception="CancelledError")


def test_a_client_that_leaves_while_a_sync_handler_runs_gives_its_log_line(watched):
    import time

    watched.fixup(lambda req: time.sleep(0.3))
    with project(watched):
        asyncio.run(ask_and_leave("/async"))
    assert watched.seen == expected(500, 0, aborted=True, exception="CancelledError")


def test_a_client_that_leaves_behind_a_slow_middleware_before_the_chain_gives_its_log_line(watched):
    async def leave():
        await ask_and_leave("/async")
        await asyncio.sleep(0.1)

    with project(watched, before=("tests.adapters.django.middleware.slow",)):
        asyncio.run(leave())
    assert watched.seen == expected(200, 0, aborted=True)


@pytest.mark.parametrize("behind", [(), (SYNC,)], ids=["async", "in a thread"])
@pytest.mark.parametrize("error", [ConnectionResetError, LookupError])
@pytest.mark.parametrize(
    ("path", "message", "sent"), [("/", 0, 0), ("/", 1, 0), ("/stream", 2, 4), ("/async-stream", 2, 4)]
)
def test_a_server_that_refuses_to_send_gets_the_log_line_all_the_same(watched, path, message, sent, error, behind):
    def forgotten_and_finished():
        gc.collect()  # in a thread, nobody but the response itself knows when it is dropped
        return "cleanup" in watched.seen

    async def ask():
        received = [{"type": "http.request", "body": b"", "more_body": False}]
        taken = []

        async def receive():
            return received.pop() if received else await asyncio.Event().wait()

        async def send(what):
            if len(taken) == message:
                raise error("nobody is there")
            taken.append(what)

        assert await failure(ClosingHandler()(scope_of(environ(path), path), receive, send)) is error
        await until(forgotten_and_finished)

    with project(watched, behind=behind):
        asyncio.run(ask())
    assert watched.seen[0][:3] == ("log", 200, sent)
    assert watched.seen[1:] == expected(200, sent)[1:]


def test_a_client_that_leaves_while_a_sync_view_runs_in_a_thread_gives_its_log_line(watched):
    entered, gone = threading.Event(), threading.Event()

    @watched.fixup
    def slow(req):
        entered.set()
        gone.wait(5)

    async def leave():
        received = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

        async def receive():
            if len(received) == 1:
                await until(entered.is_set)
                asyncio.get_running_loop().call_later(0.2, gone.set)  # when Django has given the request up
            return received.pop(0)

        async def send(message):
            raise AssertionError("nobody is there")

        await ClosingHandler()(scope_of(environ("/"), "/"), receive, send)
        await until(lambda: "cleanup" in watched.seen)

    with project(watched, behind=(SYNC,)):
        asyncio.run(leave())
    assert watched.seen[0] == ("log", 200, 0, True, "NoneType")


@pytest.mark.parametrize("place", ["wsgi", "asgi"])
def test_a_response_that_a_middleware_before_the_chain_replaces_still_ends(watched, place):
    assert PLACES[place](watched, "/", before=(REPLACES,)).text == "replaced"
    assert watched.seen == expected(200, len("GET\n/\n/\n\n"))


def test_in_a_thread_a_response_that_is_replaced_ends_when_it_is_dropped(watched):
    async def ask():
        response = await AsyncClient().get("/")
        await until(lambda: "cleanup" in watched.seen)
        return response

    with project(watched, before=(REPLACES,), behind=(SYNC,)):
        assert asyncio.run(ask()).content == b"replaced"
    assert watched.seen == expected(200, 0, aborted=True)


def test_a_stream_that_fails_is_told(watched):
    def parts():
        yield b"one"
        raise ZeroDivisionError

    watched.content(lambda req: parts())
    with project(watched):
        body = WSGIHandler()(environ("/"), lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            list(body)
        body.close()
    assert watched.seen == expected(200, 3, exception="ZeroDivisionError")


@pytest.mark.parametrize("is_async", [True, False])
def test_under_asgi_a_stream_that_fails_is_told(watched, is_async):
    def parts():
        yield "one"
        raise ZeroDivisionError

    async def async_parts():
        yield "one"
        raise ZeroDivisionError

    watched.content(lambda req: async_parts() if is_async else parts())

    async def read():
        response = await AsyncClient().get("/")
        with pytest.raises(ZeroDivisionError):
            async for _ in response.streaming_content:
                pass

    with project(watched):
        asyncio.run(read())
    assert watched.seen == expected(200, 3, exception="ZeroDivisionError")


@pytest.mark.parametrize("is_async", [True, False])
def test_a_body_that_fails_when_it_is_closed_is_told(watched, is_async, ask):
    class Parts:
        def close(self):
            raise ZeroDivisionError

    class SyncParts(Parts):
        def __init__(self):
            self.parts = [b"one"]

        def __iter__(self):
            return self

        def __next__(self):
            if not self.parts:
                raise StopIteration
            return self.parts.pop()

    async def async_parts():
        try:
            yield b"one"
        finally:
            raise ZeroDivisionError

    watched.content(lambda req: async_parts() if is_async else SyncParts())
    if is_async:
        with pytest.raises(ZeroDivisionError):
            ask(watched, "/")
    else:
        ask(watched, "/")
    assert watched.seen == expected(200, 3, exception="ZeroDivisionError")


def test_a_test_client_has_the_line_in_the_log_when_it_has_the_response(watched):
    with project(watched):
        response = Client().get("/cookies")
        assert watched.seen == expected(200, 3)
        assert response.cookies["one"].value == "1"
        assert response.resolver_match.url_name is None
        assert response.wsgi_request.META["hookchain.request"].status == 200


def test_an_async_test_client_has_the_line_in_the_log_when_it_has_the_response(watched):
    async def get():
        response = await AsyncClient().get("/cookies")
        assert watched.seen == expected(200, 3)
        return response

    with project(watched):
        assert asyncio.run(get()).content == b"set"


def test_an_async_test_client_reads_a_stream(watched):
    async def get():
        response = await AsyncClient().get("/stream")
        assert watched.seen == []
        chunks = [chunk async for chunk in response.streaming_content]
        response.close()
        return chunks

    with project(watched):
        assert asyncio.run(get()) == [b"0\n", b"1\n", b"2\n"]
    assert watched.seen == expected(200, 6)


def test_an_async_test_client_may_leave_a_stream(watched):
    async def get():
        response = await AsyncClient().get("/async-stream")
        chunks = aiter(response.streaming_content)
        assert await anext(chunks) == b"0\n"
        response.close()
        await asyncio.sleep(0.1)
        await chunks.aclose()

    with project(watched):
        asyncio.run(get())
    assert watched.seen == expected(200, 2, aborted=True)


@pytest.mark.parametrize("raises", [True, False])
def test_a_test_client_raises_what_a_handler_raised_unless_told_otherwise(raises):
    hooks = quiet()

    @hooks.access
    def fail(req):
        raise LookupError("for the test")

    with project(hooks):
        client = Client(raise_request_exception=raises)
        if raises:
            with pytest.raises(LookupError, match="for the test"):
                client.get("/")
        else:
            assert client.get("/").content == b"the project's 500"


def test_a_test_client_raises_what_a_view_raised():
    with project(quiet()), pytest.raises(LookupError, match="a view's secret"):
        Client().get("/fail")


def test_a_response_keeps_what_tests_look_at(watched):
    def view(request):
        response = HttpResponse("content", reason="Fine")
        response.context_data = {"a": 1}
        return response

    with project(watched):
        response = HookChainMiddleware(view)(RequestFactory().get("/"))
    assert (response.context_data, response.reason_phrase, response.content) == ({"a": 1}, "Fine", b"content")
    assert watched.seen == []
    response.close()
    assert watched.seen == expected(200, 7)


def test_closers_of_a_views_response_are_called_once(watched):
    closed = []

    def view(request):
        response = StreamingHttpResponse([b"a"]) if "stream" in request.path else HttpResponse("a")
        response._resource_closers.append(lambda: closed.append(request.path))
        return response

    with project(watched):
        for path in ("/", "/stream"):
            response = HookChainMiddleware(view)(RequestFactory().get(path))
            assert b"".join(response) == b"a"
            response.close()
    assert closed == ["/", "/stream"]

"""LOG and CLEANUP under ASGI: once for every request, whoever leaves, cancels or hangs."""

from __future__ import annotations

import asyncio
import contextvars
import io
import threading
import time

import anyio
import pytest
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response

from hookchain import OK, AccessLog, outgoing
from hookchain.phases import CYCLE_PHASES, Phase
from tests.adapters.asgi_server import Server, connect, http_scope, request_message, serve, socket_scope
from tests.asking import quiet

PIECE = b"x" * 100
POINTS = 50


class Watched:
    """A chain with handlers and pairs of both kinds in every phase, all of which count themselves."""

    def __init__(self, **options):
        self.hooks = quiet(**options)
        self.begun, self.logged, self.cleaned, self.halves, self.waited = [], [], [], [], []
        self.hooks.post_read_request(self.begun.append, order="really_first")
        for phase in CYCLE_PHASES[:-1]:
            self.hooks.register(phase, self.pair(phase), order="first")
            self.hooks.register(phase, self.async_pair(phase), order="first")
        self.hooks.authen(lambda req: setattr(req, "user", "ann"), order="really_first")
        self.hooks.log(self.log)
        self.hooks.log(self.logged.append)
        self.hooks.cleanup(self.clean)
        self.hooks.cleanup(self.cleaned.append)

    async def log(self, req):
        await asyncio.sleep(0.001)
        self.waited.append("LOG")

    async def clean(self, req):
        await asyncio.sleep(0.001)
        self.waited.append("CLEANUP")

    def pair(self, phase):
        def pair(req):
            self.halves.append(phase)
            try:
                yield OK if phase is Phase.AUTHZ else None
            finally:
                self.halves.remove(phase)

        return pair

    def async_pair(self, phase):
        async def pair(req):
            await asyncio.sleep(0)
            self.halves.append(phase)
            try:
                yield None
            finally:
                await asyncio.sleep(0)
                self.halves.remove(phase)

        return pair

    def check(self):
        assert len(self.logged) == len(self.cleaned) == len(self.begun)
        assert self.waited == ["LOG", "CLEANUP"] * len(self.begun), "they were waited for, not broken off"
        assert self.halves == []

    @property
    def req(self):
        return self.logged[-1]


async def streaming(scope, receive, send):
    """An app that reads its body and answers in pieces."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(4):
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def with_listener(scope, receive, send):
    """An app that ends its stream when it hears that the client is gone, as Starlette's do."""

    async def listen():
        while (await receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    async def stream():
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        group.start_soon(stream)


async def own_async(req):
    await req.aget_data()
    for _ in range(4):
        await asyncio.sleep(0)
        yield PIECE


def own_sync(req):
    req.get_data()
    for _ in range(4):
        yield PIECE


def untouched(req, response):
    """A filter that changes nothing; but it might, so the app runs in a task of its own."""


def app_in_its_task(watched):
    return watched.hooks.asgi(streaming)


def app_in_a_task_of_its_own(watched):
    watched.hooks.output_filter(untouched)
    return watched.hooks.asgi(streaming)


def a_filter_in_a_thread(watched):
    @watched.hooks.output_filter
    def upper(req, response):
        body = response.response
        response.response = (chunk.upper() for chunk in body)

    return watched.hooks.asgi(streaming)


def async_content(watched):
    watched.hooks.content(own_async)
    return watched.hooks.asgi()


def sync_content(watched):
    watched.hooks.content(own_sync)
    return watched.hooks.asgi()


PLACES = [app_in_its_task, app_in_a_task_of_its_own, a_filter_in_a_thread, async_content, sync_content]
UPLOAD = http_scope("/", "POST", [("Content-Length", "6")])


def upload():
    return [request_message(b"abc", more=True), request_message(b"def")]


async def one_turn():
    let_threads_run()  # else each of their steps waits for as long as an interpreter lets one thread have it
    await asyncio.sleep(0)


def let_threads_run():
    time.sleep(0)


async def cancelled_by_task(serving, after, again):
    task = asyncio.ensure_future(serving)
    for _ in range(after):
        await one_turn()
    task.cancel()
    while again and not task.done():
        await one_turn()
        task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None


async def cancelled_by_scope(serving, after, again):
    async def serve():
        with scope:
            await serving

    scope = anyio.CancelScope()
    task = asyncio.ensure_future(serve())
    for _ in range(after):
        await one_turn()
    scope.cancel()
    await asyncio.wait({task})
    assert task.exception() is None


def points(serving):
    """Return numbers of loop steps that are spread over the whole of what is served, and a little beyond."""

    async def count():
        task, steps = asyncio.ensure_future(serving), 0
        while not task.done():
            await one_turn()
            steps += 1
        return steps

    steps = asyncio.run(count())
    return sorted({*range(10), *(steps * number * 6 // (POINTS * 5) for number in range(POINTS))})


@pytest.mark.parametrize("again", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize("cancelled", [cancelled_by_task, cancelled_by_scope])
@pytest.mark.parametrize("place", PLACES)
def test_a_request_that_is_cancelled_anywhere_is_finished_once(place, cancelled, again):
    server = Server(incoming=upload())
    for after in points(place(Watched())(UPLOAD, server.receive, server.send)):
        watched = Watched()
        app = place(watched)
        server = Server(incoming=upload())
        asyncio.run(cancelled(app(UPLOAD, server.receive, server.send), after, again))
        watched.check()


@pytest.mark.parametrize("place", PLACES)
def test_a_request_that_is_cancelled_in_a_call_of_the_server_is_finished_once(place, monkeypatch):
    monkeypatch.setattr(outgoing, "LONG", 0)  # the calls are the same then however long a request takes
    whole = Server(incoming=upload())
    asyncio.run(whole.run(place(Watched()), UPLOAD))
    for number in range(1, whole.times + 1):
        watched = Watched()
        server = Server(incoming=upload(), cancel_at=number)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(server.run(place(watched), UPLOAD))
        watched.check()
        assert watched.begun


@pytest.mark.parametrize("raises", [False, True], ids=["send is silent", "send raises"])
@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_leaves_after_any_number_of_bytes_is_finished_once(place, raises):
    for size in range(0, 401, 100):
        watched = Watched()
        server = Server(incoming=upload(), leaves_after=size, raises_when_gone=raises)
        try:
            asyncio.run(server.run(place(watched), UPLOAD))
        except OSError:
            assert raises
        watched.check()
        if raises and not server.is_complete:
            assert watched.req.aborted is True
            assert watched.req.exception is None


def streamed(req):
    response = Response(PIECE for _ in range(4))
    response.content_length = 400
    return response


async def announcing(scope, receive, send):
    """Answer in pieces of an announced length, and listen for the client's leaving meanwhile, as Starlette does."""
    listening = asyncio.ensure_future(receive())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"400")]})
    for more in (True, True, True, True, False):
        await send({"type": "http.response.body", "body": PIECE if more else b"", "more_body": more})
    listening.cancel()


@pytest.mark.parametrize("raises", [False, True], ids=["send is silent", "send raises"])
@pytest.mark.parametrize("app", [None, announcing], ids=["alone", "app"])
def test_a_client_that_leaves_when_it_has_all_that_was_announced_has_not_left_early(app, raises):
    class Prompt(Server):
        """The client leaves before the server says that it took the message."""

        async def send(self, message):
            await super().send(message)
            if self.gone.is_set():
                for _ in range(5):
                    await asyncio.sleep(0)

    watched = Watched()
    if app is None:
        watched.hooks.content(streamed)
    server = Prompt(leaves_after=400, raises_when_gone=raises)
    try:
        asyncio.run(server.run(watched.hooks.asgi(app), http_scope()))
    except OSError:
        assert app is not None  # whose own it is, as without a chain
    watched.check()
    assert (watched.req.aborted, watched.req.exception, watched.req.bytes_sent) == (False, None, 400)


@pytest.mark.parametrize("is_filtered", [False, True])
def test_an_app_that_hears_that_the_client_is_gone_is_finished_as_aborted(is_filtered):
    watched = Watched()
    if is_filtered:
        watched.hooks.output_filter(untouched)
    server = Server(leaves_after=300)
    asyncio.run(server.run(watched.hooks.asgi(with_listener), http_scope()))
    watched.check()
    assert (watched.req.aborted, watched.req.exception, watched.req.status) == (True, None, 200)
    assert watched.req.bytes_sent >= 300


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_stream_without_an_end_ends_when_the_client_leaves(kind):
    watched, closed = Watched(), []

    async def content(req):
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    def sync_content(req):
        try:
            while True:
                yield PIECE
        finally:
            closed.append(True)

    watched.hooks.content(content if kind == "async" else sync_content)
    server = Server(leaves_after=1000)
    asyncio.run(asyncio.wait_for(server.run(watched.hooks.asgi(), http_scope()), 20))
    watched.check()
    assert closed == [True]
    assert (watched.req.aborted, watched.req.exception) == (True, None)


def test_a_stream_that_waits_for_news_ends_when_the_client_leaves():
    watched, closed = Watched(), []

    @watched.hooks.content
    async def content(req):
        yield "event: hello\n\n"
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    server = Server(leaves_after=5)
    asyncio.run(asyncio.wait_for(server.run(watched.hooks.asgi(), http_scope()), 20))
    watched.check()
    assert closed == [True]
    assert watched.req.aborted is True


def test_a_stream_that_waits_is_told_of_the_client_behind_a_body_that_nobody_read():
    watched = Watched()

    @watched.hooks.content
    async def content(req):
        yield "event: hello\n\n"
        await asyncio.Event().wait()

    server = Server(incoming=[request_message(b"abcdef")], leaves_after=5)
    asyncio.run(asyncio.wait_for(server.run(watched.hooks.asgi(), UPLOAD), 20))
    watched.check()
    assert watched.req.aborted is True


def test_a_stream_may_read_the_body_while_it_is_sent():
    watched = Watched()

    @watched.hooks.content
    async def content(req):
        yield "begun "
        await asyncio.sleep(0.01)
        async for chunk in req.body.areader():
            yield chunk

    server = Server(incoming=upload())
    asyncio.run(asyncio.wait_for(server.run(watched.hooks.asgi(), UPLOAD), 20))
    watched.check()
    assert server.body == b"begun abcdef"
    assert (watched.req.aborted, server.is_complete) == (False, True)


async def slow_and_deaf(scope, receive, send):
    """An app that takes its time, and never asks whether anybody still waits."""
    await asyncio.sleep(0.15)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": PIECE})


def in_thread(req):
    time.sleep(0.15)
    return PIECE


@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("app", [slow_and_deaf, None])
def test_a_client_that_loses_patience_is_known_though_nobody_asks(app, leaves):
    watched = Watched()
    if app is None:
        watched.hooks.content(in_thread)

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(watched.hooks.asgi(app), http_scope()))
        await asyncio.sleep(0.05)
        if leaves:
            server.gone.set()
        await task
        assert server.is_complete != leaves

    asyncio.run(run())
    watched.check()
    assert (watched.req.aborted, watched.req.status, watched.req.exception) == (leaves, 200, None)


def test_a_server_that_fails_when_it_is_asked_for_the_client_still_gets_the_answer():
    watched, sent = Watched(), []

    async def receive():
        raise ZeroDivisionError

    async def send(message):
        sent.append(message["type"])

    asyncio.run(watched.hooks.asgi(slow_and_deaf)(http_scope(), receive, send))
    watched.check()
    assert (sent[-1], watched.req.aborted) == ("http.response.body", False)


def test_a_stream_that_is_cancelled_as_the_client_leaves_is_cancelled():
    watched = Watched()

    @watched.hooks.content
    async def content(req):
        yield PIECE
        await asyncio.Event().wait()

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(watched.hooks.asgi(), http_scope()))
        await server.begun()
        server.gone.set()
        for _ in range(4):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    watched.check()


def test_a_sync_handler_that_waits_for_the_body_of_a_cancelled_request_is_let_go():
    watched = Watched()
    reading = threading.Event()

    @watched.hooks.content
    def content(req):
        reading.set()
        return req.get_data()

    async def run():
        server = Server(incoming=[request_message(b"abc", more=True)])
        task = asyncio.ensure_future(server.run(watched.hooks.asgi(), UPLOAD))
        await asyncio.to_thread(reading.wait)
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(run(), 20))
    watched.check()


def test_a_cancellation_that_comes_while_a_thread_runs_is_kept_until_it_is_over():
    watched = Watched()
    running = threading.Event()

    @watched.hooks.fixup
    def slow(req):
        running.set()
        time.sleep(0.1)
        watched.halves.append("slow")

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(watched.hooks.asgi(streaming), http_scope()))
        await asyncio.to_thread(running.wait)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert watched.halves.pop() == "slow"
    watched.check()


def test_a_response_that_a_cancellation_overtakes_is_closed():
    hooks, closed, running = quiet(), [], threading.Event()

    class Body:
        def __iter__(self):
            return iter([b"never sent"])

        def close(self):
            closed.append(True)

    @hooks.content
    def content(req):
        running.set()
        time.sleep(0.1)
        return Response(Body())

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(hooks.asgi(), http_scope()))
        await asyncio.to_thread(running.wait)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert closed == [True]


# --- how long finishers may take


def hanging(hooks, phase, *, is_async=True):
    """Register a finisher that never ends by itself, and return what tells that it began, and what lets it go."""
    began, free = [], threading.Event()

    async def hang(req):
        began.append(req)
        await asyncio.Event().wait()

    def hang_in_thread(req):
        began.append(req)
        free.wait(20)

    hooks.register(phase, hang if is_async else hang_in_thread, order="first")
    return began, free


@pytest.mark.parametrize("how", ["cancelled", "gone"])
def test_a_finisher_that_hangs_is_broken_off_after_the_timeout_and_the_next_ones_run(how, error_log):
    hooks = quiet(cleanup_timeout=0.1)
    finished = []
    began, _ = hanging(hooks, "log")
    hooks.log(lambda req: finished.append("LOG"))
    hooks.cleanup(lambda req: finished.append("CLEANUP"))

    @hooks.content
    async def content(req):
        yield PIECE
        await asyncio.Event().wait()

    async def run():
        server = Server(leaves_after=1 if how == "gone" else None)
        task = asyncio.ensure_future(server.run(hooks.asgi(), http_scope()))
        await server.begun()
        if how == "cancelled":
            task.cancel()
        await task

    started = time.monotonic()
    if how == "cancelled":
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(run())
    else:
        asyncio.run(run())
    assert time.monotonic() - started < 10
    assert (len(began), finished) == (1, ["LOG", "CLEANUP"])
    assert "cleanup_timeout (0.1 seconds)" in error_log()


def test_a_finisher_in_a_thread_that_hangs_is_left_behind_after_the_timeout_and_the_next_ones_follow_it(error_log):
    hooks = quiet(cleanup_timeout=0.1)
    finished, cleaned = [], asyncio.Event()
    began, free = hanging(hooks, "log", is_async=False)

    @hooks.cleanup
    async def cleanup(req):
        finished.append("CLEANUP")
        cleaned.set()

    @hooks.content
    async def content(req):
        await asyncio.Event().wait()

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(hooks.asgi(), http_scope()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (len(began), finished) == (1, [])
        assert "cleanup_timeout" in error_log()
        free.set()
        await asyncio.wait_for(cleaned.wait(), 10)
        await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert finished == ["CLEANUP"]


def test_an_app_that_will_not_end_is_left_behind_after_the_timeout_and_finishers_run(error_log):
    hooks, finished, free = quiet(cleanup_timeout=0.1), [], asyncio.Event()
    hooks.output_filter(untouched)
    hooks.log(lambda req: finished.append("LOG"))
    hooks.cleanup(lambda req: finished.append("CLEANUP"))

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(hooks.asgi(app), http_scope()))
        await server.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        free.set()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert finished == ["LOG", "CLEANUP"]
    assert "cleanup_timeout" in error_log()


def test_an_app_that_hangs_behind_its_answer_is_broken_off_after_the_timeout_and_finishers_run(error_log):
    hooks, finished = quiet(cleanup_timeout=0.05), []
    hooks.output_filter(untouched)
    hooks.log(lambda req: finished.append("LOG"))

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": PIECE})
        try:
            await asyncio.Event().wait()
        finally:
            finished.append("app")

    async def run():
        server = Server()
        task = asyncio.ensure_future(server.run(hooks.asgi(app), http_scope()))
        await server.complete.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), 20))
    assert sorted(finished) == ["LOG", "app"]
    assert "cleanup_timeout" in error_log()


def test_in_debug_too_a_finisher_that_hangs_is_broken_off_when_the_client_is_gone(error_log):
    hooks = quiet(cleanup_timeout=0.05, debug=True)
    began, free = hanging(hooks, "log", is_async=False)

    @hooks.access
    async def read(req):
        try:
            await req.aget_data()
        except ClientDisconnected:
            raise ZeroDivisionError from None

    async def run():
        server = Server(incoming=[{"type": "http.disconnect"}])
        await server.run(hooks.asgi(), UPLOAD)
        free.set()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert len(began) == 1
    assert "cleanup_timeout" in error_log()


def test_a_finisher_may_take_its_time_as_long_as_nobody_is_in_a_hurry():
    hooks, finished = quiet(cleanup_timeout=0.01), []

    @hooks.log
    async def slow(req):
        await asyncio.sleep(0.2)
        finished.append(req.aborted)

    asyncio.run(Server().run(hooks.asgi(), http_scope()))
    assert finished == [False]


def test_a_cancellation_that_comes_while_finishers_run_is_raised_when_they_are_over():
    hooks, finished = quiet(), []
    logging = asyncio.Event()

    @hooks.log
    async def slow(req):
        logging.set()
        await asyncio.sleep(0.1)
        finished.append(req.aborted)

    async def run():
        task = asyncio.ensure_future(Server().run(hooks.asgi(streaming), http_scope()))
        await logging.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert finished == [False]


def test_requests_that_a_server_cancels_are_finished_before_the_app_is_shut_down():
    hooks, logged = quiet(), []

    @hooks.log
    async def slow(req):
        await asyncio.sleep(0.05)
        logged.append((req.status, req.aborted))

    @hooks.content
    async def content(req):
        await asyncio.Event().wait()

    async def living(scope, receive, send):
        assert [(await receive())["type"] for _ in range(2)] == ["lifespan.startup", "lifespan.shutdown"]
        assert logged, "the app may close now what finishers use"

    async def run():
        application = hooks.asgi(living)
        life = Server(incoming=[{"type": "lifespan.startup"}], disconnect="lifespan.shutdown", checks=False)
        alive = asyncio.ensure_future(life.run(application, {"type": "lifespan"}))
        request = asyncio.ensure_future(Server().run(application, http_scope()))
        await asyncio.sleep(0.02)
        request.cancel()
        life.gone.set()
        await alive
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(asyncio.wait_for(run(), 20))
    assert logged == [(500, True)]


def test_a_lifespan_waits_no_longer_than_the_timeout_and_only_for_requests_of_its_own_loop():
    hooks, began, free = quiet(cleanup_timeout=0.05), threading.Semaphore(0), threading.Event()

    @hooks.content
    async def content(req):
        began.release()
        await asyncio.to_thread(free.wait)

    application = hooks.asgi()

    async def run():
        request = asyncio.ensure_future(Server().run(application, http_scope()))
        for _ in range(2):
            await asyncio.to_thread(began.acquire)
        life = Server(incoming=[{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], checks=False)
        await life.run(application, {"type": "lifespan"})
        assert not request.done()
        free.set()
        await request

    elsewhere = threading.Thread(target=serve, args=(application,))
    elsewhere.start()
    asyncio.run(asyncio.wait_for(run(), 20))
    elsewhere.join()


def test_a_finisher_that_exits_is_heard_of_when_all_have_run():
    class Exit(BaseException):
        pass

    hooks, finished = quiet(), []

    @hooks.log
    async def leave(req):
        raise Exit

    hooks.cleanup(lambda req: finished.append(True))
    with pytest.raises(Exit):
        asyncio.run(Server().run(hooks.asgi(), http_scope()))
    assert finished == [True]


# --- sockets


def test_a_socket_that_is_cancelled_anywhere_is_finished_once():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "x"})

    def serving(watched):
        incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "x"}]
        server = Server(incoming=incoming, disconnect="websocket.disconnect")
        incoming.append({"type": "websocket.disconnect"})
        return watched.hooks.asgi(app)(socket_scope(), server.receive, server.send)

    for after in points(serving(Watched())):
        for cancelled in (cancelled_by_task, cancelled_by_scope):
            watched = Watched()
            asyncio.run(cancelled(serving(watched), after, again=False))
            watched.check()


def test_the_halves_of_pairs_are_told_that_a_socket_was_cancelled():
    seen = []
    hooks = quiet()

    @hooks.access
    async def pair(req):
        try:
            yield
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        connect(hooks.asgi(app))
    assert seen == ["cancelled"]


# --- context variables

mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark")


def test_finishers_and_bodies_see_the_values_that_handlers_and_app_have_set():
    hooks, seen = quiet(), []

    @hooks.access
    def in_thread(req):
        mark.set("access")

    @hooks.fixup
    async def on_loop(req):
        seen.append(mark.get())
        mark.set("fixup")

    async def app(scope, receive, send):
        seen.append(mark.get())
        mark.set("app")
        await streaming(scope, receive, send)

    @hooks.log
    async def log(req):
        seen.append(mark.get())
        mark.set("log")

    @hooks.cleanup
    def cleanup(req):
        seen.append(mark.get())

    asyncio.run(Server().run(hooks.asgi(app), http_scope()))
    assert seen == ["access", "fixup", "app", "log"]
    assert mark.get(None) is None


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_token_may_be_reset_in_the_second_half_and_in_the_close_of_a_body(kind):
    hooks, errors = quiet(), []

    async def async_pair(req):
        token = mark.set("pair")
        yield
        mark.reset(token)

    def pair(req):
        token = mark.set("pair")
        yield
        mark.reset(token)

    async def async_content(req):
        token = mark.set("content")
        try:
            yield "x"
        finally:
            mark.reset(token)

    def content(req):
        token = mark.set("content")
        try:
            yield "x"
        finally:
            mark.reset(token)

    is_async = kind == "async"
    hooks.access(async_pair if is_async else pair)
    hooks.content(async_content if is_async else content)
    hooks.log(lambda req: errors.append(req.exception))
    server = asyncio.run(Server().run(hooks.asgi(), http_scope()))
    assert (server.body, errors) == (b"x", [None])
    errors.clear()
    asyncio.run(Server(leaves_after=1).run(hooks.asgi(), http_scope()))
    assert errors == [None]


# --- what is answered at once


def at_once(*finishers, **options):
    """Return a chain whose text needs no thread, with finishers that need none either."""
    hooks = quiet(**options)
    hooks.register("content", lambda req: "text", blocking=False)
    for finisher in finishers:
        hooks.register("log", finisher, blocking=False)
    return hooks


def test_a_client_that_is_gone_is_no_failure_where_nobody_waits_for_the_end():
    async def run():
        server = Server(raises_when_gone=True)
        server.gone.set()
        await server.run(at_once().asgi(), http_scope())
        assert server.sent == []

    asyncio.run(run())


def test_what_is_answered_at_once_is_finished_at_once():
    logged = []
    assert serve(at_once(logged.append).asgi()).body == b"text"
    assert [(req.status, req.bytes_sent, req.aborted) for req in logged] == [(200, 4, False)]


def test_what_is_answered_at_once_has_its_line_in_the_access_log():
    lines = io.StringIO()
    assert serve(at_once(access_log=AccessLog("%s %b", to=lines)).asgi()).body == b"text"
    assert lines.getvalue() == "200 4\n"


def test_what_is_answered_at_once_and_cancelled_on_its_way_is_finished_once():
    logged = []
    server = Server(cancel_at=1)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(server.run(at_once(logged.append).asgi(), http_scope()))
    assert [(type(req.exception), req.aborted) for req in logged] == [(asyncio.CancelledError, True)]


def test_a_text_that_is_awaited_is_sent_where_nobody_waits_for_the_end():
    hooks = quiet()

    @hooks.content
    async def content(req):
        await asyncio.sleep(0)
        return "text"

    assert serve(hooks.asgi()).body == b"text"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_status_that_is_none_is_500_on_the_loop_too(is_async, error_log):
    def content(req):
        req.status = "odd"
        return "text"

    async def awaited(req):
        return content(req)

    hooks = quiet()
    hooks.register("content", awaited if is_async else content, blocking=False)
    assert serve(hooks.asgi()).status == 500
    assert "TypeError" in error_log()

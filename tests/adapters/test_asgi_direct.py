"""An app behind a chain in whose answer nobody has a say: it is called directly, and all is as if it were not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http
import logging
import threading

import pytest
from werkzeug.wrappers import Response

from hookchain import AccessLog, HookChainError, asgi_scope, current_request, wires
from hookchain.exchange import Exchange
from tests.adapters.asgi_server import PATIENCE, Server, answering, gone_after, http_scope, piece, serve, start
from tests.asking import by_asgi, quiet

pytestmark = pytest.mark.usefixtures("patient")

LENGTH = (b"content-length", b"6")


@pytest.fixture
def made(monkeypatch):
    """The exchanges that are made: none for a request that is answered directly."""
    exchanges = []
    init = Exchange.__init__

    def noted(self, *args):
        exchanges.append(self)
        init(self, *args)

    monkeypatch.setattr(Exchange, "__init__", noted)
    return exchanges


@pytest.fixture
def hooks():
    return quiet()


@pytest.fixture
def finished(hooks):
    """The requests that a finisher has seen which does not block."""
    seen = []
    hooks.register("log", seen.append, blocking=False)
    return seen


# --- what is sent


def test_an_ordinary_answer_goes_from_the_app_to_the_server_as_it_is(hooks, made):
    begun, body = (
        start(201, [(b"content-type", b"text/odd"), (b"x-own", b"\xe9"), LENGTH], trailers=False),
        piece(b"direct"),
    )
    server = serve(hooks.asgi(answering(begun, body)))
    assert server.sent[0] is begun
    assert server.sent[1] is body
    assert made == []


UNUSUAL = {
    "a name in capitals": (start(headers=[(b"X-Own", b"1")]), 200, [(b"x-own", b"1")]),
    "an address": (start(headers=[(b"location", "/\xe9".encode())]), 200, [(b"location", b"/%C3%83%C2%A9")]),
    "a tab": (start(headers=[(b"x-own", b"a\tb")]), 200, [(b"x-own", b"a\tb")]),
    "two lengths": (start(headers=[LENGTH, LENGTH]), 200, [LENGTH, LENGTH]),
    "a status of a class of its own": (start(http.HTTPStatus.CREATED), 201, []),
    "a status in letters": (start("201"), 201, []),
    "no headers": ({"type": "http.response.start", "status": 200}, 200, []),
    "headers in a tuple": ({**start(), "headers": ((b"x-own", b"1"),)}, 200, [(b"x-own", b"1")]),
    "no name": (start(headers=[(b"", b"1")]), 500, None),
    "a line feed": (start(headers=[(b"x-own", b"a\nb")]), 500, None),
    "a name that is text": (start(headers=[("x-own", b"1")]), 500, None),
    "a value that is text": (start(headers=[(b"x-own", "1")]), 500, None),
    "a name alone": (start(headers=[(b"x-own",)]), 500, None),
    "one too many": (start(headers=[(b"x-own", b"1", b"2")]), 500, None),
    "a status without a body": (start(204), 204, []),
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_an_answer_that_is_not_ordinary_is_looked_at_closer(hooks, made, finished, what):
    begun, status, headers = UNUSUAL[what]
    server = serve(hooks.asgi(answering(begun, piece(b"direct"))))
    assert len(made) == 1
    assert server.status == status
    assert [req.status for req in finished] == [status]
    assert headers is None or server.start["headers"] == headers


def test_the_response_that_log_sees_is_the_apps_whatever_was_set_before(hooks, made):
    seen = []
    hooks.register("fixup", lambda req: setattr(req, "response", Response("mine", 418)), blocking=False)
    hooks.register("log", lambda req: seen.append((req.response, req.response)), blocking=False)
    serve(hooks.asgi(answering(start(202, headers=[LENGTH]), piece(b"direct"))))
    ((first, again),) = seen
    assert first is again
    assert first.status_code == 202
    assert made == []


def test_headers_that_the_app_itself_gives_the_request_go_with_its_answer(hooks, made):
    async def app(scope, receive, send):
        scope["hookchain.request"].headers_out["X-Own"] = "1"
        await answering(start(), piece(b"x"))(scope, receive, send)

    assert serve(hooks.asgi(app)).headers["X-Own"] == "1"
    assert len(made) == 1


def test_a_request_that_is_refused_on_its_way_through_the_app_gets_the_refusal(hooks, finished):
    async def app(scope, receive, send):
        scope["hookchain.request"].refuse_late("whoever", 403)
        with contextlib.suppress(OSError):
            await answering(start(), piece(b"secret"))(scope, receive, send)

    server = serve(hooks.asgi(app))
    assert (server.status, finished[0].status, finished[0].decided_by) == (403, 403, "whoever")
    assert b"secret" not in server.body


def test_a_mount_point_and_a_rewritten_query_are_in_the_scope_of_the_app(hooks, made):
    got = []

    async def app(scope, receive, send):
        got.append((scope["root_path"], scope["path"], scope["raw_path"], scope["query_string"]))
        await answering(start(), piece())(scope, receive, send)

    for _ in range(2):
        serve(hooks.asgi(app), http_scope("/a%20b?x=1", root_path="/mounted"))
        serve(hooks.asgi(app), http_scope("/a%20b?x=\xe9"))
    scope = http_scope("/plain")
    del scope["query_string"]
    serve(hooks.asgi(app), scope)
    assert got == [
        *[("/mounted", "/mounted/a b", b"/mounted/a%20b", b"x=1"), ("", "/a b", b"/a%20b", b"x=%E9")] * 2,
        ("", "/plain", b"/plain", b""),
    ]
    assert made == []


# --- what finishers see


def test_a_finisher_that_does_not_block_sees_what_was_sent(hooks, made, finished):
    def look(req):
        response = req.response
        assert response is req.response
        seen.append((response.status_code, [*response.headers], req.duration < PATIENCE, current_request() is req))

    seen = []
    hooks.register("log", look, blocking=False)
    app = answering(start(202, [(b"x-own", b"1")]), piece(b"dir", more=True), piece(b"ect"))
    assert serve(hooks.asgi(app)).body == b"direct"
    assert [(req.status, req.bytes_sent, req.aborted, req.decided_by) for req in finished] == [
        (202, 6, False, "app answering.<locals>.app")
    ]
    assert seen == [(202, [("x-own", "1")], True, True)]
    assert made == []


def test_what_blocks_at_the_end_is_kept_off_the_loop(hooks, made):
    threads = []
    hooks.register("cleanup", lambda req: threads.append(has_loop()))
    assert serve(hooks.asgi(answering(start(), piece(b"x")))).body == b"x"
    assert threads == [False]


def has_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def test_what_the_app_registers_runs_at_the_end(hooks):
    seen = []

    async def app(scope, receive, send):
        scope["hookchain.request"].register_cleanup(seen.append, "cleanup")
        await answering(start(), piece(b"x"))(scope, receive, send)
        seen.append("app")

    serve(hooks.asgi(app))
    assert seen == ["app", "cleanup"]


def test_the_request_lasts_until_its_last_byte(hooks, finished):
    async def app(scope, receive, send):
        await answering(start(), piece(b"x"))(scope, receive, send)
        lasted.append(scope["hookchain.request"].duration)
        await asyncio.sleep(0)

    lasted = []
    serve(hooks.asgi(app))
    assert [finished[0].duration] == lasted


def test_before_a_late_end_the_server_is_asked_whether_the_client_is_there(hooks, made, finished):
    async def app(scope, receive, send):
        await send(start())
        scope["hookchain.request"].started -= 2 * PATIENCE
        await send(piece(b"x"))

    assert serve(hooks.asgi(app)).body == b"x"
    assert len(made) == 1
    assert finished[0].aborted is False


# --- what the app receives


def test_the_app_receives_an_empty_body_and_then_that_the_client_is_gone(hooks, made, finished):
    got = []

    async def app(scope, receive, send):
        got.append(await receive())
        await answering(start(), piece(b"x"))(scope, receive, send)
        got.append(await receive())

    serve(hooks.asgi(app))
    assert got == [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    assert finished[0].aborted is False
    assert made == []


def test_an_app_that_is_told_early_that_the_client_is_gone_has_a_request_that_was_broken_off(hooks, made, finished):
    async def app(scope, receive, send):
        await receive()
        await receive()
        await answering(start(), piece(b"x"))(scope, receive, send)

    server = Server()
    server.gone.set()
    asyncio.run(server.run(hooks.asgi(app), http_scope()))
    assert [req.aborted for req in finished] == [True]
    assert made == []


@pytest.mark.parametrize(("messages", "aborted"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_client_that_is_gone_when_the_app_sends_is_noted(hooks, finished, messages, aborted):
    """Once all that was announced has been taken, nobody waits any more."""
    app = answering(start(headers=[LENGTH]), piece(b"dir", more=True), piece(b"ect", more=True), piece())
    server = gone_after(messages)
    with contextlib.suppress(OSError):
        asyncio.run(server.run(hooks.asgi(app), http_scope()))
    assert [req.aborted for req in finished] == [aborted]
    assert [req.exception for req in finished] == [None]


@pytest.mark.parametrize("announced", [[], [(b"content-length", b"0")]])
def test_a_body_in_pieces_may_be_announced_or_not(hooks, finished, made, announced):
    server = serve(hooks.asgi(answering(start(headers=announced), piece(b"", more=True), piece())))
    assert server.is_complete
    assert [req.bytes_sent for req in finished] == [0]
    assert made == []


# --- what goes wrong


@pytest.mark.parametrize("messages", [[], [start()], [start(), piece(b"x", more=True)]])
def test_an_app_that_ends_too_early_is_a_failure(hooks, finished, messages):
    with contextlib.suppress(HookChainError):
        serve(hooks.asgi(answering(*messages)))
    assert [type(req.exception) for req in finished] == [HookChainError]


def test_what_comes_behind_the_end_is_for_the_server_to_refuse(hooks, finished):
    with pytest.raises(RuntimeError, match="after the response"):
        serve(hooks.asgi(answering(start(), piece(b"x"), piece(b"y"))))
    assert [type(req.exception) for req in finished] == [RuntimeError]


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_an_app_that_is_cancelled_is_finished(hooks, finished, sent):
    messages = [start(), piece(b"x")]

    async def app(scope, receive, send):
        await answering(*messages[:sent])(scope, receive, send)
        await asyncio.Event().wait()

    async def run():
        task = asyncio.ensure_future(Server().run(hooks.asgi(app), http_scope()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert [(type(req.exception), req.aborted) for req in finished] == [(asyncio.CancelledError, True)]


def test_an_app_may_ask_itself_in_a_subrequest(hooks, finished, made):
    async def app(scope, receive, send):
        if scope["path"] == "/inner":
            await answering(start(), piece(b"inner"))(scope, receive, send)
            return
        response = await (await scope["hookchain.request"].alookup("/inner")).arun()
        body = b"".join([chunk async for chunk in response.response])
        await answering(start(), piece(body))(scope, receive, send)

    assert serve(hooks.asgi(app), http_scope("/outer")).body == b"inner"
    assert len(made) == 1
    assert [req.bytes_sent for req in finished] == [5]


def answering_when(going, events):
    """Make an app that ends its answer when it may, and notes that and its shutdown."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            events.append("shutdown")
            return
        await send(start())
        await going.wait()
        await send(piece(b"x"))
        events.append("answered")

    return app


async def shutdown():
    """Say what a server says that shuts down."""
    return {"type": "lifespan.shutdown"}


def test_at_the_shutdown_the_server_waits_for_a_direct_answer(hooks, finished):
    """Finishers may use what the app closes then."""
    going, events = asyncio.Event(), []

    async def run():
        served = hooks.asgi(answering_when(going, events))
        request = asyncio.ensure_future(Server().run(served, http_scope()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        life = asyncio.ensure_future(served({"type": "lifespan"}, shutdown, None))
        await asyncio.sleep(0.01)
        going.set()
        await asyncio.gather(request, life)

    asyncio.run(run())
    assert events == ["answered", "shutdown"]


def test_two_lifespans_of_one_loop_wait_for_the_same_request(hooks, finished):
    going, events = asyncio.Event(), []

    async def run():
        served = hooks.asgi(answering_when(going, events))
        request = asyncio.ensure_future(Server().run(served, http_scope()))
        await asyncio.sleep(0.01)
        lives = [asyncio.ensure_future(served({"type": "lifespan"}, shutdown, None)) for _ in range(3)]
        await asyncio.sleep(0.01)
        lives.pop().cancel()  # as a server does that has no more patience
        await asyncio.sleep(0)
        going.set()
        await asyncio.wait_for(asyncio.gather(request, *lives), 2)

    asyncio.run(run())
    assert events == ["answered", "shutdown", "shutdown"]


def test_a_request_that_ends_on_another_loop_is_none_that_a_lifespan_waits_for(hooks, finished):
    going, events, elsewhere = asyncio.Event(), [], []
    began, may_end = threading.Event(), threading.Event()

    async def waits(scope, receive, send):
        began.set()
        await asyncio.to_thread(may_end.wait)
        await answering(start(), piece(b"x"))(scope, receive, send)
        elsewhere.append("answered")

    async def app(scope, receive, send):
        asked = waits if scope.get("path") == "/elsewhere" else answering_when(going, events)
        await asked(scope, receive, send)

    async def run():
        served = hooks.asgi(app)
        other = threading.Thread(target=serve, args=(served, http_scope("/elsewhere")))
        other.start()
        request = asyncio.ensure_future(Server().run(served, http_scope()))
        await asyncio.to_thread(began.wait)
        life = asyncio.ensure_future(served({"type": "lifespan"}, shutdown, None))
        await asyncio.sleep(0.01)
        may_end.set()
        await asyncio.to_thread(other.join)
        assert (elsewhere, events) == (["answered"], [])
        going.set()
        await asyncio.wait_for(asyncio.gather(request, life), 2)

    asyncio.run(run())
    assert events == ["answered", "shutdown"]


# --- what is left behind


@pytest.mark.parametrize("way", ["directly", "by an exchange"])
def test_a_request_leaves_nothing_to_the_garbage_collector(hooks, made, way):
    if way != "directly":
        hooks.fixup(lambda req: None)  # which may block
    served = hooks.asgi(answering(start(), piece(b"x")))

    async def left():
        for _ in range(3):
            await Server().run(served, http_scope())
        gc.collect()
        gc.freeze()  # what was there before is none of it
        gc.disable()
        try:
            for _ in range(10):
                sent = []

                async def send(message, sent=sent):
                    sent.append(message)

                await served(http_scope(), None, send)
            del sent, send
            return gc.collect()
        finally:
            gc.enable()
            gc.unfreeze()

    # What else happens in the process may leave something once, and not each time.
    assert min(asyncio.run(left()) for _ in range(3)) == 0
    assert bool(made) is (way != "directly")


# --- answers of handlers


@pytest.fixture(params=["text", "a response", "an async handler"])
def answered(request, hooks):
    """An app whose handler answers at once, with the same text."""

    async def content(req):
        return "text"

    handlers = {"text": lambda req: "text", "a response": lambda req: Response("text"), "an async handler": content}
    hooks.register("content", handlers[request.param], blocking=False)
    return hooks.asgi


def test_an_answer_at_once_is_finished_without_an_exchange(answered, finished, made):
    server = serve(answered())
    assert (server.status, server.body, server.headers["Content-Type"]) == (200, b"text", "text/plain; charset=utf-8")
    assert [(req.status, req.bytes_sent, req.aborted, req.response.status_code) for req in finished] == [
        (200, 4, False, 200)
    ]
    assert made == []


@pytest.mark.parametrize(("messages", "aborted"), [(0, True), (1, False)])
def test_a_client_that_is_gone_when_the_answer_is_sent_is_noted(answered, finished, messages, aborted):
    server = gone_after(messages)
    asyncio.run(server.run(answered(), http_scope()))
    assert [(req.aborted, req.exception) for req in finished] == [(aborted, None)]


def test_a_server_that_fails_is_told_when_all_is_finished(answered, finished):
    async def fail(message):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(answered(), on_send=fail)
    assert [type(req.exception) for req in finished] == [ZeroDivisionError]


def test_a_text_behind_which_nobody_waits_may_find_the_client_gone():
    hooks = quiet()
    hooks.register("content", lambda req: "text", blocking=False)
    server = Server(raises_when_gone=True)
    server.gone.set()
    asyncio.run(server.run(hooks.asgi(), http_scope()))
    assert server.sent == []


@pytest.mark.parametrize("seen", [True, False])
def test_before_a_late_answer_the_server_is_asked_whether_the_client_is_there(hooks, finished, seen):
    def content(req):
        req.started -= 2 * PATIENCE
        return "text"

    hooks.register("content", content, blocking=False)
    server = Server()
    if not seen:
        server.gone.set()
    asyncio.run(server.run(hooks.asgi(), http_scope()))
    assert [req.aborted for req in finished] == [not seen]


@pytest.mark.parametrize("to", ["a file", "a stream", "a logger", "whatever can write"])
def test_the_access_log_is_written_on_the_loop_where_that_does_not_wait(tmp_path, made, to):
    class Written:
        def write(self, line):
            written.append((line, has_loop()))

    class Handler(logging.Handler):
        def emit(self, record):
            written.append((record.getMessage(), has_loop()))

    written = []
    logger = logging.getLogger("hookchain.tests.direct")
    logger.setLevel(logging.INFO)
    logger.handlers = [Handler()]
    with (tmp_path / "stream").open("w", encoding="utf-8") as stream:
        places = {"a file": tmp_path / "file", "a stream": stream, "a logger": logger, "whatever can write": Written()}
        hooks = quiet(access_log=AccessLog("%s", to=places[to]))
        hooks.register("content", lambda req: "text", blocking=False)
        serve(hooks.asgi())
    lines = [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]
    assert "".join([line for line, _ in written] + lines).strip() == "200"
    assert [on_loop for _, on_loop in written] == ([False] if to in {"a logger", "whatever can write"} else [])
    assert bool(made) is (to in {"a logger", "whatever can write"})


# --- finishers that are awaited


async def sleepy(req):
    await asyncio.sleep(0)


@pytest.mark.parametrize("waits", [True, False])
def test_async_finishers_run_in_a_task_of_their_own_and_without_an_exchange(hooks, made, waits):
    tasks = []

    @hooks.log
    async def log(req):
        tasks.append(asyncio.current_task())
        if waits:
            await asyncio.sleep(0)

    @hooks.cleanup
    async def cleanup(req):
        tasks.append(asyncio.current_task())

    server = serve(hooks.asgi(answering(start(), piece(b"x"))))
    assert server.is_complete
    assert len(tasks) == 2
    assert len({*tasks, server.task}) == 2
    assert made == []


def test_an_async_finisher_that_fails_stops_nobody(hooks, made, error_log):
    seen = []

    @hooks.log
    async def log(req):
        await sleepy(req)
        raise ZeroDivisionError("log")

    @hooks.cleanup
    async def cleanup(req):
        req.register_cleanup(seen.append, "registered")
        seen.append("cleanup")

    serve(hooks.asgi(answering(start(), piece(b"x"))))
    assert seen == ["cleanup", "registered"]
    assert "ZeroDivisionError: log" in error_log()


def test_what_is_more_than_a_failure_is_raised_when_all_is_finished(hooks):
    seen = []

    @hooks.log
    async def log(req):
        raise asyncio.CancelledError

    hooks.cleanup(sleepy)
    hooks.register("cleanup", seen.append, blocking=False)
    with pytest.raises(asyncio.CancelledError):
        serve(hooks.asgi(answering(start(), piece(b"x"))))
    assert len(seen) == 1


def test_a_cancellation_does_not_reach_async_finishers(hooks):
    seen, waiting = [], asyncio.Event()

    @hooks.log
    async def log(req):
        waiting.set()
        await asyncio.sleep(0.01)
        seen.append("log")

    async def run():
        task = asyncio.ensure_future(Server().run(hooks.asgi(answering(start(), piece(b"x"))), http_scope()))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert seen == ["log"]


def test_async_finishers_that_are_watched_are_called_one_by_one(hooks, made):
    hooks.log(sleepy, name="log")
    hooks.keeps_trace = True
    seen = []
    hooks.cleanup(sleepy, name="cleanup")
    hooks.register("content", lambda req: seen.append(req) or "text", blocking=False)
    serve(hooks.asgi())
    assert [entry.handler for entry in seen[0].trace][1:] == ["log", "cleanup"]


def test_an_async_handler_may_answer_where_nobody_waits_for_the_end(made):
    hooks = quiet()

    @hooks.content
    async def content(req):
        return "text"

    assert serve(hooks.asgi()).body == b"text"
    assert made == []


def test_a_subrequest_of_a_request_that_is_over_says_so(hooks, caplog):
    kept = []

    async def app(scope, receive, send):
        kept.append(await scope["hookchain.request"].alookup("/inner"))
        await answering(start(), piece(b"answer"))(scope, receive, send)

    serve(hooks.asgi(app))
    assert asyncio.run(kept[0].arun()).status_code == 500
    assert "GET / is over" in caplog.text


@pytest.mark.parametrize("last", ["http.response.start", "http.response.body"])
def test_a_client_that_is_gone_before_a_text_fails_nothing(hooks, last, caplog):
    hooks.register("content", lambda req: "text", blocking=False)
    sent = []

    async def send(message):
        sent.append(message["type"])
        if message["type"] == last:
            raise OSError("the client is gone")

    async def receive():
        return {"type": "http.disconnect"}

    asyncio.run(hooks.asgi()(http_scope("/"), receive, send))
    assert sent[-1] == last
    assert not caplog.records


def test_what_headers_look_like_is_remembered_but_for_cookies_and_long_ones():
    wires._known.clear()
    plain = (b"content-type", b"text/plain")
    for headers in ([plain], [plain, (b"set-cookie", b"secret")], [plain, (b"x-long", b"x" * 2000)], [[*plain]]):
        assert all(wires.is_ordinary({"status": 200, "headers": headers}) for _ in range(2))
    assert wires._known == {(plain,)}
    for number in range(wires._MOST_KNOWN + 1):
        assert wires.is_ordinary({"status": 200, "headers": [(b"x-number", str(number).encode())]})
    assert 0 < len(wires._known) <= wires._MOST_KNOWN


def test_how_paths_are_spelt_is_remembered_but_for_long_ones():
    asgi_scope._spellings.clear()
    assert asgi_scope._spelling_of("/ä b") == b"/%C3%A4%20b"
    long = "/" + "x" * asgi_scope.LONGEST_REMEMBERED
    assert asgi_scope._spelling_of(long) == long.encode()
    assert asgi_scope._spellings == {"/ä b": b"/%C3%A4%20b"}
    for number in range(asgi_scope.REMEMBERED_PATHS + 1):
        asgi_scope._spelling_of(f"/{number}")
    assert 0 < len(asgi_scope._spellings) <= asgi_scope.REMEMBERED_PATHS


def test_an_app_that_asks_what_comes_in_behind_its_whole_answer_has_broken_nothing_off():
    hooks, seen = quiet(), []
    hooks.log(lambda req: seen.append(req.aborted))

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})
        while (await receive())["type"] != "http.disconnect":
            pass

    assert by_asgi(hooks, app=app).body == b"whole"
    assert seen == [False]


def test_an_app_may_be_any_callable_that_returns_something_to_await():
    async def answer(send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    def app(scope, receive, send):
        return asyncio.ensure_future(answer(send))

    assert by_asgi(quiet(), app=app).body == b"hello"

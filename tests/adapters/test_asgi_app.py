"""An ASGI app behind a chain: what it reads, what it sends, and what becomes of it when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json

import pytest
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response

from hookchain import DONE, HookChainError, InternalRedirect
from tests.adapters.asgi_server import Server, answering, http_scope, piece, request_message, serve, start
from tests.asking import quiet

POST = {"method": "POST", "headers": [("Content-Length", "6")]}


async def echo(scope, receive, send):
    """Send back the body, and how it came."""
    got = []
    while True:
        message = await receive()
        got.append((message["type"], message.get("body", b"").decode(), message.get("more_body")))
        if not message.get("more_body"):
            break
    body = json.dumps(got).encode()
    await send(start(headers=[(b"content-length", str(len(body)).encode())]))
    await send(piece(body))


class Finished:
    """Counts the finishers of a chain, and keeps what they saw."""

    def __init__(self, hooks):
        self.log, self.cleanup = [], []
        hooks.log(self.log.append)
        hooks.cleanup(self.cleanup.append)

    @property
    def req(self):
        assert len(self.log) == len(self.cleanup) == 1
        return self.log[0]


@pytest.fixture
def hooks():
    return quiet()


@pytest.fixture
def finished(hooks):
    return Finished(hooks)


def filtered(hooks):
    """Make the app's answer one that a filter might read, so that it runs in a task of its own."""
    hooks.output_filter(lambda req, response: None)
    return hooks


@pytest.fixture(params=["in the task of the request", "in a task of its own"])
def chain(request, hooks):
    """A chain around an app, in both ways of calling one."""
    return filtered(hooks) if "own" in request.param else hooks


# --- what it reads


def test_the_app_gets_the_body_in_one_message_where_it_came_in_one(chain):
    served = serve(chain.asgi(echo), http_scope(**POST), b"a body")
    assert json.loads(served.body) == [["http.request", "a body", False]]


def test_the_app_gets_the_body_in_pieces_as_it_came(chain):
    pieces = [request_message(b"a ", more=True), request_message(b"", more=True), request_message(b"body")]
    served = serve(
        chain.asgi(echo), http_scope(method="POST", headers=[("Transfer-Encoding", "chunked")]), incoming=pieces
    )
    assert json.loads(served.body) == [
        ["http.request", "a ", True],
        ["http.request", "body", True],
        ["http.request", "", False],
    ]


@pytest.mark.parametrize("limit", [None, 3])
def test_the_app_gets_the_body_that_handlers_have_read(chain, limit):
    @chain.access
    async def read(req):
        assert await req.aget_data() == b"a body"

    @chain.fixup
    def read_again(req):
        assert req.get_data() == b"a body"
        assert req.stream.read(limit) == b"a body"[:limit]

    served = serve(
        chain.asgi(echo), http_scope(**POST), incoming=[request_message(b"a b", more=True), request_message(b"ody")]
    )
    assert json.loads(served.body) == [["http.request", "a body", False]]


def test_a_request_without_a_body_gives_the_app_an_empty_one(chain):
    served = serve(chain.asgi(echo))
    assert json.loads(served.body) == [["http.request", "", False]]


def test_after_the_body_the_app_is_told_when_the_client_leaves(chain):
    told = []

    async def app(scope, receive, send):
        await receive()
        await send(start())
        await send(piece(b"first", more=True))
        told.append(await receive())
        told.append(await receive())

    served = serve(
        chain.asgi(app),
        http_scope(**POST),
        incoming=[request_message(b"a body", more=True), request_message(b"")],
        leaves_after=5,
    )
    assert told == [{"type": "http.disconnect"}] * 2
    assert served.body == b"first"


def test_after_its_answer_the_app_is_told_that_nobody_waits_any_more(chain):
    told = []

    async def app(scope, receive, send):
        await echo(scope, receive, send)
        told.append(await receive())

    serve(chain.asgi(app))
    assert told == [{"type": "http.disconnect"}]


def test_a_client_that_leaves_in_its_body_is_a_disconnect_for_the_app(chain, finished):
    got = []

    async def app(scope, receive, send):
        got.extend([await receive(), await receive(), await receive()])

    incoming = [request_message(b"a", more=True), {"type": "http.disconnect"}]
    serve(chain.asgi(app), http_scope(**POST), incoming=incoming)
    assert [message["type"] for message in got] == ["http.request", "http.disconnect", "http.disconnect"]
    assert finished.req.aborted is True


@pytest.mark.parametrize("is_async", [True, False])
def test_a_client_that_leaves_in_its_body_is_an_error_for_a_handler_that_reads_it(hooks, finished, is_async):
    seen = []

    async def read_async(req):
        try:
            await req.aget_data()
        except ClientDisconnected as error:
            seen.append(error)
            raise

    def read(req):
        try:
            req.get_data()
        except ClientDisconnected as error:
            seen.append(error)
            raise

    hooks.access(read_async if is_async else read)
    incoming = [request_message(b"a", more=True), {"type": "http.disconnect"}]
    serve(hooks.asgi(echo), http_scope(**POST), incoming=incoming)
    assert len(seen) == 1
    assert (finished.req.status, finished.req.aborted) == (400, True)


def test_a_sync_handler_on_the_loop_is_told_to_read_with_await(hooks):
    hooks.register("access", lambda req: req.get_data(), blocking=False)
    errors = []
    hooks.log(lambda req: errors.append(str(req.exception)))
    assert serve(hooks.asgi(echo), http_scope(**POST), b"a body").status == 500
    assert "await req.aget_data()" in errors[0]


def test_a_body_above_the_limit_is_413_whatever_the_app_makes_of_it(chain, finished):
    async def app(scope, receive, send):
        try:
            await echo(scope, receive, send)
        except Exception:
            await send(start(400))
            await send(piece(b"cannot read"))

    chain.settings = dataclasses.replace(chain.settings, max_body=5)
    incoming = [request_message(b"123", more=True), request_message(b"456")]
    served = serve(
        chain.asgi(app), http_scope(method="POST", headers=[("Transfer-Encoding", "chunked")]), incoming=incoming
    )
    assert served.status == 413
    assert b"cannot read" not in served.body
    assert finished.req.status == 413


def test_a_body_that_is_announced_too_long_is_413_before_the_app_is_asked(finished):
    hooks = quiet(max_body=5)
    assert serve(hooks.asgi(answering(RuntimeError("asked"))), http_scope(**POST), b"a body").status == 413


def test_an_input_filter_changes_what_handlers_and_app_read(chain):
    @chain.input_filter
    async def upper(req, chunks):
        async for chunk in chunks:
            yield chunk.upper()

    headers = []

    async def app(scope, receive, send):
        headers.extend(scope["headers"])
        await echo(scope, receive, send)

    served = serve(chain.asgi(app), http_scope(**POST), b"a body")
    assert json.loads(served.body) == [["http.request", "A BODY", True], ["http.request", "", False]]
    assert b"content-length" not in dict(headers)


def test_an_error_document_is_got_from_the_app_without_the_body(chain):
    @chain.content("/first")
    async def content(req):
        return 503

    chain.error_document(503, "/sorry")
    served = serve(chain.asgi(echo), http_scope("/first", **POST), b"a body")
    assert served.status == 503
    assert json.loads(served.body) == [["http.request", "", False]]


# --- what it sends


def test_status_headers_and_body_pass_as_they_are(chain, finished):
    headers = [(b"content-type", b"text/odd"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-odd", b"\xe9")]
    served = serve(chain.asgi(answering(start(299, headers), piece(b"one", more=True), piece(b"two"))))
    assert (served.status, served.start["headers"], served.body) == (299, headers, b"onetwo")
    assert served.is_complete
    assert (finished.req.status, finished.req.bytes_sent, finished.req.aborted) == (299, 6, False)
    assert finished.req.exception is None


def test_an_app_that_says_nothing_of_its_type_gets_none(chain):
    assert serve(chain.asgi(answering(start(), piece(b"x")))).start["headers"] == []


def test_headers_of_the_chain_go_with_the_apps_answer(chain):
    @chain.fixup
    def headers(req):
        req.headers_out["X-Out"] = "1"
        req.err_headers_out["X-Always"] = "2"

    served = serve(chain.asgi(answering(start(404), piece(b"x"))))
    assert (served.status, served.headers["X-Out"], served.headers["X-Always"]) == (404, "1", "2")


def test_each_piece_reaches_the_client_before_the_next_one_is_made(chain, finished):
    made = []

    async def app(scope, receive, send):
        await send(start())
        for number in range(3):
            made.append(number)
            await send(piece(b"%d" % number, more=True))
        await send(piece())

    came = []

    async def on_send(message):
        came.append((message.get("body"), len(made)))

    server = Server(on_send=on_send)
    asyncio.run(server.run(chain.asgi(app), http_scope()))
    assert [(body, count) for body, count in came if body] == [(b"0", 1), (b"1", 2), (b"2", 3)]
    assert finished.req.bytes_sent == 3


def test_the_answer_begins_before_the_first_piece_is_there(chain):
    begun = asyncio.Event()

    async def app(scope, receive, send):
        await send(start())
        await asyncio.wait_for(begun.wait(), 5)
        await send(piece(b"x"))

    async def on_send(message):
        if message["type"] == "http.response.start":
            begun.set()

    server = Server(on_send=on_send)
    asyncio.run(server.run(chain.asgi(app), http_scope()))
    assert server.body == b"x"


def test_head_has_the_headers_and_no_body(chain, finished):
    app = answering(start(headers=[(b"content-length", b"5")]), piece(b"hel", more=True), piece(b"lo"))
    served = serve(chain.asgi(app), http_scope(method="HEAD"))
    assert (served.status, served.headers["Content-Length"], served.body) == (200, "5", b"")
    assert served.is_complete
    assert finished.req.bytes_sent == 0


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_is_sent_none(chain, status):
    served = serve(chain.asgi(answering(start(status), piece(b"x"))))
    assert (served.status, served.body, served.is_complete) == (status, b"", True)


def test_what_the_app_does_after_its_answer_is_waited_for_and_not_counted(chain, finished):
    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"x"))
        await asyncio.sleep(0.2)
        done.append(len(finished.log))

    done: list[int] = []
    serve(chain.asgi(app))
    assert done == [0]
    assert finished.req.duration < 0.15


def test_messages_of_extensions_pass(hooks, finished, tmp_path):
    file = tmp_path / "file.txt"
    file.write_bytes(b"12345")
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
    sending = {"type": "http.response.pathsend", "path": str(file)}
    served = serve(hooks.asgi(answering(hint, start(trailers=True), sending)))
    assert [message["type"] for message in served.sent] == [
        "http.response.early_hint",
        "http.response.start",
        "http.response.pathsend",
    ]
    assert served.start["trailers"] is True
    assert finished.req.bytes_sent == 5


@pytest.mark.parametrize("way", ["as it is", "filtered", "with more headers"])
def test_the_headers_of_an_app_may_be_an_iterator(hooks, way):
    if way == "filtered":
        filtered(hooks)
    elif way == "with more headers":
        hooks.fixup(lambda req: req.headers_out.add("X-Ours", "1"))
    logged = []
    hooks.log(lambda req: logged.append(req.response.headers["X-App"]))
    pairs = [(b"content-type", b"text/odd"), (b"content-length", b"2"), (b"x-app", b"one")]
    served = serve(hooks.asgi(answering({**start(), "headers": iter(pairs)}, piece(b"a", more=True), piece(b"b"))))
    ours = [(b"x-ours", b"1")] if way == "with more headers" else []
    assert served.start["headers"] == pairs + ours
    assert (served.body, logged) == (b"ab", ["one"])


def test_trailers_that_are_an_iterator_reach_the_server_and_announce_no_length(hooks, finished):
    left = []
    pairs = [(b"content-length", b"1"), (b"x-sum", b"abc")]
    trailers = {"type": "http.response.trailers", "headers": iter(pairs)}

    async def served(scope, receive, send):
        async def take(message):
            if message["type"] == "http.response.trailers":
                left.extend(message["headers"])
            else:
                await send(message)

        await hooks.asgi(answering(start(trailers=True), piece(b"ab"), trailers))(scope, receive, take)

    assert serve(served).body == b"ab"
    assert left == pairs
    assert finished.req.bytes_sent == 2


def test_a_piece_of_a_file_that_the_server_copies_is_counted(hooks, finished):
    copied = {"type": "http.response.zerocopysend", "file": 0, "count": 7, "more_body": True}
    serve(hooks.asgi(answering(start(), copied, piece())))
    assert finished.req.bytes_sent == 7


def test_an_app_whose_answer_is_read_uses_no_extension(hooks):
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await send({"type": "http.response.early_hint", "links": []})
        await send(start())
        await send({"type": "http.response.debug"})
        await send(piece(b"x"))
        await send({"type": "http.response.trailers"})

    served = serve(filtered(hooks).asgi(app))
    assert "extensions" not in scopes[0]
    assert [message["type"] for message in served.sent] == [
        "http.response.start",
        "http.response.body",
        "http.response.body",
    ]


# --- what fails


def test_an_app_that_raises_before_it_answers_is_500_without_detail(chain, finished, error_log):
    served = serve(chain.asgi(answering(ZeroDivisionError("secret"))))
    assert served.status == 500
    assert b"secret" not in served.body
    assert isinstance(finished.req.exception, ZeroDivisionError)
    assert "ZeroDivisionError: secret" in error_log()


def test_an_app_that_ends_without_an_answer_is_500(chain, finished, error_log):
    assert serve(chain.asgi(answering())).status == 500
    assert "ended" in error_log()


def test_an_app_that_raises_in_its_answer_breaks_the_connection(chain, finished, error_log):
    app = answering(start(), piece(b"begun", more=True), ZeroDivisionError("late"))
    server = Server()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(server.run(chain.asgi(app), http_scope()))
    assert not server.is_complete
    assert (finished.req.status, finished.req.bytes_sent) == (200, 5)
    assert isinstance(finished.req.exception, ZeroDivisionError)
    assert "late" in error_log()


def test_an_app_that_raises_after_its_answer_is_known_to_the_finishers(chain, finished, error_log):
    server = Server()
    with contextlib.suppress(ZeroDivisionError):  # as the server hears it without a chain
        asyncio.run(
            server.run(chain.asgi(answering(start(500), piece(b"page"), ZeroDivisionError("after"))), http_scope())
        )
    assert (server.status, server.body, server.is_complete) == (500, b"page", True)
    assert isinstance(finished.req.exception, ZeroDivisionError)
    assert "after" in error_log()


def test_an_app_that_ends_in_the_middle_of_its_answer_is_a_failure(chain, finished, error_log):
    server = Server()
    with contextlib.suppress(HookChainError):
        asyncio.run(server.run(chain.asgi(answering(start(), piece(b"begun", more=True))), http_scope()))
    assert not server.is_complete
    assert isinstance(finished.req.exception, HookChainError)
    assert "complete" in error_log()


def test_an_app_that_begins_twice_is_told_by_the_server(hooks, finished):
    with pytest.raises(RuntimeError, match="unexpected"):
        serve(hooks.asgi(answering(start(), start())))
    assert finished.req.status == 200


def test_an_app_that_sends_a_body_before_it_begins_is_500(chain, finished):
    assert serve(chain.asgi(answering(piece(b"x")))).status == 500


def test_a_header_that_must_not_leave_is_500(chain, finished):
    served = serve(chain.asgi(answering(start(headers=[(b"x-evil", b"a\r\nset-cookie: b=1")]), piece(b"x"))))
    assert served.status == 500
    assert "set-cookie" not in served.headers
    served = serve(chain.asgi(answering(start(headers=[(b"x-evil", b"a\x00b")]), piece(b"x"))))
    assert served.status == 500
    assert served.body != b"x"


def test_an_app_whose_answer_is_not_wanted_is_told_that_the_client_is_gone(hooks, finished):
    """An error document that the app answers with an error is not sent."""
    told = []

    async def app(scope, receive, send):
        if scope["path"] == "/sorry":
            await receive()
            await send(start(500))
            told.append((await receive())["type"])
            try:
                await send(piece(b"not sent"))
            except OSError as error:
                told.append(type(error))
                raise
        raise AssertionError

    @hooks.access("/first")
    async def refuse(req):
        return 403

    hooks.error_document(403, "/sorry")
    served = serve(hooks.asgi(app), http_scope("/first"))
    assert served.status == 403
    assert b"not sent" not in served.body
    assert told == ["http.disconnect", OSError]
    assert [req.status for req in finished.log] == [403]


def test_an_app_whose_answer_is_not_wanted_may_be_cancelled(hooks, finished):
    waiting = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send(start(500))
        waiting.set()
        await asyncio.Event().wait()

    hooks.register("access", lambda req: 403, "/first")
    hooks.error_document(403, "/sorry")

    async def run():
        task = asyncio.ensure_future(Server().run(hooks.asgi(app), http_scope("/first")))
        await waiting.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert [type(req.exception) for req in finished.log] == [asyncio.CancelledError]


@pytest.mark.parametrize("place", ["the chain", "the app"])
def test_a_server_that_takes_the_last_message_only_when_the_body_is_taken_gets_that(hooks, finished, place):
    """As hypercorn, whose queue of messages has a size."""
    incoming = [request_message(b"x", more=True) for _ in range(5)] + [request_message(b"x")]

    async def on_send(message):
        if message["type"] == "http.response.body":
            await server.has_given_all.wait()

    server = Server(incoming=incoming, on_send=on_send)
    app = hooks.asgi() if place == "the chain" else hooks.asgi(answering(start(404), piece(b"none")))
    asyncio.run(asyncio.wait_for(server.run(app, http_scope(**POST)), 20))
    assert (server.status, server.is_complete) == (404, True)
    assert finished.req.aborted is False


def test_in_debug_the_server_gets_the_exception_and_everything_is_finished():
    hooks = quiet(debug=True)
    finished = Finished(hooks)
    for app in (answering(ZeroDivisionError("before")), answering(start(headers=[(b"x", b"\r\n")]))):
        finished.log.clear()
        finished.cleanup.clear()
        with pytest.raises((ZeroDivisionError, ValueError)):
            serve(hooks.asgi(app))
        assert finished.req.status == 500


def test_in_debug_an_app_that_swallows_the_exception_does_not_hide_it():
    hooks = quiet(debug=True)
    finished = Finished(hooks)

    async def app(scope, receive, send):
        with contextlib.suppress(ValueError):
            await send(start(headers=[(b"x", b"\r\n")]))

    with pytest.raises(ValueError, match="newline"):
        serve(hooks.asgi(app))
    assert finished.req.status == 500


def test_a_failure_of_the_servers_send_is_raised_to_the_app_and_to_the_server(hooks, finished):
    async def fail(message):
        raise ZeroDivisionError("server")

    with pytest.raises(ZeroDivisionError):
        serve(hooks.asgi(answering(start(), piece(b"x"))), on_send=fail)
    assert isinstance(finished.req.exception, ZeroDivisionError)


def test_a_failure_of_the_servers_send_in_an_answer_of_the_chain_is_raised_to_the_server(hooks, finished):
    async def fail(message):
        raise ZeroDivisionError("server")

    with pytest.raises(ZeroDivisionError):
        serve(hooks.asgi(), on_send=fail)
    assert isinstance(finished.req.exception, ZeroDivisionError)


# --- output filters, and handlers that ask the app


def test_a_sync_filter_reads_the_apps_body_as_it_comes(hooks, finished):
    @hooks.output_filter
    def upper(req, response):
        body = response.response
        response.response = (chunk.upper() for chunk in body)

    app = answering(start(headers=[(b"content-length", b"6")]), piece(b"one", more=True), piece(b"two"))
    served = serve(hooks.asgi(app))
    assert (served.status, served.body) == (200, b"ONETWO")
    assert "Content-Length" not in served.headers
    assert finished.req.bytes_sent == 6


def test_an_async_filter_reads_the_apps_body_as_it_comes(hooks, finished):
    @hooks.output_filter
    async def upper(req, response):
        body = response.response

        async def changed():
            async for chunk in body:
                yield chunk.upper()

        response.response = changed()

    assert serve(hooks.asgi(answering(start(), piece(b"one", more=True), piece(b"two")))).body == b"ONETWO"


def test_a_sync_filter_may_take_the_apps_body_as_a_whole(hooks, finished):
    @hooks.output_filter
    def upper(req, response):
        response.set_data(response.get_data().upper())

    served = serve(hooks.asgi(answering(start(), piece(b"one", more=True), piece(b"two"))))
    assert (served.body, served.headers["Content-Length"]) == (b"ONETWO", "6")


def test_an_async_filter_that_would_block_the_loop_is_told_so(hooks, finished, error_log):
    @hooks.output_filter
    async def upper(req, response):
        response.get_data()

    assert serve(hooks.asgi(answering(start(), piece(b"one")))).status == 500
    assert "async for" in error_log()


def test_a_filter_that_fails_ends_the_app(hooks, finished):
    cancelled = []

    async def app(scope, receive, send):
        try:
            await send(start())
            await send(piece(b"one", more=True))
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    @hooks.output_filter
    def fail(req, response):
        raise ZeroDivisionError

    assert serve(hooks.asgi(app)).status == 500
    assert cancelled == [True]
    assert isinstance(finished.req.exception, ZeroDivisionError)


def test_a_filter_with_a_condition_is_one_that_may_read_the_body(hooks):
    seen = []

    @hooks.output_filter(when=lambda req: req.path == "/x")
    def read(req, response):
        seen.append(response.get_data())

    assert serve(hooks.asgi(answering(start(), piece(b"one"))), http_scope("/x")).body == b"one"
    assert serve(hooks.asgi(answering(start(), piece(b"one"))), http_scope("/y")).body == b"one"
    assert seen == [b"one"]


def test_a_handler_may_ask_the_app_with_a_subrequest(hooks, finished):
    @hooks.content("/page")
    async def content(req):
        sub = await req.alookup("/fragment?x=1")
        assert sub.status == 200
        response = await sub.arun()
        return b"<" + b"".join([chunk async for chunk in response.response]) + b">"

    async def app(scope, receive, send):
        assert (scope["path"], scope["query_string"]) == ("/fragment", b"x=1")
        await echo(scope, receive, send)

    served = serve(hooks.asgi(app), http_scope("/page", **POST), b"a body")
    assert served.status == 200
    assert served.body.startswith(b"<[[")


def test_a_subrequest_that_nobody_reads_ends_with_the_request(hooks, finished):
    ended = []

    async def app(scope, receive, send):
        try:
            await send(start())
            await send(piece(b"x", more=True))
        finally:
            ended.append(len(finished.cleanup))

    @hooks.content("/page")
    async def content(req):
        sub = await req.alookup("/fragment")
        await sub.arun()
        return "page"

    assert serve(hooks.asgi(app), http_scope("/page")).body == b"page"
    assert ended == [0]
    assert finished.req.status == 200


def test_an_internal_redirect_may_lead_to_the_app(chain, finished):
    @chain.content("/first")
    async def content(req):
        return InternalRedirect("/second?x=2")

    async def app(scope, receive, send):
        await send(start())
        await send(piece(f"{scope['path']}?{scope['query_string'].decode()}".encode()))

    assert serve(chain.asgi(app), http_scope("/first?x=1")).body == b"/second?x=2"


def test_what_ends_the_cycle_early_does_not_reach_the_app(hooks, finished):
    answers = {"/done": DONE, "/status": 403, "/response": Response("own", 418)}
    hooks.access(lambda req: answers[req.path])
    app = hooks.asgi(answering(AssertionError("asked")))
    assert [serve(app, http_scope(path)).status for path in answers] == [200, 403, 418]


# --- the chain alone


def test_bodies_of_every_kind_are_sent(finished, hooks, tmp_path):
    async def stream(req):
        yield "a"
        yield b"b"
        yield b""

    def pieces(req):
        yield "a"
        yield b""
        yield b"b"

    hooks.content("/async")(stream)
    hooks.content("/sync")(pieces)
    hooks.content("/text")(lambda req: "ab")
    hooks.content("/list")(lambda req: Response(["a", b"b"]))
    for path in ("/async", "/sync", "/text", "/list"):
        served = serve(hooks.asgi(), http_scope(path))
        assert (served.body, served.is_complete) == (b"ab", True)
    assert [req.bytes_sent for req in finished.log] == [2] * 4


def test_a_stream_reaches_the_client_piece_by_piece(hooks):
    made, came = [], []

    @hooks.content("/async")
    async def stream(req):
        for number in range(3):
            made.append(number)
            yield str(number)

    @hooks.content("/sync")
    def pieces(req):
        for number in range(3):
            made.append(number)
            yield str(number)

    async def on_send(message):
        came.append((message.get("body"), len(made)))

    for path in ("/async", "/sync"):
        made.clear()
        came.clear()
        asyncio.run(Server(on_send=on_send).run(hooks.asgi(), http_scope(path)))
        assert [item for item in came if item[0]] == [(b"0", 1), (b"1", 2), (b"2", 3)]


def test_a_file_is_sent_as_it_is(tmp_path):
    content = bytes(range(256)) * 4096
    (tmp_path / "file.bin").write_bytes(content)
    hooks = quiet(document_root=tmp_path)
    finished = Finished(hooks)
    served = serve(hooks.asgi(), http_scope("/file.bin"))
    assert served.body == content
    assert served.headers["Content-Length"] == str(len(content))
    assert finished.req.bytes_sent == len(content)
    part = serve(hooks.asgi(), http_scope("/file.bin", headers=[("Range", "bytes=10-19")]))
    assert (part.status, part.body) == (206, content[10:20])
    head = serve(hooks.asgi(), http_scope("/file.bin", "HEAD"))
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(content)))


def test_with_files_and_an_app_what_is_found_is_sent_and_all_else_goes_to_the_app(tmp_path):
    (tmp_path / "page.txt").write_text("page")
    hooks = quiet(document_root=tmp_path)
    app = hooks.asgi(answering(start(), piece(b"app")))
    assert serve(app, http_scope("/page.txt")).body == b"page"
    assert serve(app, http_scope("/other")).body == b"app"
    assert serve(app, http_scope("/page.txt", "POST")).body == b"app"


def test_a_stream_that_raises_breaks_the_connection(hooks, finished, error_log):
    @hooks.content
    async def content(req):
        yield "begun"
        raise ZeroDivisionError("late")

    server = Server()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(server.run(hooks.asgi(), http_scope()))
    assert (server.body, server.is_complete) == (b"begun", False)
    assert isinstance(finished.req.exception, ZeroDivisionError)
    assert "late" in error_log()


def test_what_closes_with_the_response_is_closed_in_a_worker_thread(hooks):
    closed = []

    @hooks.content
    def content(req):
        response = Response("x")
        response.call_on_close(lambda: closed.append(has_loop()))
        return response

    assert serve(hooks.asgi()).body == b"x"
    assert closed == [False]


def has_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

"""WebSockets: a handshake passes the phases before the app may accept it, and finishers run when the socket closes."""

from __future__ import annotations

import asyncio

import pytest
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, Phase
from tests.adapters.asgi_server import connect, http_scope, serve, socket_scope
from tests.asking import quiet

pytestmark = pytest.mark.usefixtures("patient")

UP_TO_FIXUP = [phase for phase in Phase if phase not in {Phase.CONTENT, Phase.LOG, Phase.CLEANUP}]
TEXT = {"type": "websocket.receive", "text": "hello"}
BARE: dict[str, dict[str, object]] = {"extensions": {}}


class Finished(list[tuple[object, ...]]):
    """What LOG and CLEANUP saw."""

    def __init__(self, hooks):
        hooks.log(lambda req: self.append(("LOG", req.status, req.bytes_sent, req.aborted, type(req.exception))))
        hooks.cleanup(lambda req: self.append(("CLEANUP",)))

    def check(self, status, *, bytes_sent=0, exception=None):
        kind = type(None) if exception is None else exception
        assert self == [("LOG", status, bytes_sent, False, kind), ("CLEANUP",)]


@pytest.fixture
def hooks():
    return quiet()


@pytest.fixture
def finished(hooks):
    return Finished(hooks)


class Echo:
    """An app that accepts, and sends back what it is sent."""

    def __init__(self, **accept):
        self.accept = {"type": "websocket.accept", **accept}
        self.scope = None
        self.got = []

    async def __call__(self, scope, receive, send):
        self.scope = scope
        self.got.append(await receive())
        await send(self.accept)
        while (message := await receive())["type"] == "websocket.receive":
            self.got.append(message)
            await send({"type": "websocket.send", "text": message.get("text")})
            await send({"type": "websocket.send", "bytes": b"\xff"})
        self.got.append(message)


def types(server):
    return [message["type"] for message in server.sent]


def test_a_handshake_passes_all_phases_up_to_fixup_and_no_content_handler(hooks, finished):
    ran = []
    for phase in Phase:
        answer = OK if phase in {Phase.AUTHEN, Phase.AUTHZ} else DECLINED
        hooks.register(
            phase, lambda req, phase=phase, answer=answer: (ran.append(phase), setattr(req, "user", "ann"), answer)[2]
        )
    app = Echo()
    connect(hooks.asgi(app), socket_scope("/chat"), TEXT)
    assert ran == [*UP_TO_FIXUP, Phase.LOG, Phase.CLEANUP]
    assert app.scope["user"] == "ann"


def test_what_passes_is_accepted_by_the_app_and_carries_its_messages(hooks, finished):
    app = Echo(subprotocol="chat")
    server = connect(hooks.asgi(app), socket_scope("/chat"), TEXT)
    assert types(server) == ["websocket.accept", "websocket.send", "websocket.send"]
    assert server.sent[0]["subprotocol"] == "chat"
    assert server.sent[1]["text"] == "hello"
    assert [message["type"] for message in app.got] == [
        "websocket.connect",
        "websocket.receive",
        "websocket.disconnect",
    ]
    finished.check(101, bytes_sent=6)


def test_the_finishers_run_when_the_socket_closes(hooks, finished):
    seen = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await asyncio.sleep(0.05)
        seen.append(list(finished))
        await send({"type": "websocket.close"})

    connect(hooks.asgi(app), None, TEXT)
    assert seen == [[]]
    finished.check(101)


def test_headers_of_the_chain_go_with_the_acceptance(hooks):
    @hooks.fixup
    def headers(req):
        req.headers_out["Set-Cookie"] = "a=1"
        req.err_headers_out["X-Always"] = "2"

    server = connect(hooks.asgi(Echo(headers=[(b"x-app", b"3")])))
    assert server.sent[0]["headers"] == [(b"x-app", b"3"), (b"set-cookie", b"a=1"), (b"x-always", b"2")]


REFUSALS = {
    "a status": (403, 403),
    "a response": (Response("own page", 418, {"X-Own": "1"}), 418),
    "DONE": (DONE, 200),
    "an exception": (ZeroDivisionError(), 500),
    "an HTTP exception": (Unauthorized(), 401),
    "rubbish": (1.5, 500),
}


def refusing(answer):
    def handler(req):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


@pytest.mark.parametrize("phase", [phase.name for phase in UP_TO_FIXUP])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_any_answer_but_ok_or_declined_denies_with_a_whole_response(hooks, finished, phase, refusal):
    answer, status = REFUSALS[refusal]
    if phase == "AUTHZ":
        hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.register(phase, refusing(answer))
    app = Echo()
    server = connect(hooks.asgi(app), None, TEXT)
    assert types(server) == ["websocket.http.response.start", "websocket.http.response.body"]
    assert server.status == status
    assert app.scope is None
    if refusal == "a response":
        assert (server.headers["X-Own"], server.body) == ("1", b"own page")
    assert finished[0][:2] == ("LOG", status)
    assert len(finished) == 2


def test_a_server_that_cannot_send_a_response_answers_403(hooks, finished):
    hooks.authen(lambda req: None)
    server = connect(hooks.asgi(Echo()), socket_scope(**BARE))
    assert types(server) == ["websocket.close"]
    finished.check(403)


def test_a_denial_that_is_no_final_status_is_a_403(hooks, finished):
    hooks.access(lambda req: Response(status=101))
    server = connect(hooks.asgi(Echo()))
    assert types(server) == ["websocket.close"]
    finished.check(403)


def test_a_401_says_what_is_wanted(finished):
    hooks = quiet(challenge='Basic realm="ops"')
    hooks.authen(lambda req: None)
    server = connect(hooks.asgi(Echo()))
    assert (server.status, server.headers["WWW-Authenticate"]) == (401, 'Basic realm="ops"')


def test_an_error_document_may_stand_for_a_denial_but_the_app_is_not_asked_for_it(hooks, finished):
    hooks.access(lambda req: 403 if req.prev is None else None)
    hooks.error_document(403, "go away")
    assert connect(hooks.asgi(Echo())).body == b"go away"


def test_an_error_document_below_the_app_leaves_the_plain_page(hooks, finished):
    hooks.access(lambda req: 403 if req.prev is None else None)
    hooks.error_document(403, "/sorry")
    app = Echo()
    server = connect(hooks.asgi(app))
    assert (server.status, app.scope) == (403, None)


def test_alone_a_chain_denies_with_404_after_the_guards(hooks, finished):
    hooks.content("/chat")(lambda req: "not for sockets")
    hooks.authen("/guarded")(lambda req: None)
    assert connect(hooks.asgi(), socket_scope("/chat")).status == 404
    assert connect(hooks.asgi(), socket_scope("/guarded")).status == 401


def test_a_file_is_not_sent_to_a_handshake(tmp_path):
    (tmp_path / "page.txt").write_text("page")
    hooks = quiet(document_root=tmp_path)
    assert connect(hooks.asgi(), socket_scope("/page.txt")).status == 404


def test_the_app_gets_the_path_that_the_sections_saw(hooks):
    app = Echo()
    guarded = []
    hooks.access("/chat")(lambda req: guarded.append(req.path))
    connect(hooks.asgi(app), socket_scope("//x/../chat/%C3%A4", root_path="/ws"))
    assert guarded == ["/chat/ä"]
    assert (app.scope["path"], app.scope["raw_path"]) == ("/ws/chat/ä", b"/ws/chat/%C3%A4")
    assert app.scope["hookchain.request"].is_handshake
    assert app.scope["subprotocols"] == ["chat"]


def test_a_handshake_is_a_get(hooks):
    seen = []
    hooks.access("/", methods="GET")(lambda req: seen.append((req.method, req.scheme, req.protocol)))
    scope = socket_scope()
    del scope["scheme"]
    connect(hooks.asgi(Echo()), scope)
    assert seen == [("GET", "ws", "HTTP/1.1")]


def test_an_app_that_closes_before_it_accepts_has_refused(hooks, finished):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    hooks.fixup(lambda req: req.err_headers_out.set("X-Always", "1"))
    server = connect(hooks.asgi(app))
    assert (server.status, server.headers["X-Always"]) == (403, "1")
    finished.check(403)
    finished.clear()
    assert types(connect(hooks.asgi(app), socket_scope(**BARE))) == ["websocket.close"]
    finished.check(403)


def test_an_app_may_refuse_with_a_response_of_its_own(hooks, finished):
    async def app(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 410, "headers": [(b"x-app", b"1")]})
        await send({"type": "websocket.http.response.body", "body": b"go", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"ne"})

    server = connect(hooks.asgi(app))
    assert (server.status, server.headers["X-App"], server.body) == (410, "1", b"gone")
    finished.check(410, bytes_sent=4)


def test_an_app_that_raises_before_it_accepts_is_a_500(hooks, finished, error_log):
    async def app(scope, receive, send):
        raise ZeroDivisionError("secret")

    server = connect(hooks.asgi(app))
    assert server.status == 500
    assert b"secret" not in server.body
    finished.check(500, bytes_sent=len(server.body), exception=ZeroDivisionError)
    assert "secret" in error_log()


def test_an_app_that_sends_before_it_accepts_is_a_500(hooks, finished):
    async def app(scope, receive, send):
        await send({"type": "websocket.send", "text": "too early"})

    server = connect(hooks.asgi(app))
    assert server.status == 500
    finished.check(500, bytes_sent=len(server.body), exception=RuntimeError)


def test_an_app_that_raises_on_the_open_socket_raises_to_the_server(hooks, finished):
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        connect(hooks.asgi(app))
    finished.check(101, exception=ZeroDivisionError)


def test_an_app_that_returns_with_the_socket_open_is_no_failure(hooks, finished):
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    connect(hooks.asgi(app))
    finished.check(101)


def test_a_client_that_leaves_before_it_is_accepted_is_known(hooks, finished):
    async def app(scope, receive, send):
        while (await receive())["type"] != "websocket.disconnect":
            pass

    connect(hooks.asgi(app))
    assert finished[0][3] is True


def test_an_output_filter_sees_the_acceptance_and_may_deny(hooks, finished):
    @hooks.output_filter
    def look(req, response):
        response.headers["X-Filter"] = str(response.status_code)
        if req.path == "/denied":
            response.status_code = 403

    app = Echo()
    server = connect(hooks.asgi(app))
    assert dict(server.sent[0]["headers"])[b"x-filter"] == b"101"
    assert "websocket.http.response" not in app.scope["extensions"]
    finished.clear()

    async def sending(scope, receive, send):
        await send({"type": "websocket.accept"})
        with pytest.raises(OSError, match="in place of the app"):
            await send({"type": "websocket.send", "text": "x"})
        assert (await receive())["type"] == "http.disconnect"

    assert connect(hooks.asgi(sending), socket_scope("/denied")).status == 403
    finished.check(403)


def test_a_closed_chain_refuses_what_nothing_guards():
    hooks = quiet(closed=True)
    hooks.authen("/guarded")(lambda req: setattr(req, "user", "ann") or OK)
    app = Echo()
    assert connect(hooks.asgi(app), socket_scope("/x")).status == 403
    assert types(connect(hooks.asgi(app), socket_scope("/guarded"))) == ["websocket.accept"]


def test_a_socket_and_a_request_are_guarded_alike(hooks):
    hooks.access("/private")(lambda req: 403)
    for target in ("/private", "//private", "/x/../private/y", "/%70rivate"):
        assert connect(hooks.asgi(Echo()), socket_scope(target)).status == 403
        assert serve(hooks.asgi(Echo()), http_scope(target)).status == 403


def test_a_server_without_extensions_has_none_to_be_taken_away(hooks):
    hooks.output_filter(lambda req, response: None)
    app = Echo()
    connect(hooks.asgi(app), socket_scope(extensions=None))
    assert app.scope["extensions"] is None

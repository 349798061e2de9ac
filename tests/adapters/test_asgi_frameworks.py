"""Real frameworks behind a chain, and a chain inside of them."""

from __future__ import annotations

import asyncio
import contextlib

import django
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from fastapi import FastAPI, WebSocket
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from hookchain import DECLINED, OK, current_request
from tests.adapters.asgi_server import Server, connect, http_scope, request_message, serve, socket_scope
from tests.asking import quiet

SPELLINGS = ["/admin", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/x/%2e%2e/admin", "/%2fadmin"]


LOGGED: list[tuple[int, int, bool]] = []


def by_token(req):
    req.user = {"t": "ann"}.get(req.headers.get("X-Token"))
    return OK if req.user else DECLINED


@pytest.fixture
def hooks():
    chain = quiet(challenge="Token")
    chain.section("/admin").authen(by_token)
    chain.section("/sub/admin").authen(by_token)
    chain.register("access", lambda req: req.get_data() and None, "/echo")
    chain.log(lambda req: LOGGED.append((req.status, req.bytes_sent, req.aborted)))
    return chain


@pytest.fixture
def finished():
    LOGGED.clear()
    return LOGGED


# --- Starlette and FastAPI


def starlette_app():
    async def admin(request):
        return PlainTextResponse(f"{request.url.path} for {request.user}")

    async def echo(request):
        return PlainTextResponse(await request.body())

    async def events(request):
        async def stream():
            for number in range(3):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def broken(request):
        raise ZeroDivisionError("secret")

    async def chat(socket):
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    return Starlette(
        routes=[
            Route("/admin", admin),
            Route("/echo", echo, methods=["POST"]),
            Route("/events", events),
            Route("/broken", broken),
            Mount("/sub", Starlette(routes=[Route("/admin", admin), Route("/open", echo)])),
            WebSocketRoute("/admin/chat", chat),
        ]
    )


@pytest.fixture(params=["around", "as a middleware"])
def starlette(request, hooks):
    """An app of Starlette's, guarded in both ways."""
    app = starlette_app()
    if request.param == "around":
        return hooks.asgi(app)
    app.add_middleware(hooks.asgi)
    return app


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_route_of_starlettes_is_guarded_by_every_spelling(starlette, finished, spelling):
    assert serve(starlette, http_scope(spelling)).status == 401
    served = serve(starlette, http_scope(spelling, headers=[("X-Token", "t")]))
    assert (served.status, served.body) == (200, b"/admin for ann")
    assert finished == [(401, finished[0][1], False), (200, 14, False)]


def test_a_line_feed_at_the_end_that_starlette_takes_for_nothing_gets_around_no_guard(starlette, hooks):
    async def echo(request):
        return PlainTextResponse("secret")

    bare = Starlette(routes=[Route("/admin", echo)])
    assert serve(bare, http_scope("/admin%0a")).body == b"secret"
    assert serve(hooks.asgi(bare), http_scope("/admin%0a")).status == 404
    assert serve(starlette, http_scope("/admin%0a")).status == 404


def test_a_line_feed_at_the_end_gets_around_no_guard_of_a_socket(hooks):
    async def chat(socket):
        await socket.accept()
        await socket.close()

    bare = Starlette(routes=[WebSocketRoute("/admin", chat)])
    assert "websocket.accept" in [message["type"] for message in connect(bare, socket_scope("/admin%0a")).sent]
    guarded = connect(hooks.asgi(bare), socket_scope("/admin%0a"))
    assert "websocket.accept" not in [message["type"] for message in guarded.sent]


@pytest.mark.parametrize("spelling", ["/sub/admin", "/sub//admin", "//sub/x/../admin", "/sub/%61dmin"])
def test_a_mounted_app_is_guarded_as_any_path(starlette, spelling):
    assert serve(starlette, http_scope(spelling)).status == 401
    assert serve(starlette, http_scope(spelling, headers=[("X-Token", "t")])).body == b"/sub/admin for ann"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_chain_that_is_mounted_itself_guards_below_its_mount_point(hooks, spelling):
    app = Starlette(routes=[Mount("/mounted", hooks.asgi(starlette_app()))])
    assert serve(app, http_scope(f"/mounted{spelling}")).status == 401
    served = serve(app, http_scope(f"/mounted{spelling}", headers=[("X-Token", "t")]))
    assert served.body == b"/mounted/admin for ann"


def test_a_body_reaches_starlette(starlette, hooks):
    scope = http_scope("/echo", "POST", [("Content-Length", "4")])
    assert serve(starlette, scope, b"body").body == b"body"


def test_server_sent_events_pass_one_by_one(starlette, finished):
    sent = []

    async def on_send(message):
        sent.append(message.get("body"))

    asyncio.run(Server(on_send=on_send).run(starlette, http_scope("/events")))
    assert sent == [None, b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n", b""]
    assert finished == [(200, 27, False)]


def test_a_client_that_leaves_its_events_is_noticed(starlette, finished):
    server = Server(leaves_after=1)
    asyncio.run(server.run(starlette, http_scope("/events")))
    assert len(finished) == 1


@pytest.mark.parametrize("way", ["around", "as a middleware"])
def test_an_exception_in_a_view_is_500_and_known(way, hooks):
    seen = []
    hooks.log(lambda req: seen.append((req.status, type(req.exception))))
    app = starlette_app()
    if way == "around":
        app = hooks.asgi(app)
    else:
        app.add_middleware(hooks.asgi)
    server = Server()
    try:
        asyncio.run(server.run(app, http_scope("/broken")))
    except ZeroDivisionError:
        assert way == "around"  # Starlette sends its page, and raises for the server
    assert server.status == 500
    assert b"secret" not in server.body
    assert seen == [(500, ZeroDivisionError)]


def test_what_starlette_does_after_its_answer_is_done():
    done = []
    hooks = quiet()
    hooks.log(lambda req: done.append("LOG"))

    async def view(request):
        return PlainTextResponse("x", background=BackgroundTask(done.append, "task"))

    app = hooks.asgi(Starlette(routes=[Route("/", view)]))
    assert serve(app).body == b"x"
    assert done == ["task", "LOG"]


TEXT = {"type": "websocket.receive", "text": "hello"}
TOKEN = [("X-Token", "t"), ("Host", "localhost")]


def test_a_socket_of_starlettes_is_guarded(starlette, finished):
    denied = connect(starlette, socket_scope("//admin/chat"), TEXT)
    assert (denied.status, finished[0][0]) == (401, 401)
    accepted = connect(starlette, socket_scope("//admin/chat", TOKEN), TEXT)
    assert [message["type"] for message in accepted.sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert accepted.sent[1]["text"] == "hello"
    assert finished[1] == (101, 5, False)


def test_a_lifespan_passes_to_the_app(hooks):
    lived = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        lived.append("started")
        yield {"pool": 1}
        lived.append("stopped")

    server = Server(incoming=[{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], checks=False)
    state: dict[str, int] = {}
    asyncio.run(server.run(hooks.asgi(Starlette(lifespan=lifespan)), {"type": "lifespan", "state": state}))
    assert lived == ["started", "stopped"]
    assert state == {"pool": 1}
    assert [message["type"] for message in server.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_fastapi_takes_a_chain_as_a_middleware(hooks, finished):
    app = FastAPI()
    app.add_middleware(hooks.asgi)

    @app.get("/admin/{name}")
    def view(name: str):
        return {"name": name, "user": current_request().user}

    @app.post("/items")
    async def items(item: dict[str, int]):
        return item

    @app.websocket("/admin/chat")
    async def chat(socket: WebSocket):
        await socket.accept()
        await socket.send_text("hello")

    json_headers = [("Content-Type", "application/json"), ("Content-Length", "8")]
    assert serve(app, http_scope("/admin/x")).status == 401
    assert serve(app, http_scope("/admin/x", headers=TOKEN)).body == b'{"name":"x","user":"ann"}'
    assert serve(app, http_scope("/items", "POST", json_headers), b'{"a": 1}').body == b'{"a":1}'
    assert connect(app, socket_scope("/admin/chat", TOKEN)).sent[1]["text"] == "hello"
    assert [entry[0] for entry in finished] == [401, 200, 200, 101]


def test_a_body_that_fastapi_may_not_read_is_413():
    hooks = quiet(max_body=10)
    app = FastAPI()

    @app.post("/items")
    async def items(item: dict[str, str]):
        return item

    headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    incoming = [request_message(b'{"a": "', more=True), request_message(b"x" * 20, more=True), request_message(b'"}')]
    assert serve(hooks.asgi(app), http_scope("/items", "POST", headers), incoming=incoming).status == 413


# --- Starlette's answers from handlers


def refuse(req):
    raise HTTPException(418, "no <coffee>", {"X-Pot": "1"})


def test_an_exception_of_starlettes_is_an_answer(hooks):
    hooks.register("access", refuse, "/pot")
    served = serve(hooks.asgi(), http_scope("/pot"))
    assert (served.status, served.headers["X-Pot"]) == (418, "1")
    assert b"no &lt;coffee&gt;" in served.body


def test_an_exception_of_starlettes_that_leaves_the_app_is_an_answer(hooks):
    async def app(scope, receive, send):
        raise HTTPException(410)

    assert serve(hooks.asgi(app)).status == 410


def test_an_exception_of_starlettes_may_say_its_type(hooks):
    def typed(req):
        raise HTTPException(400, headers={"content-type": "text/odd"})

    hooks.register("access", typed, "/typed")
    assert serve(hooks.asgi(), http_scope("/typed")).headers.getlist("Content-Type") == ["text/odd"]


def test_responses_of_starlettes_are_answers(hooks, tmp_path):
    (tmp_path / "file.txt").write_bytes(b"file")
    done = []

    async def stream():
        yield b"a"
        yield "b"

    answers = {
        "/json": lambda: JSONResponse({"a": 1}, 201, {"X-Own": "1"}),
        "/stream": lambda: StreamingResponse(stream()),
        "/file": lambda: FileResponse(tmp_path / "file.txt"),
        "/task": lambda: PlainTextResponse("x", background=BackgroundTask(done.append, "done")),
    }
    hooks.content(lambda req: answers[req.path]())
    app = hooks.asgi()
    served = serve(app, http_scope("/json"))
    assert (served.status, served.headers["X-Own"], served.body) == (201, "1", b'{"a":1}')
    assert serve(app, http_scope("/stream")).body == b"ab"
    assert serve(app, http_scope("/file")).body == b"file"
    assert (serve(app, http_scope("/task")).body, done) == (b"x", ["done"])


def test_a_filter_may_answer_with_a_response_of_starlettes(hooks):
    hooks.output_filter(lambda req, response: PlainTextResponse("filtered"))
    assert serve(hooks.asgi(starlette_app()), http_scope("/nothing")).body == b"filtered"


# --- Quart


def quart_app():
    app = Quart("quart_app")

    @app.route("/admin")
    async def admin():
        return f"{quart_request.path} for {quart_request.scope['user']}"

    @app.route("/echo", methods=["POST"])
    async def echo():
        return await quart_request.get_data()

    @app.route("/stream")
    async def stream():
        async def pieces():
            for number in range(3):
                yield str(number).encode()

        return pieces()

    return app


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_a_route_of_quarts_is_guarded_by_every_spelling(hooks, finished, spelling, root_path):
    app = hooks.asgi(quart_app())
    assert serve(app, http_scope(spelling, root_path=root_path)).status == 401
    served = serve(app, http_scope(spelling, headers=[("X-Token", "t")], root_path=root_path))
    assert (served.status, served.body) == (200, b"/admin for ann")
    assert [entry[0] for entry in finished] == [401, 200]


def test_bodies_and_streams_pass_to_quart_and_back(hooks, finished):
    app = hooks.asgi(quart_app())
    assert serve(app, http_scope("/echo", "POST", [("Content-Length", "4")]), b"body").body == b"body"
    assert serve(app, http_scope("/stream")).body == b"012"
    assert finished == [(200, 4, False), (200, 3, False)]


# --- Django


def django_admin(request):
    return HttpResponse(f"{request.path} {request.path_info}")


def django_echo(request):
    return HttpResponse(request.body)


def django_stream(request):
    return StreamingHttpResponse(iter([b"0", b"1", b"2"]))


urlpatterns = [path("admin", django_admin), path("echo", django_echo), path("stream", django_stream)]


@pytest.fixture(scope="module")
def django_app():
    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[])
        django.setup()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ROOT_URLCONF", __name__)
        yield get_asgi_application()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_a_view_of_djangos_is_guarded_by_every_spelling(hooks, finished, django_app, spelling, root_path):
    app = hooks.asgi(django_app)
    headers = [("Host", "localhost")]
    assert serve(app, http_scope(spelling, headers=headers, root_path=root_path)).status == 401
    served = serve(app, http_scope(spelling, headers=[*headers, ("X-Token", "t")], root_path=root_path))
    assert (served.status, served.body) == (200, f"{root_path}/admin /admin".encode())
    assert [entry[0] for entry in finished] == [401, 200]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_bodies_and_streams_pass_to_django_and_back(hooks, finished, django_app):
    app = hooks.asgi(django_app)
    scope = http_scope("/echo", "POST", [("Host", "localhost"), ("Content-Length", "4")])
    assert serve(app, scope, b"body").body == b"body"
    assert serve(app, http_scope("/stream", headers=[("Host", "localhost")])).body == b"012"
    assert finished == [(200, 4, False), (200, 3, False)]

"""Thousands of requests at a time: what one of them sets, no other one ever sees."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from hookchain import Request, current_request
from tests.adapters.asgi_server import Server, answering, http_scope, piece, start
from tests.asking import quiet

REQUESTS = 2000
TOGETHER = 200
mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine")


def see(req, place):
    """Note where a request sees anything but its own last value, and set another one."""
    wrong, name = req.notes.setdefault("wrong", []), req.args["name"]
    expected = f"{name} {req.notes['last']}" if "last" in req.notes else "unset"
    if mine.get("unset") != expected:
        wrong.append((place, name, mine.get("unset")))
    if current_request() is not req:
        wrong.append((place, name, "another record"))
    req.notes["last"] = place
    mine.set(f"{name} {place}")


def chain_of_many(wrong):
    """Every handler says whose value it sees, and sets another one of the same request."""
    hooks = quiet()
    hooks.post_read_request(lambda req: see(req, "first"))

    @hooks.header_parser
    async def second(req):
        await asyncio.sleep(len(req.args["name"]) % 3 / 1000)
        see(req, "second")

    @hooks.access
    def third(req):
        see(req, "third")
        yield
        see(req, "second half of third")

    @hooks.fixup
    async def fourth(req):
        see(req, "fourth")
        yield
        see(req, "second half of fourth")

    @hooks.content("/stream")
    async def content(req):
        for number in range(3):
            see(req, f"piece {number}")
            await asyncio.sleep(0)
            yield str(number)

    hooks.log(lambda req: see(req, "log"))

    @hooks.cleanup
    async def cleanup(req):
        see(req, "cleanup")
        wrong.extend(req.notes["wrong"])

    return hooks


async def app_of_many(scope, receive, send):
    """An app that looks, too."""
    see(current_request(), "app")
    await asyncio.sleep(0)
    see(scope["hookchain.request"], "app again")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


@pytest.mark.parametrize("in_one_task", [False, True], ids=["a task for each", "one task for many"])
def test_no_request_sees_a_value_of_another_one(in_one_task):
    wrong: list[object] = []
    served = chain_of_many(wrong).asgi(app_of_many)
    numbers = iter(range(REQUESTS))

    async def ask(number):
        server = Server()
        scope = http_scope(f"/{'stream' if number % 3 == 0 else 'app'}?name=n{number}")
        await (served(scope, server.receive, server.send) if in_one_task else server.run(served, scope))
        assert server.is_complete

    async def worker():
        for number in numbers:
            await ask(number)
            assert mine.get(None) is None

    async def run():
        await asyncio.gather(*(worker() for _ in range(TOGETHER)))

    asyncio.run(run())
    assert wrong == []
    assert mine.get(None) is None


def test_a_value_from_around_the_chain_is_seen_and_left_alone():
    hooks, seen = quiet(), []

    @hooks.access
    def access(req):
        seen.append(mine.get())
        mine.set("inside")

    async def run():
        mine.set("around")
        server = Server()
        await hooks.asgi()(http_scope(), server.receive, server.send)
        seen.append(mine.get())

    asyncio.run(run())
    assert seen == ["around", "around"]


def test_an_app_may_send_from_tasks_of_its_own():
    hooks, seen = quiet(), []

    @hooks.access
    def access(req):
        mine.set("access")

    @hooks.log
    def log(req):
        seen.append((mine.get(), req.status))

    async def app(scope, receive, send):
        async def answer():
            mine.set("in a task")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})

        await asyncio.create_task(answer())

    for _ in range(2):
        server = asyncio.run(Server().run(hooks.asgi(app), http_scope()))
        assert server.body == b"x"
    assert seen == [("access", 200)] * 2


def test_chains_around_chains_are_both_finished():
    inner, outer, seen = quiet("inner"), quiet("outer"), []
    for hooks in (inner, outer):

        @hooks.access
        def access(req):
            mine.set(f"{mine.get('')} {req.chain.name}")
            req.err_headers_out["X-Chain"] = req.chain.name

        @hooks.log
        def log(req):
            seen.append((req.chain.name, mine.get(), req.status))

        @hooks.output_filter(when=lambda req: "filter" in req.args)
        def look(req, response):
            response.headers.add("X-Filter", req.chain.name)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": mine.get().encode()})

    for target in ("/", "/?filter"):
        seen.clear()
        server = asyncio.run(Server().run(outer.asgi(inner.asgi(app)), http_scope(target)))
        assert server.body == b" outer inner"
        assert [name for name, _, _ in seen] == ["inner", "outer"]
        assert server.headers.getlist("X-Filter") == (["inner", "outer"] if "filter" in target else [])


def test_a_variable_that_an_apps_task_carried_may_be_reset_later():
    hooks, seen = quiet(), []

    @hooks.access
    def pair(req):
        token = mine.set("pair")
        yield
        mine.reset(token)
        seen.append(mine.get(None))

    @hooks.cleanup
    async def cleanup(req):
        seen.append(mine.get(None))

    async def app(scope, receive, send):
        async def answer():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})

        await asyncio.create_task(answer(), context=contextvars.Context())

    hooks.section("/", challenge="Basic", when=lambda req: True)
    asyncio.run(Server().run(hooks.asgi(app), http_scope()))
    assert seen[0] is None


# --- the server's own context


def text(hooks):
    hooks.register("content", lambda _: "text", blocking=False)
    return hooks.asgi()


def text_with_finisher(hooks):
    hooks.register("log", lambda _: None, blocking=False)
    return text(hooks)


def stream(hooks):
    @hooks.content
    async def content(req):
        yield "a"
        yield "b"

    return hooks.asgi()


def app_behind(hooks):
    return hooks.asgi(answering(start(), piece(b"x", more=True), piece()))


def filtered_app(hooks):
    hooks.output_filter(lambda req, response: None)
    return app_behind(hooks)


APPLICATIONS = [text, text_with_finisher, stream, app_behind, filtered_app]


def ask(application, send, scope, *received):
    """Send a request whose body has so far come in some messages."""
    arrived = list(received)

    async def receive():
        return arrived.pop() if arrived else await asyncio.get_running_loop().create_future()

    async def run():
        hooks = quiet()
        hooks.register("fixup", lambda _: mine.set("the request's") and None, blocking=False)
        await asyncio.wait_for(application(hooks)(scope, receive, send), 20)

    asyncio.run(run())


@pytest.mark.parametrize("has_body", [False, True], ids=["without body", "unread body"])
@pytest.mark.parametrize("application", APPLICATIONS)
def test_what_a_server_keeps_of_a_connection_holds_no_request(application, has_body):
    """A server's timers begin with the last byte, and keep the context in which they were set."""
    kept = []

    async def send(message):
        if message["type"] == "http.response.body" and not message["more_body"]:
            kept.append(contextvars.copy_context())

    scope = http_scope(headers=[("Content-Length", "9")] if has_body else [])
    ask(application, send, scope, {"type": "http.request", "body": b"half", "more_body": True})
    (context,) = kept
    assert mine not in context
    assert not any(isinstance(value, Request) for value in context.values())


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_server_may_send_without_a_coroutine(application):
    sent = []

    def send(message):
        sent.append(message["type"])
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        return future

    ask(application, send, http_scope(), {"type": "http.request", "body": b"", "more_body": False})
    assert sent[:2] == ["http.response.start", "http.response.body"]

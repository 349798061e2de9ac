"""What happens seldom: odd cookies, filters on the loop, servers that tell little."""

from __future__ import annotations

import asyncio
import contextvars
from types import SimpleNamespace

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import got_request_exception
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from django_hookchain import HookChainMiddleware, driving, middleware
from hookchain.testing import make_request
from tests.adapters.django.places import asgi_answer, by_asgi, by_asgi_in_threads, by_wsgi, project, scope_of
from tests.asking import quiet, shouting


def test_a_cookie_that_python_can_not_read_is_sent_as_it_is(ask):
    hooks = quiet()
    hooks.header_parser(lambda req: req.err_headers_out.add("Set-Cookie", "a[]=1; Path=/"))
    assert ask(hooks, "/").headers["Set-Cookie"] == "a[]=1; Path=/"


def test_a_cookie_of_the_chain_is_in_the_jar_of_the_test_client():
    hooks = quiet()
    hooks.header_parser(lambda req: req.err_headers_out.add("Set-Cookie", "seen=1; Path=/"))
    with project(hooks):
        assert Client().get("/").cookies["seen"].value == "1"


@pytest.mark.parametrize("ask", [by_asgi, by_asgi_in_threads, by_wsgi])
def test_a_sync_handler_reads_what_an_async_filter_makes_of_the_body(ask):
    hooks = shouting(quiet())
    hooks.fixup(lambda req: req.notes.update(body=req.get_data()))
    answer = ask(hooks, "/body", "POST", data=b"words")
    assert answer.body == answer.req.notes["body"] == b"WORDS"


def ask_with_scope(path="/", body=b"", chain=None, **changes):
    environ = dict(make_request(path).environ or {})
    scope = {**scope_of(environ, path), **changes}
    with project(chain or quiet()) as begun:
        return asyncio.run(asgi_answer(ASGIHandler(), scope, body, begun))


def test_a_server_that_tells_no_raw_path_is_enough():
    scope = {"raw_path": None}
    answer = ask_with_scope("/echo/x", **scope)
    assert (answer.status, answer.req.unparsed_uri) == (200, "/echo/x")


def test_a_mount_point_is_taken_away_by_whole_segments():
    answer = ask_with_scope("/app/echo/x", root_path="/app")
    assert answer.text.split("\n")[1:3] == ["/app/echo/x", "/echo/x"]
    assert ask_with_scope("/echo/application", root_path="/ec").text.split("\n")[2] == "/echo/application"


def test_http2_needs_no_header_that_announces_a_body():
    answer = ask_with_scope("/body", b"words", http_version="2", method="POST")
    assert (answer.body, answer.req.protocol, answer.req.has_body) == (b"words", "HTTP/2", True)


def test_the_query_may_be_text():
    assert ask_with_scope("/echo/x", query_string="a=b").text.split("\n")[3] == "a=b"


def test_a_server_without_a_name_is_no_failure():
    environ = RequestFactory().get("/").environ
    del environ["SERVER_NAME"]
    request = RequestFactory().get("/")
    del request.META["SERVER_NAME"]
    request.META["HTTP_HOST"] = "localhost"
    hooks = quiet()
    seen = []
    hooks.log(lambda req: seen.append(req.server))
    with project(hooks):
        HookChainMiddleware(lambda request: StreamingHttpResponse([b"a"]))(request).close()
    assert seen == [None]


def test_a_failure_outside_of_a_request_is_nobodys():
    got_request_exception.send(sender=None)
    assert by_wsgi(quiet(), "/").status == 200


def test_a_stream_whose_iterator_can_not_be_closed_ends_as_any(ask):
    class Parts:
        def __init__(self):
            self.parts = [b"a", b"b"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.parts:
                raise StopAsyncIteration
            return self.parts.pop(0)

    hooks = quiet()
    hooks.content(lambda req: StreamingHttpResponse(Parts()))
    assert ask(hooks, "/").body == b"ab"


def test_a_response_that_django_can_not_take_is_logged_once(ask, monkeypatch):
    def refuse(*_):
        raise LookupError("no such response")

    monkeypatch.setattr(middleware, "to_django", refuse)
    hooks, seen = quiet(), []
    hooks.content(lambda req: "hello")
    hooks.log(lambda req: seen.append(type(req.exception).__name__))
    assert ask(hooks, "/").text == "the project's 500"
    assert seen == ["LookupError"]


def test_without_djangos_users_nobody_is_none(ask):
    hooks, seen = quiet(), []

    @hooks.access
    def forget(req):
        seen.append(req.user)
        req.user = None
        seen.append(req.native.user)

    settings = {"INSTALLED_APPS": ["django_hookchain"], "before": ("tests.adapters.django.middleware.names_a_user",)}
    assert ask(hooks, "/", **settings).status == 200
    assert [str(user) for user in seen] == ["somebody", "None"]


def test_a_lazy_user_that_can_not_be_awaited_is_found_in_a_thread(ask):
    hooks = quiet()
    hooks.authen(lambda req: None)
    hooks.log(lambda req: req.notes.update(user=str(req.user)))
    answer = ask(hooks, "/", before=("tests.adapters.django.middleware.names_a_user_lazily",))
    assert (answer.status, answer.req.notes["user"]) == (200, "somebody")


def test_a_body_is_finished_by_whoever_drops_it_where_no_loop_is_left():
    ended = []
    body = SimpleNamespace(abandon=lambda: ended.append("here"))
    loop = asyncio.new_event_loop()
    loop.close()
    driving._drop(body, None)
    driving._drop(body, loop)
    assert ended == ["here", "here"]


def test_what_can_be_awaited_need_not_be_a_coroutine():
    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "done"

    context = contextvars.copy_context()
    assert driving.InServersContext(context).wait(Awaitable()) == "done"


def test_a_length_that_is_said_already_is_said_once():
    answer = by_wsgi(quiet(), "/echo/x", behind=("tests.adapters.django.places.saying_its_length",))
    assert answer.headers.getlist("Content-Length") == [str(len(answer.body))]


def test_finishers_see_the_response_that_django_sends_itself():
    hooks, seen = quiet(), []
    hooks.log(lambda req: seen.append((req.response, req.response.get_data(), req.status, req.bytes_sent)))
    answer = by_wsgi(hooks, "/echo/x")
    response, data, status, sent = seen[0]
    assert (data, status, sent) == (answer.body, 200, len(answer.body))
    assert response is answer.req.response


def test_the_view_gets_the_query_that_a_handler_has_put_in_the_place_of_the_clients():
    hooks = quiet()
    hooks.fixup(lambda req: setattr(req, "query_string", b"b=c"))
    assert by_wsgi(hooks, "/echo/x?a=b").text.split("\n")[3] == "b=c"

"""A request in Django passes the phases as it does in every place, and leaves by the one way out."""

from __future__ import annotations

import asyncio
import io
import threading
from contextvars import ContextVar

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import AsyncClient

from hookchain import DECLINED, DONE, OK, HookChain, InternalRedirect, Phase, Response, current_request
from tests.adapters.django.places import by_asgi, by_asgi_in_threads, by_wsgi, project
from tests.asking import quiet

IDENTITY = ContextVar("IDENTITY", default="none")


def test_the_view_answers_where_the_chain_does_not(ask):
    answer = ask(quiet(), "/echo/x?a=b", "POST", data=b"")
    assert answer.status == 200
    assert answer.text.split("\n") == ["POST", "/echo/x", "/echo/x", "a=b", ""]


def test_a_path_rewritten_in_trans_is_what_django_routes(ask):
    hooks = quiet()

    @hooks.trans
    def rewrite(req):
        if req.path == "/old":
            req.path = "/echo/new ü"

    answer = ask(hooks, "/old?a=b")
    assert answer.text.split("\n")[1:4] == ["/echo/new ü", "/echo/new ü", "a=b"]


def test_a_rewrite_into_a_guarded_section_is_guarded(ask):
    hooks = quiet()
    hooks.section("/echo/secret").access(lambda req: 403)

    @hooks.trans
    def rewrite(req):
        req.path = "/echo/secret"

    assert ask(hooks, "/open").status == 403


@pytest.mark.parametrize("path", ["/echo//secret", "/echo/x/../secret", "/echo/%73ecret", "/./echo/secret"])
def test_every_spelling_of_a_path_is_guarded_and_the_view_sees_one(ask, path):
    hooks = quiet()
    asked = []
    hooks.section("/echo/secret").access(asked.append)
    assert ask(hooks, path).text.split("\n")[1] == "/echo/secret"
    assert len(asked) == 1


@pytest.mark.parametrize("path", ["/%FF", "/%00", "/../x", "/echo/%C3%28"])
def test_a_path_that_cannot_be_meant_is_refused(ask, path):
    assert ask(quiet(), path).status == 400


def test_the_view_finds_the_record(ask):
    hooks = quiet()

    @hooks.fixup
    def note(req):
        req.notes["who"] = req
        req.env["EXTRA"] = "for the view"

    @hooks.output_filter
    def show(req, response):
        seen = req.native.META
        response.headers["X-Same"] = str(seen["hookchain.request"] is req is current_request())
        response.headers["X-Extra"] = seen["EXTRA"]

    answer = ask(hooks, "/")
    assert (answer.headers["X-Same"], answer.headers["X-Extra"]) == ("True", "for the view")


def test_what_handlers_read_of_the_body_is_there_for_the_view(ask):
    hooks = quiet()

    @hooks.fixup
    def read(req):
        req.notes["body"] = req.get_data()

    answer = ask(hooks, "/body", "POST", data=b"some words")
    assert answer.body == b"some words"
    assert answer.req.notes["body"] == b"some words"


def test_async_handlers_read_the_body_too(ask):
    hooks = quiet()

    @hooks.fixup
    async def read(req):
        req.notes["body"] = await req.aget_data()

    answer = ask(hooks, "/body", "POST", data=b"some words")
    assert answer.body == answer.req.notes["body"] == b"some words"


def test_a_body_that_a_middleware_before_the_chain_has_read_is_there_too(ask):
    hooks = quiet()
    hooks.fixup(lambda req: req.notes.update(body=req.get_data()))
    before = ("tests.adapters.django.middleware.reads_the_body",)
    answer = ask(hooks, "/body", "POST", data=b"some words", before=before)
    assert answer.body == answer.req.notes["body"] == b"some words"


def test_an_input_filter_changes_what_the_view_reads(ask):
    hooks = quiet()

    @hooks.input_filter
    def shout(req, stream):
        return io.BytesIO(stream.read().upper())

    assert ask(hooks, "/body", "POST", data=b"words").body == b"WORDS"


def test_a_form_is_parsed_behind_a_handler_that_read_the_body(ask):
    hooks = quiet()
    hooks.fixup(lambda req: req.notes.update(form=req.get_form()["name"]))
    answer = ask(
        hooks,
        "/form",
        "POST",
        data=b"name=ann",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.text, answer.req.notes["form"]) == ("ann", "ann")


def test_a_view_that_reads_past_the_limit_gives_413(ask):
    hooks = quiet(max_body=4)
    assert ask(hooks, "/body", "POST", data=b"longer").status == 413


def test_a_filtered_body_that_grows_past_the_limit_gives_413_although_the_view_reads_it(ask):
    hooks = quiet(max_body=8)
    hooks.input_filter(lambda req, stream: io.BytesIO(stream.read() * 10))
    assert ask(hooks, "/body", "POST", data=b"longer").status == 413


@pytest.mark.parametrize(
    ("path", "body"), [("/stream", b"0\n1\n2\n"), ("/async-stream", b"0\n1\n2\n"), ("/file", b"x" * 200_000)]
)
def test_what_streams_is_counted_and_logged_after_the_last_byte(ask, path, body):
    hooks = quiet()
    logged = []

    @hooks.log
    def note(req):
        logged.append((req.status, req.bytes_sent, req.aborted, req.notes.get("sent")))

    answer = ask(hooks, path)
    assert answer.body == body
    assert logged == [(200, len(body), False, None if path == "/file" else [0, 1, 2])]


@pytest.mark.parametrize("path", ["/stream", "/async-stream"])
def test_a_stream_goes_through_an_output_filter_part_by_part(ask, path):
    hooks = quiet()

    @hooks.output_filter
    def double(req, response):
        parts = response.response
        if hasattr(parts, "__aiter__"):

            async def doubled():
                async for part in parts:
                    yield part * 2

        else:

            def doubled():
                for part in parts:
                    yield part * 2

        response.response = doubled()

    assert ask(hooks, path).body == b"0\n0\n1\n1\n2\n2\n"


def test_an_output_filter_may_replace_a_body_by_a_stream_and_a_stream_by_a_body(ask):
    hooks = quiet()

    @hooks.output_filter("/echo")
    def stream(req, response):
        response.response = (part for part in [b"a", b"b"])

    @hooks.output_filter("/stream")
    def whole(req, response):
        response.response = [b"whole"]

    @hooks.output_filter("/body")
    def other(req, response):
        response.response = [b"other"]

    assert ask(hooks, "/echo/x").body == b"ab"
    assert ask(hooks, "/stream").body == b"whole"
    assert ask(hooks, "/body").body == b"other"


def test_headers_of_handlers_go_with_the_views_answer_and_lists_stay_lists(ask):
    hooks = quiet()

    @hooks.fixup
    def headers(req):
        for link in ("<a>", "<b>"):
            req.err_headers_out.add("Link", link)
        req.err_headers_out.add("Set-Cookie", "three=3; Path=/; X-Odd")
        req.err_headers_out.add("Set-Cookie", "one=again; Path=/elsewhere")
        req.err_headers_out.add("Set-Cookie", "four=4")
        req.err_headers_out.add("Set-Cookie", "bad name=4")
        req.headers_out["X-Success"] = "yes"

    answer = ask(hooks, "/cookies")
    assert answer.headers.getlist("Link") == ["<a>", "<b>"]
    assert sorted(answer.headers.getlist("Set-Cookie")) == [
        "bad name=4",
        "four=4",
        "one=1; HttpOnly; Path=/",
        "one=again; Path=/elsewhere",
        "three=3; Path=/; X-Odd",
        'two="2\\073 3"; Path=/',
    ]
    assert answer.headers["X-Success"] == "yes"


def test_a_response_that_a_view_keeps_is_not_changed_for_the_next_client(ask):
    hooks = quiet()
    count = []

    @hooks.fixup
    def number(req):
        count.append(1)
        req.err_headers_out["X-Number"] = str(len(count))

    assert [ask(hooks, "/kept").headers.getlist("X-Number") for _ in range(2)] == [["1"], ["2"]]


def test_head_has_the_headers_and_no_body(ask):
    answer = ask(quiet(), "/echo/x", "HEAD")
    assert (answer.body, answer.headers["Content-Length"]) == (b"", str(len("HEAD\n/echo/x\n/echo/x\n\n")))
    assert ask(quiet(), "/stream", "HEAD").body == b""


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (lambda: HttpResponse("made by Django", status=418, headers={"X-Made": "1"}), 418, b"made by Django"),
        (lambda: StreamingHttpResponse(iter([b"a", b"b"])), 200, b"ab"),
        (lambda: Response("made by Werkzeug", 418), 418, b"made by Werkzeug"),
        (lambda: ("a tuple", 201), 201, b"a tuple"),
    ],
)
def test_djangos_responses_are_answers_like_any(ask, answer, status, body):
    hooks = quiet()
    hooks.access(lambda req: answer())
    got = ask(hooks, "/")
    assert (got.status, got.body) == (status, body)


@pytest.mark.parametrize("phase", ["access", "content"])
def test_a_status_that_django_made_stays(ask, phase):
    hooks = quiet()
    hooks.register(phase, lambda req: HttpResponse(status=204))
    answer = ask(hooks, "/")
    assert (answer.status, answer.body, "Content-Type" in answer.headers) == (204, b"", False)


def test_a_response_that_is_not_rendered_yet_is_an_answer(ask):
    from django.template import engines

    hooks = quiet()
    template = engines["django"].from_string("hello {{ name }}")
    hooks.content(lambda req: SimpleTemplateResponse(template, {"name": "ann"}))
    assert ask(hooks, "/").body == b"hello ann"


def test_a_response_without_a_type_is_text(ask):
    def untyped(req):
        response = HttpResponse("x")
        del response["Content-Type"]
        return response

    hooks = quiet()
    hooks.access(untyped)
    assert ask(hooks, "/").headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionDenied("no"), 403),
        (Http404("no"), 404),
        (BadRequest("no"), 400),
        (SuspiciousOperation("no"), 400),
    ],
)
def test_djangos_exceptions_are_answers(ask, error, status, error_log):
    hooks = quiet()

    @hooks.access
    def refuse(req):
        raise error

    answer = ask(hooks, "/")
    assert (answer.status, answer.req.exception) == (status, None)
    assert error_log() == ""


def test_djangos_handlers_make_the_page_of_a_status_and_the_chains_documents_win(ask):
    hooks = quiet()
    hooks.register("access", lambda req: 404, "/gone")
    hooks.register("access", lambda req: 404, "/documented")
    hooks.section("/documented", error_document={404: "the chain's 404"})
    hooks.register("access", lambda req: 405, "/methods")

    @hooks.header_parser
    def always(req):
        req.err_headers_out["X-Always"] = "1"

    answer = ask(hooks, "/gone")
    assert (answer.status, answer.text[:17], answer.headers["X-Always"]) == (404, "the project's 404", "1")
    assert ask(hooks, "/documented").text == "the chain's 404"
    assert "Method Not Allowed" in ask(hooks, "/methods").text


def test_a_refusal_keeps_what_it_has_to_say(ask):
    hooks = quiet(challenge='Basic realm="x"')
    hooks.authen(lambda req: DECLINED)
    answer = ask(hooks, "/")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="x"')


@pytest.mark.parametrize("where", ["handler", "view"])
def test_an_exception_is_logged_answered_by_djangos_handler_and_seen_by_finishers(ask, where, error_log):
    hooks = quiet()
    seen = []

    @hooks.access
    def pair(req):
        try:
            yield OK
        except LookupError as error:
            seen.append(error)

    @hooks.fixup("/echo")
    def fail(req):
        raise LookupError("a handler's secret")

    @hooks.log
    def note(req):
        seen.append(req.exception)

    answer = ask(hooks, "/echo/x" if where == "handler" else "/fail")
    assert (answer.status, answer.text) == (500, "the project's 500")
    assert [type(error) for error in seen] == [LookupError, LookupError]
    assert "LookupError" in error_log()


@pytest.mark.parametrize("path", ["/echo/x", "/fail"])
def test_an_error_document_wins_over_djangos_page_of_an_exception(ask, path):
    hooks = quiet(error_document={500: "sorry"})

    @hooks.fixup("/echo")
    def fail(req):
        raise LookupError("a handler's secret")

    assert ask(hooks, path).text == "sorry"


@pytest.mark.parametrize("path", ["/echo/x", "/fail"])
def test_with_debug_on_djangos_page_is_the_answer_to_an_exception(ask, path):
    hooks = quiet()

    @hooks.fixup("/echo")
    def fail(req):
        raise LookupError("told to developers")

    answer = ask(hooks, path, DEBUG=True, headers={"Accept": "text/html"})
    assert answer.status == 500
    assert "LookupError" in answer.text
    assert "Traceback" in answer.text


@pytest.mark.parametrize("debug", ["chain", "django"])
def test_an_exception_can_go_to_the_server(debug):
    hooks = quiet(debug=debug == "chain")
    logged = []
    hooks.log(lambda req: logged.append(type(req.exception)))

    @hooks.fixup
    def fail(req):
        raise LookupError("to the server")

    with pytest.raises(LookupError, match="to the server"):
        by_wsgi(hooks, "/", DEBUG_PROPAGATE_EXCEPTIONS=True)
    with project(hooks, DEBUG_PROPAGATE_EXCEPTIONS=True), pytest.raises(LookupError, match="to the server"):
        asyncio.run(AsyncClient().get("/"))
    assert logged == [LookupError] * 2


def test_a_failing_error_handler_of_django_gives_the_plain_page(ask, error_log):
    hooks = quiet()
    hooks.access(lambda req: 403)
    answer = ask(hooks, "/", ROOT_URLCONF="tests.adapters.django.project.broken_handlers")
    assert (answer.status, "Forbidden" in answer.text) == (403, True)
    assert "a broken handler403" in error_log()


def test_the_answers_of_views_that_refuse_are_the_apps(ask):
    hooks = quiet(error_document={404: "not used", 403: "not used"})
    assert ask(hooks, "/missing").text == "the project's 404: not here"
    assert ask(hooks, "/denied").status == 403


def test_an_internal_redirect_leads_to_another_view(ask):
    hooks = quiet()
    hooks.register("content", lambda req: InternalRedirect("/echo/there?c=d"), "/from")
    assert ask(hooks, "/from?a=b").text.split("\n")[1:4] == ["/echo/there", "/echo/there", "c=d"]


def test_an_error_document_may_be_a_view_which_is_asked_with_get(ask):
    hooks = quiet(error_document={403: "/echo/refused"})
    hooks.register("access", lambda req: 403, "/body")
    answer = ask(hooks, "/body", "POST", data=b"x")
    assert (answer.status, answer.text.split("\n")[:2]) == (403, ["GET", "/echo/refused"])


def test_done_ends_the_request_without_the_view(ask):
    hooks = quiet()

    @hooks.fixup
    def done(req):
        req.response = Response("complete")
        return DONE

    assert ask(hooks, "/fail").text == "complete"


def test_a_redirect_of_a_middleware_behind_the_chain_leaves_by_the_one_way_out(ask):
    hooks = quiet()
    hooks.header_parser(lambda req: req.err_headers_out.update({"X-Always": "1"}))
    behind = ("django.middleware.common.CommonMiddleware",)
    answer = ask(hooks, "/inner/one", behind=behind, PREPEND_WWW=True)
    assert (answer.status, answer.headers["X-Always"]) == (301, "1")


def test_a_middleware_behind_the_chain_that_fails_is_a_failure_like_the_views(ask, error_log):
    hooks = quiet(error_document={500: "sorry"})
    answer = ask(hooks, "/", behind=("tests.adapters.django.middleware.fails",))
    assert (answer.status, answer.text) == (500, "sorry")
    assert type(answer.req.exception) is ZeroDivisionError


def test_a_middleware_that_answers_in_place_of_a_failed_view_is_the_answer(ask):
    answer = ask(quiet(), "/fail", behind=("tests.adapters.django.middleware.saves",))
    assert (answer.status, answer.text, answer.req.exception) == (200, "saved", None)


def test_sync_and_async_handlers_and_the_view_share_context_variables(ask):
    hooks = quiet()
    seen = []

    @hooks.header_parser
    def begin(req):
        token = IDENTITY.set("request")
        yield None
        IDENTITY.reset(token)
        seen.append(("after", IDENTITY.get()))

    @hooks.access
    async def in_loop(req):
        seen.append(("loop", IDENTITY.get()))
        token = IDENTITY.set("changed")
        yield None
        IDENTITY.reset(token)

    @hooks.output_filter
    def leaving(req, response):
        seen.append(("filter", IDENTITY.get()))

    assert ask(hooks, "/async").status == 200
    assert seen == [("loop", "request"), ("filter", "changed"), ("after", "none")]
    assert IDENTITY.get() == "none"


def test_async_handlers_and_finishers_may_use_djangos_database(ask):
    hooks, seen = quiet(), []

    @hooks.access
    async def ask_for_a_thread(req):
        seen.append(await sync_to_async(lambda: "before")())
        yield None
        seen.append(await sync_to_async(lambda: "after")())

    assert ask(hooks, "/stream").text == "0\n1\n2\n"
    assert seen == ["before", "after"]


@pytest.mark.parametrize("ask", [by_asgi, by_asgi_in_threads])
def test_under_asgi_sync_handlers_run_in_one_thread_and_async_ones_on_the_servers_loop(ask):
    hooks = quiet()
    threads, loops = set(), set()

    def here(req):
        threads.add(threading.get_ident())

    async def there(req):
        loops.add((threading.get_ident(), id(asyncio.get_running_loop())))

    for phase in (Phase.ACCESS, Phase.FIXUP, Phase.LOG):
        hooks.register(phase, here, name=f"here {phase.name}")
        hooks.register(phase, there, name=f"there {phase.name}")
    assert ask(hooks, "/async").status == 200
    assert len(loops) == len(threads) == 1
    assert threads.isdisjoint({thread for thread, _ in loops})


def test_under_asgi_no_thread_is_used_where_everything_is_async(monkeypatch):
    from django_hookchain import driving

    hooks = quiet()
    used = []
    run = driving.SensitiveThreads.run

    async def noted(self, function):
        used.append(function)
        return await run(self, function)

    monkeypatch.setattr(driving.SensitiveThreads, "run", noted)

    @hooks.access
    async def allow(req):
        return OK

    assert by_asgi(hooks, "/async").status == 200
    assert used == []


def test_under_wsgi_async_handlers_of_one_request_share_a_loop():
    hooks = quiet()
    loops = []

    async def there(req):
        loops.append(asyncio.get_running_loop())

    hooks.access(there)
    hooks.log(there)
    by_wsgi(hooks, "/")
    assert len(loops) == 2
    assert loops[0] is loops[1]


def test_files_of_the_document_root_are_sent_and_everything_else_is_the_views(ask, tmp_path):
    (tmp_path / "page.txt").write_text("a file")
    hooks = quiet(document_root=tmp_path)
    assert ask(hooks, "/page.txt").text == "a file"
    assert ask(hooks, "/echo/x").status == 200


def test_a_file_of_djangos_is_closed_when_it_is_sent(ask, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("content")
    file = path.open("rb")
    hooks = quiet()
    hooks.content(lambda req: FileResponse(file))
    answer = ask(hooks, "/")
    assert (answer.body, answer.headers["Content-Length"], file.closed) == (b"content", "7", True)


def test_several_chains_serve_several_handlers_at_once(ask):
    first, second = HookChain(access_log=False), HookChain(access_log=False)
    first.access(lambda req: 403)
    assert (ask(first, "/").status, ask(second, "/").status) == (403, 200)

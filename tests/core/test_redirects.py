"""Internal redirects and error documents: how one record leads to the next."""

from __future__ import annotations

import re

import pytest
from werkzeug.exceptions import NotFound, ServiceUnavailable, TooManyRequests
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, DeclarationError, InternalRedirect, Phase
from hookchain.error_log import printable
from tests.asking import Calls, by_handle, by_wsgi, quiet


def jumping(**options):
    """Return a chain whose /from redirects to what its query says, and whose other paths say what they are."""
    hooks = quiet(**options)
    hooks.content("/from")(lambda req: InternalRedirect(req.query_string.decode()))
    hooks.content("/to")(lambda req: f"{req.path} {req.query_string.decode()}")
    return hooks


# --- internal redirects


def test_a_redirect_runs_all_phases_again_and_log_once_and_cleanup_once_per_record(ask):
    ran: list[str] = []
    hooks = jumping()
    for phase in Phase:
        hooks.register(phase, lambda req, phase=phase: ran.append(phase.name), order="first")
    hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.authz(lambda req: OK)
    assert ask(hooks, "/from?/to").status == 200
    cycle = [phase.name for phase in Phase][:-2]
    once_more = [name for name in cycle if name not in {"ACCESS", "AUTHEN", "AUTHZ"}]
    assert ran[: len(cycle)] == cycle
    assert ran[-3:] == ["LOG", "CLEANUP", "CLEANUP"]
    assert [name for name in ran[len(cycle) : -3] if name not in {"ACCESS", "AUTHEN", "AUTHZ"}] == once_more


def test_the_records_are_linked_and_log_sees_the_first_with_the_outcome_of_the_last(ask):
    seen: list[object] = []
    hooks = jumping()
    hooks.log(
        lambda req: seen.extend(
            [req.path, req.next.path, req.next.prev is req, req.status, req.next.next, req.bytes_sent]
        )
    )
    hooks.content("/to", order="first")(lambda req: ("made", 201))
    assert ask(hooks, "/from?/to").status == 201
    assert seen == ["/from", "/to", True, 201, None, 4]


def test_cleanup_runs_once_per_record_and_sees_what_became_of_the_request(ask):
    seen: list[object] = []
    hooks = jumping()
    hooks.cleanup(lambda req: seen.append((req.path, req.status, req.bytes_sent)))
    ask(hooks, "/from?/to")
    assert sorted(seen) == [("/from", 200, 4), ("/to", 200, 4)]


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        ("/to?a=1", "/to a=1"),
        ("/to/%61b", "/to/ab "),
        ("/to/a%2562", "/to/a%62 "),
        ("/x/..//to/y", "/to/y "),
        ("to", "/to "),
        ("/to#part", "/to "),
    ],
)
def test_the_argument_is_a_url_decoded_once_and_split_at_the_question_mark(ask, uri, body):
    assert ask(jumping(), "/from?" + uri).text == body


def test_a_redirect_to_what_can_be_no_path_is_500_and_logged(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: InternalRedirect("/../x"), name="the redirector")
    assert ask(hooks).status == 500
    assert "the redirector" in error_log()
    assert "climbs above the root" in error_log()


def test_ten_redirects_in_a_row_are_followed_and_eleven_are_500(ask, error_log):
    hooks = quiet()

    @hooks.content
    def count_down(req):
        left = int(req.path[1:])
        return InternalRedirect(f"/{left - 1}") if left else "there"

    assert ask(hooks, "/10").text == "there"
    assert ask(hooks, "/11").status == 500
    assert "more than 10 internal redirects" in error_log()


def test_a_redirect_keeps_method_body_headers_and_notes_its_origin_in_the_environment(ask):
    hooks = quiet()
    hooks.fixup("/from")(lambda req: req.env.update(KEY="value"))
    hooks.content("/from")(lambda req: InternalRedirect("/to"))

    @hooks.content("/to")
    def to(req):
        return [req.method, req.get_data().decode(), req.headers["X-A"], req.env["REDIRECT_KEY"]]

    assert ask(hooks, "/from", "POST", data="body", headers={"X-A": "1"}).text == '["POST", "body", "1", "value"]'


def test_what_is_behind_gets_the_path_and_query_of_the_redirect():
    seen = []

    def app(environ, start_response):
        seen.append((environ["PATH_INFO"], environ["QUERY_STRING"], environ["hookchain.request"].path))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"app"]

    hooks = quiet()
    hooks.content("/from")(lambda req: InternalRedirect("/%C3%A4?q=1"))
    assert by_wsgi(hooks, "/from", app=app).body == b"app"
    assert seen == [("/ä".encode().decode("latin-1"), "q=1", "/ä")]


def test_headers_out_of_the_first_record_do_not_go_on_and_err_headers_out_do(ask):
    hooks = quiet()

    @hooks.content("/from")
    def redirect(req):
        req.headers_out["X-Out"] = "1"
        req.err_headers_out["X-Err"] = "1"
        return InternalRedirect("/to")

    hooks.content("/to")(lambda req: "there")
    headers = ask(hooks, "/from").headers
    assert ("X-Out" in headers, headers.get("X-Err")) == (False, "1")


def test_an_exception_after_a_redirect_is_what_finishers_see(ask):
    seen: list[object] = []
    hooks = jumping()
    hooks.content("/to/broken")(Calls().handler("broken", LookupError("broken")))
    hooks.log(lambda req: seen.extend([req.decided_by, repr(req.exception), req.status]))
    assert ask(hooks, "/from?/to/broken").status == 500
    assert seen == ["tests.asking.broken", "LookupError('broken')", 500]


# --- error documents


@pytest.mark.parametrize("way", ["status", "exception", "default", "crash"])
def test_an_error_document_replaces_the_page_of_statuses_and_http_exceptions(ask, way):
    hooks = quiet()
    error = {"status": 404, "exception": NotFound(), "default": DECLINED, "crash": LookupError()}[way]
    hooks.content(Calls().handler("content", error))
    hooks.error_document(404, "nothing here")
    hooks.error_document(500, "broken here")
    answer = ask(hooks)
    assert (answer.status, answer.text) in {(404, "nothing here"), (500, "broken here")}
    assert (answer.status == 500) is (way == "crash")


def test_without_statuses_an_error_document_covers_400_to_599(ask):
    hooks = quiet()
    hooks.content(lambda req: int(req.path[1:]))
    hooks.error_document("sorry")
    for status in (400, 404, 499, 500, 599):
        answer = ask(hooks, f"/{status}")
        assert (answer.status, answer.text) == (status, "sorry")
    for status in (200, 302, 399):
        assert ask(hooks, f"/{status}").text != "sorry"


def test_one_for_some_statuses_goes_before_one_for_all_and_the_later_before_the_earlier(ask):
    hooks = quiet()
    hooks.content(lambda req: int(req.path[1:]))
    hooks.error_document(404, "first")
    hooks.error_document(404, 410, "second")
    hooks.error_document("all")
    assert [ask(hooks, f"/{status}").text for status in (404, 410, 403)] == ["second", "second", "all"]


def test_the_innermost_section_wins(ask):
    hooks = quiet(error_document={404: "outer", 403: "outer"})
    hooks.section("/in", error_document={404: "inner"})
    hooks.section("/in/all", error_document="all")
    hooks.content(lambda req: int(req.query_string))
    assert ask(hooks, "/in?404").text == "inner"
    assert ask(hooks, "/in?403").text == "outer"
    assert ask(hooks, "/in/all?404").text == "all"
    assert ask(hooks, "/?404").text == "outer"


def test_a_text_is_the_body_and_html_where_it_looks_so(ask):
    hooks = quiet()
    hooks.content(lambda req: 404)
    hooks.section("/html").error_document(404, " <h1>gone</h1>")
    hooks.error_document(404, "gone")
    assert ask(hooks).headers["Content-Type"] == "text/plain; charset=utf-8"
    assert ask(hooks, "/html").headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_uri_runs_as_an_internal_redirect_with_method_get_and_the_status_stays(ask):
    seen: list[object] = []
    hooks = quiet()
    hooks.content("/error")(lambda req: seen.extend([req.method, req.status, req.prev.path, req.env]) or "the page")
    hooks.content("/post")(lambda req: 410)
    hooks.error_document(410, "/error?x=1")
    answer = ask(hooks, "/post?q=1", "POST", data="body")
    assert (answer.status, answer.text) == (410, "the page")
    assert seen[:3] == ["GET", 410, "/post"]
    env = seen[3]
    assert isinstance(env, dict)
    assert [env[f"REDIRECT_{key}"] for key in ("STATUS", "URL", "QUERY_STRING", "REQUEST_METHOD")] == [
        "410",
        "/post",
        "q=1",
        "POST",
    ]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda: "text", "text"),
        (lambda: b"bytes", "bytes"),
        (lambda: {"error": 1}, '{"error": 1}'),
        (lambda: iter(["a", "b"]), "ab"),
        (lambda: ("text", 200), "text"),
        (lambda: ("text", {"X-A": "1"}), "text"),
        (lambda: Response("made", 200), "made"),
        (lambda: InternalRedirect("/help"), "help"),
        (lambda: OK, ""),
        (lambda: DONE, ""),
    ],
)
def test_a_handler_answers_like_content_and_the_status_stays(ask, answer, text):
    hooks = quiet()
    hooks.content("/gone")(lambda req: 410)
    hooks.content("/help")(lambda req: "help")
    hooks.error_document(410)(lambda req: answer())
    result = ask(hooks, "/gone")
    assert (result.status, result.text) == (410, text)


def test_a_handler_sees_the_status_the_path_the_user_and_the_notes_of_the_request(ask):
    seen: list[object] = []
    hooks = quiet()
    hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.access(lambda req: req.notes.update(why="because"))
    hooks.content(lambda req: 503)
    hooks.error_document(lambda req: seen.extend([req.status, req.path, req.user, req.notes, req.method]) or "x")
    assert ask(hooks, "/a?b", "POST").status == 503
    assert seen == [503, "/a", "ann", {"why": "because"}, "GET"]


def test_a_decorated_function_is_returned_unchanged():
    hooks = quiet()

    def page(req):
        return "page"

    assert hooks.error_document(404, 410)(page) is page
    assert hooks.error_document(500, page) is page
    assert hooks.section("/a").error_document([402, 403])(page) is page


@pytest.mark.parametrize(
    "answer",
    [
        404,
        500,
        DECLINED,
        None,
        NotFound(),
        LookupError("x"),
        1.5,
        InternalRedirect("/missing"),
        InternalRedirect("/.."),
    ],
)
def test_a_failing_error_document_gives_the_original_error_with_a_plain_body(ask, answer, error_log):
    hooks = quiet()
    hooks.content("/gone")(lambda req: 410)
    hooks.error_document(410)(Calls().handler("failing", answer))
    hooks.error_document(404, "never for a document")
    result = ask(hooks, "/gone")
    assert result.status == 410
    assert "Gone" in result.text
    assert "failing" in error_log()


def test_an_error_document_that_leads_to_itself_is_no_loop(ask):
    ran: list[str] = []
    hooks = quiet()
    hooks.content(lambda req: ran.append(req.path) or 404)
    hooks.error_document(404, "/missing")
    assert ask(hooks, "/a").status == 404
    assert ran == ["/a", "/missing"]


def test_a_handler_that_redirects_for_ever_gives_the_original_error(ask):
    hooks = quiet()
    hooks.content("/loop")(lambda req: InternalRedirect("/loop"))
    hooks.error_document(lambda req: InternalRedirect("/loop"))
    assert ask(hooks, "/none").status == 404
    assert ask(hooks, "/loop").status == 500


def test_error_documents_do_not_replace_responses_that_a_handler_made_nor_what_the_app_answered(ask):
    hooks = quiet(error_document="replaced")
    hooks.content(lambda req: Response("own", 404))
    assert ask(hooks).text == "own"
    hooks = quiet(error_document="replaced")
    hooks.access(lambda req: ("own", 403))
    assert ask(hooks).text == "own"

    def app(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"the app's"]

    assert by_wsgi(quiet(error_document="replaced"), app=app).text == "the app's"


def test_an_app_that_answers_an_error_for_the_error_document_counts_as_a_failure_and_is_closed():
    closed: list[bool] = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return Body([b"the app has no such page"])

    hooks = quiet(error_document="/page")
    hooks.access("/refused")(lambda req: 403)
    answer = by_wsgi(hooks, "/refused", app=app)
    assert (answer.status, "Forbidden" in answer.text) == (403, True)
    assert closed == [True]


def test_the_headers_of_the_error_go_with_its_document(ask):
    hooks = quiet()
    hooks.access(Calls().handler("a", TooManyRequests(retry_after=7)))
    hooks.error_document(429, "slowly")
    answer = ask(hooks)
    assert (answer.text, answer.headers["Retry-After"]) == ("slowly", "7")


def test_the_header_that_the_document_sets_itself_stays(ask):
    hooks = quiet()
    hooks.access(Calls().handler("a", ServiceUnavailable(retry_after=7)))
    hooks.error_document(lambda req: ("later", {"Retry-After": "9"}))
    assert ask(hooks).headers.getlist("Retry-After") == ["9"]


def test_a_condition_of_an_error_document_that_raises_leaves_the_plain_page(ask, error_log):
    hooks = quiet()
    hooks.access(lambda req: 404)
    hooks.section(when=Calls().handler("when", LookupError("broken when")), error_document="never")
    answer = ask(hooks)
    assert (answer.status, "Not Found" in answer.text) == (404, True)
    assert "broken when" in error_log()


def test_a_conditional_error_document_applies_where_its_condition_holds(ask):
    hooks = quiet()
    hooks.access(lambda req: 404)
    hooks.section(when=lambda req: "x" in req.args, error_document="conditional")
    assert ask(hooks, "/?x").text == "conditional"
    assert ask(hooks, "/?y").text != "conditional"


def test_who_decided_is_who_refused_and_not_the_error_document(ask):
    for target in ("text", "/page", lambda req: "handler"):
        hooks = quiet()
        hooks.content("/page")(lambda req: "page")
        hooks.register("access", lambda req: 403, "/refused", name="the refuser")
        hooks.error_document(403, target)
        answer = ask(hooks, "/refused")
        assert answer.status == 403
        assert answer.req.decided_by == "the refuser"


def test_an_error_document_with_an_exception_that_is_no_failure_ends_the_request():
    class Interrupt(BaseException):
        pass

    hooks = quiet()
    hooks.error_document(Calls().handler("document", Interrupt()))
    with pytest.raises(Interrupt):
        by_handle(hooks, "/missing")


@pytest.mark.parametrize("status", [399, 600, 200, True, "404 ", None])
def test_error_documents_are_for_statuses_from_400_to_599(status):
    with pytest.raises(DeclarationError, match=r"400 to 599|target"):
        quiet().error_document(status, "text")


def test_a_document_that_is_none_is_refused():
    with pytest.raises(DeclarationError, match="can't be called with the request"):
        quiet().error_document(404, lambda: "x")


def test_the_page_of_an_error_has_nothing_of_the_request_unescaped(ask):
    answer = ask(quiet(), "/%3Cscript%3E")
    assert answer.status == 404
    assert "<script>" not in answer.text


def test_a_log_line_can_not_be_forged_by_a_path():
    assert printable("a\nb\x1b[0m\u2028ä") == "a\\nb\\x1b[0m\\u2028ä"


def test_trace_entries_say_which_record_they_are_of(ask):
    hooks = jumping(debug=True)
    hooks.fixup(lambda req: None, name="fix")
    hooks.error_document(404, "/to/page")
    answer = ask(hooks, "/from?/missing")
    assert answer.status == 404
    assert [entry.record for entry in answer.req.trace if entry.handler == "fix"] == [
        "",
        "redirect",
        "redirect redirect",
    ]
    assert re.match(r"/to/page", answer.text)

"""The request cycle: policies and defaults of the phases, rewriting, handlers for one request, subrequests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from hookchain import (
    DECLINED,
    DONE,
    OK,
    AsyncHandlerError,
    DeclarationError,
    HookChainError,
    InternalRedirect,
    Phase,
    Policy,
)
from hookchain.phases import CYCLE_PHASES
from hookchain.testing import make_request
from tests.asking import Calls, by_ahandle, by_handle, by_wsgi, quiet

# --- policies and defaults


def test_all_phases_run_in_their_order_and_req_phase_tells_which(ask):
    ran: list[object] = []
    hooks = quiet()
    for phase in Phase:
        hooks.register(phase, lambda req: ran.append(req.phase))
    hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.authz(lambda req: OK)
    hooks.content(lambda req: "x", order="last")
    ask(hooks)
    assert ran == list(Phase)


@pytest.mark.parametrize("phase", [phase for phase in CYCLE_PHASES if phase.policy is Policy.RUN_ALL])
def test_in_a_run_all_phase_every_handler_is_called_as_long_as_each_answers_ok_or_declines(ask, phase):
    ran = Calls()
    hooks = quiet()
    for name, answer in (("a", OK), ("b", None), ("c", DECLINED), ("d", 404), ("e", OK)):
        hooks.register(phase, ran.handler(name, answer))
    assert ask(hooks).status == 404
    assert ran == ["a", "b", "c", "d"]


@pytest.mark.parametrize("phase", [phase for phase in CYCLE_PHASES if phase.policy is Policy.RUN_FIRST])
def test_in_a_run_first_phase_handlers_are_called_until_one_does_not_decline(ask, phase):
    ran = Calls()
    hooks = quiet()
    hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
    for name, answer in (("a", None), ("b", DECLINED), ("c", OK), ("d", 404)):
        hooks.register(phase, ran.handler(name, answer))
    ask(hooks)
    assert ran == ["a", "b", "c"]


def test_an_empty_chain_that_stands_alone_answers_404(ask):
    answer = ask(quiet())
    assert answer.status == 404
    assert answer.req.decided_by == "hookchain.process.not_found"


def test_an_empty_chain_around_an_app_hands_over_to_it():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    assert by_wsgi(quiet(), "/a//b", app=app).text == "/a/b"


def test_an_empty_chain_with_a_document_root_sends_files(ask, tmp_path):
    (tmp_path / "page.html").write_text("<p>page</p>")
    answer = ask(quiet(document_root=tmp_path), "/page.html")
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (
        200,
        "<p>page</p>",
        "text/html; charset=utf-8",
    )


def test_with_a_document_root_and_an_app_a_file_that_is_found_is_sent_and_all_else_goes_to_the_app(tmp_path):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"app"]

    (tmp_path / "page.txt").write_text("page")
    hooks = quiet(document_root=tmp_path)
    assert by_wsgi(hooks, "/page.txt", app=app).text == "page"
    assert by_wsgi(hooks, "/other", app=app).text == "app"
    assert by_wsgi(hooks, "/page.txt", "POST", app=app).text == "app"


@pytest.mark.parametrize("phase", ["trans", "map_to_storage", "type"])
def test_a_default_runs_when_all_others_declined_and_not_when_one_said_ok(ask, tmp_path, phase):
    (tmp_path / "a.txt").write_text("a")
    for answer, status, kind in ((None, 200, "text/plain; charset=utf-8"), (OK, 404, None)):
        hooks = quiet(document_root=tmp_path)
        hooks.register(phase, lambda req, answer=answer: answer)
        result = ask(hooks, "/a.txt")
        if phase == "type" and answer is OK:
            assert result.status == 200
            assert result.req.content_type_out is None
        else:
            assert result.status == status
            assert kind is None or result.headers["Content-Type"] == kind


def test_the_default_of_trans_also_runs_after_a_handler_that_rewrote_the_path_and_set_no_filename(ask, tmp_path):
    (tmp_path / "new.txt").write_text("new")
    hooks = quiet(document_root=tmp_path)
    hooks.trans(lambda req: setattr(req, "uri", "/new.txt") or OK)
    assert ask(hooks, "/old.txt").text == "new"


def test_a_trans_handler_may_name_the_file(ask, tmp_path):
    (tmp_path / "named.txt").write_text("named")
    hooks = quiet(document_root=tmp_path)
    hooks.trans(lambda req: setattr(req, "filename", str(tmp_path / "named.txt")) or OK)
    assert ask(hooks, "/whatever").text == "named"


@pytest.mark.parametrize("phase", ["translate", "map_to_storage", "find_type", "content"])
def test_a_default_that_raises_is_answered_with_500(ask, tmp_path, phase, error_log):
    (tmp_path / "a.txt").write_text("a")
    hooks = quiet(document_root=tmp_path)
    hooks.compile()
    getattr(hooks.files, phase).call = Calls().handler("default", OSError("the disk is gone"))
    assert ask(hooks, "/a.txt").status == 500
    assert "the disk is gone" in error_log()


def test_the_question_whether_a_file_is_there_may_raise_too(tmp_path, error_log):
    hooks = quiet(document_root=tmp_path)
    hooks.compile()
    hooks.files.found.call = Calls().handler("found", OSError("the disk is gone"))
    assert by_wsgi(hooks, "/a", app=lambda environ, start_response: []).status == 500
    assert "the disk is gone" in error_log()


# --- DONE


def test_done_sends_the_response_that_a_handler_has_put_into_the_request(ask):
    hooks = quiet()
    hooks.header_parser(lambda req: setattr(req, "response", Response("complete", 202)) or DONE)
    answer = ask(hooks)
    assert (answer.status, answer.text) == (202, "complete")


def test_done_sends_the_status_and_headers_that_were_set(ask):
    hooks = quiet()

    @hooks.fixup
    def done(req):
        req.status = 202
        req.headers_out["X-A"] = "1"
        return DONE

    answer = ask(hooks)
    assert (answer.status, answer.body, answer.headers["X-A"]) == (202, b"", "1")


# --- methods


def test_a_handler_for_get_answers_head_without_a_body(ask):
    hooks = quiet()
    hooks.content("/a", methods=["GET"])(lambda req: "the body")
    answer = ask(hooks, "/a", "HEAD")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "8")


def test_a_streamed_body_is_closed_where_head_asks_for_none_of_it(ask):
    closed: list[bool] = []

    class Body:
        def __iter__(self):
            raise AssertionError("nobody asked for it")

        def close(self):
            closed.append(True)

    hooks = quiet()
    hooks.content(lambda req: Response(Body()))
    assert ask(hooks, "/", "HEAD").body == b""
    assert closed == [True]


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_a_path_whose_content_handlers_all_have_other_methods_is_405_with_allow(ask, method):
    hooks = quiet()
    hooks.content("/a", methods=["GET"])(lambda req: "get")
    hooks.content("/a", methods=["PUT"])(lambda req: "put")
    hooks.content("/b")(lambda req: None)
    answer = ask(hooks, "/a/x", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")
    assert ask(hooks, "/b", method).status == 404
    assert ask(hooks, "/c", method).status == 404


def test_the_methods_of_sections_around_a_handler_count_for_allow(ask):
    hooks = quiet()
    section = hooks.section("/a", methods=["GET", "PUT"])
    section.content("/x", methods=["PUT", "POST"])(lambda req: "put")
    assert ask(hooks, "/a/x", "DELETE").headers["Allow"] == "PUT"


def test_a_content_handler_that_takes_the_method_and_declines_leaves_404(ask):
    hooks = quiet()
    hooks.content("/a", methods=["GET"])(lambda req: "get")
    hooks.content("/a", methods=["POST"])(lambda req: DECLINED)
    assert ask(hooks, "/a", "POST").status == 404


def test_content_handlers_of_another_host_are_no_reason_for_405(ask):
    hooks = quiet()
    hooks.content("/a", methods=["POST"], hosts=["other.example"])(lambda req: "other")
    assert ask(hooks, "/a").status == 404


def test_no_405_where_an_app_stands_behind():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REQUEST_METHOD"].encode()]

    hooks = quiet()
    hooks.content("/a", methods=["GET"])(lambda req: "get")
    assert by_wsgi(hooks, "/a", "POST", app=app).text == "POST"


def test_with_a_document_root_a_path_with_other_methods_is_405_where_no_file_is(ask, tmp_path):
    hooks = quiet(document_root=tmp_path)
    hooks.content("/a", methods=["PUT"])(lambda req: "put")
    answer = ask(hooks, "/a", "GET")
    assert (answer.status, answer.headers["Allow"]) == (405, "PUT")


def test_methods_that_handlers_add_are_in_allow(ask):
    hooks = quiet()
    hooks.fixup(lambda req: req.allowed_methods.add("PURGE"))
    hooks.content(lambda req: 405)
    assert ask(hooks).headers["Allow"] == "PURGE"


def test_trace_is_refused_unless_enabled(ask):
    for enabled in (False, True):
        hooks = quiet(trace_method=enabled)
        hooks.content(lambda req: "echo")
        assert ask(hooks, "/", "TRACE").status == (200 if enabled else 405)


def test_a_body_that_is_longer_than_max_body_is_refused_before_the_app_is_asked():
    asked: list[bool] = []

    def app(environ, start_response):
        asked.append(True)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    hooks = quiet(max_body=3)
    assert by_wsgi(hooks, "/", "POST", data="1234", app=app).status == 413
    assert asked == []
    assert by_wsgi(hooks, "/", "POST", data="123", app=app).status == 200


def test_each_handler_finds_the_body_at_its_beginning(ask):
    read: list[bytes] = []
    hooks = quiet()
    hooks.fixup(lambda req: read.append(req.stream.read(2)))
    hooks.fixup(lambda req: read.append(req.stream.read(3)))
    hooks.content(lambda req: req.stream.read())
    assert ask(hooks, "/", "POST", data="12345").text == "12345"
    assert read == [b"12", b"123"]


# --- rewriting


@pytest.mark.parametrize("phase", ["post_read_request", "trans"])
@pytest.mark.parametrize("attribute", ["uri", "path"])
def test_setting_the_path_rewrites_the_request_and_sections_are_looked_up_again(ask, phase, attribute):
    hooks = quiet()
    hooks.register(phase, lambda req: setattr(req, attribute, "/admin//x") or OK)
    hooks.section("/admin").access(lambda req: 403)
    hooks.content(lambda req: "content")
    assert ask(hooks, "/open").status == 403


def test_the_app_routes_the_path_that_it_was_rewritten_to():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode("latin-1")]

    hooks = quiet()
    hooks.trans(lambda req: setattr(req, "uri", "/ä/./b%20c"))
    assert by_wsgi(hooks, "/old", app=app).text == "/ä/b%20c"


@pytest.mark.parametrize("phase", ["post_read_request", "trans"])
@pytest.mark.parametrize("path", ["/../x", "no-slash", "/a\x00b"])
def test_a_rewrite_to_what_can_be_no_path_is_400(ask, phase, path):
    hooks = quiet()
    hooks.register(phase, lambda req: setattr(req, "uri", path) or OK)
    hooks.access(lambda req: 500)
    assert ask(hooks).status == 400


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in {Phase.POST_READ_REQUEST, Phase.TRANS}])
def test_from_map_to_storage_on_setting_the_path_raises_and_names_internal_redirect(ask, phase, error_log):
    hooks = quiet()
    hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
    hooks.register(phase, lambda req: setattr(req, "uri", "/x"))
    status = ask(hooks).status
    assert status == (404 if phase in {Phase.LOG, Phase.CLEANUP} else 500)
    assert "InternalRedirect" in error_log()
    assert phase.name in error_log()


def test_a_refused_path_can_be_rewritten_to_a_good_one_in_post_read_request(ask):
    hooks = quiet()
    hooks.post_read_request(lambda req: setattr(req, "uri", "/good"))
    hooks.content(lambda req: req.path)
    assert ask(hooks, "/..").text == "/good"


# --- add_handler


def test_an_added_handler_runs_last_in_its_phase_for_this_request_alone(ask):
    ran = Calls()
    hooks = quiet()
    hooks.trans(lambda req: req.add_handler("access", ran.handler("added")) if req.args else None)
    hooks.access(ran.handler("registered"), order="really_last")
    ask(hooks, "/?add")
    ask(hooks, "/")
    assert ran == ["registered", "added", "registered"]


def test_a_handler_can_be_added_to_the_current_phase_and_may_add_more(ask):
    ran = Calls()
    hooks = quiet()

    def add_more(req):
        ran.append("first")
        req.add_handler(Phase.FIXUP, ran.handler("second", 404))
        req.add_handler(Phase.FIXUP, ran.handler("third"))

    hooks.fixup(lambda req: req.add_handler(Phase.FIXUP, add_more))
    assert ask(hooks).status == 404
    assert ran == ["first", "second"]


@pytest.mark.parametrize("phase", ["authen", "authz"])
def test_an_added_guard_guards(ask, phase):
    hooks = quiet()
    hooks.access(lambda req: req.add_handler(phase, lambda req: None))
    hooks.content(lambda req: "x")
    assert ask(hooks).status == 401


def test_added_log_and_cleanup_handlers_run_after_the_registered_ones_whatever_record_added_them(ask):
    ran = Calls()
    hooks = quiet()
    hooks.log(ran.handler("log"))
    hooks.cleanup(ran.handler("cleanup"))
    hooks.content("/from")(lambda req: InternalRedirect("/to"))

    @hooks.fixup
    def add(req):
        req.add_handler("log", ran.handler(f"log of {req.path}"))
        req.add_handler("cleanup", ran.handler(f"cleanup of {req.path}"))

    ask(hooks, "/from")
    assert ran == ["log", "log of /from", "log of /to", "cleanup", "cleanup of /to", "cleanup", "cleanup of /from"]


@pytest.mark.parametrize("phase", Phase)
def test_a_handler_can_be_added_for_the_current_or_a_later_phase_and_no_earlier_one(ask, phase, error_log):
    ran = Calls()
    hooks = quiet()
    hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
    hooks.register(phase, lambda req: req.add_handler("log", ran.handler("added")))
    hooks.register(phase, lambda req: req.add_handler("post_read_request", ran.handler("too late")))
    ask(hooks)
    assert ("that phase is over" in error_log()) is (phase is not Phase.POST_READ_REQUEST)
    assert ran.count("added") == (phase is not Phase.CLEANUP)
    assert ran.count("too late") == (phase is Phase.POST_READ_REQUEST)


def test_what_can_not_be_called_with_a_request_can_not_be_added():
    req = make_request()
    with pytest.raises(DeclarationError, match="can't be called with the request"):
        req.add_handler("log", lambda: None)
    with pytest.raises(DeclarationError, match="did you mean 'access'"):
        req.add_handler("acess", lambda req: None)
    with pytest.raises(TypeError, match="not callable"):
        req.register_cleanup("nothing")


# --- subrequests


def test_a_subrequest_runs_the_phases_trans_to_fixup_without_header_parser(ask):
    ran: list[str] = []
    hooks = quiet()
    for phase in Phase:
        hooks.register(phase, lambda req, phase=phase: ran.append(phase.name) if req.main else None)
    hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
    hooks.authen(lambda req: setattr(req, "user", "sub") or OK)
    hooks.authz(lambda req: OK)
    hooks.content("/main")(lambda req: str(req.lookup("/sub").status))
    hooks.content("/sub")(lambda req: "sub")
    hooks.section("/sub", options={"other": "section"})
    assert ask(hooks, "/main").text == "200"
    assert ran == ["TRANS", "MAP_TO_STORAGE", "ACCESS", "AUTHEN", "AUTHZ", "TYPE", "FIXUP"]


def test_the_status_of_a_subrequest_tells_what_the_client_would_get(ask, tmp_path):
    (tmp_path / "file.txt").write_text("file")
    for root in (None, tmp_path):
        hooks = quiet(document_root=root)
        hooks.content("/main")(lambda req: [req.lookup(uri).status for uri in req.args.getlist("uri")])
        hooks.content("/found")(lambda req: "found")
        hooks.content("/put", methods=["PUT"])(lambda req: "put")
        hooks.section("/refused").access(lambda req: 403)
        hooks.section("/raised").access(Calls().handler("raised", LookupError()))
        hooks.section("/response").access(lambda req: ("no", 402))
        hooks.section("/done").access(lambda req: DONE)
        hooks.section("/guarded").authen(lambda req: None)
        uris = [
            "/found",
            "/missing",
            "/refused",
            "/raised",
            "/response",
            "/done",
            "/guarded",
            "/../x",
            "/file.txt",
            "/put",
        ]
        query = "&".join(f"uri={uri}" for uri in uris)
        statuses = [200, 404, 403, 500, 402, 200, 401, 400, 200 if root else 404, 405]
        assert ask(hooks, f"/main?{query}").text == str(statuses)


def test_the_response_of_a_subrequest_or_the_refusal_is_given_by_run(ask):
    hooks = quiet()
    hooks.content("/main")(
        lambda req: "|".join(req.lookup(uri).run().get_data(as_text=True)[:20] for uri in req.args.getlist("uri"))
    )
    hooks.content("/found")(lambda req: req.headers_out.update({"X-A": "1"}) or f"found {req.query_string.decode()}")
    hooks.content("/redirect")(lambda req: InternalRedirect("/found?r"))
    hooks.section("/response").access(lambda req: ("refused", 402))
    hooks.section("/text").error_document(404, "replaced")
    answer = ask(hooks, "/main?uri=/found%3Fq&uri=/redirect&uri=/response")
    assert answer.text == "found q|found r|refused"
    assert "X-A" not in answer.headers


def test_running_a_subrequest_sets_its_status(ask):
    hooks = quiet()

    @hooks.content("/main")
    def main(req):
        sub = req.lookup("/sub")
        before = sub.status
        response = sub.run()
        return [before, sub.status, response.status_code, sub.main is req, response.headers.get("X-Err")]

    @hooks.content("/sub")
    def sub(req):
        req.err_headers_out["X-Err"] = "1"
        return 410

    assert ask(hooks, "/main").text == '[200, 410, 410, true, "1"]'


def test_a_subrequest_that_raises_gives_500_from_run_and_with_debug_the_exception():
    for debug in (False, True):
        hooks = quiet(debug=debug)
        hooks.content("/main")(lambda req: str(req.lookup("/broken").run().status_code))
        hooks.content("/broken")(Calls().handler("broken", LookupError("broken")))
        if debug:
            with pytest.raises(LookupError):
                by_handle(hooks, "/main")
        else:
            assert by_handle(hooks, "/main").text == "500"


def test_what_is_more_than_a_failure_leaves_a_subrequest():
    class Interrupt(BaseException):
        pass

    hooks = quiet()
    hooks.content("/main")(lambda req: str(req.lookup("/sub").status))
    hooks.section("/sub").access(Calls().handler("interrupt", Interrupt()))
    with pytest.raises(Interrupt):
        by_handle(hooks, "/main")


def test_run_is_for_subrequests(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: req.run())
    assert ask(hooks).status == 500
    assert "run() is for subrequests" in error_log()


def test_async_subrequests_run_async_handlers():
    hooks = quiet()

    @hooks.access("/sub")
    async def refuse(req):
        return 403 if "no" in req.args else None

    @hooks.content("/sub")
    async def sub(req):
        return "sub"

    @hooks.content("/main")
    async def main(req):
        refused = await req.alookup("/sub?no")
        found = await req.alookup("/sub")
        response = await found.arun()
        return [refused.status, (await refused.arun()).status_code, found.status, response.get_data(as_text=True)]

    for way in (by_ahandle, by_wsgi):
        assert way(hooks, "/main").text == '[403, 403, 200, "sub"]'


def test_a_sync_lookup_that_meets_an_async_handler_fails_with_its_name_and_the_method_to_use(ask_async, error_log):
    hooks = quiet()

    @hooks.access("/sub", name="the async one")
    async def access(req):
        return None

    hooks.content("/main")(lambda req: str(req.lookup("/sub").status))
    answer = ask_async(hooks, "/main")
    assert answer.status == 500
    assert isinstance(answer.req.exception, AsyncHandlerError)
    assert "the async one" in str(answer.req.exception)
    assert "alookup" in str(answer.req.exception)


def test_a_subrequest_keeps_the_user_of_a_request_that_has_passed_the_same_sections_and_asks_again_before():
    ran: list[str] = []
    hooks = quiet()
    hooks.authen(lambda req: ran.append("authen") or setattr(req, "user", "ann") or OK)
    hooks.content("/main")(lambda req: str(req.lookup("/sub").user))
    hooks.content("/early")(lambda req: req.notes["early"])
    hooks.header_parser(lambda req: req.notes.update(early=str(req.lookup("/sub").user)))
    assert by_handle(hooks, "/main").text == "ann"
    assert ran.count("authen") == 2, "once for the lookup of HEADER_PARSER, once for the request"


def test_subrequests_finish_with_the_request(ask):
    ran: list[str] = []
    hooks = quiet()

    @hooks.access("/sub")
    def pair(req):
        ran.append("first half")
        yield
        ran.append("second half")

    @hooks.content("/main")
    def main(req):
        req.lookup("/sub")
        ran.append("content")
        return "main"

    ask(hooks, "/main")
    assert ran == ["first half", "content", "second half"]


# --- dispatch against a model

ANSWERS = {"None": None, "DECLINED": DECLINED, "OK": OK, "DONE": DONE, "404": 404, "raise": LookupError("model")}


@given(
    st.dictionaries(
        st.sampled_from([phase for phase in CYCLE_PHASES if phase not in {Phase.AUTHEN, Phase.AUTHZ}]),
        st.lists(st.sampled_from(sorted(ANSWERS)), max_size=3),
        max_size=5,
    )
)
def test_what_runs_is_what_the_table_of_phases_says(plan):
    hooks = quiet()
    ran = Calls()
    for phase, answers in plan.items():
        for number, answer in enumerate(answers):
            hooks.register(phase, ran.handler(f"{phase.name} {number}", ANSWERS[answer]))
    answer = by_handle(hooks)
    expected: list[str] = []
    status = None
    for phase in CYCLE_PHASES:
        if status is None:
            called, status = what_the_table_says(phase, plan.get(phase, []))
            expected += [f"{phase.name} {number}" for number in range(called)]
    assert ran == expected
    assert answer.status == (404 if status is None else status)


def what_the_table_says(phase, answers):
    """Return how many handlers of a phase are called, and the status that the request ends with there, if any."""
    for called, answer in enumerate(answers, 1):
        if answer == "OK" and phase.policy is Policy.RUN_FIRST:
            return called, 200 if phase is Phase.CONTENT else None
        if answer not in {"None", "DECLINED", "OK"}:
            return called, {"DONE": 200, "404": 404, "raise": 500}[answer]
    return len(answers), None


def test_a_request_must_not_be_rewritten_by_a_chain_error_of_its_own():
    req = make_request("/a")
    req.phase = Phase.CONTENT
    with pytest.raises(HookChainError, match="InternalRedirect"):
        req.path = "/b"

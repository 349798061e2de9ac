"""Refusals and exceptions: who answers them, who hears of them, and that LOG and CLEANUP run whatever happens."""

from __future__ import annotations

import logging

import pytest
from flask import Blueprint, abort, got_request_exception, make_response, redirect, request, session
from flask import Response as FlaskResponse
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import Forbidden, NotFound

from hookchain import OK, Response
from tests.adapters.flask.flask_sites import bare_app, make_site
from tests.asking import quiet

EVERY_PHASE = ["post_read_request", "trans", "map_to_storage", "header_parser", "access", "authen", "type", "fixup"]


class OurError(Exception):
    """What an app has error handlers for."""


@pytest.fixture(autouse=True)
def silent(caplog):
    caplog.set_level(logging.CRITICAL, logger="site")
    caplog.set_level(logging.CRITICAL, logger="hookchain")


def site_with_handlers(**options):
    site = make_site(hooks=quiet(**options))

    @site.app.errorhandler(404)
    @site.app.errorhandler(403)
    def refused(error):
        return f"flask {error.code} {request.path}", error.code

    @site.app.errorhandler(OurError)
    def ours(error):
        return f"flask {error}", 409

    @site.app.errorhandler(500)
    def failed(error):
        return f"flask 500 {type(error.original_exception).__name__}", 500

    return site


@pytest.mark.parametrize("phase", [*EVERY_PHASE, "content"])
@pytest.mark.parametrize("how", [403, Forbidden()])
def test_flasks_error_handlers_answer_what_a_handler_refuses(phase, how):
    site = site_with_handlers()

    def refuse(req):
        if isinstance(how, Exception):
            raise how
        return how

    site.hooks.register(phase, refuse, "/x", name="refuse")
    answer = site.get("/x")
    assert (answer.status, answer.text) == (403, "flask 403 /x")
    assert answer.req.decided_by == "refuse"


@pytest.mark.parametrize("phase", [*EVERY_PHASE, "content"])
def test_flasks_error_handlers_answer_what_a_handler_raises(phase):
    site, told = site_with_handlers(), []

    def fail(req):
        raise OurError("raised") if "ours" in req.path else LookupError("detail")

    site.hooks.register(phase, fail, "/x")
    got_request_exception.connect(lambda sender, exception: told.append(exception), site.app, weak=False)
    handled = site.get("/x/ours")
    assert (handled.status, handled.text) == (409, "flask raised")
    assert told == []
    unhandled = site.get("/x")
    assert (unhandled.status, unhandled.text) == (500, "flask 500 LookupError")
    assert [type(error) for error in told] == [LookupError]
    assert unhandled.req.exception is told[0]


def test_error_handlers_of_the_blueprint_come_first():
    site = site_with_handlers()
    admin = Blueprint("admin", __name__)

    @admin.errorhandler(403)
    def refused(error):
        return "the blueprint's", 403

    @admin.get("/admin")
    def index():
        return "admin"

    site.app.register_blueprint(admin)
    site.hooks.access(lambda req: 403)
    assert site.get("/admin").text == "the blueprint's"
    assert site.get("/").text == "flask 403 /"


def test_a_path_that_can_not_be_is_400_by_flasks_handler():
    site = make_site()
    site.app.register_error_handler(400, lambda error: ("flask 400", 400))
    assert (site.get("/../x").status, site.get("/../x").text) == (400, "flask 400")


def test_an_error_document_goes_before_flasks_error_handlers_and_these_before_the_plain_page():
    site = site_with_handlers()
    site.hooks.access(lambda req: {"/a": 403, "/b/x": 403}.get(req.path, 418))
    site.hooks.section("/b", error_document={403: "the section's"})
    assert site.get("/b/x").text == "the section's"
    assert site.get("/a").text == "flask 403 /a"
    assert "teapot" in site.get("/c").text


def test_error_documents_do_not_replace_what_views_answer():
    site = site_with_handlers(error_document={404: "the chain's"})
    site.app.add_url_rule("/view", view_func=lambda: abort(404))
    assert site.get("/view").text == "flask 404 /view"
    assert site.get("/nowhere").text == "flask 404 /nowhere"


def test_an_error_document_can_be_a_view():
    site = make_site(hooks=quiet(error_document={403: "/sorry"}))
    site.app.add_url_rule("/sorry", view_func=lambda: f"sorry at {request.path}")
    site.hooks.access("/x")(lambda req: 403)
    answer = site.get("/x")
    assert (answer.status, answer.text) == (403, "sorry at /sorry")


def test_a_handler_of_401_may_send_to_the_login_page():
    site = make_site(hooks=quiet(challenge="Bearer"))
    site.hooks.authen("/account")(lambda req: None)
    site.app.register_error_handler(401, lambda error: redirect(f"/login?next={request.path}"))
    answer = site.get("/account")
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next=/account")


def test_a_challenge_stands_on_the_page_that_flask_makes():
    site = make_site(hooks=quiet(challenge='Basic realm="x"'))
    site.hooks.authen(lambda req: None)
    site.app.register_error_handler(401, lambda error: ("who are you", 401))
    answer = site.get("/")
    assert (answer.status, answer.text, answer.headers["WWW-Authenticate"]) == (401, "who are you", 'Basic realm="x"')


@pytest.mark.parametrize("phase", ["header_parser", "content"])
def test_flasks_own_responses_are_answers(phase):
    site = make_site()
    site.hooks.register(phase, lambda req: make_response("made", 202, {"X-Made": "1"}), "/made", name="made")
    answer = site.get("/made")
    assert (answer.status, answer.text, answer.headers["X-Made"]) == (202, "made", "1")
    assert isinstance(answer.req.response, FlaskResponse)


def test_after_request_functions_see_every_answer_with_contexts_once():
    site, seen = make_site(), []
    kept = Response("kept", 203)

    @site.app.after_request
    def mark(response):
        seen.append((request.path, response.status_code, isinstance(response, FlaskResponse)))
        response.headers.add("X-After", "1")
        return response

    site.hooks.access("/no")(lambda req: 403)
    site.hooks.fixup("/kept")(lambda req: kept)
    site.hooks.content("/text")(lambda req: "text")
    site.hooks.content("/error")(lambda req: 1 / 0)
    for path in ("/", "/no", "/kept", "/kept", "/text", "/error", "/nowhere"):
        assert site.get(path).headers.getlist("X-After") == ["1"], path
    assert seen == [
        ("/", 200, True),
        ("/no", 403, True),
        ("/kept", 203, True),
        ("/kept", 203, True),
        ("/text", 200, True),
        ("/error", 500, True),
        ("/nowhere", 404, True),
    ]
    assert "X-After" not in kept.headers


def test_files_of_the_chain_pass_after_request_functions_and_keep_their_ranges(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789")
    site = make_site(hooks=quiet(document_root=tmp_path))
    site.app.after_request(lambda response: response.headers.update({"X-After": "1"}) or response)
    answer = site.get("/a.txt", headers={"Range": "bytes=2-4"})
    assert (answer.status, answer.text, answer.headers["X-After"]) == (206, "234", "1")
    assert site.get("/").text == "index"


@pytest.mark.parametrize("config", [{"TESTING": True}, {"DEBUG": True}, {"PROPAGATE_EXCEPTIONS": True}])
@pytest.mark.parametrize("where", ["trans", "access", "content", "view", "output_filter", "middleware"])
def test_where_flask_lets_exceptions_pass_those_of_handlers_pass_too(config, where):
    site, told, torn_down = _failing(where), [], []
    site.app.config.update(config)
    got_request_exception.connect(lambda sender, exception: told.append(exception), site.app, weak=False)
    site.app.teardown_request(torn_down.append)
    with pytest.raises(ZeroDivisionError) as caught:
        site.get("/x")
    assert len(site.finished) == 1
    assert site.finished[0].exception is caught.value
    assert (site.finished[0].status, torn_down) == (500, [caught.value])
    assert told == ([] if where == "output_filter" else [caught.value])


@pytest.mark.parametrize("where", ["trans", "access", "content", "view", "output_filter", "middleware"])
def test_where_flask_answers_exceptions_the_client_learns_no_detail(where):
    site = _failing(where)
    answer = site.get("/x")
    assert answer.status == 500
    assert "Zero" not in answer.text
    assert isinstance(answer.req.exception, ZeroDivisionError)
    assert len(site.finished) == 1


def _failing(where):
    app = bare_app()
    app.add_url_rule("/x", view_func=lambda: str(1 / (0 if where == "view" else 1)))
    if where == "middleware":
        app.wsgi_app = lambda environ, start_response: 1 / 0
    site = make_site(app)
    if where == "output_filter":
        site.hooks.output_filter(lambda req, response: 1 / 0)
    elif where not in {"view", "middleware"}:
        site.hooks.register(where, lambda req: 1 / 0, name="fail")
    return site


def test_an_exception_that_flask_has_a_handler_for_is_answered_under_test_too():
    site = site_with_handlers()
    site.app.testing = True

    @site.hooks.access
    def fail(req):
        raise OurError("raised")

    assert site.get().text == "flask raised"


def test_refusals_are_answered_under_test_too():
    site = site_with_handlers()
    site.app.testing = True
    site.hooks.access(lambda req: 403)
    assert site.get().text == "flask 403 /"


def test_http_exceptions_can_be_trapped_as_in_views():
    site = make_site()
    site.app.config.update(TRAP_HTTP_EXCEPTIONS=True, TESTING=True)

    @site.hooks.access
    def missing(req):
        raise NotFound

    with pytest.raises(NotFound):
        site.get()
    assert len(site.finished) == 1


def test_a_chain_that_debugs_raises_whatever_flask_would_answer():
    site, torn_down = make_site(hooks=quiet(debug=True)), []
    site.hooks.access(lambda req: 1 / 0)
    site.app.teardown_request(torn_down.append)
    with pytest.raises(ZeroDivisionError) as caught:
        site.get()
    assert torn_down == [caught.value]


def _raise(*_):
    raise LookupError("detail")


def _in_teardown(app):
    app.teardown_request(_raise)


def _in_app_teardown(app):
    app.teardown_appcontext(_raise)


def _in_after_request(app):
    app.after_request(_raise)


def _in_before_request(app):
    app.before_request(_raise)


def _in_session(app):
    app.session_interface = SecureCookieSessionInterface()
    app.session_interface.save_session = _raise


def _in_opening_the_session(app):
    app.session_interface = SecureCookieSessionInterface()
    app.session_interface.open_session = _raise


def _in_an_error_handler(app):
    app.register_error_handler(403, _raise)


def _in_the_last_error_handler(app):
    app.register_error_handler(403, _raise)
    app.register_error_handler(500, _raise)


FAULTS = [
    _in_teardown,
    _in_app_teardown,
    _in_after_request,
    _in_before_request,
    _in_session,
    _in_opening_the_session,
    _in_an_error_handler,
    _in_the_last_error_handler,
]


@pytest.mark.parametrize("answered_by", ["view", "content", "refusal"])
@pytest.mark.parametrize("fault", FAULTS)
def test_log_and_cleanup_run_once_and_the_answer_leaves_by_the_one_way_whatever_fails_in_flask(fault, answered_by):
    site, seen = make_site(), []
    fault(site.app)
    site.hooks.content("/content")(lambda req: session.update(seen=1) or "content")
    site.hooks.access("/refusal")(lambda req: 403)
    site.hooks.post_read_request(lambda req: req.err_headers_out.add("X-All", "1"))
    site.hooks.output_filter(lambda req, response: response.headers.add("X-Filter", "1"))

    @site.hooks.header_parser
    def pair(req):
        try:
            yield OK
        finally:
            seen.append("second half")

    site.hooks.log(lambda req: seen.append("log"))
    site.hooks.cleanup(lambda req: seen.append("cleanup"))

    @site.app.get("/view")
    def view():
        session["seen"] = 1
        return "view"

    answer = site.get(f"/{answered_by}")
    assert "detail" not in answer.text
    assert (answer.headers.getlist("X-All"), answer.headers.getlist("X-Filter")) == (["1"], ["1"])
    pairs = [] if fault is _in_opening_the_session else ["second half"]
    if fault is _in_opening_the_session:
        assert answer.status == 500
    assert [what for what in seen if what != "second half"] == ["log", "cleanup"]
    assert seen.count("second half") == len(pairs)


@pytest.mark.parametrize("fault", [_in_teardown, _in_app_teardown, _in_after_request, _in_session])
def test_what_fails_in_flask_is_a_500_for_the_client_and_an_exception_for_log(fault):
    site = make_site()
    fault(site.app)
    site.hooks.content("/content")(lambda req: session.update(seen=1) or "content")
    answer = site.get("/content")
    assert answer.status == 500
    assert isinstance(answer.req.exception, LookupError)
    assert answer.req.status == 500


@pytest.mark.parametrize("fault", [_in_teardown, _in_after_request, _in_session, _in_the_last_error_handler])
def test_what_fails_in_flask_is_raised_where_flask_lets_exceptions_pass(fault):
    site = make_site()
    site.app.testing = True
    fault(site.app)
    site.hooks.access("/content")(lambda req: 403 if fault is _in_the_last_error_handler else None)
    site.hooks.content("/content")(lambda req: session.update(seen=1) or "content")
    with pytest.raises(LookupError):
        site.get("/content")
    assert len(site.finished) == 1


def test_a_body_that_fails_while_it_is_streamed_is_logged_and_raised_to_the_server():
    site = make_site()

    @site.app.get("/stream")
    def stream():
        def chunks():
            yield "a"
            raise LookupError("late")

        return Response(chunks())

    with pytest.raises(LookupError):
        site.get("/stream")
    (req,) = site.finished
    assert (req.status, type(req.exception), req.bytes_sent) == (200, LookupError, 1)


def test_a_pair_is_told_of_an_exception_that_a_view_raised():
    site, seen = make_site(), []

    @site.hooks.header_parser
    def transaction(req):
        try:
            yield None
        except ZeroDivisionError:
            seen.append("rolled back")
            raise
        seen.append("committed")

    site.app.add_url_rule("/x", view_func=lambda: str(1 / 0))
    site.get("/x")
    site.get("/")
    assert seen == ["rolled back", "committed"]

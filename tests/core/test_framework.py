"""What an adapter does for its framework: when it is called, what it is told, and what its failures become."""

from __future__ import annotations

import contextvars

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from hookchain import OK, InternalRedirect, Response, current_request
from hookchain.wsgi import WSGIChain
from tests.asking import quiet

where = contextvars.ContextVar("where", default="outside")


class Recorded:
    """A framework that writes down what it is asked to do; a method is replaced to answer otherwise."""

    def __init__(self, **replaced):
        self.seen = []
        self.raises = False
        self.blocking = self.looks_ahead = True
        self.__dict__.update(replaced)

    def enter(self, req):
        self.seen.append(f"enter {req.path}")
        req.endpoint = req.path.strip("/").replace("/", ".") or "index"
        where.set("inside")

    def error_page(self, req, error, page):
        self.seen.append(f"error {type(error).__name__} {page.status_code}")

    def sends(self, req, answer):
        return False

    def has_finalised(self, req):
        return False

    def finalise(self, req, response):
        self.seen.append(f"finalise {response.status_code}")
        return response

    def exit(self, error):
        self.seen.append(f"exit {type(error).__name__}")
        where.set("outside")


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app"]


def ask(hooks, framework, path="/", behind=app):
    """Send a request; what the framework was asked comes with the answer."""
    answer = Client(WSGIChain(hooks, behind, lambda req: framework)).get(path)
    return answer.status_code, answer.get_data(as_text=True), answer.headers


def raises(error):
    def fail(*_):
        raise error

    return fail


def note(framework, name, answer=None):
    def handler(req):
        framework.seen.append(f"{name} {where.get()}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


def test_the_framework_is_entered_behind_map_to_storage_and_left_before_log():
    hooks, framework = quiet(), Recorded()
    for phase in ("map_to_storage", "header_parser", "fixup", "content", "log"):
        hooks.register(phase, note(framework, phase), name=phase)
    hooks.output_filter(lambda req, response: framework.seen.append(f"filter {where.get()}"))
    assert ask(hooks, framework)[:2] == (200, "app")
    assert framework.seen == [
        "map_to_storage outside",
        "enter /",
        "header_parser inside",
        "fixup inside",
        "content inside",
        "finalise 200",
        "filter inside",
        "exit NoneType",
        "log outside",
    ]


def test_what_applies_by_endpoint_is_known_once_the_framework_was_entered():
    hooks, framework = quiet(), Recorded()
    hooks.section(endpoint="admin.*").register("access", lambda req: 403, name="no")
    assert ask(hooks, framework, "/admin/users")[0] == 403
    assert ask(hooks, framework, "/users")[0] == 200


def test_each_record_of_a_redirect_is_told_and_what_a_subrequest_asks_for():
    hooks, framework = quiet(), Recorded()
    hooks.content("/old", exact=True)(lambda req: InternalRedirect("/new"))
    hooks.access("/new")(lambda req: framework.seen.append(f"status {req.lookup('/sub').status}"))
    hooks.section(endpoint="sub").register("access", lambda req: 403, name="no")
    assert ask(hooks, framework, "/old")[:2] == (200, "app")
    assert framework.seen == ["enter /old", "enter /new", "enter /sub", "status 403", "finalise 200", "exit NoneType"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (404, "error NotFound 404"),
        (418, "error ImATeapot 418"),
        (499, "error HTTPException 499"),
        (NotFound(), "error NotFound 404"),
        (ZeroDivisionError(), "error ZeroDivisionError 500"),
    ],
)
def test_its_error_handlers_are_asked_before_the_plain_page(answer, told, error_log):
    hooks, framework = quiet(), Recorded()
    hooks.register("access", note(framework, "access", answer), name="access")
    status, text, _ = ask(hooks, framework)
    assert framework.seen[:3] == ["enter /", "access inside", told]
    assert status == int(told[-3:])
    assert str(status) in text


def test_its_error_page_has_its_own_status_and_the_headers_of_the_error_where_that_is_the_same():
    hooks = quiet(challenge="Bearer")
    hooks.content("/post", methods=["POST"])(lambda req: "posted")
    same = Recorded(error_page=lambda req, error, page: Response("ours", page.status_code))
    status, text, headers = ask(hooks, same, "/post", behind=None)
    assert (status, text, headers["Allow"]) == (405, "ours", "POST")
    other = Recorded(error_page=lambda req, error, page: Response("ours", 302, {"Location": "/login"}))
    status, text, headers = ask(hooks, other, "/post", behind=None)
    assert (status, text, headers["Location"]) == (302, "ours", "/login")
    assert "Allow" not in headers


def test_headers_of_a_success_do_not_go_with_its_error_page():
    hooks = quiet()
    hooks.post_read_request(lambda req: req.headers_out.set("X-Ok", "1") or req.err_headers_out.set("X-All", "1"))
    hooks.access(lambda req: 403)
    _, _, headers = ask(hooks, Recorded(error_page=lambda req, error, page: Response("ours", 403)))
    assert "X-Ok" not in headers
    assert headers["X-All"] == "1"


def test_an_error_document_goes_before_its_error_handlers():
    hooks, framework = quiet(error_document={403: "the chain's"}), Recorded()
    hooks.access(lambda req: 403)
    assert ask(hooks, framework)[:2] == (403, "the chain's")
    assert framework.seen == ["enter /", "finalise 403", "exit NoneType"]


@pytest.mark.parametrize("status", [204, 302, 304])
def test_its_error_handlers_have_no_say_in_what_is_no_error(status):
    hooks, framework = quiet(), Recorded()
    hooks.access(lambda req: status)
    assert ask(hooks, framework)[0] == status
    assert framework.seen == ["enter /", f"finalise {status}", "exit NoneType"]


def test_an_error_handler_that_fails_gives_the_plain_page(error_log):
    hooks, framework = quiet(), Recorded(error_page=raises(LookupError("in the handler")))
    hooks.access(lambda req: 403)
    status, text, _ = ask(hooks, framework)
    assert (status, "403" in text) == (403, True)
    assert "in the handler" in error_log()


@pytest.mark.parametrize("has_document", [False, True])
def test_where_the_framework_wants_exceptions_they_are_raised_when_all_is_finished(has_document, error_log):
    hooks = quiet(error_document={500: "the chain's"} if has_document else None)
    framework = Recorded(raises=True, error_page=lambda req, error, page: raises(error)())
    hooks.access(lambda req: 1 / 0)
    hooks.log(note(framework, "log"))
    with pytest.raises(ZeroDivisionError):
        ask(hooks, framework)
    assert framework.seen == ["enter /", "exit ZeroDivisionError", "log outside"]
    assert error_log().count("Traceback") == 1


def test_where_the_framework_wants_exceptions_refusals_are_still_answered(error_log):
    hooks, framework = quiet(error_document={404: "no page"}), Recorded(raises=True)
    hooks.access(raises(NotFound()))
    assert ask(hooks, framework)[:2] == (404, "no page")


def test_a_filter_that_fails_is_raised_where_the_framework_wants_exceptions(error_log):
    hooks, framework = quiet(), Recorded(raises=True)
    hooks.output_filter(lambda req, response: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(hooks, framework)
    assert framework.seen[-1] == "exit ZeroDivisionError"


def test_a_chain_that_debugs_raises_without_asking_the_framework(error_log):
    hooks, framework = quiet(debug=True), Recorded()
    hooks.access(lambda req: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(hooks, framework)
    assert framework.seen == ["enter /", "exit ZeroDivisionError"]


@pytest.mark.parametrize(("error", "status"), [(LookupError("no route"), 500), (NotFound(), 404)])
def test_a_framework_that_cannot_be_entered_is_a_failure_of_the_request(error, status, error_log):
    hooks, framework = quiet(), Recorded(enter=raises(error))
    assert ask(hooks, framework)[0] == status
    assert framework.seen == [f"error {type(error).__name__} {status}", f"finalise {status}", "exit NoneType"]
    assert ("no route" in error_log()) is (status == 500)


def test_what_it_finalises_passes_the_filters_and_gets_the_headers_of_every_response():
    hooks = quiet()
    hooks.post_read_request(lambda req: req.err_headers_out.set("X-All", "1"))
    hooks.output_filter(lambda req, response: response.headers.set("X-Filter", response.get_data(as_text=True)))
    closed = []

    def replace(req, response):
        replaced = Response("finalised")
        replaced.call_on_close(lambda: closed.append(response))
        return replaced

    status, text, headers = ask(hooks, Recorded(finalise=replace))
    assert (status, text, headers["X-All"], headers["X-Filter"]) == (200, "finalised", "1", "finalised")
    assert len(closed) == 1


@pytest.mark.parametrize("method", ["finalise", "exit"])
def test_a_failure_on_its_way_out_is_a_500_that_leaves_like_every_response(method, error_log):
    hooks, closed = quiet(), []
    framework = Recorded(**{method: raises(LookupError("on the way out"))})
    hooks.post_read_request(lambda req: req.err_headers_out.set("X-All", "1"))
    hooks.log(note(framework, "log"))

    def closing(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Closing()

    class Closing:
        def __iter__(self):
            return iter([b"app"])

        def close(self):
            closed.append(True)

    status, text, headers = ask(hooks, framework, behind=closing)
    assert (status, text == "app", headers["X-All"]) == (500, False, "1")
    assert closed == [True]
    assert "on the way out" in error_log()
    assert framework.seen[-1].startswith("log")


@pytest.mark.parametrize("method", ["finalise", "exit"])
def test_a_failure_on_its_way_out_is_raised_where_it_wants_exceptions(method, error_log):
    framework = Recorded(raises=True, **{method: raises(LookupError("on the way out"))})
    with pytest.raises(LookupError):
        ask(quiet(), framework)


def test_a_failure_when_it_is_left_does_not_hide_what_is_raised(error_log):
    hooks = quiet(debug=True)
    hooks.access(lambda req: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(hooks, Recorded(exit=raises(LookupError("on the way out"))))
    assert "on the way out" in error_log()


def ask_keeping(chain, path="/", **more):
    """Send a request as a test client does that keeps contexts open."""
    keeping = {"werkzeug.debug.preserve_context": [].append, **more}
    environ = EnvironBuilder(path, environ_overrides=keeping).get_environ()
    body, status, _ = run_wsgi_app(chain, environ, buffered=True)
    return status, b"".join(body)


def test_a_test_client_that_keeps_contexts_open_sees_what_handlers_set_in_its_own(error_log):
    hooks, token = quiet(), []

    @hooks.access
    def set_here(req):
        token.append(where.set("handler"))

    @hooks.fixup
    async def set_there(req):
        assert where.get() == "handler"
        assert current_request() is req
        where.set("async handler")

    async def stream():
        yield where.get()

    @hooks.content
    def streamed(req):
        return stream()

    @hooks.log
    def ended(req):
        token.append(current_request() is req)

    assert ask_keeping(hooks.wsgi()) == ("200 OK", b"async handler")
    assert where.get() == "async handler"
    assert token[1] is True
    where.reset(token[0])


def test_the_request_is_not_there_any_more_for_a_client_that_keeps_contexts_open():
    assert ask_keeping(quiet().wsgi(app))[0] == "200 OK"
    with pytest.raises(RuntimeError):
        contextvars.copy_context().run(current_request)


def test_a_debugger_under_a_real_server_shares_no_values_between_requests():
    hooks = quiet()
    hooks.access(lambda req: where.set("handler") and None)
    assert ask_keeping(hooks.wsgi(app), **{"werkzeug.socket": object()})[0] == "200 OK"
    assert where.get() == "outside"


def test_a_failing_async_handler_fails_the_same_in_a_kept_context(error_log):
    hooks = quiet()

    @hooks.access
    async def fail(req):
        raise LookupError("async")

    assert ask_keeping(hooks.wsgi(app))[0] == "500 INTERNAL SERVER ERROR"
    assert "async" in error_log()


def test_a_subrequest_that_fails_is_raised_where_the_framework_wants_exceptions(error_log):
    hooks, framework = quiet(), Recorded(raises=True)
    hooks.content("/sub")(lambda req: 1 / 0)
    hooks.content("/", exact=True)(lambda req: req.lookup("/sub").run() and OK)
    with pytest.raises(ZeroDivisionError):
        ask(hooks, framework)

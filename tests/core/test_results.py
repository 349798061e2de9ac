"""What a handler returns: the table of answers, in each phase, for each kind of function, in each place."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, NotFound, Unauthorized
from werkzeug.routing import RequestRedirect
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, InternalRedirect, Phase, Policy, Result
from hookchain.phases import CYCLE_PHASES
from hookchain.results import UnusableAnswerError, outcome_of, reason
from tests.asking import Calls, by_ahandle, by_handle, by_wsgi, quiet

KINDS = ["def", "generator", "async def", "async generator"]
BEFORE_CONTENT = [phase for phase in CYCLE_PHASES if phase is not Phase.CONTENT]
GUARDED = {Phase.AUTHEN, Phase.AUTHZ}


def of_kind(kind, answer):
    """Return a handler of a kind that gives this answer; ``answer`` makes it, as a response is sent once."""
    if kind == "def":
        return lambda req: answer()
    if kind == "generator":

        def pair(req):
            yield answer()

        return pair
    if kind == "async def":

        async def coroutine(req):
            return answer()

        return coroutine

    async def async_pair(req):
        yield answer()

    return async_pair


def chain_with(phase, handler, ran):
    """Return a chain with this handler in this phase, and behind it one in each phase that writes down its name."""
    hooks = quiet()
    hooks.authen(lambda req: setattr(req, "user", "ann"))
    hooks.register(phase, handler)
    for other in Phase:

        def later(req, other=other):
            ran.append(other.name)
            return OK if other in GUARDED else None

        hooks.register(other, later, order="last")
    hooks.content(lambda req: "the content", order="really_last")
    return hooks


def expected_phases(stop):
    """The phases that run when one of them ends the request."""
    return [phase.name for phase in CYCLE_PHASES[: CYCLE_PHASES.index(stop)]] + ["LOG", "CLEANUP"]


def test_the_three_answers_that_are_no_response_are_members_of_one_enum():
    assert list(Result) == [OK, DECLINED, DONE]
    assert [repr(result) for result in Result] == ["OK", "DECLINED", "DONE"]


@pytest.mark.parametrize("phase", CYCLE_PHASES)
@pytest.mark.parametrize("answer", [None, DECLINED])
def test_declining_or_none_asks_the_next(ask, phase, answer):
    ran: list[str] = []
    result = ask(chain_with(phase, of_kind("def", lambda: answer), ran))
    assert (result.status, result.text) == (200, "the content")
    assert ran == [other.name for other in Phase]


@pytest.mark.parametrize("phase", BEFORE_CONTENT)
def test_ok_settles_a_run_first_phase_and_lets_a_run_all_phase_go_on(ask, phase):
    ran: list[str] = []
    hooks = quiet()
    if phase is not Phase.AUTHEN:
        hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.register(phase, lambda req: setattr(req, "user", "ann") or OK)
    hooks.register(phase, lambda req: ran.append("the next"))
    hooks.content(lambda req: "the content")
    result = ask(hooks)
    assert (result.status, result.text) == (200, "the content")
    assert ran == (["the next"] if phase.policy is Policy.RUN_ALL else [])


@pytest.mark.parametrize("phase", CYCLE_PHASES)
@pytest.mark.parametrize("kind", KINDS)
def test_done_skips_to_log(ask_async, phase, kind):
    if phase is Phase.CONTENT and "generator" in kind:
        return  # there a generator is a streamed body
    ran: list[str] = []
    result = ask_async(chain_with(phase, of_kind(kind, lambda: DONE), ran))
    assert (result.status, result.body) == (200, b"")
    assert ran == expected_phases(phase)


@pytest.mark.parametrize("phase", CYCLE_PHASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_status_ends_the_request(ask_async, phase, kind):
    if phase is Phase.CONTENT and "generator" in kind:
        return
    for status in (200, 299, 403, HTTPStatus.NOT_FOUND, 599):
        ran: list[str] = []
        result = ask_async(chain_with(phase, of_kind(kind, lambda status=status: status), ran))
        assert result.status == status
        assert ran == expected_phases(phase)
        assert result.req.status == status


RESPONSES = [
    (lambda: Response("made", 418, {"X-A": "1"}), 418, "made", "1"),
    (lambda: SansIOResponse(status=418, headers={"X-A": "1"}), 418, "", "1"),
    (lambda: ("made", 418), 418, "made", None),
    (lambda: ("made", {"X-A": "1"}), 200, "made", "1"),
    (lambda: ("made", 418, {"X-A": "1"}), 418, "made", "1"),
    (lambda: (b"made", "418 Short And Stout", [("X-A", "1")]), 418, "made", "1"),
    (lambda: ({"a": 1}, HTTPStatus.CREATED, Headers({"X-A": "1"})), 201, '{"a": 1}', "1"),
    (lambda: (None, 204), 204, "", None),
    (lambda: (Response("made", 200), 418), 418, "made", None),
    (lambda: (iter(["ma", b"de"]), 418), 418, "made", None),
]


@pytest.mark.parametrize("phase", CYCLE_PHASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_response_or_a_tuple_as_in_flask_ends_the_request(ask_async, phase, kind):
    if phase is Phase.CONTENT and "generator" in kind:
        return
    for answer, status, body, header in RESPONSES:
        ran: list[str] = []
        result = ask_async(chain_with(phase, of_kind(kind, answer), ran))
        assert (result.status, result.text, result.headers.get("X-A")) == (status, body, header)
        assert ran == expected_phases(phase)
        if body:
            assert result.headers.get("Content-Type"), "a body has a type"


@pytest.mark.parametrize(
    ("answer", "body", "content_type"),
    [
        (lambda: "text ä", "text ä", "text/plain; charset=utf-8"),
        (lambda: b"bytes", "bytes", "text/plain; charset=utf-8"),
        (lambda: bytearray(b"bytes"), "bytes", "text/plain; charset=utf-8"),
        (lambda: memoryview(b"bytes"), "bytes", "text/plain; charset=utf-8"),
        (lambda: {"a": [1]}, '{"a": [1]}', "application/json"),
        (lambda: [1, 2], "[1, 2]", "application/json"),
        (lambda: iter(["a", b"b", "ä"]), "abä", "text/plain; charset=utf-8"),
        (lambda: (part for part in ("a", "b")), "ab", "text/plain; charset=utf-8"),
        (lambda: "", "", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_content_may_answer_with_a_body_alone(ask_async, kind, answer, body, content_type):
    hooks = quiet()
    hooks.content(of_kind(kind, answer))
    result = ask_async(hooks)
    assert (result.status, result.text, result.headers.get("Content-Type")) == (200, body, content_type)


def test_a_body_alone_has_the_status_and_type_that_handlers_set(ask):
    hooks = quiet()
    hooks.content(lambda req: setattr(req, "status", 201) or "<p>made</p>")
    hooks.type(lambda req: setattr(req, "content_type_out", "text/html") or OK)
    result = ask(hooks)
    assert (result.status, result.headers["Content-Type"], result.text) == (201, "text/html", "<p>made</p>")


def test_an_async_iterator_is_streamed_where_there_is_an_event_loop(ask_async):
    async def parts():
        yield "a"
        yield b"b"

    hooks = quiet()
    hooks.content(lambda req: parts())
    assert ask_async(hooks).text == "ab"


def test_a_generator_in_content_is_a_streamed_body(ask):
    hooks = quiet()

    @hooks.content
    def parts(req):
        yield "a"
        yield b"b"

    assert ask(hooks).text == "ab"


def test_an_async_generator_in_content_is_a_streamed_body(ask_async):
    hooks = quiet()

    @hooks.content
    async def parts(req):
        yield "a"
        yield b"b"

    assert ask_async(hooks).text == "ab"


def test_ok_in_content_sends_what_was_set(ask):
    hooks = quiet()
    hooks.content(lambda req: setattr(req, "status", 204) or OK)
    assert ask(hooks).status == 204


def test_an_internal_redirect_is_an_answer_of_content(ask):
    hooks = quiet()
    hooks.content("/old")(lambda req: InternalRedirect("/new"))
    hooks.content("/new")(lambda req: "the new one")
    assert ask(hooks, "/old").text == "the new one"


# --- rubbish


class Odd:
    def __repr__(self):
        return "<odd thing>"


RUBBISH = [
    (True, "True"),
    (False, "False"),
    (0, "0"),
    (-1, "-1"),
    (100, "100"),
    (199, "199"),
    (600, "600"),
    (2**70, str(2**70)),
    (1.5, "1.5"),
    (Odd(), "<odd thing>"),
    ((), "tuple of 0"),
    (("a",), "tuple of 1"),
    (("a", 200, {}, 1), "tuple of 4"),
    (("a", True), "True"),
    (("a", 99), "99"),
    (("a", "OK"), "OK"),
    (("a", "999 Much"), "999"),
    (("a", 200, 5), "5"),
    (("a", 200, {"X": "a\r\nb: c"}), "X"),
    ((Odd(), 200), "<odd thing>"),
    ({1, 2}, "{1, 2}"),
    (object, "object"),
]
RUBBISH_OUTSIDE_CONTENT = [
    ("text", "'text'"),
    (b"bytes", "b'bytes'"),
    ({"a": 1}, "{'a': 1}"),
    ([1], "[1]"),
    (InternalRedirect("/x"), "/x"),
]


def check_rubbish(result, error_log, shown):
    assert result.status == 500
    assert isinstance(result.req.exception, TypeError)
    log = error_log()
    assert re.search(r"test_results\.py:\d+", log), "the log names the handler's place"
    assert "lambda" in log or "handler" in log
    assert shown in log
    assert shown not in result.text or len(shown) < 4
    assert "Traceback" not in result.text


@pytest.mark.parametrize(("answer", "shown"), RUBBISH)
@pytest.mark.parametrize("phase", [Phase.POST_READ_REQUEST, Phase.ACCESS, Phase.AUTHEN, Phase.CONTENT])
def test_rubbish_is_answered_with_500_and_logged_with_name_place_and_value(phase, answer, shown, error_log):
    hooks = quiet()
    hooks.register(phase, lambda req: answer)
    check_rubbish(by_handle(hooks), error_log, shown)


@pytest.mark.parametrize(("answer", "shown"), RUBBISH_OUTSIDE_CONTENT)
@pytest.mark.parametrize("phase", BEFORE_CONTENT)
def test_a_body_or_a_redirect_is_no_answer_before_content(phase, answer, shown, error_log):
    hooks = quiet()
    hooks.authen(lambda req: setattr(req, "user", "ann"))
    hooks.register(phase, lambda req: answer)
    check_rubbish(by_handle(hooks), error_log, shown)


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_is_rubbish_from_every_kind_of_function(ask_async, kind, error_log):
    hooks = quiet()
    hooks.access(of_kind(kind, lambda: 1.5), name="the handler")
    result = ask_async(hooks)
    assert result.status == 500
    assert "the handler" in error_log()
    assert "1.5" in error_log()


@pytest.mark.parametrize("way", [by_handle, by_ahandle, by_wsgi])
def test_a_coroutine_that_a_decorator_hid_is_named_as_what_it_is(way, error_log):
    async def hidden(req):
        return 403

    def decorated(req):
        return hidden(req)

    hooks = quiet()
    hooks.access(decorated)
    assert way(hooks).status == 500
    assert "coroutine that nobody awaited" in error_log()
    assert "async def" in error_log()


def test_an_awaitable_that_can_not_be_closed_is_refused_all_the_same():
    class Awaitable:
        def __await__(self):
            yield

    with pytest.raises(UnusableAnswerError, match="nobody awaited"):
        outcome_of(Awaitable(), with_body=True)


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_a_pair_that_ends_without_a_yield_is_a_programming_error(ask_async, kind, error_log):
    def nothing(req):
        if req.method == "NEVER":
            yield

    async def async_nothing(req):
        if req.method == "NEVER":
            yield

    hooks = quiet()
    hooks.access(nothing if kind == "generator" else async_nothing)
    assert ask_async(hooks).status == 500
    assert "ended without a yield" in error_log()
    assert re.search(r"nothing \(.*test_results\.py:\d+\) in ACCESS", error_log())


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_a_pair_that_yields_twice_is_a_programming_error_that_the_log_tells(ask_async, kind, error_log):
    def twice(req):
        yield
        yield

    async def async_twice(req):
        yield
        yield

    hooks = quiet()
    hooks.access(twice if kind == "generator" else async_twice)
    hooks.content(lambda req: "x")
    assert ask_async(hooks).status == 200
    assert "yielded twice" in error_log()


# --- exceptions


@pytest.mark.parametrize("phase", CYCLE_PHASES)
@pytest.mark.parametrize("kind", KINDS)
def test_raising_an_http_exception_is_the_same_as_returning_its_status(ask_async, phase, kind, error_log):
    def refuse():
        raise Forbidden("not for you")

    if phase is Phase.CONTENT and "generator" in kind:
        return
    ran: list[str] = []
    result = ask_async(chain_with(phase, of_kind(kind, refuse), ran))
    assert result.status == 403
    assert ran == expected_phases(phase)
    assert error_log() == ""
    assert result.req.exception is None


def test_an_http_exception_brings_its_headers(ask):
    hooks = quiet()
    for location, error in {
        "/redirect": RequestRedirect("/there"),
        "/method": MethodNotAllowed(["GET", "PUT"]),
        "/response": HTTPException(response=Response("own", 418)),
    }.items():
        hooks.access(location)(Calls().handler(location, error))
    assert ask(hooks, "/redirect").headers["Location"] == "/there"
    assert ask(hooks, "/redirect").status == 308
    assert ask(hooks, "/method").headers["Allow"] == "GET, PUT"
    assert (ask(hooks, "/response").status, ask(hooks, "/response").text) == (418, "own")


def test_an_http_exception_without_a_status_is_an_internal_error(ask):
    hooks = quiet()
    hooks.access(Calls().handler("a", HTTPException("what")))
    assert ask(hooks).status == 500


def test_an_http_exception_can_be_returned_by_nobody_but_its_status_can(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: NotFound())
    assert ask(hooks).status == 500
    assert "NotFound" in error_log()


@pytest.mark.parametrize("phase", CYCLE_PHASES)
def test_any_other_exception_is_logged_with_its_traceback_and_answered_without_detail(ask, phase, error_log):
    def fail():
        raise LookupError("the secret detail")

    ran: list[str] = []
    result = ask(chain_with(phase, of_kind("def", fail), ran))
    assert result.status == 500
    assert "secret" not in result.text
    assert ran == expected_phases(phase)
    assert "Traceback" in error_log()
    assert "LookupError: the secret detail" in error_log()
    assert isinstance(result.req.exception, LookupError)


@pytest.mark.parametrize("error", [StopIteration("x"), StopAsyncIteration("x"), GeneratorExit("x")])
def test_exceptions_with_a_meaning_for_python_itself_do_not_confuse_the_cycle(ask, error):
    ran: list[str] = []
    hooks = quiet()
    hooks.access(Calls().handler("a", error))
    hooks.log(lambda req: ran.append(repr(req.exception)))
    if isinstance(error, Exception):
        assert ask(hooks).status == 500
    else:
        with pytest.raises(GeneratorExit):
            ask(hooks)
    assert ran == [repr(error)]


def test_with_debug_an_exception_is_raised_to_the_server(ask):
    ran: list[str] = []
    hooks = quiet(debug=True)
    hooks.access("/fail")(Calls().handler("a", LookupError("detail")))
    hooks.access("/refuse")(Calls().handler("b", Unauthorized()))
    hooks.log(lambda req: ran.append(str(req.status)))
    with pytest.raises(LookupError, match="detail"):
        ask(hooks, "/fail")
    assert ask(hooks, "/refuse").status == 401
    assert ran == ["500", "401"]


def test_a_reason_phrase_is_known_for_known_statuses():
    assert reason(404) == "Not Found"
    assert reason(599) == "Unknown"


def test_json_of_a_dict_is_what_json_makes_of_it(ask):
    hooks = quiet()
    hooks.content(lambda req: {"ä": None})
    assert json.loads(ask(hooks).text) == {"ä": None}

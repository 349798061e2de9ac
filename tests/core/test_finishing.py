"""LOG, second halves, cleanups and CLEANUP: when they run, in what order, and what they see."""

from __future__ import annotations

import io
import time

import pytest
from werkzeug.exceptions import Forbidden

from hookchain import DECLINED, DONE, OK, AccessLog
from hookchain.testing import make_request
from tests.asking import Calls, by_wsgi, quiet


def test_second_halves_run_after_log_then_cleanups_then_cleanup_each_last_in_first_out(ask):
    ran: list[str] = []
    hooks = quiet(access_log=AccessLog("access%% log", to=Lines(ran)))

    @hooks.access
    def one(req):
        yield
        ran.append("half of one")

    @hooks.fixup
    def two(req):
        req.register_cleanup(ran.append, "registered first")
        yield
        ran.append("half of two")

    @hooks.content
    def content(req):
        req.register_cleanup(ran.append, "registered second")
        return "x"

    hooks.log(lambda req: ran.append("LOG"))
    hooks.cleanup(lambda req: ran.append("CLEANUP"))
    ask(hooks)
    assert ran == [
        "LOG",
        "access% log",
        "half of two",
        "half of one",
        "registered second",
        "registered first",
        "CLEANUP",
    ]


class Lines(io.StringIO):
    """A stream that adds each line to a list."""

    def __init__(self, lines):
        super().__init__()
        self.lines = lines

    def write(self, text):
        self.lines.extend(text.splitlines())
        return len(text)


def test_nothing_of_it_runs_before_the_last_byte_was_handed_over():
    ran: list[str] = []
    hooks = quiet()
    hooks.content(lambda req: iter(["a", "b"]))
    hooks.log(lambda req: ran.append(f"LOG {req.bytes_sent}"))
    response = hooks.handle(make_request())
    body = iter(response.response)
    assert (next(body), ran) == (b"a", [])
    assert (next(body), ran) == (b"b", [])
    assert (next(body, None), ran) == (None, ["LOG 2"])
    response.close()
    assert ran == ["LOG 2"]


def test_closing_ends_a_request_that_is_not_read_to_its_end():
    seen: list[object] = []
    hooks = quiet()
    hooks.content(lambda req: iter(["a", "b"]))
    hooks.log(lambda req: seen.append((req.bytes_sent, req.aborted)))
    response = hooks.handle(make_request())
    next(iter(response.response))
    response.close()
    assert seen == [(1, True)]


def test_a_complete_body_that_is_closed_without_iteration_counts_as_sent():
    seen: list[object] = []
    hooks = quiet()
    hooks.content(lambda req: "text ä")
    hooks.log(lambda req: seen.append((req.bytes_sent, req.aborted)))
    hooks.handle(make_request()).close()
    assert seen == [(7, False)]


def test_finishers_see_what_became_of_the_request(ask):
    seen: list[object] = []
    hooks = quiet()
    hooks.register("access", lambda req: 403, "/refused", name="refuser")
    hooks.register("content", Calls().handler("broken", LookupError("x")), "/broken", name="broken")
    hooks.content("/slow")(lambda req: time.sleep(0.01) or "slow")

    def look(req):
        seen.append((req.path, req.status, req.bytes_sent > 0, req.aborted, repr(req.exception), req.decided_by))
        seen.append(req.duration)

    hooks.log(look)
    for path in ("/refused", "/broken", "/slow"):
        ask(hooks, path)
    assert seen[0] == ("/refused", 403, True, False, "None", "refuser")
    assert seen[2] == ("/broken", 500, True, False, "LookupError('x')", "broken")
    assert seen[4][:2] == ("/slow", 200)
    assert 0.01 <= seen[5] < 5


def test_the_duration_stands_still_when_the_last_byte_is_gone(ask):
    seen: list[float] = []
    hooks = quiet()
    hooks.log(lambda req: time.sleep(0.002) or seen.append(req.duration))
    hooks.cleanup(lambda req: seen.append(req.duration))
    ask(hooks)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("phase", ["log", "cleanup"])
def test_a_finisher_that_raises_is_logged_under_its_name_and_neither_stops_the_next_nor_changes_the_response(
    ask, phase, error_log
):
    ran = Calls()
    hooks = quiet()
    hooks.content(lambda req: "x")
    hooks.register(phase, Calls().handler("broken", LookupError("oh")), name="the broken one")
    hooks.register(phase, Calls().handler("refusing", Forbidden()), name="the refusing one")
    hooks.register(phase, ran.handler("next"))
    answer = ask(hooks)
    assert (answer.status, answer.text, ran) == (200, "x", ["next"])
    assert "the broken one" in error_log()
    assert "the refusing one" in error_log()


def test_a_second_half_or_a_cleanup_that_raises_is_logged_and_stops_nobody(ask, error_log):
    ran: list[str] = []
    hooks = quiet()

    @hooks.access
    def kept(req):
        yield
        ran.append("kept")

    @hooks.access
    def broken_half(req):
        req.register_cleanup(ran.append, "registered")
        req.register_cleanup(broken_cleanup)
        yield
        raise LookupError("oh")

    def broken_cleanup():
        raise LookupError("ah")

    assert ask(hooks).status == 404
    assert ran == ["kept", "registered"]
    assert "broken_half" in error_log()
    assert "broken_cleanup" in error_log()
    assert "test_finishing.py" in error_log()


@pytest.mark.parametrize(
    ("answer", "goes_on"), [(OK, True), (DECLINED, True), (1.5, True), (DONE, False), (404, False)]
)
def test_log_is_a_run_all_phase_and_the_access_log_line_is_written_whatever_its_handlers_answer(
    ask, answer, goes_on, error_log
):
    lines: list[str] = []
    ran = Calls()
    hooks = quiet(access_log=AccessLog("%>s", to=Lines(lines)))
    hooks.content(lambda req: "x")
    hooks.log(ran.handler("first", answer))
    hooks.log(ran.handler("second"))
    assert ask(hooks).status == 200
    assert ran == (["first", "second"] if goes_on else ["first"])
    assert lines == ["200"]
    assert ("1.5" in error_log()) is (answer == 1.5)


@pytest.mark.parametrize("answer", [OK, DECLINED, DONE, 404, 1.5])
def test_all_cleanup_handlers_run_and_their_results_are_ignored(ask, answer, error_log):
    ran = Calls()
    hooks = quiet()
    hooks.cleanup(ran.handler("first", answer))
    hooks.cleanup(ran.handler("second"))
    assert ask(hooks).status == 404
    assert ran == ["first", "second"]
    assert error_log() == ""


def test_a_second_half_runs_if_and_only_if_the_first_reached_the_yield(ask):
    ran: list[str] = []
    hooks = quiet()

    @hooks.access
    def reached(req):
        yield 403
        ran.append("reached")

    @hooks.access
    def not_asked(req):
        yield
        ran.append("not asked")

    @hooks.header_parser("/raises")
    def raises(req):
        raise LookupError
        yield

    ask(hooks)
    assert ran == ["reached"]
    ask(hooks, "/raises")
    assert ran == ["reached"]


def test_the_exception_that_ended_the_request_is_raised_at_the_yield_and_else_the_status_tells(ask, error_log):
    seen: list[object] = []
    hooks = quiet()

    @hooks.access
    def pair(req):
        try:
            yield
        except LookupError as error:
            seen.append(repr(error))
            raise
        seen.append(req.status)

    hooks.content("/broken")(Calls().handler("broken", LookupError("broken")))
    hooks.content("/refused")(Calls().handler("refused", Forbidden()))
    ask(hooks, "/broken")
    assert seen == ["LookupError('broken')"]
    assert error_log().count("broken (") == 1, "what passes through a pair is not reported twice"
    ask(hooks, "/refused")
    ask(hooks, "/missing")
    assert seen[1:] == [403, 404]


@pytest.mark.parametrize("error", [StopIteration("x"), StopAsyncIteration("x")])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_exception_with_a_meaning_for_generators_passes_through_a_pair_too(ask_async, error, is_async, error_log):
    def pair(req):
        yield

    async def async_pair(req):
        yield

    hooks = quiet()
    hooks.access(async_pair if is_async else pair)
    hooks.content(Calls().handler("broken", error))
    assert ask_async(hooks).status == 500
    assert "pair" not in error_log().replace("async_pair", "pair").split("Traceback")[0]


def test_the_exception_of_a_body_reaches_the_finishers(ask):
    seen: list[object] = []
    hooks = quiet()

    @hooks.access
    def pair(req):
        try:
            yield
        except LookupError:
            seen.append("raised at the yield")

    @hooks.content
    def body(req):
        yield "a"
        raise LookupError("in the body")

    hooks.log(lambda req: seen.append(repr(req.exception)))
    with pytest.raises(LookupError, match="in the body"):
        ask(hooks)
    assert seen == ["LookupError('in the body')", "raised at the yield"]


def test_what_is_registered_while_cleaning_up_runs_too(ask):
    ran: list[str] = []
    hooks = quiet()

    @hooks.cleanup
    def last(req):
        req.register_cleanup(ran.append, "registered in CLEANUP")
        yield
        ran.append("half of CLEANUP")

    @hooks.log
    def log(req):
        req.register_cleanup(lambda: req.register_cleanup(ran.append, "registered by a cleanup"))
        yield OK
        ran.append("half of LOG")

    ask(hooks)
    assert ran == ["half of LOG", "registered by a cleanup", "half of CLEANUP", "registered in CLEANUP"]


def test_a_cleanup_may_be_async_where_there_is_an_event_loop(ask_async):
    ran: list[object] = []

    async def later(*args):
        ran.extend(args)

    hooks = quiet()
    hooks.access(lambda req: req.register_cleanup(later, 1, 2))
    ask_async(hooks)
    assert ran == [1, 2]


def test_finishers_with_a_condition_that_raises_are_left_out_and_the_others_run(ask, error_log):
    ran = Calls()
    hooks = quiet()
    hooks.log(ran.handler("conditional"), when=Calls().handler("when", LookupError("broken when")))
    hooks.log(ran.handler("other"))
    assert ask(hooks).status == 404
    assert ran == ["other"]
    assert "asked for LOG" in error_log()


def test_the_body_of_a_request_is_closed_when_it_is_finished(ask):
    hooks = quiet()
    hooks.content(lambda req: req.get_data())
    answer = ask(hooks, "/", "POST", data="body")
    with pytest.raises(ValueError, match="closed"):
        answer.req.get_data()


def test_an_exception_that_is_no_failure_is_raised_when_everything_is_finished():
    class Interrupt(BaseException):
        pass

    for put in ("log", "cleanup", "half", "registered"):
        ran = Calls()
        hooks = quiet()
        interrupt = Calls().handler(put, Interrupt())

        def pair(req, interrupt=interrupt, put=put):
            yield
            if put == "half":
                interrupt(req)

        hooks.access(pair)
        if put in {"log", "cleanup"}:
            hooks.register(put, interrupt)
        if put == "registered":
            hooks.access(lambda req, interrupt=interrupt: req.register_cleanup(interrupt, None))
        hooks.log(ran.handler("LOG"))
        hooks.cleanup(ran.handler("CLEANUP"))
        with pytest.raises(Interrupt):
            by_wsgi(hooks)
        assert ran == ["LOG", "CLEANUP"]


def test_a_response_that_can_not_be_started_is_finished_all_the_same():
    ran: list[object] = []
    hooks = quiet()
    hooks.log(lambda req: ran.append(repr(req.exception)))

    def start_response(status, headers, exc_info=None):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        hooks.wsgi()(make_request().environ, start_response)
    assert ran == ["OSError('gone')"]


def nothing(hooks):
    del hooks


def log_alone(hooks):
    hooks.log(lambda req: None)


def cleanup_alone(hooks):
    hooks.cleanup(lambda req: None)


def with_cleanup(hooks):
    hooks.log(lambda req: req.register_cleanup(str))


def watched(hooks):
    hooks.keeps_trace = True


@pytest.mark.parametrize("max_memory", [4, 400], ids=["on disk", "in memory"])
@pytest.mark.parametrize("prepare", [nothing, log_alone, cleanup_alone, with_cleanup, watched])
def test_what_was_kept_of_a_body_is_given_up_when_its_request_is_over(ask, prepare, max_memory):
    read: list[object] = []
    hooks = quiet()
    prepare(hooks)

    @hooks.fixup
    def read_first(req):
        req.body.max_memory = max_memory
        read.append((req.body, req.get_data()))

    hooks.content(lambda req: req.get_data())
    assert ask(hooks, method="POST", data=b"some text").body == b"some text"
    [(body, data)] = read
    assert (data, body.is_on_disk) == (b"some text", max_memory == 4)
    with pytest.raises(ValueError, match="the body was closed"):
        body.get_data()


def test_a_request_whose_body_is_closed_by_a_finisher_is_over_all_the_same(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: req.get_data())
    hooks.log(lambda req: req.body.close())
    assert ask(hooks, method="POST", data=b"some text").body == b"some text"
    assert error_log() == ""

"""The signals: who is told what, and that listening changes nothing."""

from __future__ import annotations

import contextlib

import pytest

from hookchain import OK, InternalRedirect, Phase, current_request, signals
from tests.asking import Calls, by_handle, quiet

ALL = (*signals.OBSERVING, signals.got_exception)


@contextlib.contextmanager
def listening(hooks, *wanted, tell):
    """Tell a function of each of these signals that this chain sends."""
    with contextlib.ExitStack() as stack:
        for signal in wanted:

            def receiver(sender, signal=signal, **arguments):
                tell(signal, sender, arguments)

            stack.enter_context(signal.connected_to(receiver, sender=hooks))
        yield


def test_each_phase_and_each_handler_is_told_of_in_order(ask):
    told: list[object] = []
    hooks = quiet()
    hooks.access(lambda req: OK, name="a")
    hooks.content(lambda req: "x", name="c")
    hooks.log(lambda req: None, name="l")
    hooks.cleanup(lambda req: None, name="z")

    def tell(signal, sender, arguments):
        assert sender is hooks
        what = [signal.name]
        if "phase" in arguments:
            what.append(arguments["phase"].name)
        if "handler" in arguments:
            what.append((arguments["handler"], arguments["answer"], arguments["seconds"] >= 0))
        told.append(tuple(what))

    with listening(hooks, *ALL, tell=tell):
        ask(hooks)
    phases = [phase.name for phase in Phase if phase not in {Phase.AUTHEN, Phase.AUTHZ}]
    assert told[0] == ("request-started",)
    assert told[-1] == ("request-finished",)
    assert [what[1] for what in told if what[0] == "phase-started"] == phases
    assert [what[1] for what in told if what[0] == "phase-finished"] == phases
    called = [what for what in told if what[0] == "handler-called"]
    assert [(what[1], *what[2]) for what in called] == [
        ("ACCESS", "a", OK, True),
        ("CONTENT", "c", "x", True),
        ("LOG", "l", None, True),
        ("CLEANUP", "z", None, True),
    ]


def test_an_async_handler_is_told_of_too(ask_async):
    told: list[object] = []
    hooks = quiet()

    @hooks.access
    async def one(req):
        return None

    @hooks.access
    async def refuse(req):
        raise LookupError("oh")

    with listening(
        hooks, signals.handler_called, tell=lambda signal, sender, arguments: told.append(repr(arguments["answer"]))
    ):
        ask_async(hooks)
    assert told == ["None", "LookupError('oh')"]


def test_got_exception_is_sent_for_what_is_no_answer_and_with_it(ask):
    told: list[object] = []
    hooks = quiet()
    hooks.access("/broken")(Calls().handler("broken", LookupError("oh")))
    hooks.access("/refused")(lambda req: 403)
    tell = lambda signal, sender, arguments: told.append((arguments["request"].path, repr(arguments["exception"])))  # noqa: E731
    with listening(hooks, signals.got_exception, tell=tell):
        ask(hooks, "/broken")
        ask(hooks, "/refused")
    assert told == [("/broken", "LookupError('oh')")]


@pytest.mark.parametrize("signal", ALL, ids=lambda signal: signal.name)
def test_a_receiver_that_raises_is_logged_and_changes_nothing(ask, signal, error_log):
    def fail(*_):
        raise LookupError("the receiver's own")

    hooks = quiet()
    hooks.access(lambda req: None)
    hooks.content(
        Calls().handler("broken", ValueError("the handler's")) if signal is signals.got_exception else lambda req: "x"
    )
    with listening(hooks, signal, tell=fail):
        answer = ask(hooks)
    assert answer.status == (500 if signal is signals.got_exception else 200)
    assert f"a receiver of the signal {signal.name}" in error_log()
    assert "the receiver's own" in error_log()


@pytest.mark.parametrize(
    ("signal", "content"),
    [(signals.request_started, "x"), (signals.got_exception, ValueError("the handler's"))],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_more_than_a_failure_is_raised_once_the_request_is_finished(signal, content):
    def interrupt(*_):
        raise KeyboardInterrupt

    ran = Calls()
    hooks = quiet()
    hooks.content(ran.handler("content", content))
    hooks.log(ran.handler("log"))
    with listening(hooks, signal, tell=interrupt), pytest.raises(KeyboardInterrupt):
        by_handle(hooks)
    assert ran == (["log"] if signal is signals.request_started else ["content", "log"])


def test_receivers_find_the_current_request(ask):
    told: list[bool] = []
    hooks = quiet()
    hooks.content(lambda req: "x")
    with listening(
        hooks,
        *signals.OBSERVING,
        tell=lambda signal, sender, arguments: told.append(current_request() is arguments["request"]),
    ):
        ask(hooks)
    assert told
    assert all(told)


@pytest.mark.parametrize("signal", signals.OBSERVING, ids=lambda signal: signal.name)
def test_while_a_signal_is_listened_to_requests_keep_a_trace(ask, signal):
    hooks = quiet()
    hooks.access(lambda req: OK, name="a")
    assert ask(hooks).req.trace is None
    with listening(hooks, signal, tell=lambda *_: None):
        trace = ask(hooks).req.trace
    assert [(entry.phase, entry.handler, entry.answer, entry.record) for entry in trace] == [
        (Phase.ACCESS, "a", OK, "")
    ]


def test_the_trace_holds_all_async_handlers_of_a_phase_that_declined(ask_async):
    hooks = quiet(debug=True)
    for name in ("a", "b"):

        @hooks.fixup(name=name)
        async def look(req):
            return None

    hooks.content(lambda req: "x", name="c")
    trace = ask_async(hooks).req.trace
    assert [(entry.handler, entry.answer) for entry in trace] == [("a", None), ("b", None), ("c", "x")]


def test_the_trace_holds_exceptions_redirects_and_subrequests(ask):
    hooks = quiet(debug=True)
    hooks.fixup("/sub")(lambda req: None)
    hooks.content("/from", name="from")(lambda req: req.lookup("/sub").status and InternalRedirect("/to"))
    hooks.content("/to", name="to")(lambda req: "to")
    trace = ask(hooks, "/from").req.trace
    assert [entry.record for entry in trace if entry.handler] == ["sub", "", "redirect"]

"""Finishers run exactly once, whatever happens wherever users' code runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from hookchain import DONE, OK, AccessLog, InternalRedirect, Phase, signals
from hookchain.phases import CYCLE_PHASES
from tests.asking import by_ahandle, by_asgi, by_handle, by_wsgi, quiet


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, which would end the test run too."""


def raising(error):
    def fault():
        raise error

    return fault


FAULTS = {
    "an exception": raising(LookupError("fault")),
    "an HTTP exception": raising(Forbidden()),
    "a BaseException": raising(Interrupt()),
    "a cancellation": raising(asyncio.CancelledError()),
    "StopIteration": raising(StopIteration("fault")),
    "a status": lambda: 503,
    "a response": lambda: Response("answer", 418),
    "DONE": lambda: DONE,
    "an internal redirect": lambda: InternalRedirect("/elsewhere"),
    "rubbish": lambda: 1.5,
}
POINTS = [
    *(f"a handler of {phase.name}" for phase in Phase),
    *(f"the first half of a pair in {phase.name}" for phase in CYCLE_PHASES if phase is not Phase.CONTENT),
    *(f"a second half of {phase.name}" for phase in Phase if phase is not Phase.CONTENT),
    "the condition of a handler",
    "the condition of LOG",
    "the condition of CLEANUP",
    "the condition of an error document",
    "the condition of an output filter",
    "an input filter",
    "an output filter",
    "an error document",
    "an added handler",
    "an added LOG handler",
    "a registered cleanup",
    "the body's first chunk",
    "the body's third chunk",
    "the body's close()",
    "the access log's when",
    *(f"a receiver of {signal.name}" for signal in (*signals.OBSERVING, signals.got_exception)),
]


class Watched:
    """A chain in which every finisher counts itself, and a fault is put in one place."""

    def __init__(self, fault, *, is_async=False):
        self.fault = fault
        self.is_async = is_async
        self.finished: list[str] = []
        self.started: list[str] = []
        self.begun = self.made = self.closed = 0
        self.req: Any = None
        self.lines = 0
        self.connected = []
        self.access_log = AccessLog("%s", to=self)
        self.hooks = quiet(access_log=self.access_log)
        self.hooks.log(self.keep, order="really_first")

    def keep(self, req):
        self.req = req

    def write(self, text):
        self.lines += text.count("\n")

    def flush(self):
        pass

    def pair(self, name):
        def caught(req):
            self.started.append(name)
            try:
                yield OK if name == "AUTHZ" else None
            finally:
                self.finished.append(name)

        return self.made_async(caught)

    def made_async(self, function):
        """Return the pair, as an async one where the chain is to have such."""
        if not self.is_async:
            return function

        async def async_pair(req):
            generator = function(req)
            answer = next(generator)
            try:
                yield answer
            except BaseException as error:
                with contextlib.suppress(StopIteration):
                    generator.throw(error)
            else:
                next(generator, None)

        return async_pair

    def handler(self, call):
        """Return a handler, as an async one where the chain is to have such."""
        if not self.is_async:
            return lambda req: call()

        async def handler(req):
            return call()

        return handler

    def build(self, point):
        hooks = self.hooks
        for phase in CYCLE_PHASES[:-1]:
            hooks.register(phase, self.pair(phase.name), order="first")
        hooks.post_read_request(self.on_start, order="really_first")
        hooks.log(self.handler(lambda: self.finished.append("LOG")), order="first")
        hooks.cleanup(self.handler(lambda: self.finished.append("CLEANUP")), order="first")
        hooks.authen(lambda req: setattr(req, "user", "ann"), order="really_first")
        self.put(point)
        hooks.content(self.content, order="last")
        return hooks

    def on_start(self, req):
        self.begun += 1
        req.register_cleanup(lambda: self.finished.append("registered"))

    def content(self, req):
        self.made += 1
        return Response(Body(self))

    def put(self, point):
        hooks, fault = self.hooks, self.fault
        kind, _, name = point.partition(" of ")
        if kind == "a handler":
            hooks.register(name, self.handler(fault))
        elif kind == "the first half" or kind.startswith("the first half"):
            hooks.register(point.rpartition(" ")[2], self.first_half())
        elif kind == "a second half":
            hooks.register(name, self.second_half())
        elif kind == "a receiver":
            self.connect(name)
        else:
            getattr(self, "put_" + point.replace("'s", "").replace("()", "").replace(" ", "_").lower())()

    def first_half(self):
        def pair(req):
            yield self.fault()

        return self.made_async(pair)

    def second_half(self):
        def pair(req):
            yield
            self.fault()

        return self.made_async(pair)

    def connect(self, name):
        signal = next(signal for signal in (*signals.OBSERVING, signals.got_exception) if signal.name == name)

        def receiver(sender, **arguments):
            if sender is self.hooks:
                self.fault()

        signal.connect(receiver, sender=self.hooks)
        self.connected.append((signal, receiver))
        if signal is signals.got_exception:
            self.hooks.access(lambda req: raising(LookupError("first"))())

    def put_the_condition_of_a_handler(self):
        self.hooks.fixup(lambda req: None, when=lambda req: self.fault())

    def put_the_condition_of_log(self):
        self.hooks.log(lambda req: None, when=lambda req: self.fault())

    def put_the_condition_of_cleanup(self):
        self.hooks.cleanup(lambda req: None, when=lambda req: self.fault())

    def put_the_condition_of_an_error_document(self):
        self.hooks.section(when=lambda req: self.fault(), error_document="sorry")
        self.hooks.access(lambda req: 403)

    def put_the_condition_of_an_output_filter(self):
        self.hooks.output_filter(when=lambda req: self.fault())(lambda req, response: None)

    def put_an_input_filter(self):
        self.hooks.input_filter(lambda req, stream: self.fault())
        self.hooks.fixup(lambda req: req.get_data() and None)

    def put_an_output_filter(self):
        self.hooks.output_filter(lambda req, response: self.fault())

    def put_an_error_document(self):
        self.hooks.error_document(404, lambda req: self.fault())
        self.hooks.access(lambda req: 404)

    def put_an_added_handler(self):
        self.hooks.trans(lambda req: req.add_handler("access", lambda req: self.fault()))

    def put_an_added_log_handler(self):
        self.hooks.trans(lambda req: req.add_handler("log", lambda req: self.fault()))

    def put_a_registered_cleanup(self):
        self.hooks.trans(lambda req: req.register_cleanup(self.fault))

    def put_the_body_first_chunk(self):
        self.at_chunk = 0

    def put_the_body_third_chunk(self):
        self.at_chunk = 2

    def put_the_body_close(self):
        self.at_close = True

    def put_the_access_log_when(self):
        self.hooks.settings.access_log._when = lambda req: self.fault()

    at_chunk = -1
    at_close = False

    def check(self, point):
        """Every finisher ran once; second halves ran if and only if the first did, last in first out."""
        finished = list(self.finished)
        assert finished.count("LOG") == 1
        assert finished.count("CLEANUP") == self.records()
        assert finished.count("registered") == self.begun
        assert self.lines == 1 or point == "the access log's when"
        halves = [name for name in finished if name not in {"LOG", "CLEANUP", "registered"}]
        assert halves == self.started[::-1]
        assert finished == ["LOG", *halves, *["registered"] * self.begun, *["CLEANUP"] * self.records()]
        assert self.closed >= self.made or "receiver" in point, "a body that was made is closed"
        for signal, receiver in self.connected:
            signal.disconnect(receiver)  # with a sender, blinker would keep it among its receivers

    def records(self):
        """How many records internal redirects and error documents have made of the request."""
        count, record = 1, self.req
        while record.next is not None:
            count, record = count + 1, record.next
        return count


class Body:
    """A body that counts its closing, and fails where it is told."""

    def __init__(self, watched):
        self.watched = watched

    def __iter__(self):
        for chunk in range(4):
            if chunk == self.watched.at_chunk:
                self.watched.fault()
            yield b"chunk"

    def close(self):
        self.watched.closed += 1
        if self.watched.at_close:
            self.watched.fault()


def run(ask, watched, point):
    hooks = watched.build(point)
    with contextlib.suppress(LookupError, Forbidden, Interrupt, asyncio.CancelledError, RuntimeError):
        ask(hooks, "/", "POST", data="body")
    watched.check(point)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("way", [by_handle, by_ahandle, by_wsgi, by_asgi])
def test_every_finisher_runs_exactly_once_whatever_fault_is_put_wherever_users_code_runs(way, point, fault):
    run(way, Watched(FAULTS[fault]), point)


@pytest.mark.parametrize("fault", ["an exception", "a BaseException", "a cancellation", "DONE"])
@pytest.mark.parametrize("point", [point for point in POINTS if "handler of" in point or "half" in point])
@pytest.mark.parametrize("way", [by_ahandle, by_wsgi, by_asgi])
def test_the_same_is_true_of_async_handlers_and_pairs(way, point, fault):
    run(way, Watched(FAULTS[fault], is_async=True), point)


@pytest.mark.parametrize("is_async", [False, True])
def test_without_a_fault_everything_runs_and_the_content_is_sent(is_async):
    watched = Watched(lambda: None, is_async=is_async)
    answer = by_wsgi(watched.build("a handler of ACCESS"), "/", "POST", data="body")
    assert (answer.status, answer.body) == (200, b"chunk" * 4)
    assert watched.started == [phase.name for phase in CYCLE_PHASES[:-1]]
    watched.check("no fault")

"""Generator handlers: an answer, and what runs when the request is finished."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from hookchain.order import Order
from hookchain.phases import CYCLE_PHASES, Phase
from hookchain.request import Request
from hookchain.results import DECLINED, OK
from hookchain.testing.contract.case import Case, asays, named, note, says

VALUE: ContextVar[str] = ContextVar("hookchain.testing.contract.value", default="unset")

BEFORE_CONTENT = pytest.mark.parametrize("phase", CYCLE_PHASES[:-1], ids=lambda phase: phase.name)
SHAPES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def pair(name: str, answer: object = None, *, is_async: bool = False) -> Any:
    """Return a pair that notes both its halves, and the exception that it finds at its yield."""

    def handler(req: Request) -> Iterator[object]:
        with _noting(req, name):
            yield answer

    async def ahandler(req: Request) -> AsyncIterator[object]:
        with _noting(req, name):
            yield answer

    return named(ahandler if is_async else handler, name)


@contextlib.contextmanager
def _noting(req: Request, name: str) -> Iterator[None]:
    note(req, f"{name} first")
    try:
        yield
    except Exception as error:
        note(req, f"{name} sees {type(error).__name__}")
        raise
    finally:
        note(req, f"{name} second {req.status}")


class Pairs(Case):
    """DESIGN 3, generator functions."""

    @BEFORE_CONTENT
    @SHAPES
    def test_a_pair_answers_once_and_goes_on_when_the_request_is_finished(self, phase: Phase, is_async: bool) -> None:
        hooks = self.chain()
        hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
        hooks.register("authz", lambda req: OK, name="passes", order=Order.LAST)
        hooks.register(phase, pair("pair", is_async=is_async))
        hooks.content(says("content", "content"))
        hooks.log(says("log"))
        answer = self.ask(hooks)
        assert answer.ran == ["pair first", "content", "log", "pair second 200"]

    @SHAPES
    def test_the_answer_that_a_pair_yields_counts_like_any_other(self, is_async: bool) -> None:
        hooks = self.chain()
        hooks.access(pair("pair", 403, is_async=is_async))
        hooks.content(says("content", "content"))
        hooks.log(says("log"))
        answer = self.ask(hooks)
        assert answer.ran == ["pair first", "log", "pair second 403"]

    def test_second_halves_run_after_log_then_cleanups_then_cleanup_handlers_each_last_in_first_out(self) -> None:
        hooks = self.chain()
        for name in "abc":
            hooks.access(pair(name, is_async=name == "b"))
            hooks.register("trans", self.registering(name), name=f"register {name}")
        hooks.content(lambda req: "content")
        hooks.log(says("log"))
        hooks.cleanup(says("CLEANUP"))
        assert self.ask(hooks).ran == [
            *("a first", "b first", "c first", "log"),
            *("c second 200", "b second 200", "a second 200"),
            *("cleanup c", "cleanup b", "cleanup a", "CLEANUP"),
        ]

    @staticmethod
    def registering(name: str) -> Any:
        """Return a handler that registers a cleanup."""
        return lambda req: req.register_cleanup(note, req, f"cleanup {name}")

    @SHAPES
    def test_second_halves_run_where_the_first_ran_and_nowhere_else(self, is_async: bool) -> None:
        hooks = self.chain()
        hooks.trans(pair("ran", is_async=is_async))
        hooks.access(says("refuses", 403))
        hooks.fixup(pair("never", is_async=is_async))
        answer = self.ask(hooks)
        assert answer.ran == ["ran first", "refuses", "ran second 403"]

    @SHAPES
    def test_the_exception_that_ended_the_request_is_raised_at_the_yield(self, is_async: bool) -> None:
        hooks = self.chain()
        hooks.access(pair("pair", is_async=is_async))
        hooks.fixup(says("fails", LookupError("fault")))
        answer = self.ask(hooks)
        assert answer.ran == ["pair first", "fails", "pair sees LookupError", "pair second 500"]

    @SHAPES
    def test_a_first_half_that_raises_has_no_second(self, is_async: bool) -> None:
        def fail(req: Request) -> None:
            note(req, "first")
            raise LookupError("fault")

        def handler(req: Request) -> Iterator[object]:
            yield fail(req)

        async def ahandler(req: Request) -> AsyncIterator[object]:
            yield fail(req)

        hooks = self.chain()
        hooks.access(ahandler if is_async else handler)
        answer = self.ask(hooks)
        assert (answer.status, answer.ran) == (500, ["first"])

    @SHAPES
    def test_ending_without_a_yield_is_a_programming_error(self, is_async: bool) -> None:
        def handler(req: Request) -> Iterator[object]:
            if req.args:
                yield None

        async def ahandler(req: Request) -> AsyncIterator[object]:
            if req.args:
                yield None

        hooks = self.chain()
        hooks.access(ahandler if is_async else handler)
        hooks.content(lambda req: "content")
        assert self.ask(hooks).status == 500
        assert self.ask(hooks, "/?yields").status == 200

    @SHAPES
    def test_yielding_twice_is_a_programming_error_that_the_log_tells(
        self, is_async: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        def handler(req: Request) -> Iterator[object]:
            yield None
            yield None

        async def ahandler(req: Request) -> AsyncIterator[object]:
            yield None
            yield None

        hooks = self.chain()
        hooks.access(named(ahandler if is_async else handler, "twice"))
        hooks.content(lambda req: "content")
        assert self.ask(hooks).status == 200
        assert "contract.twice" in caplog.text

    @SHAPES
    def test_a_second_half_that_raises_is_logged_and_stops_nobody(
        self, is_async: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        def handler(req: Request) -> Iterator[object]:
            yield None
            raise LookupError("in the second half")

        async def ahandler(req: Request) -> AsyncIterator[object]:
            yield None
            raise LookupError("in the second half")

        hooks = self.chain()
        hooks.access(pair("before"))
        hooks.access(named(ahandler if is_async else handler, "fails"))
        hooks.access(pair("after"))
        hooks.content(lambda req: "content")
        hooks.cleanup(says("cleanup"))
        answer = self.ask(hooks)
        assert answer.status == 200
        assert answer.ran[-3:] == ["after second 200", "before second 200", "cleanup"]
        assert "in the second half" in caplog.text

    @SHAPES
    def test_both_halves_run_in_one_context_so_that_a_token_is_reset(self, is_async: bool) -> None:
        def handler(req: Request) -> Iterator[object]:
            token = VALUE.set("set")
            yield None
            VALUE.reset(token)
            note(req, VALUE.get())

        async def ahandler(req: Request) -> AsyncIterator[object]:
            token = VALUE.set("set")
            yield None
            VALUE.reset(token)
            note(req, VALUE.get())

        hooks = self.chain()
        hooks.access(ahandler if is_async else handler)
        hooks.access(asays("on the other side") if not is_async else says("on the other side"))
        hooks.content(lambda req: VALUE.get())
        answer = self.ask(hooks)
        assert (answer.text, answer.ran) == ("set", ["on the other side", "unset"])

    def test_an_authz_pair_settles_its_phase(self) -> None:
        hooks = self.chain()
        hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
        hooks.authz(pair("declines", DECLINED))
        hooks.authz(pair("passes", OK))
        hooks.authz(pair("never", 402))
        hooks.content(lambda req: "content")
        assert self.ask(hooks).ran == ["declines first", "passes first", "passes second 200", "declines second 200"]

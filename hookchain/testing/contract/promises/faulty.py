"""Finishers run exactly once, whatever goes wrong at whichever point."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from hookchain.testing.contract.case import Case, needs
from hookchain.testing.contract.comparison import check_same
from hookchain.testing.contract.exchanges import Answer, Interrupt, Sent
from hookchain.testing.contract.fault_points import POINTS
from hookchain.testing.contract.faults import FAULTS, INTERRUPTIONS, Watched

QUIET = pytest.mark.usefixtures("no_tracebacks")
SHAPES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
BODY: dict[str, Any] = {"data": b"the body"}
SENT = Sent("/", "POST", BODY)


class Faults(Case):
    """DESIGN 2, "exactly once for every request whose POST_READ_REQUEST began, whatever happened between"."""

    @pytest.fixture
    def no_tracebacks(self, caplog: pytest.LogCaptureFixture) -> None:
        """Keep the error log short."""
        caplog.set_level("CRITICAL", "hookchain")  # thousands, which take time to write

    def watched(self, point: str, *, is_async: bool) -> Watched:
        """Return a chain with a fault at a point."""
        chain = self.chain()
        return Watched(chain, self.log(chain), point, POINTS[point], is_async=is_async)

    def check(self, watched: Watched, ask: Callable[[], Answer]) -> str:
        """Return what is wrong with how a request was finished; "" where nothing is."""
        watched.reset()
        try:
            answer = ask()
            assert watched.finished == watched.expected(answer.req)
            assert watched.closed >= watched.made, "a body that was made is closed"
        except AssertionError as error:
            return str(error) if watched.begun else ""  # what was cancelled before it reached the chain has no end
        return ""

    @QUIET
    @pytest.mark.parametrize("point", POINTS)
    def test_every_finisher_runs_exactly_once_and_the_outcome_is_the_same_whatever_fault_is_at(
        self, point: str
    ) -> None:
        watched = self.watched(point, is_async=False)

        def ask() -> Answer:
            here = self.without_server(watched.chain, SENT)
            watched.reset()
            answer = self.send(watched.chain, SENT)
            check_same(answer, here, self.place.differences)
            return answer

        self.server(watched.chain)
        problems: dict[str, str] = {}
        for name, watched.fault in FAULTS.items():
            problems[name] = self.check(watched, ask)
        check_none(problems)

    @QUIET
    @pytest.mark.parametrize("point", POINTS)
    def test_the_same_is_true_of_async_handlers_where_the_fault_is_at(self, point: str) -> None:
        watched = self.watched(point, is_async=True)
        watched.chain.keeps_trace = False  # as in production
        problems: dict[str, str] = {}
        for name, watched.fault in FAULTS.items():
            problems[name] = self.check(watched, lambda: self.send(watched.chain, SENT))
        check_none(problems)

    @needs("has_loop")
    @SHAPES
    @QUIET
    @pytest.mark.parametrize("point", POINTS)
    def test_every_finisher_runs_exactly_once_where_the_server_interrupts_at(self, point: str, is_async: Any) -> None:
        watched = self.watched(point, is_async=is_async)
        server = self.server(watched.chain)
        problems: dict[str, str] = {}
        for how in INTERRUPTIONS if self.place.hears_cancellation else ("leave",):
            watched.fault = partial(server.interrupt, how)
            problems[how] = self.check(watched, lambda: self.send(watched.chain, SENT))
        check_none(problems)

    @SHAPES
    def test_every_finisher_runs_exactly_once_wherever_the_client_leaves(self, is_async: Any) -> None:
        watched = self.watched("the body's close", is_async=is_async)
        check_none(
            {
                after: self.check(
                    watched, partial(self.send, watched.chain, Sent("/", "POST", BODY, leaves_after=after))
                )
                for after in range(22)
            }
        )

    @needs("hears_refusals")
    @SHAPES
    @pytest.mark.parametrize("error", [OSError("gone"), LookupError("fault"), Interrupt()], ids=repr)
    def test_every_finisher_runs_exactly_once_where_the_server_refuses(self, is_async: Any, error: Any) -> None:
        watched = self.watched("the body's close", is_async=is_async)
        sent = Sent("/", "POST", BODY, refuses=error)
        check_none({"refused": self.check(watched, partial(self.send, watched.chain, sent))})

    @needs("has_loop", "hears_cancellation")
    @SHAPES
    def test_every_finisher_runs_exactly_once_wherever_the_server_cancels_the_request(self, is_async: Any) -> None:
        watched = self.watched("the body's close", is_async=is_async)
        check_none(
            {
                call: self.check(watched, partial(self.send, watched.chain, Sent("/", "POST", BODY, cancelled_at=call)))
                for call in range(1, 12)
            }
        )

    @needs("has_loop", "hears_cancellation")
    def test_a_cancelled_request_ends_as_cancelled(self) -> None:
        watched = self.watched("a handler of ACCESS", is_async=True)
        watched.fault = partial(self.server(watched.chain).interrupt, "cancel")
        check_cancelled(self.send(watched.chain, SENT))

    def test_a_body_that_is_broken_off_by_more_than_a_failure_counts_as_aborted(self) -> None:
        watched = self.watched("the body's chunk 2", is_async=False)
        watched.fault = FAULTS["a BaseException"]
        answer = self.send(watched.chain, SENT)
        assert answer.req.aborted
        assert isinstance(answer.req.exception, Interrupt)


def check_cancelled(answer: Answer) -> None:
    """Check that a request ended as one that was cancelled."""
    assert isinstance(answer.raised, asyncio.CancelledError)
    assert answer.req.aborted


def check_none(problems: dict[Any, str]) -> None:
    """Check that none of many requests had a problem; the message has them all."""
    lines = [f"--- {name}: {text}" for name, text in problems.items() if text]
    if lines:
        raise AssertionError("\n".join(lines))

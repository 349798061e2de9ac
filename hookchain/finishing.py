"""LOG and CLEANUP: what runs after the last byte, once, whatever happened before.

Each finisher is isolated: one that raises is logged under its name and stops nobody.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import signals
from .dispatch import Steps, added_to, asked, is_idle, is_observed, sent, somebody_listens, whose
from .error_log import log_error
from .exceptions import ResultError
from .handlers import Handler, name_of, origin_of
from .phases import Phase
from .request import Request
from .results import OK, Raised, UnusableAnswerError, outcome_of
from .runs import Function, Segment


class Cleanup:
    """A step that calls what ``register_cleanup`` was given."""

    blocking = True

    def __init__(self, function: Callable[..., Any]) -> None:
        """Find out whether it is async."""
        self.call = function
        self.is_async = inspect.iscoroutinefunction(function)


def nothing_is_left(first: Request) -> bool:
    """Tell whether nobody wants to know that a request is over, so that ``finish`` has nothing to do."""
    made = first.__dict__
    return (
        first.selection.finishes_nothing
        and first.next is None
        and first.chain.access_log is None
        and not ("second_halves" in made or "cleanups" in made or "body" in made or "added_handlers" in made)
        and not (signals.request_finished.receivers or somebody_listens())
    )


def finish(first: Request) -> Steps[BaseException | None]:
    """Run LOG, the access log, second halves, registered cleanups and CLEANUP.

    Returns:
        An exception that is more than a failure (KeyboardInterrupt and the like), to be raised when all ran.
    """
    every = list(records(first)) if first.next is not None else [first]
    for record in every:
        record.take_outcome_of(first)
    serious: list[BaseException | None] = []
    listens = somebody_listens()
    if listens or not all(is_idle(record, Phase.LOG) for record in every):
        serious += yield from _announced(first, Phase.LOG, every)
    elif first.chain.access_log is not None:
        first.phase = Phase.LOG
        yield first.chain.access_log, (first,)
    if "second_halves" in first.__dict__ or "cleanups" in first.__dict__:
        serious += yield from _leftovers(first)
    if listens or not all(is_idle(record, Phase.CLEANUP) for record in every):
        for record in reversed(every):
            serious += yield from _announced(record, Phase.CLEANUP, [record])
        serious += yield from _leftovers(first)  # what CLEANUP handlers have left behind
    if "body" in first.__dict__:
        yield CLOSE_BODY, (first,)
    if signals.request_finished.receivers:
        serious.append((yield from sent(signals.request_finished, first)))
    return next(filter(None, serious), None)


def _announced(req: Request, phase: Phase, owners: Sequence[Request]) -> Steps[list[BaseException | None]]:
    req.phase = phase
    if not somebody_listens():
        return [(yield from _in_turn(req, phase, owners))]
    started = yield from sent(signals.phase_started, req, phase=phase)
    serious = yield from _in_turn(req, phase, owners)
    finished = yield from sent(signals.phase_finished, req, phase=phase)
    return [started, serious, finished]


def _in_turn(req: Request, phase: Phase, owners: Sequence[Request]) -> Steps[BaseException | None]:
    """Call the handlers of a phase; behind one that fails the rest, unless in LOG an answer ended it."""
    serious = None
    run = yield from asked(req, phase)
    if isinstance(run, Raised):
        # Which of the conditional ones apply can't be known; the others still run.
        log_error(req, f"a section's when, asked for {phase.name},", run.error)
        run = req.selection.runs[phase].fixed
    waiting = list(run.observed if is_observed(req) else run.segments)
    while waiting or _take_added(waiting, req, phase, owners):
        segment = waiting.pop(0)
        settled = whose(segment, (yield segment, (req,)))
        if settled is None:
            continue
        if phase is Phase.LOG or isinstance(settled[1], Raised):
            serious = serious or _report(req, phase, settled)
        if phase is Phase.LOG and not isinstance(settled[1], Raised) and _ends_log(settled):
            break
        waiting[:0] = segment.behind(settled[0])
    access_log = req.chain.access_log
    if access_log is not None and phase is Phase.LOG:
        yield access_log, (req,)
    return serious


def _take_added(waiting: list[Segment], req: Request, phase: Phase, owners: Sequence[Request]) -> bool:
    """Take the next handler that ``add_handler`` brought to the owners, in this phase too."""
    added = next(filter(None, (added_to(record, phase) for record in owners)), None)
    if added:
        waiting.append(Segment([added.pop(0)], runs_all=True, observed=is_observed(req)))
    return bool(waiting)


def _ends_log(settled: tuple[Handler, object]) -> bool:
    try:
        outcome_of(settled[1], with_body=False)
    except UnusableAnswerError:
        return False
    return settled[1] is not OK


def records(first: Request) -> Iterator[Request]:
    """Yield a request and those that internal redirects led it to."""
    record: Request | None = first
    while record is not None:
        yield record
        record = record.next


def last_record(first: Request) -> Request:
    """Return the record that internal redirects led a request to in the end."""
    *_, last = records(first)
    return last


def _leftovers(first: Request) -> Steps[list[BaseException | None]]:
    """Run second halves, then registered cleanups; nothing is made for a request that has neither."""
    serious: list[BaseException | None] = []
    if "second_halves" in first.__dict__:
        serious.append((yield from _second_halves(first)))
    if "cleanups" in first.__dict__:
        serious.append((yield from _cleanups(first)))
    return serious


def _second_halves(first: Request) -> Steps[BaseException | None]:
    serious = None
    while first.second_halves:
        half = first.second_halves.pop()
        answer = yield half, (first.exception,)
        if isinstance(answer, Raised):
            serious = serious or _report(first, half.handler.phase, (half.handler, answer))
    return serious


def _cleanups(first: Request) -> Steps[BaseException | None]:
    serious = None
    while first.cleanups:
        function, args = first.cleanups.pop()
        answer = yield Cleanup(function), args
        if isinstance(answer, Raised):
            log_error(first, f"the cleanup {name_of(function)} ({origin_of(function)})", answer.error)
            serious = serious or _serious(answer.error)
    return serious


def _report(req: Request, phase: Phase | None, settled: tuple[Handler, object]) -> BaseException | None:
    handler, answer = settled
    who = f"{handler.name} ({handler.origin})"
    if isinstance(answer, Raised):
        log_error(req, who, answer.error)
        return _serious(answer.error)
    try:
        outcome_of(answer, with_body=False)
    except UnusableAnswerError as error:
        log_error(req, who, ResultError(str(error), handler=handler.name, phase=phase, origin=handler.origin))
    return None


def _serious(error: BaseException) -> BaseException | None:
    return None if isinstance(error, Exception) else error


def _close_body(req: Request) -> None:
    req.body.close()


CLOSE_BODY = Function(_close_body)

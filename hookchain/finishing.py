"""LOG and CLEANUP: what runs after the last byte, once, whatever happened before.

Each finisher is isolated: one that raises is logged under its name and stops nobody.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from . import signals
from .dispatch import Steps, added_to, asked, is_observed, sent, whose
from .error_log import log_error
from .exceptions import ResultError
from .handlers import Handler, name_of, origin_of
from .phases import Phase
from .request import Request
from .results import OK, Raised, UnusableAnswerError, outcome_of
from .runs import Function, Run, Segment, Settled


class Cleanup:
    """A step that calls what ``register_cleanup`` was given."""

    blocking = True

    def __init__(self, function: Callable[..., Any]) -> None:
        """Find out whether it is async."""
        self.call = function
        self.is_async = inspect.iscoroutinefunction(function)


def finish(first: Request) -> Steps[BaseException | None]:
    """Run LOG, the access log, second halves, registered cleanups and CLEANUP.

    Returns:
        An exception that is more than a failure (KeyboardInterrupt and the like), to be raised when all ran.
    """
    for record in records(first):
        record.take_outcome_of(first)
    serious = yield from _announced(first, Phase.LOG, _log(first))
    serious += yield from _leftovers(first)
    for record in reversed(list(records(first))):
        serious += yield from _announced(record, Phase.CLEANUP, _cleanup(record))
    serious += yield from _leftovers(first)  # what CLEANUP handlers have left behind
    if "body" in first.__dict__:
        yield CLOSE_BODY, (first,)
    serious.append((yield from sent(signals.request_finished, first)))
    return next((error for error in serious if error is not None), None)


def _announced(req: Request, phase: Phase, steps: Steps[BaseException | None]) -> Steps[list[BaseException | None]]:
    req.phase = phase
    started = yield from sent(signals.phase_started, req, phase=phase)
    serious = yield from steps
    finished = yield from sent(signals.phase_finished, req, phase=phase)
    return [started, serious, finished]


def _log(first: Request) -> Steps[BaseException | None]:
    serious = None
    for segment in (yield from _finishers(first, Phase.LOG, list(records(first)))):
        settled = whose(segment, (yield segment, (first,)))
        serious = serious or _report(first, Phase.LOG, settled)
        if settled is not None and not isinstance(settled[1], Raised) and _ends_log(settled):
            break
    access_log = first.chain.access_log
    if access_log is not None:
        yield Function(access_log.write), (first,)
    return serious


def _ends_log(settled: tuple[Handler, object]) -> bool:
    try:
        outcome_of(settled[1], with_body=False)
    except UnusableAnswerError:
        return False
    return settled[1] is not OK


def _cleanup(record: Request) -> Steps[BaseException | None]:
    serious = None
    for segment in (yield from _finishers(record, Phase.CLEANUP, [record])):
        settled = whose(segment, (yield segment, (record,)))
        if settled is not None and isinstance(settled[1], Raised):
            serious = serious or _report(record, Phase.CLEANUP, settled)
    return serious


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


def _finishers(req: Request, phase: Phase, owners: Sequence[Request]) -> Steps[Iterable[Segment]]:
    """The handlers of a phase one by one, then those that ``add_handler`` brought to the owners, in this phase too."""
    run = yield from asked(req, phase)
    if isinstance(run, Raised):
        # Which of the conditional ones apply can't be known; the others still run.
        log_error(req, f"a section's when, asked for {phase.name},", run.error)
        run = req.selection.runs[phase].fixed
    observed = is_observed(req)
    added = (Run(phase, (handler,)).one_by_one(observed=observed)[0] for handler in _added(owners, phase))
    return itertools.chain(run.one_by_one(observed=observed), added)


def _added(owners: Sequence[Request], phase: Phase) -> Iterator[Handler]:
    while waiting := next(filter(None, (added_to(record, phase) for record in owners)), None):
        yield waiting.pop(0)


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


def _report(req: Request, phase: Phase | None, settled: Settled) -> BaseException | None:
    if settled is None:
        return None
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

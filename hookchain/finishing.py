"""LOG and CLEANUP: what runs after the last byte, once, whatever happened before.

Each finisher is isolated: one that raises is logged under its name and stops nobody.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from . import signals
from .dispatch import Steps, added_to, asked, is_idle, is_observed, sent, somebody_listens, whose
from .error_log import log_error
from .exceptions import ResultError
from .handlers import Handler, name_of, origin_of
from .phases import Phase
from .request import Request
from .results import OK, Raised, UnusableAnswerError, outcome_of
from .runs import Function, Segment
from .signals import heard
from .straight import CHECKED, Doubt, Part
from .stretches import Stretch


class Cleanup:
    """A step that calls what ``register_cleanup`` was given."""

    blocking = True

    def __init__(self, function: Callable[..., Any]) -> None:
        """Find out whether it is async."""
        self.call = function
        self.is_async = inspect.iscoroutinefunction(function)


_LEFT = ("second_halves", "cleanups", "added_handlers")
"""What leaves something to be done by nobody of LOG and CLEANUP, where a request has it."""


def nothing_is_left(first: Request) -> bool:
    """Tell whether nobody wants to know that a request is over which was answered at once, so without redirects."""
    return (
        (first.selection.ending or ending_of(first)) is NOTHING
        and not heard
        and not (first.is_touched and first.has_made(*_LEFT, "body"))
    )


def _left(over: Phase, *, is_end: bool) -> Callable[[Request], Phase | None]:
    """Return what is asked where a request was touched, or somebody listens: what it still takes to end it."""

    def left(req: Request) -> Phase | None:
        return over if heard or req.has_made(*_LEFT) or (is_end and _body_is_left(req)) else None

    return left


def _body_is_left(req: Request) -> bool:
    """Give up what was kept of a body in memory; where it is in a file, which may block, tell that it is yet to be."""
    if not req.has_made("body"):
        return False
    if not req.body.is_on_disk:
        req.body.close()
    return req.body.is_on_disk


NOTHING = Stretch([Part(check=_left(Phase.LOG, is_end=True), if_touched=True)], 0)
"""The end of a request that nobody wants to know of."""

DRIVEN = Stretch([], 0)
DRIVEN.is_async = True
"""The end of a request at which something has to be decided, so that it takes a driver."""


def ending_of(req: Request) -> Stretch:
    """Return LOG and CLEANUP as one stretch, made once for each set of sections and then found as ``ending`` there."""
    ending: Stretch | None = req.selection.ending
    if ending is None:
        ending = req.selection.ending = _ending(req)
    return ending


def _ending(req: Request) -> Stretch:
    log, cleanup = req.selection.runs[Phase.LOG], req.selection.runs[Phase.CLEANUP]
    handlers = (*log.fixed.handlers, *cleanup.fixed.handlers)
    if log.conditional or cleanup.conditional or len({handler.is_async for handler in handlers}) > 1:
        return DRIVEN
    access_log = req.chain.access_log
    if not handlers and access_log is None:
        return NOTHING
    write = None if access_log is None else access_log.call
    in_log, in_cleanup = ((("phase", phase),) for phase in (Phase.LOG, Phase.CLEANUP))
    parts = [_finishers(in_log, log.fixed.handlers, write)]
    parts.append(Part(check=_left(Phase.LOG, is_end=not cleanup.fixed.handlers), if_touched=True))
    if cleanup.fixed.handlers:
        parts.append(_finishers(in_cleanup, cleanup.fixed.handlers))
        parts.append(Part(check=_left(Phase.CLEANUP, is_end=True), if_touched=True))
    ending = Stretch(parts, 0)
    ending.blocking = ending.blocking or (access_log is not None and access_log.blocking)
    return ending


def _finishers(
    note: tuple[tuple[str, object], ...], handlers: tuple[Handler, ...], check: Callable[[Request], Any] | None = None
) -> Part:
    return Part(note, handlers, check=check, doubts=(Doubt.ALTERED,) if handlers else ())


BrokenOff: TypeAlias = tuple[Any, Any]
"""Who broke a stretch off, and what it answered."""


def finish(first: Request, broken_off: BrokenOff | None = None) -> Steps[BaseException | None]:
    """Run LOG, the access log, second halves, registered cleanups and CLEANUP.

    Args:
        first: the request itself.
        broken_off: what broke a stretch of them off.

    Returns:
        An exception that is more than a failure (KeyboardInterrupt and the like), to be raised when all ran.
    """
    every = list(records(first)) if first.next is not None else [first]
    for record in every[1:]:
        record.take_outcome_of(first)
    over = broken_off[1] if broken_off is not None and broken_off[0] is CHECKED else None
    serious: list[BaseException | None] = []
    if over is None and not (broken_off is not None and first.phase is Phase.CLEANUP):
        serious += yield from _log(first, every, broken_off)
        broken_off = None
    if over is not None or broken_off is None:  # else CLEANUP has begun, and they come behind it
        serious += yield from _leftovers(first)
    if over is not Phase.CLEANUP:
        serious += yield from _clean_up(first, every, None if over else broken_off)
    if _body_is_left(first):
        yield CLOSE_BODY, (first,)
    if signals.request_finished.receivers:
        serious.append((yield from sent(signals.request_finished, first)))
    return next(filter(None, serious), None)


def _clean_up(
    first: Request, every: Sequence[Request], broken_off: BrokenOff | None
) -> Steps[list[BaseException | None]]:
    serious: list[BaseException | None] = []
    if broken_off is None and not somebody_listens() and all(is_idle(record, Phase.CLEANUP) for record in every):
        return serious
    for record in reversed(every):
        serious += yield from _announced(record, Phase.CLEANUP, [record], broken_off)
    serious += yield from _leftovers(first)  # what CLEANUP handlers have left behind
    return serious


def _log(first: Request, every: Sequence[Request], broken_off: BrokenOff | None) -> Steps[list[BaseException | None]]:
    if broken_off is not None or somebody_listens() or not all(is_idle(record, Phase.LOG) for record in every):
        return (yield from _announced(first, Phase.LOG, every, broken_off))
    if first.chain.access_log is not None:
        first.phase = Phase.LOG
        yield first.chain.access_log, (first,)
    return []


def _announced(
    req: Request, phase: Phase, owners: Sequence[Request], broken_off: BrokenOff | None
) -> Steps[list[BaseException | None]]:
    req.phase = phase
    if broken_off is not None or not somebody_listens():
        return [(yield from _in_turn(req, phase, owners, broken_off))]
    started = yield from sent(signals.phase_started, req, phase=phase)
    serious = yield from _in_turn(req, phase, owners, None)
    finished = yield from sent(signals.phase_finished, req, phase=phase)
    return [started, serious, finished]


def _in_turn(
    req: Request, phase: Phase, owners: Sequence[Request], broken_off: BrokenOff | None
) -> Steps[BaseException | None]:
    """Call the handlers of a phase; behind one that fails the rest, unless in LOG an answer ended it."""
    serious = None
    run = yield from asked(req, phase)
    if isinstance(run, Raised):
        # Which of the conditional ones apply can't be known; the others still run.
        log_error(req, f"a section's when, asked for {phase.name},", run.error)
        run = req.selection.runs[phase].fixed
    waiting = list(run.observed if is_observed(req) else run.segments)
    if broken_off is not None:
        waiting = _from(waiting, broken_off[0])
        broken_off = broken_off if waiting else None  # it was no handler's answer
    while waiting or _take_added(waiting, req, phase, owners):
        segment = waiting.pop(0)
        settled = broken_off if broken_off is not None else whose(segment, (yield segment, (req,)))
        broken_off = None
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


def _from(segments: list[Segment], who: object) -> list[Segment]:
    """Return the segments from the one on in which a handler broke the call off; none where all have been called."""
    return list(itertools.dropwhile(lambda segment: who not in segment.handlers, segments))


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
    if first.has_made("second_halves"):
        serious.append((yield from _second_halves(first)))
    if first.has_made("cleanups"):
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

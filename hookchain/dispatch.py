"""One phase as a generator: what is called in it, and what an answer does to the cycle.

The generators here and in the modules built on it perform no call: they yield ``(step, arguments)`` to a driver and are
sent what the step's ``call`` returned.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from typing import Any, Protocol, TypeAlias, TypeVar

from blinker import NamedSignal
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from . import signals
from .choice import Choice
from .error_log import log_error
from .exceptions import HookChainError, ResultError
from .handlers import Handler
from .phases import Phase
from .request import Request, TraceEntry
from .results import Outcome, Raised, UnusableAnswerError, full_response, outcome_of
from .runs import Function, Run, Settled, Step, record_name, send

T = TypeVar("T")


BY_APP = True
"""Says of a success that it is what the app has answered."""


class Calls(Protocol):
    """A step that calls several handlers."""

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """All of them, in order."""
        ...


Steps: TypeAlias = Generator[tuple[Step, tuple[Any, ...]], Any, T]


class Success:
    """The cycle ended with OK, DONE or the app's answer: ``headers_out`` goes with this response."""

    __slots__ = __match_args__ = ("response", "is_apps")

    def __init__(self, response: Response, is_apps: bool = False) -> None:  # noqa: FBT001, FBT002 - ``BY_APP`` names it
        """Keep the response, and whether it is what the app has answered."""
        self.response = response
        self.is_apps = is_apps


def is_observed(req: Request) -> bool:
    """Tell whether somebody wants to know each handler that runs."""
    return req.trace is not None or bool(signals.handler_called.receivers)


def run_phase(req: Request, phase: Phase) -> Steps[Settled]:
    """Call the handlers of a phase, those that ``add_handler`` brought last.

    Returns:
        The handler that did not let the request go on, with its answer; None where all did.
    """
    if is_idle(req, phase) and not somebody_listens():
        req.phase = phase  # what nobody registered costs nothing
        return None
    run = yield from asked(req, phase)
    return (yield from call_run(req, run))


def is_idle(req: Request, phase: Phase) -> bool:
    """Tell whether a phase has no handlers for a request, whatever conditions say."""
    return req.selection.runs[phase].is_empty and not req.has_made("added_handlers")


def somebody_listens() -> bool:
    """Tell whether somebody wants to know when each phase begins and ends."""
    return bool(signals.phase_started.receivers or signals.phase_finished.receivers)


def asked(req: Request, phase: Phase) -> Steps[Run | Raised]:
    """Find out which handlers of a phase apply now; Raised where a condition raised."""
    choice = req.selection.runs[phase]
    if not choice.conditional:
        return choice.fixed
    answer: Run | Raised = yield choice, (req,)
    return answer


def has_handlers(req: Request, run: Run | Raised) -> bool:
    """Tell whether a run calls anything at all; one whose conditions raised counts."""
    return isinstance(run, Raised) or bool(run.handlers or added_to(req, run.phase))


def added_to(req: Request, phase: Phase) -> list[Handler]:
    """Return the handlers that ``add_handler`` brought for a phase."""
    return req.added_handlers.get(phase, []) if req.has_made("added_handlers") else []


def call_run(req: Request, run: Run | Raised) -> Steps[Settled]:
    """Call the handlers of a run, like ``run_phase``."""
    if isinstance(run, Raised):
        return CONDITION, Raised(condition_error(run.error))
    return (yield from announced(req, run.phase, _call_all(req, run)))


def announced(req: Request, phase: Phase, steps: Steps[T]) -> Steps[T]:
    """Go through the steps of a phase, noting it in the request and telling those who listen."""
    req.phase = phase
    yield from told(signals.phase_started, req, phase=phase)
    result = yield from steps
    yield from told(signals.phase_finished, req, phase=phase)
    return result


def told(signal: NamedSignal, req: Request, **arguments: object) -> Steps[None]:
    """Send a signal to its receivers, which are users' functions, where it has any.

    Raises:
        BaseException: what a receiver raised and is more than a failure.
    """
    error = yield from sent(signal, req, **arguments)
    if error is not None:
        raise error


def sent(signal: NamedSignal, req: Request, **arguments: object) -> Steps[BaseException | None]:
    """Send a signal to its receivers, like ``told``; returns what a receiver raised and is more than a failure."""
    if signal.receivers:
        answer = yield Function(functools.partial(send, signal, req, **arguments)), ()
        if isinstance(answer, Raised):
            return answer.error
    return None


def _call_all(req: Request, run: Run) -> Steps[Settled]:
    if req.called_already is not None and req.called_already[0] is run.phase:
        settled, req.called_already = req.called_already[1], None  # once: should the phase run again, all of it does
    else:
        settled = yield from call_segments(req, run)
    if settled is None and req.has_made("added_handlers"):
        settled = yield from _call_added(req, run.phase)
    return settled


def call_segments(req: Request, run: Run) -> Steps[Settled]:
    """Call the handlers of a run, and nobody else."""
    observed = is_observed(req)
    if req.has_body:
        return (yield from _call_readers(req, run, observed=observed))
    for segment in run.observed if observed else run.segments:
        settled = yield segment, (req,)
        if settled is not None:
            return whose(segment, settled)
    return None


def whose(segment: Calls, settled: Settled | Raised) -> Settled:
    """Tell which handler of a segment an answer is of; what a driver can't call at all fails as the first of them."""
    return (segment.handlers[0], settled) if isinstance(settled, Raised) else settled


def _call_readers(req: Request, run: Run, *, observed: bool) -> Steps[Settled]:
    # Each handler finds the body at its beginning, however far the one before it has read.
    for segment in run.one_by_one(observed=observed):
        if req.has_made("body"):
            req.body.rewind()
        settled = yield segment, (req,)
        if settled is not None:
            return whose(segment, settled)
    return None


def _call_added(req: Request, phase: Phase) -> Steps[Settled]:
    added = req.added_handlers.get(phase, [])
    position = 0
    while position < len(added):  # a handler may add more
        run = Run(phase, added[position:])
        position = len(added)
        settled = yield from call_segments(req, run)
        if settled is not None:
            return settled
    return None


def choose(req: Request, choice: Choice[T]) -> Steps[T | Raised]:
    """Return what a choice comes to for this request."""
    if not choice.conditional:
        return choice.fixed
    answer: T | Raised = yield choice, (req,)
    return answer


def conclude(req: Request, phase: Phase | None, settled: tuple[Handler, object], *, with_body: bool = False) -> Outcome:
    """Turn the answer that settled a phase into an outcome, and note who decided.

    Args:
        req: the request.
        phase: the phase that it settled.
        settled: the handler and its answer, or Raised.
        with_body: whether bodies and redirects are answers here.

    Returns:
        The outcome; an exception where the handler raised or its answer means nothing.
    """
    handler, answer = settled
    req.decided_by = handler.name
    if isinstance(answer, Raised):
        return outcome_of_exception(req, f"{handler.name} ({handler.origin})", answer.error)
    try:
        return outcome_of(translated(req, answer), with_body=with_body)
    except UnusableAnswerError as error:
        wrong = ResultError(str(error), handler=handler.name, phase=phase, origin=handler.origin)
        return outcome_of_exception(req, f"{handler.name} ({handler.origin})", wrong)


def translated(req: Request, answer: Any) -> Any:
    """Return what a framework's own answer or exception means here; anything else as it is."""
    return answer if req.translate is None else req.translate(answer)


def outcome_of_exception(req: Request, who: str, error: BaseException) -> Outcome:
    """Turn an exception into an outcome: Werkzeug's are answers, any other is logged and sent as a signal."""
    error = translated(req, error)
    if isinstance(error, HTTPException):
        return error if error.response is None else full_response(error.response)
    if isinstance(error, Exception):
        log_error(req, who, error)
        try:
            if signals.got_exception.receivers:
                send(signals.got_exception, req, exception=error)
        except BaseException as more:  # than a failure, so a receiver's takes its place
            error = more
    req.exception = error
    return error


def must_be_raised(req: Request, error: BaseException) -> bool:
    """Tell whether an exception goes to the server or framework, in place of a response."""
    if not isinstance(error, Exception):
        return True
    raises = req.chain.debug or (req.framework is not None and req.framework.raises)
    return raises and not isinstance(error, HTTPException)


def condition_error(error: BaseException) -> BaseException:
    """Return what a condition's exception counts as: a failure, even where Werkzeug's would be an answer."""
    if not isinstance(error, HTTPException):
        return error
    failure = HookChainError(f"a section's when raised {error!r}; it answers true or false, to refuse is for handlers")
    failure.__cause__ = error
    return failure


def note_left_out(req: Request, phase: Phase, reason: str) -> None:
    """Write into the trace that a phase was left out."""
    if req.trace is not None:
        req.trace.append(TraceEntry(phase, "", reason, record_name(req), 0.0))


def _never_called(req: Request) -> None:
    """Stand for the conditions of sections in messages."""


CONDITION = Handler(_never_called, None, name="a section's when")

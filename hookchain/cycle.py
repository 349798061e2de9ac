"""The request cycle as one generator: it decides, and leaves every call to a driver.

It yields ``(step, arguments)`` and is sent what the step's ``call`` returned, or ``Raised``. That way each decision
stands once, for sync and async drivers alike, and can be tested by feeding answers by hand.

Source: httpd ``ap_process_async_request`` (modules/http/http_request.c) and ``ap_process_request_internal``
(server/request.c).
"""

from __future__ import annotations

import enum
from collections.abc import Coroutine
from http import HTTPStatus
from time import perf_counter
from typing import Any, TypeAlias

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from . import signals
from .dispatch import Steps, Success, must_be_raised, outcome_of_exception, told
from .error_log import log_refusal
from .finishing import DRIVEN, ending_of, finish, last_record
from .framework import Framework
from .going_on import OVER, SEND, GoesOn, go_on, go_on_loop
from .leaving import CLOSE, OnItsWay, complete, give_up, leave
from .leaving_at_once import leave_as_it_is, leave_at_once, leave_plainly
from .loops import is_cancellation
from .phases import Phase
from .plain_response import Whole, for_others, sent_response
from .process import (
    END,
    NOT_BEGUN,
    Begun,
    Ended,
    PartWay,
    behind,
    content,
    is_for_the_app,
    look_up,
    process,
    resumed,
    status_of_content,
)
from .records import note_current
from .redirects import follow, settle, settle_at_once
from .request import Request
from .responses import last_resort, set_type, status_response
from .results import Outcome, Raised
from .runs import Function
from .signals import heard
from .stretches import Stretch, route_of

FINISH = Function(Request.mark_finished, blocking=False)
"""The step behind which only finishers come, so that a caller may shield them."""

WHO = "the request cycle"
LEFT = "the framework, when its contexts were closed,"

Said: TypeAlias = bytes | Whole | Response | Steps[None]
"""What a request was answered with at once, what is whole without a response around it; or the rest of its cycle."""


class Asks(enum.Enum):
    """What stands in place of an answer."""

    APP = "the app behind the chain is to be asked, and nothing stands between it and the server"


SaidOnLoop: TypeAlias = Said | Asks

ASKS_APP = Asks.APP  # Python 3.11 looks a member of an enum up by a call
_CONTENT = Phase.CONTENT
_OURS: Any = (tuple, Response)
"""What the library itself sends; all else is the framework's, or yet to be driven."""

MOST_SUBREQUESTS = 10
"""Subrequests inside one another that one request may make (httpd's LimitInternalRecursion)."""


def answer_at_once(req: Request) -> Any:
    """Answer a request by what it begins with, where that is all there is to do.

    Args:
        req: its ``chain`` and ``selection`` are set. This is called where sync handlers are.

    Returns:
        The response, or what the framework of the request sends in place of one, behind which ``end_at_once`` comes;
        or the steps of the rest of the cycle, for a driver.
    """
    answer = say_at_once(req)
    if isinstance(answer, bytes | tuple):
        req.response = answer = sent_response(answer)
    return answer


def say_at_once(req: Request) -> Said:
    """Answer a request, like ``answer_at_once``; what is sent as it is has no response around it."""
    note_current(req)
    try:
        stretch = route_of(req).first
        if not req.is_plain or (stretch is not None and stretch.is_async):
            return cycle(req)
        call = None if stretch is None else stretch.call
        return _say(req, stretch, None if call is None else call(req), go_on)
    except BaseException as error:
        return cycle(req, raised=error)


def say_on_loop(req: Request) -> SaidOnLoop | Coroutine[Any, Any, SaidOnLoop]:
    """Answer a request on an event loop, like ``say_at_once``: by what need not be kept off it, or is to be awaited."""
    note_current(req)
    try:
        stretch = route_of(req).first
        if stretch is None or stretch.blocking:
            return cycle(req)
        call = stretch.call
        return _awaited(req, stretch) if stretch.is_async else _say_on_loop(req, stretch, call(req))
    except BaseException as error:
        return cycle(req, raised=error)


async def _awaited(req: Request, stretch: Stretch) -> SaidOnLoop:
    try:
        return _say_on_loop(req, stretch, await stretch.call(req))
    except BaseException as error:
        return cycle(req, raised=error)


def _say_on_loop(req: Request, stretch: Stretch, settled: Any) -> SaidOnLoop:
    if not req.selection.output_filters.is_empty:
        return cycle(req, behind(req, stretch, settled))  # which may have to be kept off it
    if settled is None and is_for_the_app(req, stretch):
        req.phase = _CONTENT
        return ASKS_APP
    return _say(req, stretch, settled, go_on_loop)


def _say(req: Request, stretch: Stretch | None, settled: Any, goes_on: GoesOn) -> Said:
    said: Any = None
    if settled is not None:
        who, answer = settled
        said = leave_as_it_is(req, who, answer)
    if said is None:
        said = _say_behind(req, NOT_BEGUN if stretch is None else behind(req, stretch, settled), goes_on)
    if req.framework is not None and isinstance(said, _OURS):
        req.framework.exit(None)
    sent: Said = said
    return sent


def _say_behind(req: Request, begun: Begun, goes_on: GoesOn) -> Said:
    ended, _ = begun
    if ended is None:
        phases = process(req, begun)
        step, args = pending = goes_on(phases, None)
        if step is not OVER:
            return cycle(req, PartWay(phases, pending))
        ended = args[0]
    page = ended if isinstance(ended, Success) else settle_at_once(req, ended)
    left = None if page is None else leave_at_once(req, page)
    if left is None or isinstance(left, OnItsWay):
        return cycle(req, (left or page or ended, END))
    return left


def end_at_once(req: Request, sent: Raised | None) -> Steps[None] | None:
    """End a request that was answered at once.

    Args:
        req: the request. This is called where sync handlers are.
        sent: what went wrong on the response's way, or None.

    Returns:
        What is left to be driven; None where nothing is.
    """
    failed = None if sent is None else _failure(req, sent)
    if failed is not None:
        return _end(req, failed, finish(req))
    return _end_here(req, _stretch_at_end(req))


def _end_here(req: Request, stretch: Stretch) -> Steps[None] | None:
    req.finished_at = req.finished_at or perf_counter()
    if stretch.is_async:
        return _end(req, None, finish(req))
    call = stretch.call
    broken_off = call(req)
    return None if broken_off is None else _end(req, None, finish(req, broken_off))


def end_on_loop(req: Request, sent: Raised | None) -> Steps[None] | None:
    """End a request that was answered at once, like ``end_at_once``, on an event loop."""
    return ending(req, sent) if _stretch_at_end(req).blocking else end_at_once(req, sent)


def end_sent(req: Request) -> Steps[None] | Coroutine[Any, Any, Steps[None] | None] | None:
    """End a request whose answer was sent, like ``end_on_loop``; async finishers are to be awaited."""
    stretch = _stretch_at_end(req)
    if stretch.blocking:
        return ending(req, None)
    return _end_awaited(req, stretch) if stretch.is_async and stretch is not DRIVEN else _end_here(req, stretch)


async def _end_awaited(req: Request, stretch: Stretch) -> Steps[None] | None:
    req.mark_finished()
    broken_off = await stretch.call(req)
    return None if broken_off is None else _end(req, None, finish(req, broken_off))


def _stretch_at_end(req: Request) -> Stretch:
    """Return LOG and CLEANUP; ``DRIVEN`` where somebody watches, or a handler altered what is to be called."""
    if req.is_altered or req.trace is not None or heard:
        return DRIVEN
    return req.selection.ending or ending_of(req)


def cycle(req: Request, begun: Begun | PartWay = NOT_BEGUN, *, raised: BaseException | None = None) -> Steps[None]:
    """Process a request from POST_READ_REQUEST to CLEANUP.

    Args:
        req: its ``chain`` and ``selection`` are set.
        begun: how far it has come.
        raised: what went wrong on that way.

    Raises:
        BaseException: what no response can stand for, once everything is finished: KeyboardInterrupt and the like, and
            with ``debug=True`` every exception.
    """
    response = yield from _respond(req, begun, raised)
    yield from _end(req, response, finish(req)) if isinstance(response, BaseException) else sending(req, response)


def sending(req: Request, response: Response) -> Steps[None]:
    """Send the response to a request that has come through its phases, and end it."""
    sent = yield SEND, (response,)
    yield from ending(req, sent)


def ending(req: Request, sent: Raised | None) -> Steps[None]:
    """End a request; ``sent`` is what went wrong on the response's way, or None."""
    yield from _end(req, None if sent is None else _failure(req, sent), finish(req))


def _end(req: Request, failed: BaseException | None, finishing: Steps[BaseException | None]) -> Steps[None]:
    yield FINISH, (req,)
    serious = yield from finishing
    if failed is not None:
        raise failed
    if serious is not None:
        raise serious


def _respond(req: Request, begun: Begun | PartWay, raised: BaseException | None) -> Steps[Response | BaseException]:
    """Return the response, or what has to be raised when everything is finished."""
    if raised is None:
        record, response = yield from _made(req, begun)
    else:
        if req.response is not None:
            yield CLOSE, (req.response,)
        record, response = last_record(req), (yield from _unforeseen(req, raised, LEFT if req.response else WHO))
    if req.framework is not None:
        response = yield from _exit(req, req.framework, response)
    if isinstance(response, BaseException):
        req.status, req.exception, req.decided_by = HTTPStatus.INTERNAL_SERVER_ERROR, response, record.decided_by
        req.aborted = is_cancellation(response)
    return response


def _made(req: Request, begun: Begun | PartWay) -> Steps[tuple[Request, Response | BaseException]]:
    """Go through the phases and the way out."""
    try:
        if signals.request_started.receivers and begun is NOT_BEGUN:
            yield from told(signals.request_started, req)
        record: Request = req
        phases = resumed(begun) if isinstance(begun, PartWay) else process(req, begun)
        outcome: Outcome | Success = yield from phases
        if not isinstance(outcome, Success):
            record, outcome = yield from settle(req, outcome)
        if isinstance(outcome, BaseException):
            return record, outcome
        return record, leave_plainly(req, record, outcome) or (yield from leave(req, record, outcome))
    except GeneratorExit:
        raise  # nobody drives this any more
    except BaseException as error:
        return last_record(req), (yield from _unforeseen(req, error))


def _exit(req: Request, framework: Framework, response: Response | BaseException) -> Steps[Response | BaseException]:
    """Leave the framework, before the first byte is sent."""
    raised = response if isinstance(response, BaseException) else None
    answer = yield Function(framework.exit, blocking=framework.blocking), (raised,)
    if not isinstance(answer, Raised):
        return response
    if isinstance(response, BaseException):
        outcome_of_exception(req, LEFT, answer.error)
        return response
    yield CLOSE, (response,)
    return (yield from _unforeseen(req, answer.error, LEFT))


def _unforeseen(req: Request, error: BaseException, who: str = WHO) -> Steps[Response | BaseException]:
    # Handlers can leave anything in a request, such as a status that is none; receivers can raise KeyboardInterrupt.
    outcome_of_exception(req, who, error)
    if must_be_raised(req, error):
        return error
    try:
        return (yield from give_up(req, last_record(req)))
    except Exception as again:
        outcome_of_exception(req, "the way out", again)
        req.status = HTTPStatus.INTERNAL_SERVER_ERROR
        req.response = response = last_resort()
        return response


def _failure(req: Request, sent: Raised) -> BaseException | None:
    """Note what went wrong on the response's way; returns what is more than a failure of the body."""
    if isinstance(sent.error, Exception):
        outcome_of_exception(req, "the response's body", sent.error)
        req.exception = sent.error
        return None
    req.exception = req.exception or sent.error
    req.aborted = True
    return sent.error


def subrequest(req: Request) -> Steps[None]:
    """Run the phases of a subrequest up to FIXUP, and set ``status`` to what the client would get.

    Raises:
        BaseException: what no status can stand for.
    """
    ended: Ended
    if is_nested_too_deep(req):
        log_refusal(req, f"more than {MOST_SUBREQUESTS} subrequests inside one another")
        ended = HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        ended = yield from look_up(req)
    if isinstance(ended, BaseException) and not isinstance(ended, Exception):
        raise ended
    req.refusal = ended
    req.status = (yield from status_of_content(req)) if ended is None else _status_of(ended)


def is_nested_too_deep(req: Request) -> bool:
    """Tell whether a subrequest was made in too many others, as one that looks itself up is."""
    depth, record = 0, req
    while record.prev is not None or record.main is not None:
        depth += record.prev is None
        record = record.prev or record.main or record
    return depth > MOST_SUBREQUESTS


def _status_of(ended: Outcome | Success) -> int:
    match ended:
        case Success(response):
            return response.status_code
        case Response():
            return ended.status_code
        case HTTPException(code=int(code)):
            return code
        case int():
            return ended
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def run_subrequest(req: Request) -> Steps[Response]:
    """Run CONTENT of a subrequest, or give the refusal.

    Raises:
        BaseException: what no response can stand for.
    """
    outcome = req.refusal
    if outcome is None:
        outcome = yield from content(req)
    record, outcome = yield from follow(req, outcome)
    if isinstance(outcome, BaseException) and must_be_raised(record, outcome):
        raise outcome
    if isinstance(outcome, Success):
        response = yield from complete(record, outcome.response, success=True)
        if not outcome.is_apps:
            set_type(response, record)
    else:
        plain = outcome if isinstance(outcome, Response | int | HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
        page = plain if isinstance(plain, Response) else status_response(record, plain)
        response = yield from complete(record, page, success=False)
    req.response = response = for_others(response)
    req.status = response.status_code
    req.register_cleanup(response.close)
    return response

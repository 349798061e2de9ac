"""The way out of the cycle: every response gets its headers and passes the output filters here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from .conditional import apply_conditions
from .dispatch import Steps, Success, choose, must_be_raised, outcome_of_exception, translated
from .error_log import log_error
from .exceptions import ResultError
from .file_response import FileResponse
from .framework import Framework
from .handlers import Handler
from .header_pairs import BadHeaderError, headers_of, merge, pairs_of, value_in
from .plain_response import UNAUTHORIZED, PlainResponse, for_others
from .plan import Guard
from .request import Request
from .responses import (
    SAID_OF_THE_BODY,
    drop_bad_headers,
    finalise,
    last_resort,
    own_copy,
    set_default_type,
    set_type,
    status_response,
)
from .results import Outcome, Raised, full_response
from .runs import Function

CLOSE = Function(Response.close)
"""Closes a response that is not sent after all."""


class Before(NamedTuple):
    """What a response was before an output filter got it."""

    body: Any
    headers: list[tuple[str, str]]


class OnItsWay(Success):
    """A response with which ``leave`` goes on behind the filters that have only changed headers."""

    __slots__ = ("answer", "before", "waiting")

    def __init__(
        self,
        response: Response,
        is_apps: bool,  # noqa: FBT001 - as Success has it
        waiting: Sequence[Handler] = (),
        before: Before | None = None,
        answer: object = None,
    ) -> None:
        """Take note of how far it has come.

        Args:
            response: the response.
            is_apps: whether the app made it.
            waiting: the filters that are left; the first has been called.
            before: what the response was before that.
            answer: what that has answered.
        """
        super().__init__(response, is_apps)
        self.waiting = waiting
        self.before = before
        self.answer = answer


def leave(first: Request, record: Request, ended: Success | Response) -> Steps[Response | BaseException]:
    """Make a response ready to be sent.

    Args:
        first: the request itself.
        record: the record that the response answers; another one after an internal redirect.
        ended: the response, and whether the cycle succeeded.

    Returns:
        The response, or an exception that no response can stand for (with ``debug=True`` any).
    """
    filtered: Response | BaseException
    if isinstance(ended, OnItsWay):
        filtered = yield from _filter(first, record, ended.response, ended)
    else:
        filtered = yield from _before_filters(first, record, ended)
        if isinstance(filtered, Response) and _is_filtered(first, record):
            filtered = yield from _filter(first, record, filtered)
    if isinstance(filtered, BaseException):
        return filtered
    if isinstance(filtered, FileResponse) and filtered.status_code == HTTPStatus.OK:
        filtered = apply_conditions(record, filtered)
    try:
        finalise(filtered, first)
    except BadHeaderError as error:
        yield CLOSE, (filtered,)
        outcome_of_exception(record, "the response", error)
        return (yield from give_up(first, record))
    _note_outcome(first, record, filtered)
    return filtered


def _before_filters(first: Request, record: Request, ended: Success | Response) -> Steps[Response | BaseException]:
    response = typed(record, ended)
    if response.status_code == UNAUTHORIZED:
        yield from _challenge(record, response)
    if first.framework is None:
        return response
    return (yield from _finalise_in(first.framework, first, record, response))


def typed(record: Request, ended: Success | Response) -> Response:
    """Return what ended the phases with the headers that go with it, as a response that nobody else holds."""
    if not isinstance(ended, Success):
        response = _own(record, ended, _ON_ERROR)
        set_default_type(response)
        return response
    response = _own(record, ended.response, _ON_SUCCESS)
    if not ended.is_apps:
        set_type(response, record)
    return response


def _finalise_in(
    framework: Framework, first: Request, record: Request, response: Response
) -> Steps[Response | BaseException]:
    record.response = response = for_others(response)
    answer = yield Function(framework.finalise, blocking=framework.blocking), (record, response)
    if isinstance(answer, Raised):
        yield CLOSE, (response,)
        outcome_of_exception(record, "the framework, when it finalised the response,", answer.error)
        return answer.error if must_be_raised(record, answer.error) else (yield from give_up(first, record))
    if answer is not response:
        response = yield from _in_place_of(record, response, answer)
    return response


def _is_filtered(first: Request, record: Request) -> bool:
    return not (first.selection.output_filters.is_empty and record.selection.output_filters.is_empty)


def give_up(first: Request, record: Request) -> Steps[Response | BaseException]:
    """Make the last-resort 500: like every response, but for headers that must not leave."""
    response = yield from complete(record, last_resort(), success=False)
    filtered = yield from _filter(first, record, response)
    if isinstance(filtered, BaseException):
        return filtered
    drop_bad_headers(filtered)
    finalise(filtered, first)
    _note_outcome(first, record, filtered)
    return filtered


def complete(record: Request, made: Response, *, success: bool) -> Steps[Response]:
    """Give a response the headers that go with it; ``headers_out`` on success only."""
    response = _own(record, made, _ON_SUCCESS if success else _ON_ERROR)
    if response.status_code == UNAUTHORIZED:
        yield from _challenge(record, response)
    return response


_ON_ERROR = ("err_headers_out",)
_ON_SUCCESS = ("headers_out", *_ON_ERROR)
"""What handlers may have said in headers that go with a response."""


def _own(record: Request, made: Response, tables: tuple[str, ...]) -> Response:
    """Return a response that nobody else holds, with the headers that go with it."""
    response = made if type(made) is PlainResponse and made.is_new else own_copy(made)  # who made it may keep another
    if record.is_touched:
        if record.error_status is not None:
            response.status_code = record.error_status
        for table in tables:
            if record.has_made(table):
                merge(pairs_of(response), getattr(record, table))
    record.response = response
    return response


def _in_place_of(record: Request, response: Response, replaced: Response) -> Steps[Response]:
    """Send another response, which is closed together with the one it replaces."""
    replaced = own_copy(replaced)
    if record.has_made("err_headers_out"):
        merge(pairs_of(replaced), record.err_headers_out)
    if replaced.status_code == UNAUTHORIZED:
        yield from _challenge(record, replaced)
    record.response = replaced
    replaced.call_on_close(response.close)  # not before: the new body may read the old one
    return replaced


def _challenge(record: Request, response: Response) -> Steps[None]:
    origin = record.prev if record.error_status is not None and record.prev is not None else record
    guard = yield from choose(origin, origin.selection.guard)
    if not isinstance(guard, Raised):
        challenge(response, guard)


def challenge(response: Response, guard: Guard) -> None:
    """Tell the client how to say who it is, where the response does not."""
    pairs = pairs_of(response)
    if value_in(pairs, "www-authenticate") is None:
        pairs.extend(("WWW-Authenticate", value) for value in guard.challenge)


def _filter(
    first: Request, record: Request, response: Response, way: OnItsWay | None = None
) -> Steps[Response | BaseException]:
    filters = yield from _filters(first, record)
    if filters:
        record.response = response = for_others(response)
    waiting = list(filters if way is None else way.waiting)
    while waiting:
        handler = waiting.pop(0)
        if way is None or way.before is None:
            before = Before(response.response, [*response.headers])
            answer = yield handler, (record, response)
        else:
            before, answer, way = way.before, way.answer, None
        replaced = yield from _passed(record, handler, response, before, answer)
        if isinstance(replaced, Response):
            if replaced is not response:
                response = yield from _in_place_of(record, response, replaced)
            continue
        yield CLOSE, (response,)
        if must_be_raised(record, replaced):
            return replaced
        # The page that takes the place of the response passes all filters but the one that failed.
        filters = [other for other in filters if other is not handler]
        waiting = list(filters)
        status = replaced if isinstance(replaced, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
        response = yield from complete(record, status_response(record, status), success=False)
    return response


def _filters(first: Request, record: Request) -> Steps[list[Handler]]:
    """The filters of the URL that was asked for, and those of the one that it led to."""
    found: list[Handler] = []
    for req in (first,) if first is record else (first, record):
        if req.selection.output_filters.is_empty:
            continue
        filters = yield from choose(req, req.selection.output_filters)
        if isinstance(filters, Raised):
            log_error(req, "the condition of an output filter", filters.error)
            filters = req.selection.output_filters.everything()
        found.extend(handler for handler in filters if handler not in found)
    return found


def _passed(
    record: Request, handler: Handler, response: Response, before: Before, answer: object
) -> Steps[Response | BaseException]:
    """Return the response that a filter's answer stands for, or what takes its place."""
    answer = translated(record, answer)
    who = f"{handler.name} ({handler.origin})"
    if isinstance(answer, Raised):
        outcome: Outcome = outcome_of_exception(record, who, answer.error)
        if isinstance(outcome, Response):
            return (yield from complete(record, outcome, success=False))
        return outcome if isinstance(outcome, BaseException) else answer.error
    if isinstance(answer, SansIOResponse) and answer is not response:
        return full_response(answer)
    if answer is not None and answer is not response:
        message = f"an output filter returns None or a Response, not {answer!r}"
        wrong = ResultError(message, handler=handler.name, phase=None, origin=handler.origin)
        outcome_of_exception(record, who, wrong)
        return wrong
    if response.response is not before.body:
        _forget_what_was_said(response, before)
    return response


def _forget_what_was_said(response: Response, before: Before) -> None:
    """Take off what a filter that has replaced the body has left standing about the old one."""
    close: Callable[[], object] | None = getattr(before.body, "close", None)
    if close is not None:
        response.call_on_close(close)
    said = headers_of(before.headers)
    for name in SAID_OF_THE_BODY:
        if response.headers.get(name) == said.get(name):
            response.headers.pop(name, None)


def _note_outcome(first: Request, record: Request, response: Response) -> None:
    status = response.status_code
    for req in (first, record):
        req.response, req.status = response, status
    decider: Request = record
    while decider.error_status is not None and decider.prev is not None:
        decider = decider.prev  # an error document is the consequence of a decision
    first.decided_by = decider.decided_by
    while record is not first and record.prev is not None:
        first.exception, record = record.exception or first.exception, record.prev

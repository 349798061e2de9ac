"""The short way out: answers about which nobody is to be asked, and filters that only add headers.

What is found here to be more than that goes the way of ``leaving``, with nothing done to it.
"""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from .dispatch import Success
from .file_response import FileResponse
from .handlers import Handler
from .leaving import Before, OnItsWay, typed
from .phases import Phase
from .plain_response import PlainResponse, sends_what_it_says
from .request import Request
from .responses import PLAIN_STATUSES, finalise_plain
from .results import FIRST_STATUS, TEXT, Raised

_CONTENT = Phase.CONTENT
_UNAUTHORIZED = 401
_OURS = (Response, Raised)


def leave_as_it_is(req: Request, who: Any, answer: Any) -> Any:
    """Let what a content handler or the app answered be all that is sent, where nobody has a say in it.

    Args:
        req: the request.
        who: the handler or app that ended the phases, or what else did.
        answer: what it answered.

    Returns:
        The text as bytes; or the response; or what the framework sends in place of one; None where more has to be
        decided, and nothing has been done.
    """
    if who.phase is not _CONTENT or not req.selection.output_filters.is_empty or req.late_refusal is not None:
        return None
    said: Any = None
    if type(answer) is PlainResponse and answer.is_settled:
        said = _sent(req, answer, needs_type=False)
    elif has_no_say(req):
        said = _said_of(req, who, answer)
    if said is not None:
        req.decided_by = who.name
    return said


def _said_of(req: Request, who: Handler, answer: Any) -> Any:
    framework, is_apps = req.framework, who is req.app
    if framework is None:
        if isinstance(answer, TEXT):
            return _text(req, answer)
    elif is_apps and not isinstance(answer, _OURS):
        return answer if framework.sends(req, answer) else None
    elif not framework.has_finalised(req):
        return None
    return _response_of(req, answer, needs_type=not is_apps) if req.translate is None else None


def _text(req: Request, text: str | bytes) -> bytes | None:
    if req.status != FIRST_STATUS:
        return None
    req.said = body = text if isinstance(text, bytes) else text.encode()
    return body


def _response_of(req: Request, answer: Any, *, needs_type: bool) -> PlainResponse | None:
    if type(answer) is PlainResponse:
        return _sent(req, answer, needs_type=needs_type) if answer.is_new else None
    return _sent(req, PlainResponse.copied(answer), needs_type=needs_type) if _says_all(answer) else None


def _sent(req: Request, made: PlainResponse, *, needs_type: bool) -> PlainResponse | None:
    """Make a response ready to be sent; None where it takes more than a length and a type, and nothing is changed."""
    status = made.sent_status()
    if not made.is_settled and not (status in PLAIN_STATUSES and finalise_plain(made, needs_type=needs_type)):
        return None
    made.is_new = False
    req.response, req.status = made, status
    return made


def leave_plainly(first: Request, record: Request, ended: Success | Response) -> Response | None:
    """Make a response ready that says all by itself, and about which nobody is to be asked.

    Returns:
        The response; None where ``leave`` has to go through all that it may be given.
    """
    if first is not record or type(ended) is not Success or not first.selection.output_filters.is_empty:
        return None
    is_settled = type(ended.response) is PlainResponse and ended.response.is_settled
    if not (is_settled or _is_nobodys_business(first)):
        return None
    return _response_of(first, ended.response, needs_type=not ended.is_apps)


def leave_at_once(req: Request, ended: Success) -> Response | OnItsWay | None:
    """Make a response ready that says all by itself, or to which filters but add headers; they are called here.

    Returns:
        The response; or how far ``leave`` has come with it; or None, where nothing has been done.
    """
    if req.selection.output_filters.is_empty:
        return leave_plainly(req, req, ended)
    if not (req.selection.filters_at_once and _is_nobodys_business(req) and _says_all(ended.response)):
        return None
    if ended.response.status_code == _UNAUTHORIZED:
        return None
    response = typed(req, ended)
    broken_off = _filter_at_once(req, response, req.selection.output_filters.fixed)
    if broken_off is not None:
        return OnItsWay(response, ended.is_apps, *broken_off)
    return _sent(req, PlainResponse.copied(response), needs_type=False) or OnItsWay(response, ended.is_apps)


def _filter_at_once(
    req: Request, response: Response, filters: tuple[Handler, ...]
) -> tuple[tuple[Handler, ...], Before, object] | None:
    """Call filters as long as they only change headers; returns what an ``OnItsWay`` has to know, or None."""
    for position, handler in enumerate(filters):
        before = Before(response.response, [*response.headers])
        try:
            answer = handler.call(req, response)
        except BaseException as error:
            answer = Raised(error)
        if (answer is not None and answer is not response) or response.response is not before.body:
            return filters[position:], before, answer
    return None


def _says_all(answer: Any) -> bool:
    """Tell whether an answer is a response that sends what it says, and nothing else."""
    if type(answer) is PlainResponse:
        return bool(answer.is_new)
    return isinstance(answer, Response) and type(answer) is not FileResponse and sends_what_it_says(type(answer))


def _is_nobodys_business(first: Request) -> bool:
    """Tell whether handlers and a framework have no say in what a request is answered with."""
    return has_no_say(first) and (first.framework is None or first.framework.has_finalised(first))


def has_no_say(first: Request) -> bool:
    """Tell whether handlers have left nothing in a request that its response would have to show."""
    return (
        first.method != "HEAD"
        and first.content_type_out is first.content_encoding_out is None
        and not (first.is_touched and ("headers_out" in first.__dict__ or "err_headers_out" in first.__dict__))
    )

"""The short way out: answers about which nobody has to be asked who can't be called here and now.

What is found here to be more than that goes the way of ``leaving``, with nothing done to it.
"""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from .dispatch import Success
from .file_response import FileResponse
from .handlers import Handler
from .header_pairs import BadHeaderError, complete_pairs, pairs_of, said_of_body
from .leaving import Before, OnItsWay, challenge, typed
from .phases import Phase
from .plain_response import (
    PLAIN_STATUSES,
    TYPE_PAIR,
    UNAUTHORIZED,
    Pair,
    PlainResponse,
    Whole,
    body_of,
    for_others,
    plain_parts,
    sends_what_it_says,
    status_code,
)
from .request import Request
from .responses import finalise, finalise_plain, header_list
from .results import FIRST_STATUS, TEXT, Raised, encoded

_CONTENT = Phase.CONTENT
_OURS = (Response, Raised)


def leave_as_it_is(req: Request, who: Any, answer: Any) -> Any:
    """Let what a content handler or the app answered be all that is sent, where nobody has a say in it.

    Args:
        req: the request.
        who: the handler or app that ended the phases, or what else did.
        answer: what it answered.

    Returns:
        The text as bytes; or what else is whole; or what the framework sends in place of a response; None where more
        has to be decided, and nothing has been done.
    """
    if who.phase is not _CONTENT or not req.selection.output_filters.is_empty:
        return None
    said: Any = _text(req, answer) if isinstance(answer, TEXT) else _said_of(req, who, answer)
    if said is not None:
        req.decided_by = who.name
    return said


def _text(req: Request, text: str | bytes) -> bytes | None:
    if req.framework is not None or req.status != FIRST_STATUS or not has_no_say(req):
        return None
    req.said = body = text if isinstance(text, bytes) else encoded(text)
    return body


def _said_of(req: Request, who: Handler, answer: Any) -> Any:
    if type(answer) is PlainResponse and answer.is_settled:
        return _whole(req, answer, None)
    if not has_no_say(req):
        return None
    framework, is_apps = req.framework, who is req.app
    if framework is not None:
        if is_apps and not isinstance(answer, _OURS):
            return answer if framework.sends(req, answer) else None
        if not framework.has_finalised(req):
            return None
    if req.translate is not None or not _says_all(answer):
        return None
    return _whole(req, answer, None if is_apps else TYPE_PAIR)


def _whole(req: Request, response: Any, type_pair: Pair | None) -> Whole | None:
    line, pairs, body = plain_parts(response)
    if body is None:
        return None
    status = status_code(line)
    is_known = type(response) is PlainResponse and (response.is_settled or (response.is_fit and type_pair is None))
    if not (is_known or (status in PLAIN_STATUSES and complete_pairs(pairs, len(body), type_pair))):
        return None
    req.status = status
    req.said = whole = line, pairs, body
    return whole


def _response_of(req: Request, answer: Any, type_pair: Pair | None) -> PlainResponse | None:
    if not _says_all(answer):
        return None
    made = answer if type(answer) is PlainResponse else PlainResponse.copied(answer)
    return _sent(req, made, type_pair)


def _sent(req: Request, made: PlainResponse, type_pair: Pair | None) -> PlainResponse | None:
    """Make a response ready to be sent; None where it takes more than a length and a type, and nothing is changed."""
    status = made.sent_status()
    if not made.is_settled and not (status in PLAIN_STATUSES and finalise_plain(made, type_pair)):
        return None
    made.is_new = False
    req.response, req.status = made, status
    return made


def leave_plainly(first: Request, record: Request, ended: Success | Response) -> PlainResponse | None:
    """Make a response ready that says all by itself, and about which nobody is to be asked.

    Args:
        first: the request itself.
        record: the record that the response answers; another one after an internal redirect.
        ended: the response, and whether the cycle succeeded.

    Returns:
        The response; None where ``leave`` has to go through all that it may be given.
    """
    if first is not record or type(ended) is not Success or not first.selection.output_filters.is_empty:
        return None
    is_settled = type(ended.response) is PlainResponse and ended.response.is_settled
    if not (is_settled or _is_nobodys_business(first)):
        return None
    return _response_of(first, ended.response, None if ended.is_apps else TYPE_PAIR)


def leave_at_once(req: Request, ended: Success | Response) -> Whole | Response | OnItsWay | None:
    """Make a response ready where nobody has to be asked but filters that can be called here.

    Returns:
        The response, or what of it is whole; or how far ``leave`` has come with it; or None, where nothing has been
        done.
    """
    plain = leave_plainly(req, req, ended)
    if plain is not None:
        return plain
    filters = req.selection.output_filters
    if not _can_leave_here(req, ended):
        return None
    response = typed(req, ended)
    is_apps = isinstance(ended, Success) and ended.is_apps
    if response.status_code == UNAUTHORIZED:
        challenge(response, req.selection.guard.fixed)
    if not filters.is_empty:
        req.response = response = for_others(response)
        broken_off = _filter_at_once(req, response, filters.fixed)
        if broken_off is not None:
            return OnItsWay(response, is_apps, *broken_off)
    return _ready(req, response) or OnItsWay(response, is_apps)


def _can_leave_here(req: Request, ended: Success | Response) -> bool:
    made = ended.response if isinstance(ended, Success) else ended
    return (
        req.selection.filters_at_once
        and (req.framework is None or req.framework.has_finalised(req))
        and not isinstance(made, FileResponse)
        and not (req.selection.guard.conditional and made.status_code == UNAUTHORIZED)
    )


def _ready(req: Request, response: Response) -> Whole | Response | None:
    """Put right what the protocol asks for; None where a header must not leave."""
    line, pairs, body = response.status, pairs_of(response), body_of(response)
    said = None if body is None else said_of_body(pairs, len(body))
    is_right = said is not None and said[0] is not None and status_code(line) in PLAIN_STATUSES
    if not is_right or req.method == "HEAD":
        try:
            finalise(response, req)
        except BadHeaderError:
            return None
        body = body_of(response)
    req.response, req.status = response, response.status_code
    return response if body is None else (response.status, [*pairs], body)


def _filter_at_once(
    req: Request, response: Response, filters: tuple[Handler, ...]
) -> tuple[tuple[Handler, ...], Before, object] | None:
    """Call filters as long as they only change headers; returns what an ``OnItsWay`` has to know, or None."""
    for position, handler in enumerate(filters):
        body, pairs, call = response.response, header_list(response), handler.call
        try:
            answer = call(req, response)
        except BaseException as error:
            answer = Raised(error)
        if (answer is not None and answer is not response) or response.response is not body:
            return filters[position:], Before(body, pairs), answer
    return None


def _says_all(answer: object) -> bool:
    """Tell whether an answer is a response that sends what it says, and nothing else."""
    if type(answer) is PlainResponse:
        return answer.is_new
    kind = type(answer)
    says = _says.get(kind)
    if says is None:
        if len(_says) >= _MOST_KINDS:
            _says.clear()
        says = issubclass(kind, Response) and sends_what_it_says(kind) and not issubclass(kind, FileResponse)
        _says[kind] = says
    return says


_says: dict[type[Any], bool] = {}
_MOST_KINDS = 512


def _is_nobodys_business(first: Request) -> bool:
    """Tell whether handlers and a framework have no say in what a request is answered with."""
    return has_no_say(first) and (first.framework is None or first.framework.has_finalised(first))


_SAYS = ("headers_out", "err_headers_out", "late_refusal")


def has_no_say(first: Request) -> bool:
    """Tell whether handlers and late guards have left nothing in a request that its response would have to show."""
    return (
        first.method != "HEAD"
        and first.content_type_out is first.content_encoding_out is None
        and not (first.is_touched and first.has_made(*_SAYS))
    )

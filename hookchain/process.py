"""The phases from POST_READ_REQUEST to CONTENT, one after the other, with the defaults behind them.

Source: httpd ``ap_process_request_internal`` (server/request.c) and ``ap_invoke_handler`` (server/config.c).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeAlias

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from .dispatch import (
    BY_APP,
    Steps,
    Success,
    asked,
    conclude,
    has_handlers,
    outcome_of_exception,
    run_phase,
    translated,
    whose,
)
from .file_response import FileResponse
from .going_on import Pending
from .guards import guards
from .handlers import Handler
from .phases import GUARDS, Phase
from .plain_response import PlainResponse, text_response
from .refusals import answered, refused, refused_path
from .request import Request
from .responses import set_status
from .results import DONE, FIRST_STATUS, OK, TEXT, Outcome, Raised, body_response, encoded
from .runs import Settled
from .signals import heard
from .straight import CHECKED, IN_DOUBT
from .stretches import ENTER, STEP_OF, Stretch, may_be_too_large, route_of

Ended: TypeAlias = Outcome | Success | None

ROUTE = "hookchain.framework.enter"
NOTHING_THERE = "hookchain.process.not_found"
TOO_LARGE = "hookchain.process.max_body"

_CONTENT = Phase.CONTENT  # Python 3.11 looks a member of an enum up by a call
_WITH_STATUS = (SansIOResponse, tuple)

Begun: TypeAlias = tuple[Ended, int]
"""How far a request has come: what ended the phases, or None, and the step to go on with."""

NOT_BEGUN: Begun = (None, 0)


class PartWay:
    """Phases that have been begun, and stand at a step that is yet to be called."""

    __slots__ = ("pending", "steps")

    def __init__(self, steps: Steps[Outcome | Success], pending: Pending) -> None:
        """Keep them."""
        self.steps = steps
        self.pending = pending


def resumed(part_way: PartWay) -> Steps[Outcome | Success]:
    """Go on with phases from the step on at which they stand."""
    steps, pending = part_way.steps, part_way.pending
    while True:
        answer = yield pending
        try:
            pending = steps.send(answer)
        except StopIteration as stop:
            outcome: Outcome | Success = stop.value
            return outcome


def process(req: Request, begun: Begun = NOT_BEGUN) -> Steps[Outcome | Success]:
    """Run all phases that make a response: in stretches as far as nothing has to be decided, else phase by phase."""
    ended, step = begun
    while ended is None and step < END:
        # What is in doubt behind the handlers of a phase is decided at its step, whatever stretch begins there.
        stretch = None if req.called_already is not None else route_of(req)[step]
        if stretch is None:
            ended, step = (yield from _ALL[step](req)), step + 1
            req.straighten()
        else:
            settled = stretch.call(req) if stretch.is_pure else (yield stretch, (req,))
            ended, step = behind(req, stretch, settled if settled is None else whose(stretch, settled))
    if ended is None:
        return (yield from _fall_back(req))
    return _done(req) if ended is DONE else ended


def behind(req: Request, stretch: Stretch, settled: Any) -> Begun:
    """Tell how far a request has come when a stretch was called.

    Args:
        req: the request.
        stretch: the stretch.
        settled: what its call returned.
    """
    if settled is None:
        has_nobody_to_ask = stretch.end == END and req.app is None and req.chain.files is None
        return _nothing_there(req) if has_nobody_to_ask else None, stretch.end
    who, answer = settled
    if who is CHECKED:
        return answer, END
    if who is IN_DOUBT:
        return None, _step_in_doubt(req, None)
    if answer is OK and who.phase is not None and who.phase is not _CONTENT:
        return None, _step_in_doubt(req, (who, answer))
    return _ended_by(req, who, answer), END


def _step_in_doubt(req: Request, settled: Settled) -> int:
    """Return the step at which it is decided what follows from what the handlers of a phase have done."""
    phase: Any = req.phase
    req.called_already = phase, settled
    if heard or phase not in GUARDS:  # which are in doubt too where nothing was altered
        req.alter()
    return STEP_OF[phase]


def _ended_by(req: Request, handler: Handler, answer: Any) -> Ended:
    if handler.phase is None:
        return _no_route(req, answer)
    req.phase = handler.phase
    if handler.phase is _CONTENT:
        if req.chain.files is not None and handler is req.chain.files.content:
            return _file_outcome(req, handler, answer)
        return app_outcome(req, handler, answer) if handler is req.app else content_outcome(req, handler, answer)
    return conclude(req, handler.phase, (handler, answer))


def look_up(req: Request) -> Steps[Ended]:
    """Run the phases of a subrequest up to FIXUP; None where it may run.

    Source: httpd ``ap_sub_req_lookup_uri`` (server/request.c).
    """
    refusal = refused_path(req)
    if refusal is not None:
        return refusal
    for step in _LOOKUP:
        ended = yield from step(req)
        if ended is not None:
            return _done(req) if ended is DONE else ended
    return None


def _done(req: Request) -> Success:
    if req.response is not None:
        return Success(req.response)
    response = body_response("")
    set_status(response, req)
    return Success(response)


def _post_read_request(req: Request) -> Steps[Ended]:
    settled = yield from run_phase(req, Phase.POST_READ_REQUEST)
    if settled is not None:
        return conclude(req, Phase.POST_READ_REQUEST, settled)
    return refused(req)


def _trans(req: Request) -> Steps[Ended]:
    path = req.path
    settled = yield from run_phase(req, Phase.TRANS)
    if settled is not None and settled[1] is not OK:
        return conclude(req, Phase.TRANS, settled)
    refusal = refused_path(req)
    if refusal is not None:
        return refusal
    rewritten = req.path != path
    files = req.chain.files
    if files is not None and req.filename is None and (settled is None or rewritten):
        return (yield from _default(req, files.translate))
    return None


def _default(req: Request, handler: Handler) -> Steps[Ended]:
    answer = yield handler, (req,)
    if isinstance(answer, Raised):
        return conclude(req, handler.phase, (handler, answer))
    return None


def _map_to_storage(req: Request) -> Steps[Ended]:
    settled = yield from run_phase(req, Phase.MAP_TO_STORAGE)
    if settled is not None:
        return None if settled[1] is OK else conclude(req, Phase.MAP_TO_STORAGE, settled)
    answer = answered(req)
    if answer is not None:
        return answer
    if req.chain.files is not None:
        return (yield from _default(req, req.chain.files.map_to_storage))
    return None


def _enter(req: Request) -> Steps[Ended]:
    req.is_mapped = True
    if req.framework is None or not req.framework.looks_ahead:
        return None
    answer = yield ENTER[req.framework.blocking], (req,)
    return _no_route(req, answer) if isinstance(answer, Raised) else None


def _no_route(req: Request, answer: Raised) -> Outcome:
    req.decided_by = ROUTE
    return outcome_of_exception(req, "the framework, when it looked for the route,", answer.error)


def _header_parser(req: Request) -> Steps[Ended]:
    if req.main is not None:
        return None  # an internal redirect inside a subrequest (ap_process_request_internal asks for r->main)
    settled = yield from run_phase(req, Phase.HEADER_PARSER)
    return None if settled is None else conclude(req, Phase.HEADER_PARSER, settled)


def _type(req: Request) -> Steps[Ended]:
    settled = yield from run_phase(req, Phase.TYPE)
    if settled is not None:
        return None if settled[1] is OK else conclude(req, Phase.TYPE, settled)
    if req.chain.files is not None:
        return (yield from _default(req, req.chain.files.find_type))
    return None


def _fixup(req: Request) -> Steps[Ended]:
    settled = yield from run_phase(req, Phase.FIXUP)
    return None if settled is None else conclude(req, Phase.FIXUP, settled)


def content(req: Request) -> Steps[Outcome | Success]:
    """Run CONTENT: the handlers, else the file, else the app; a handshake goes to the app."""
    if req.is_handshake:
        return (yield from _shake_hands(req))
    settled = yield from run_phase(req, Phase.CONTENT)
    if settled is None:
        return (yield from _fall_back(req))
    return content_outcome(req, *settled)


def _shake_hands(req: Request) -> Steps[Outcome | Success]:
    # Content handlers and files answer requests; a socket is for the app alone.
    if req.app is not None:
        return (yield from _ask_app(req, req.app))
    req.decided_by = NOTHING_THERE
    return HTTPStatus.NOT_FOUND


def content_outcome(req: Request, handler: Handler, answer: object) -> Outcome | Success:
    """Turn what a content handler or an error document's handler answered into an outcome."""
    text = encoded(answer) if isinstance(answer, TEXT) else None
    if text is not None:  # what else an answer can mean need not be asked
        req.decided_by = handler.name
        response = text_response(text)
        if req.status != FIRST_STATUS:
            set_status(response, req)
        return Success(response)
    if isinstance(answer, Response) and req.translate is None:  # likewise
        req.decided_by = handler.name
        return Success(answer)
    settled = handler, translated(req, answer)
    outcome = conclude(req, Phase.CONTENT, settled, with_body=True)
    if outcome is OK or outcome is DONE:
        return _done(req)
    answer = settled[1]
    if not isinstance(outcome, Response) or isinstance(answer, Raised):
        return outcome
    if not isinstance(answer, _WITH_STATUS):
        set_status(outcome, req)  # a bare body says nothing of its status
    return Success(outcome)


def _fall_back(req: Request) -> Steps[Outcome | Success]:
    files = req.chain.files
    if files is not None:
        found = True if req.app is None else (yield files.found, (req,))
        if isinstance(found, Raised):
            return conclude(req, Phase.CONTENT, (files.content, found))
        if found:
            return (yield from _send_file(req, files.content))
    if req.app is None:
        return _nothing_there(req)
    return (yield from _ask_app(req, req.app))


def _send_file(req: Request, handler: Handler) -> Steps[Outcome | Success]:
    return _file_outcome(req, handler, (yield handler, (req,)))


def _file_outcome(req: Request, handler: Handler, answer: object) -> Outcome | Success:
    if type(answer) is PlainResponse:  # made by the library itself, so that nothing has to be asked of it
        req.decided_by = handler.name
        return Success(answer)
    outcome = conclude(req, Phase.CONTENT, (handler, answer), with_body=True)
    if outcome == HTTPStatus.NOT_FOUND and req.selection.other_methods:
        return _nothing_there(req)
    if isinstance(outcome, FileResponse):
        set_status(outcome, req)
    return Success(outcome) if isinstance(outcome, Response) else outcome


def _ask_app(req: Request, app: Handler) -> Steps[Outcome | Success]:
    req.phase = Phase.CONTENT
    limit = req.chain.max_body
    length = req.content_length if limit is not None and req.has_body else None
    if limit is not None and length is not None and length > limit:
        req.decided_by = TOO_LARGE
        return RequestEntityTooLarge()
    if req.path.endswith("\n") and not req.chain.guards_agree(req, req.path[:-1]):
        # To an app that routes by regular expressions with "$" at their end, this is the path without the line feed.
        req.decided_by = NOTHING_THERE
        return HTTPStatus.NOT_FOUND
    return app_outcome(req, app, (yield app, (req,)))


def is_for_the_app(req: Request, stretch: Stretch) -> bool:
    """Tell whether the app is asked next, of a request that nothing in a stretch from the first step on has ended.

    What else is to be asked in front of an app (``_ask_app``) is not to be asked of requests that have stretches.
    """
    return stretch.end == END and req.app is not None and req.chain.files is None and not may_be_too_large(req)


def app_outcome(req: Request, app: Handler, answer: object) -> Outcome | Success:
    """Turn what the app answered into an outcome, unless the request was refused on its way to the view."""
    outcome: Outcome
    if isinstance(answer, Response) and req.translate is None:  # what else an answer can mean need not be asked
        req.decided_by, outcome = app.name, answer
    else:
        outcome = conclude(req, Phase.CONTENT, (app, answer))
    if req.late_refusal is not None:
        req.decided_by, outcome = req.late_refusal
        return outcome
    return Success(outcome, BY_APP) if isinstance(outcome, Response) else outcome


def status_of_content(req: Request) -> Steps[int]:
    """Return the status that CONTENT can be expected to have, without running it."""
    run = yield from asked(req, Phase.CONTENT)
    files = req.chain.files
    if has_handlers(req, run) or req.app is not None:
        return HTTPStatus.OK
    missing = HTTPStatus.METHOD_NOT_ALLOWED if req.selection.other_methods else HTTPStatus.NOT_FOUND
    if files is None:
        return missing
    found = yield files.found, (req,)
    return HTTPStatus.OK if found is True else req.file_refusal or missing


def _nothing_there(req: Request) -> int:
    req.decided_by = NOTHING_THERE
    if not req.selection.other_methods:
        return HTTPStatus.NOT_FOUND
    req.allowed_methods.update(req.selection.other_methods)
    return HTTPStatus.METHOD_NOT_ALLOWED


_LOOKUP: tuple[Callable[[Request], Steps[Ended]], ...] = (_trans, _map_to_storage, _enter, guards, _type, _fixup)
_ALL: tuple[Callable[[Request], Steps[Ended | Success]], ...] = (
    _post_read_request,
    _trans,
    _map_to_storage,
    _enter,
    _header_parser,
    guards,
    _type,
    _fixup,
    content,
)
"""The steps of the cycle; ``stretches.PHASES`` says which phase each of them is."""

END = len(_ALL)

APP_IS_NEXT: Begun = (None, END)
"""How far a request has come that no handler answered, and that goes to the app where there is no file either."""

"""Internal redirects and error documents: how one record leads to the next, until there is a response.

Source: httpd ``ap_die_r`` and ``ap_internal_redirect`` (modules/http/http_request.c).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeAlias

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .declarations import ErrorDocument
from .dispatch import Steps, Success, call_segments, choose, must_be_raised, outcome_of_exception
from .error_log import log_error, log_refusal
from .handlers import Handler
from .header_pairs import names_in, pairs_of
from .leaving import CLOSE
from .paths import BadPathError, split_url
from .phases import Phase
from .plain_response import for_others
from .process import content_outcome, process
from .records import follow_up
from .request import Request
from .responses import REDIRECTS, exception_of, own_copy, status_response
from .results import InternalRedirect, Outcome, Raised
from .runs import Function, Run

_RESPONSES = (Success, Response)

MOST_REDIRECTS = 10
"""Internal redirects in a row that one request may take (httpd's LimitInternalRecursion)."""

# No errors, though a status was answered: headers_out goes with them (httpd's ap_send_error_response).
_NO_ERRORS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

Ending: TypeAlias = tuple[Request, Success | Response | BaseException]
"""The record that a response answers and the response; an exception where none can be sent."""


def settle(record: Request, outcome: Outcome | Success) -> Steps[Ending]:
    """Follow internal redirects and error documents until there is a response.

    Args:
        record: the record that came to the outcome.
        outcome: what its phases came to.

    Returns:
        The last record, and the response or what has to be raised.
    """
    record, outcome = yield from follow(record, outcome)
    if isinstance(outcome, _RESPONSES):
        return record, outcome
    if isinstance(outcome, Exception) and record.framework is not None and not record.chain.debug:
        return (yield from _error(record, outcome))  # its handlers may have an answer
    if isinstance(outcome, BaseException) and must_be_raised(record, outcome):
        return record, outcome
    return (yield from _error(record, outcome))


def settle_at_once(req: Request, outcome: Outcome) -> Success | Response | None:
    """Answer a status with its plain page, like ``settle``; None where somebody else may have to be asked for one."""
    if isinstance(outcome, Response):
        return outcome
    if req.framework is not None or not isinstance(outcome, int | HTTPException) or req.selection.documents.conditional:
        return None
    status = outcome if isinstance(outcome, int) else outcome.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if any(status in document.statuses for document in req.selection.documents.fixed):
        return None
    return _plain_page(req, outcome, status)


def _plain_page(record: Request, answered: int | HTTPException, status: int) -> Success | Response:
    plain = status_response(record, answered)
    return Success(plain) if status in _NO_ERRORS else plain


def follow(record: Request, outcome: Outcome | Success) -> Steps[tuple[Request, Outcome | Success]]:
    """Follow internal redirects as long as there are any; returns the last record and what it came to."""
    redirects = 0
    while isinstance(outcome, InternalRedirect):
        redirects += 1
        if redirects > MOST_REDIRECTS:
            log_refusal(record, f"more than {MOST_REDIRECTS} internal redirects in a row, the last to {outcome.uri!r}")
            return record, HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            path, query = split_url(outcome.uri, record.path)
        except BadPathError as error:
            log_error(record, f"InternalRedirect({outcome.uri!r}) by {record.decided_by}", error)
            return record, HTTPStatus.INTERNAL_SERVER_ERROR
        # What an error document's handler redirects to was not asked for by the request that was let through.
        may_skip_guards = record.error_status is None
        record = _next_record(record, path, query, error_status=record.error_status)
        record.may_skip_guards = may_skip_guards
        outcome = yield from process(record)
    return record, outcome


def _next_record(record: Request, path: str, query: str, *, error_status: int | None) -> Request:
    is_error = error_status is not None
    following = follow_up(record, path, query, method="GET" if is_error else None)
    following.prev, record.next, following.main = record, following, record.main
    following.status = record.status if error_status is None else error_status
    vars(following)["err_headers_out"] = record.err_headers_out  # one table for all records of a request
    if following.status in REDIRECTS and "Location" in record.headers_out:
        following.headers_out["Location"] = record.headers_out["Location"]
    following.env["REDIRECT_STATUS"] = str(following.status)
    following.error_status = error_status
    following.selection = following.chain.select(following)
    return following


def _error(record: Request, outcome: Outcome) -> Steps[Ending]:
    answered = outcome if isinstance(outcome, int | HTTPException) else 500
    status = answered if isinstance(answered, int) else answered.code or 500
    page = _plain_page(record, answered, status)
    if isinstance(page, Success):
        return record, page
    document = yield from _document_for(record, status)
    if document is None:
        return record, (yield from _page(record, outcome, page))
    if isinstance(outcome, BaseException) and must_be_raised(record, outcome):
        return record, outcome
    record.status = status
    last, ended = yield from _run_document(record, status, document)
    if isinstance(ended, BaseException):
        return last, ended
    if ended is None:
        return record, page
    own = own_copy(ended.response)
    own.status_code = page.status_code
    return last, Success(_with_headers_of(page, own))


def _page(record: Request, outcome: Outcome, plain: Response) -> Steps[Response | BaseException]:
    """The page of the framework's error handlers, else the plain one."""
    framework = record.framework
    if framework is None or plain.status_code < 400:  # noqa: PLR2004
        return plain
    error = outcome if isinstance(outcome, Exception) else exception_of(plain.status_code)
    plain = for_others(plain)
    answer = yield Function(framework.error_page), (record, error, plain)
    if isinstance(answer, Response):
        return _with_headers_of(plain, answer)
    if answer is None:
        return error if must_be_raised(record, error) else plain
    if answer.error is not error:
        outcome_of_exception(record, "the framework's error handlers", answer.error)
    return answer.error if framework.raises or not isinstance(answer.error, Exception) else plain


def _document_for(record: Request, status: int) -> Steps[ErrorDocument | None]:
    documents = yield from choose(record, record.selection.documents)
    if isinstance(documents, Raised):
        log_error(record, "the condition of an error document", documents.error)
        return None
    return next((document for document in documents if status in document.statuses), None)


def _run_document(
    record: Request, status: int, document: ErrorDocument
) -> Steps[tuple[Request, Success | BaseException | None]]:
    """The record and response of an error document; None in place of a response where it failed."""
    if isinstance(document.target, str) and not document.target.startswith("/"):
        return record, Success(_text_page(document.target, status))
    _describe_error(record)
    if isinstance(document.target, Handler):
        last = _next_record(record, record.path, record.query_string.decode("ascii"), error_status=status)
        last.__dict__["notes"], last.__dict__["env"] = record.notes, record.env
        last.user, last.auth_type = record.user, record.auth_type
        outcome = yield from _call_handler(last, document.target)
    else:
        path, query = split_url(document.target, "/")
        last = _next_record(record, path, query, error_status=status)
        outcome = yield from process(last)
    last, outcome = yield from follow(last, outcome)
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        return last, outcome
    if isinstance(outcome, Success) and not (outcome.is_apps and outcome.response.status_code >= 400):  # noqa: PLR2004
        return last, outcome
    if isinstance(outcome, _RESPONSES):
        yield CLOSE, (outcome if isinstance(outcome, Response) else outcome.response,)
    log_refusal(record, f"the error document {document.target} for {status} ({document.origin}) failed")
    return last, None


def _call_handler(record: Request, handler: Handler) -> Steps[Outcome | Success]:
    record.phase = Phase.CONTENT
    settled = yield from call_segments(record, Run(Phase.CONTENT, (handler,)))
    if settled is None:
        return HTTPStatus.NOT_FOUND  # it declined: there is no page
    return content_outcome(record, *settled)


def _describe_error(record: Request) -> None:
    # Passed on with REDIRECT_ in front, as httpd tells its error documents.
    record.env.setdefault("URL", record.path)
    record.env.setdefault("QUERY_STRING", record.query_string.decode("ascii"))
    record.env.setdefault("REQUEST_METHOD", record.method)


def _text_page(text: str, status: int) -> Response:
    mimetype = "text/html" if text.lstrip().startswith("<") else "text/plain"
    return Response(text, status, mimetype=mimetype)


def _with_headers_of(plain: Response, made: Response) -> Response:
    """What the error itself says (WWW-Authenticate, Allow, Retry-After), on the page that stands for it."""
    response = own_copy(made)
    if response.status_code != plain.status_code:
        return response
    pairs = pairs_of(response)
    said = names_in(pairs) | {"content-type", "content-length"}
    pairs.extend(pair for pair in pairs_of(plain) if pair[0].lower() not in said)
    return response

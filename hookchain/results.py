"""What a handler may answer, and what an answer means: the table of answers as functions."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias, cast

from werkzeug.datastructures import Headers
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from .plain_response import text_response


class Result(enum.Enum):
    """The three answers that are no response.

    Source: httpd ``include/httpd.h`` (OK, DECLINED, DONE).
    """

    OK = "OK"
    """Done with this phase as far as I am concerned."""
    DECLINED = "DECLINED"
    """Not mine: ask the next."""
    DONE = "DONE"
    """The response is complete: skip to LOG."""

    def __repr__(self) -> str:
        """Show the name that people write."""
        return self.name


OK = Result.OK
DECLINED = Result.DECLINED
DONE = Result.DONE


@dataclasses.dataclass(frozen=True, slots=True)
class InternalRedirect:
    """The answer "run the cycle again for this URL, inside this request"; for CONTENT and error documents.

    Attributes:
        uri: a URL: decoded once, split at ``?``; relative to the URL of the request it is answered to.

    Source: httpd ``ap_internal_redirect`` (modules/http/http_request.c).
    """

    uri: str


class Raised:
    """What a driver reports in place of an answer: the handler raised."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        """Keep what it raised."""
        self.error = error


Outcome: TypeAlias = int | Response | InternalRedirect | Result | BaseException
"""How a phase can end the cycle: with a status, a response, a redirect, OK or DONE, or an exception."""

FIRST_STATUS, LAST_STATUS = 200, 599
TEXT = (str, bytes)
_JSON = (dict, list)


class UnusableAnswerError(TypeError):
    """The answer is none of those that the phase allows; the message says why."""


def outcome_of(answer: object, *, with_body: bool) -> Outcome:
    """Turn a handler's answer into what it means.

    Args:
        answer: what the handler returned; neither None nor DECLINED.
        with_body: whether bodies and redirects are answers here, as in CONTENT and error documents.

    Returns:
        OK, DONE, a status, a Response, or an InternalRedirect.

    Raises:
        UnusableAnswerError: the answer means nothing here.
    """
    if isinstance(answer, Result) or (with_body and isinstance(answer, InternalRedirect)):
        return answer
    if isinstance(answer, int):
        return valid_status(answer)
    if isinstance(answer, SansIOResponse):
        return full_response(answer)
    if isinstance(answer, tuple):
        return _response_of_tuple(cast("tuple[object, ...]", answer))
    return body_response(answer) if with_body else _refuse(answer)


def valid_status(value: object) -> int:
    """Return a status that may end a request.

    Args:
        value: an int or HTTPStatus.

    Returns:
        The int.

    Raises:
        UnusableAnswerError: it is a bool, no int at all, or not from 200 to 599.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnusableAnswerError(f"{value!r} is no status; return OK, DECLINED, an int from 200 to 599 or a Response")
    if not FIRST_STATUS <= value <= LAST_STATUS:
        raise UnusableAnswerError(f"{value} is no status that can be sent; it must be from 200 to 599")
    return int(value)


def full_response(response: SansIOResponse) -> Response:
    """Return a response that can carry a body; a sans-IO one has none, so it becomes an empty one."""
    if isinstance(response, Response):
        return response
    return Response(status=response.status, headers=response.headers)


def body_response(body: object) -> Response:
    """Make a response of a body; its status and type are set where it leaves.

    Args:
        body: str, bytes, a dict or list (JSON), or an iterator or async iterator of str or bytes (streamed).

    Returns:
        A response with status 200. One made of text or bytes has no Content-Type yet.

    Raises:
        UnusableAnswerError: it is nothing of these.
    """
    if isinstance(body, TEXT):
        return _untyped(body)
    if isinstance(body, _JSON):
        return Response(json.dumps(body), mimetype="application/json")
    if isinstance(body, bytearray | memoryview):
        return _untyped(bytes(cast("bytearray", body)))
    if isinstance(body, Iterator | AsyncIterator):
        return _untyped(body)
    return _refuse(body)


def encoded(text: str | bytes) -> bytes | None:
    """Return a text as it is sent, in UTF-8; None where UTF-8 can't say it."""
    try:
        return text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError:
        return None


def _untyped(body: Any) -> Response:
    if isinstance(body, str):
        body = encoded(body)
        if body is None:
            raise UnusableAnswerError("its text holds lone surrogates, which UTF-8 can't say")
    if isinstance(body, bytes):
        return text_response(body)
    response = Response(body)
    del response.headers["Content-Type"]
    return response


def _refuse(answer: object) -> Response:
    if inspect.isawaitable(answer):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise UnusableAnswerError(
            "it returned a coroutine that nobody awaited; declare the handler itself with 'async def' "
            "(a decorator around it may hide that it is async)"
        )
    raise UnusableAnswerError(f"{answer!r} of type {type(answer).__name__} is no answer in this phase")


def _response_of_tuple(answer: tuple[object, ...]) -> Response:
    if len(answer) not in {2, 3}:
        raise UnusableAnswerError(
            f"a tuple of {len(answer)} is no answer; it is (body, status), (body, headers) or (body, status, headers)"
        )
    status: object = answer[1]
    headers: object = answer[2] if answer[2:] else None
    if len(answer) == 2 and isinstance(status, Headers | Mapping | list | tuple):  # noqa: PLR2004
        status, headers = None, answer[1]
    response = _response_of_body(answer[0])
    if status is not None:
        _set_status(response, status)
    if headers is not None:
        _add_headers(response, headers)
    return response


def _response_of_body(body: object) -> Response:
    if isinstance(body, SansIOResponse):
        return full_response(body)
    return body_response("" if body is None else body)


def _set_status(response: Response, status: object) -> None:
    if isinstance(status, str):
        digits = status.partition(" ")[0]
        valid_status(int(digits) if digits.isdecimal() and digits.isascii() else status)
        response.status = status
    else:
        response.status_code = valid_status(status)


def _add_headers(response: Response, headers: Any) -> None:
    try:
        response.headers.update(headers)
    except (TypeError, ValueError) as error:
        raise UnusableAnswerError(f"{headers!r} are no headers: {error}") from error


def reason(status: int) -> str:
    """Return the reason phrase of a status, such as "Not Found"; "Unknown" where there is none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"

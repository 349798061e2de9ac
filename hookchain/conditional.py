"""Conditional requests and ranges: what of a file a client needs to be sent."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_etags

from .ranges import ByteRange, RangeBody, multipart, parse_ranges
from .responses import status_response

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers
    from werkzeug.wrappers import Response

    from .file_response import FileResponse
    from .request import Request

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_FIRST_SHORT_YEAR: Final = 70  # of two digits: 70 is 1970, 69 is 2069
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES: Final = (
    rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",  # IMF-fixdate
    rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_TIME} GMT",  # RFC 850
    rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",  # asctime
)
# What describes a body that is not sent. Last-Modified is kept, as httpd keeps it.
_BODY_HEADERS: Final = ("Content-Type", "Content-Length", "Content-Encoding", "Accept-Ranges")


def apply_conditions(req: Request, response: FileResponse) -> Response:
    """Answer a conditional or range request for a file with what the client lacks.

    Call it once, when all headers are set and filters have run. A response whose body or status they replaced is left
    as it is.

    Args:
        req: The request.
        response: The response that holds the whole file; it is changed in place.

    Returns:
        The response: 200 as it was, 206 with a part of the file, or 304, 412 or 416 without a body.

    Source:
        RFC 9110, sections 13.2.2 (order of the conditions) and 14.2.
    """
    if req.method not in {"GET", "HEAD"} or not response.is_whole:
        return response
    status = _failed_condition(req, response)
    if status is not None:
        _send_no_body(response, status)
    else:
        _apply_range(req, response)
    return response


def parse_http_date(text: str) -> int | None:
    """Read a date in one of the three forms that HTTP knows.

    Args:
        text: The value of a header.

    Returns:
        Seconds since the epoch; None for everything that is no date, such as one with a year of five digits.

    Source:
        RFC 9110, section 5.6.7.
    """
    for form in _date_forms():
        match = form.fullmatch(text.strip(" \t"))
        if match is not None:
            return _seconds(match.groupdict())
    return None


@functools.cache
def _date_forms() -> tuple[re.Pattern[str], ...]:
    # Not at import: three of them take as long as a module.
    return tuple(re.compile(pattern, re.ASCII | re.IGNORECASE) for pattern in _DATES)


def _seconds(part: dict[str, str]) -> int | None:
    year = int(part["year"])
    if len(part["year"]) == len("94"):
        year += 1900 if year >= _FIRST_SHORT_YEAR else 2000
    day, hour, minute, second = (int(part[name]) for name in ("day", "hour", "minute", "second"))
    try:
        return int(datetime(year, _MONTHS[part["month"].lower()], day, hour, minute, second, tzinfo=UTC).timestamp())
    except (KeyError, ValueError):
        return None


def _field(req: Request, name: str) -> str | None:
    """Give a header's value; one that came several times counts as one list."""
    return ", ".join(req.headers.getlist(name)) if name in req.headers else None


def _failed_condition(req: Request, response: FileResponse) -> int | None:
    if not _may_proceed(req, response):
        return HTTPStatus.PRECONDITION_FAILED
    return None if _is_needed(req, response) else HTTPStatus.NOT_MODIFIED


def _may_proceed(req: Request, response: FileResponse) -> bool:
    """Evaluate If-Match, or else If-Unmodified-Since."""
    wanted = _field(req, "If-Match")
    if wanted is not None:
        found = parse_etags(wanted)
        etag = response.headers.get("ETag")
        return found.star_tag or (etag is not None and etag.strip('"') in found)
    date = _date(req.headers, "If-Unmodified-Since")
    return date is None or not _is_later(response, date)


def _is_needed(req: Request, response: FileResponse) -> bool:
    """Evaluate If-None-Match, or else If-Modified-Since."""
    known = _field(req, "If-None-Match")
    if known is not None:
        found = parse_etags(known)
        etag = response.headers.get("ETag")
        return not (found.star_tag or (etag is not None and found.contains_weak(etag.removeprefix("W/").strip('"'))))
    date = _date(req.headers, "If-Modified-Since")
    return date is None or _date(response.headers, "Last-Modified") is None or _is_later(response, date)


def _is_later(response: FileResponse, date: int) -> bool:
    """Tell whether the file was changed after a date; without Last-Modified that can't be said of any."""
    modified = _date(response.headers, "Last-Modified")
    return modified is not None and modified > date


def _date(headers: Headers, name: str) -> int | None:
    text = headers.get(name)
    return None if text is None else parse_http_date(text)


def _send_no_body(response: FileResponse, status: int) -> None:
    response.drop_body(status)
    for name in _BODY_HEADERS:
        response.headers.pop(name, None)
    if status != HTTPStatus.NOT_MODIFIED:
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        response.headers["Content-Length"] = "0"


def _apply_range(req: Request, response: FileResponse) -> None:
    header = _field(req, "Range")
    if header is None or not _is_same(req, response):
        return
    pieces = parse_ranges(header, response.complete_length)
    # Content-Encoding would speak of the multipart body, which is not what was encoded: send the whole file then.
    if pieces is None or (len(pieces) > 1 and "Content-Encoding" in response.headers):
        return
    if pieces:
        _send_pieces(response, pieces)
    else:
        _refuse_range(req, response)


def _is_same(req: Request, response: FileResponse) -> bool:
    """Evaluate If-Range: the client's part and ours must be of the same bytes, without any doubt."""
    header = _field(req, "If-Range")
    if header is None:
        return True
    if header.startswith(('"', "W/")):
        return header == response.headers.get("ETag") and not header.startswith("W/")
    modified = _date(response.headers, "Last-Modified")
    # A file changed within the second of the request can change once more in it: that date is a weak validator.
    return modified is not None and modified == parse_http_date(header) and modified < int(req.start_time)


def _refuse_range(req: Request, response: FileResponse) -> None:
    page = status_response(req, RequestedRangeNotSatisfiable(response.complete_length))
    _send_no_body(response, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    response.set_data(page.get_data())
    for name in ("Content-Type", "Content-Range"):
        response.headers[name] = page.headers[name]


def _send_pieces(response: FileResponse, pieces: list[ByteRange]) -> None:
    length = response.complete_length
    if len(pieces) == 1:
        body = RangeBody(response.body.file, pieces)
        response.headers["Content-Range"] = pieces[0].content_range(length)
    else:
        body, media_type = multipart(response.body.file, pieces, length, response.headers.get("Content-Type"))
        response.headers["Content-Type"] = media_type
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    response.headers["Content-Length"] = str(body.length)
    response.response = body

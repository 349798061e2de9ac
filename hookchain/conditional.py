"""Conditional requests and ranges: what of a file a client needs to be sent."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_etags

from .file_headers import said_of_piece, without_body, without_length
from .header_pairs import headers_of
from .ranges import ByteRange, RangeBody, multipart, parse_ranges
from .responses import status_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
_FIELDS: Final = {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "Range", "If-Range")
}
_NAMES: Final = {key: name for name, key in _FIELDS.items()}
_PARTIAL_CONTENT: Final = 206
_NOT_MODIFIED: Final = 304
_PRECONDITION_FAILED: Final = 412
_NOT_SATISFIABLE: Final = 416
_EMPTY: Final = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0"))
_LONGEST_DATE: Final = 64
_LONGEST_RANGE: Final = 64  # of those that are remembered

Said: TypeAlias = "Headers | Mapping[str, str]"
"""The headers of a file; of those by which it is known, a mapping is enough."""


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
    asked = asked_of(req)
    if not asked:
        return response
    status = failed_condition(asked, response.headers)
    if status is not None:
        _send_no_body(response, status)
        return response
    pieces = wanted_pieces(asked, response.headers, response.complete_length, req)
    if pieces:
        _send_pieces(response, pieces)
    elif pieces is not None:
        _refuse_range(req, response)
    return response


def asked_of(req: Request) -> dict[str, str]:
    """Return the headers by which a client asks for less than the whole file; a repeated one counts as one list.

    Args:
        req: The request.

    Returns:
        Values by the header's name; most requests have none.
    """
    environ, headers = req.environ, req.headers
    # Headers that nobody has put in the place of the environ's say what it says.
    if environ is not None and type(headers) is EnvironHeaders and headers.environ is environ:
        return {_NAMES[key]: environ[key] for key in environ.keys() & _NAMES.keys()}
    return {name: ", ".join(headers.getlist(name)) for name in _FIELDS if name in headers}


def parse_http_date(text: str) -> int | None:
    """Read a date in one of the three forms that HTTP knows.

    Args:
        text: The value of a header.

    Returns:
        Seconds since the epoch; None for everything that is no date, such as one with a year of five digits.

    Source:
        RFC 9110, section 5.6.7.
    """
    text = text.strip(" \t")
    return _remembered_date(text) if len(text) <= _LONGEST_DATE else None


@functools.lru_cache(maxsize=1024)
def _remembered_date(text: str) -> int | None:
    for form in _date_forms():
        match = form.fullmatch(text)
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


def failed_condition(asked: Mapping[str, str], headers: Said) -> int | None:
    """Tell whether the client's conditions keep the file from being sent.

    Args:
        asked: What ``asked_of`` returned.
        headers: Those of the file.

    Returns:
        412 or 304; None where it is to be sent.
    """
    if not _may_proceed(asked, headers):
        return _PRECONDITION_FAILED
    return None if _is_needed(asked, headers) else _NOT_MODIFIED


def _may_proceed(asked: Mapping[str, str], headers: Said) -> bool:
    """Evaluate If-Match, or else If-Unmodified-Since."""
    wanted = asked.get("If-Match")
    if wanted is not None:
        found = parse_etags(wanted)
        etag = headers.get("ETag")
        return found.star_tag or (etag is not None and etag.strip('"') in found)
    date = _date(asked, "If-Unmodified-Since")
    return date is None or not _is_later(headers, date)


def _is_needed(asked: Mapping[str, str], headers: Said) -> bool:
    """Evaluate If-None-Match, or else If-Modified-Since."""
    known = asked.get("If-None-Match")
    if known is not None:
        etag = headers.get("ETag")
        if etag == known and known.strip('"') == known[1:-1]:  # one tag, and no list to be taken apart
            return False
        found = parse_etags(known)
        return not (found.star_tag or (etag is not None and found.contains_weak(etag.removeprefix("W/").strip('"'))))
    date = _date(asked, "If-Modified-Since")
    return date is None or _date(headers, "Last-Modified") is None or _is_later(headers, date)


def _is_later(headers: Said, date: int) -> bool:
    """Tell whether the file was changed after a date; without Last-Modified that can't be said of any."""
    modified = _date(headers, "Last-Modified")
    return modified is not None and modified > date


def _date(headers: Said, name: str) -> int | None:
    text = headers.get(name)
    return None if text is None else parse_http_date(text)


def _send_no_body(response: FileResponse, status: int) -> None:
    response.drop_body(status)
    empty = () if status == _NOT_MODIFIED else _EMPTY
    response.headers = headers_of([*without_body(response.headers), *empty])


def wanted_pieces(asked: Mapping[str, str], headers: Said, length: int, req: Request) -> Sequence[ByteRange] | None:
    """Tell which pieces of a file a client asks for.

    Args:
        asked: What ``asked_of`` returned.
        headers: Those of the file.
        length: Its size, in bytes.
        req: The request.

    Returns:
        The pieces; an empty list where none of them lies in the file; None where the whole file is to be sent.
    """
    header = asked.get("Range")
    if header is None or not _is_same(asked.get("If-Range"), headers, req):
        return None
    pieces = _remembered_ranges(header, length) if len(header) <= _LONGEST_RANGE else parse_ranges(header, length)
    # Content-Encoding would speak of the multipart body, which is not what was encoded: send the whole file then.
    return None if pieces is not None and len(pieces) > 1 and "Content-Encoding" in headers else pieces


_remembered_ranges = functools.lru_cache(maxsize=1024)(parse_ranges)


def _is_same(known: str | None, headers: Said, req: Request) -> bool:
    """Evaluate If-Range: the client's part and ours must be of the same bytes, without any doubt."""
    if known is None:
        return True
    if known.startswith(('"', "W/")):
        return known == headers.get("ETag") and not known.startswith("W/")
    modified = _date(headers, "Last-Modified")
    # A file changed within the second of the request can change once more in it: that date is a weak validator.
    return modified is not None and modified == parse_http_date(known) and modified < int(req.start_time)


def _refuse_range(req: Request, response: FileResponse) -> None:
    page = status_response(req, RequestedRangeNotSatisfiable(response.complete_length))
    _send_no_body(response, _NOT_SATISFIABLE)
    response.set_data(page.get_data())
    for name in ("Content-Type", "Content-Range"):
        response.headers[name] = page.headers[name]


def _send_pieces(response: FileResponse, pieces: Sequence[ByteRange]) -> None:
    length = response.complete_length
    if len(pieces) == 1:
        body = RangeBody(response.body.file, pieces)
        response.headers = headers_of([*without_length(response.headers), *said_of_piece(pieces[0], length)])
    else:
        body, media_type = multipart(response.body.file, pieces, length, response.headers.get("Content-Type"))
        response.headers["Content-Type"] = media_type
        response.headers["Content-Length"] = str(body.length)
    response.set_status(_PARTIAL_CONTENT)
    response.response = body

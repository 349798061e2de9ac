"""The values of access log lines: how each is read from a request."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders

from .environ_request import start_of
from .exceptions import did_you_mean
from .log_time import EachSecond, apache_time, compile_strftime, microseconds, moment

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from .environ_request import EnvironRequest
    from .request import Request

Getter = Callable[["Request"], str]
"""Reads one value of a request, unescaped; "-" when it has none."""

MISSING = "-"
_PASSWORD = re.compile(r"^((?:[a-zA-Z][a-zA-Z0-9+.\-]*://)?[^/?#@:]*):[^/?#]*@")


class Verbatim(str):
    """Text of a log line that is not escaped, because no client wrote it."""

    __slots__ = ()


EMPTY_USER = Verbatim('""')


def original_of(record: Request) -> Request:
    """Return the record of a request as it came in, before any internal redirect."""
    while record.prev is not None:
        record = record.prev
    return record


def final_of(record: Request) -> Request:
    """Return the last record of a request that was redirected internally, or the record itself."""
    while record.next is not None:
        record = record.next
    return record


def remote_address(record: Request) -> str:
    """Return the IP address of the client."""
    return record.remote_addr or MISSING


@lru_cache(maxsize=64)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def local_address(record: Request) -> str:
    """Return the IP address that the client connected to; a host name or socket path is none."""
    host = record.server[0] if record.server else ""
    return host if _is_address(host) else MISSING


def server_name(record: Request) -> str:
    """Return the name of the server as it is configured."""
    return (record.server[0] if record.server else "") or MISSING


def client_server_name(record: Request) -> str:
    """Return the name in the Host header, as httpd does with ``UseCanonicalName Off``."""
    host = record.headers.get("Host", "").strip().lower()
    name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".") or server_name(record)


def canonical_port(record: Request) -> str:
    """Return the server's port, or the default one of the scheme."""
    port = record.server[1] if record.server else None
    return str(port or (443 if record.scheme in {"https", "wss"} else 80))


def local_port(record: Request) -> str:
    """Return the port that the client connected to."""
    return str((record.server[1] if record.server else None) or MISSING)


def remote_port(record: Request) -> str:
    """Return the client's port, which a server that knows it puts in the environment."""
    return record.env.get("REMOTE_PORT", MISSING)


def connection_status(record: Request) -> str:
    """Tell what happens to the connection: "X" broken off, "+" may be kept alive, "-" closed.

    The server alone knows; protocol and Connection headers say what it should do.
    """
    if record.aborted:
        return "X"
    response = final_of(record).response
    wishes = record.headers.get("Connection", "").lower()
    if "close" in wishes or (response is not None and "close" in response.headers.get("Connection", "").lower()):
        return "-"
    return "+" if record.protocol not in {"HTTP/1.0", "HTTP/0.9"} or "keep-alive" in wishes else "-"


def user_name(record: Request) -> str:
    """Return the user as text."""
    user = record.user
    if user is None:
        return MISSING
    return str(user) or EMPTY_USER


def request_line(record: Request) -> str:
    """Return the request line as it was sent, with a password in the target masked."""
    target = record.unparsed_uri
    if target[:1] != "/":
        # A target such as http://ann:secret@host/ has the password masked, as apr_uri_unparse does.
        target = _PASSWORD.sub(r"\1:XXXXXXXX@", target)
    return f"{record.method} {target} {record.protocol}"


def usual_start(record: EnvironRequest, made: Mapping[str, Any]) -> float:
    """Return when a request that was made of an environ began, without making what only the log asks for."""
    start: float = made["start_time"] if "start_time" in made else start_of(record)
    return start


def usual_request_line(record: EnvironRequest, made: Mapping[str, Any], environ: Mapping[str, Any]) -> str:
    """Return the request line of one, likewise."""
    target = made["raw_uri"] if "raw_uri" in made else environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if not target or target[0] != "/":
        return request_line(record)
    protocol = made["protocol"] if "protocol" in made else environ.get("SERVER_PROTOCOL", "HTTP/1.1")
    return f"{record.method} {target} {protocol}"


def query(record: Request) -> str:
    """Return the query string with its "?"; nothing where there is none."""
    if record.query_string:
        return f"?{record.query_string.decode('utf-8', 'surrogateescape')}"
    return "?" if record.unparsed_uri.endswith("?") else ""


def header_variable(name: str) -> str:
    """Return the key under which an environ has a request header."""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def header_in(name: str) -> Getter:
    """Make a getter of a request header; several of one name are joined, as httpd does."""
    variable = header_variable(name)

    def get(record: Request) -> str:
        headers = record.headers
        if isinstance(headers, EnvironHeaders):  # the server has merged headers of one name already
            return str(headers.environ.get(variable, MISSING))
        values = headers.getlist(name)
        return ", ".join(values) if values else MISSING

    return get


def cookie(name: str) -> Getter:
    """Make a getter of a cookie of the request.

    Source: httpd `log_cookie` (modules/loggers/mod_log_config.c).
    """
    wanted = name.lower()

    def get(record: Request) -> str:
        for pair in "; ".join(record.headers.getlist("Cookie")).split(";"):
            found, _, value = pair.partition("=")
            if value and found.strip().lower() == wanted:
                return value.strip()
        return MISSING

    return get


def header_out(name: str) -> Getter:
    """Make a getter of a header that was sent; without a response, of one that was set.

    Source: httpd `log_header_out` (modules/loggers/mod_log_config.c): a media type stands without its parameters,
    several Set-Cookie headers are joined, of others the first counts.
    """
    folded = name.lower()

    def get(record: Request) -> str:
        response = record.response
        tables = (record.headers_out, record.err_headers_out) if response is None else (response.headers,)
        values = [value for table in tables for value in table.getlist(name)]
        if not values:
            return MISSING
        if folded == "set-cookie":
            return ", ".join(values)
        return values[0].partition(";")[0].strip() if folded == "content-type" else values[0]

    return get


def note(name: str) -> Getter:
    """Make a getter of an entry of the notes."""
    return lambda record: _text(record.notes.get(name))


def variable(name: str) -> Getter:
    """Make a getter of a variable of the request's environment."""
    return lambda record: _text(record.env.get(name))


def _text(value: object) -> str:
    return MISSING if value is None else str(value)


def status(record: Request) -> str:
    """Return the status."""
    return str(record.status) if record.status > 0 else MISSING


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers) + 2


def bytes_in(record: Request) -> int:
    """Return how many bytes the request had, as far as its record tells: line, headers and the body that was read."""
    line = len(record.method) + len(record.unparsed_uri) + len(record.protocol) + 4
    return line + _size(record.headers) + record.bytes_received


def bytes_out(record: Request) -> int:
    """Return how many bytes the response had, as far as its record tells: status line, headers and body."""
    response = final_of(record).response
    if response is None:
        return record.bytes_sent
    return len(f"HTTP/1.1 {response.status}\r\n") + _size(response.headers) + record.bytes_sent


def duration_in(unit: int) -> Getter:
    """Make a getter of the duration in whole units of so many microseconds."""
    return lambda record: str(microseconds(record.duration) // unit)


def _fraction(unit: int, digits: int, *, end: bool) -> Getter:
    return lambda record: f"{microseconds(moment(record, end=end)) % 1_000_000 // unit:0{digits}d}"


def _since_epoch(unit: int, *, end: bool) -> Getter:
    return lambda record: str(microseconds(moment(record, end=end)) // unit)


def request_time(argument: str) -> Getter:
    """Make a getter of a time of the request.

    Args:
        argument: "begin" (default) or "end", and behind a colon, or alone, a format: of strftime, or "sec", "msec",
            "usec", "msec_frac", "usec_frac".

    Returns:
        The getter.

    Raises:
        ValueError: the format is none of these.

    Source: httpd `log_request_time` (modules/loggers/mod_log_config.c).
    """
    which, _, form = argument.partition(":")
    if which not in {"begin", "end"}:
        which, form = "begin", argument
    end = which == "end"
    if not form:
        return EachSecond(apache_time, end=end)
    special = {
        "sec": _since_epoch(1_000_000, end=end),
        "msec": _since_epoch(1_000, end=end),
        "usec": _since_epoch(1, end=end),
        "msec_frac": _fraction(1_000, 3, end=end),
        "usec_frac": _fraction(1, 6, end=end),
    }
    if form in special:
        return special[form]
    if "%" not in form:
        raise ValueError(f"{{{form}}} is no time format{did_you_mean(form, special)}")
    render = compile_strftime(form)

    def verbatim(local: time.struct_time) -> str:
        return Verbatim(render(local))

    return EachSecond(verbatim, end=end)

"""What no phase should see, and what asks for no path: a request is asked about it between the phases.

Source: httpd ``ap_check_request_header`` and ``ap_process_request_internal`` (server); RFC 9112, sections 3 and 6.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from werkzeug.wrappers import Response

from .error_log import log_refusal
from .request import PLAIN_METHODS, Request
from .results import DONE, Outcome
from .scopes import canonical_host

BAD_HOST = "hookchain.process.host"
BAD_LENGTH = "hookchain.process.content_length"
BAD_METHOD = "hookchain.process.method"
BAD_PATH = "hookchain.paths.normalise"
TRACE = "hookchain.process.trace"

_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


def refused(req: Request) -> Outcome | None:
    """Refuse what no phase should see; asked behind POST_READ_REQUEST, whose handlers may set it right."""
    if req.path_error is None and req.method in PLAIN_METHODS and not req.has_body and not req.selection.uses_hosts:
        return None
    return refused_path(req) or _refused_method(req) or _refused_length(req) or _refused_host(req)


def refused_path(req: Request) -> Outcome | None:
    """Refuse a path that climbs above the root, or holds what no path may hold."""
    if req.path_error is None:
        return None
    req.decided_by = BAD_PATH
    log_refusal(req, str(req.path_error))
    return HTTPStatus.BAD_REQUEST


def _refused_method(req: Request) -> Outcome | None:
    if req.method in PLAIN_METHODS or _TOKEN.match(req.method):
        return None
    req.decided_by = BAD_METHOD
    log_refusal(req, "the method is no token")
    return HTTPStatus.BAD_REQUEST


def _refused_length(req: Request) -> Outcome | None:
    # A server that hands such a length over and one in front of it may not agree where the body ends.
    length = req.said_length if req.has_body else None
    if not length or _LENGTH.match(length):
        return None
    req.decided_by = BAD_LENGTH
    log_refusal(req, "Content-Length is no number of bytes")
    return HTTPStatus.BAD_REQUEST


def _refused_host(req: Request) -> Outcome | None:
    # Where sections go by host, a name that none of them can match may still lead an app behind the chain somewhere.
    hosts = req.headers.getlist("Host") if req.selection.uses_hosts else []
    if len(hosts) != 1 or not hosts[0] or "," in hosts[0] or canonical_host(hosts[0]) is not None:
        return None
    req.decided_by = BAD_HOST
    log_refusal(req, "the Host header is no host name")
    return HTTPStatus.BAD_REQUEST


def answered(req: Request) -> Outcome | None:
    """Answer what asks for no path; asked behind MAP_TO_STORAGE."""
    if req.canonical_path == "*":
        return DONE
    if req.method == "TRACE" and not (req.chain.trace_method and req.app is not None):
        return _trace(req)
    return None


def _trace(req: Request) -> Outcome | None:
    # Source: httpd ap_send_http_trace (modules/http/http_filters.c); RFC 9110, section 9.3.8, on what not to send back.
    req.decided_by = TRACE
    if not req.chain.trace_method:
        return HTTPStatus.METHOD_NOT_ALLOWED
    lines = [f"TRACE {req.unparsed_uri} {req.protocol}"]
    lines += [f"{name}: {value}" for name, value in req.headers if name.lower() not in _SECRET]
    req.response = Response("\r\n".join(lines) + "\r\n\r\n", content_type="message/http")
    return DONE

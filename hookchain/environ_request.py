"""EnvironRequest: a Request made of a WSGI environ, in which only what every request needs is looked at."""

from __future__ import annotations

import functools
import time
from time import perf_counter
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders
from werkzeug.wsgi import get_content_length, get_input_stream

from .body import RequestBody
from .kept_inline import kept_inline
from .made import Query, RememberedPaths, made
from .paths import decode
from .request import PLAIN_METHODS, Request
from .results import FIRST_STATUS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_paths = RememberedPaths()


def start_of(req: Request) -> float:
    """Return when a request began, in seconds since the epoch."""
    return time.time() - (perf_counter() - req.started)


@kept_inline("environ", "said", "kept_response", "native", "is_mapped", "endpoint", "user")
class EnvironRequest(Request):
    """A request that reads its environ when it is asked; the environ is not changed.

    Attributes:
        path_key: where the environ has the path as the server gave it.
    """

    path_key = "PATH_INFO"

    scheme = made(lambda req: req.environ.get("wsgi.url_scheme", "http"))
    server = made(lambda req: _server_of(req.environ))
    root_path = made(lambda req: text(req.environ.get("SCRIPT_NAME", "")).rstrip("/"))
    headers = made(lambda req: EnvironHeaders(req.environ))
    remote_addr = made(lambda req: req.environ.get("REMOTE_ADDR"))
    protocol = made(lambda req: req.environ.get("SERVER_PROTOCOL", "HTTP/1.1"))
    raw_uri = made(lambda req: req.environ.get("REQUEST_URI") or req.environ.get("RAW_URI"))
    start_time = made(start_of)
    bridge: Any = made(lambda req: getattr(req.place, "bridge", None))
    unparsed_method = made(lambda req: req.environ["REQUEST_METHOD"])
    _asked_path = made(lambda req: text(req.environ.get(req.path_key, "")))
    make_body = made(lambda req: functools.partial(_body_of, req.environ))
    is_query_known = False
    query_string: Any = Query(lambda req: req.environ.get("QUERY_STRING", "").encode("latin-1"))

    def __init__(self, environ: WSGIEnvironment) -> None:  # pyright: ignore[reportMissingSuperCall]
        """Take method and path; all else waits.

        What every request is asked for is set here, though the class has the same values: Python finds it sooner.
        """
        self.started = perf_counter()
        self.environ = environ
        self.method = method = environ["REQUEST_METHOD"]
        self.status = FIRST_STATUS
        self.framework = self.trace = self.content_type_out = self.content_encoding_out = None
        self.is_altered = self.is_touched = False
        self.has_body = environ.get("CONTENT_LENGTH", "") not in _NO_BODY or "HTTP_TRANSFER_ENCODING" in environ
        raw = environ.get(self.path_key, "")
        path = _paths.known.get(raw)
        if path is not None and method in PLAIN_METHODS:
            self.canonical_path = path
            self.is_plain = True
        else:
            self._take_what_is_new(raw)

    def _take_what_is_new(self, raw: str) -> None:
        self.method = self.method.upper()
        self._take_path(text(raw))
        if self._has_plain_path:
            _paths.remember(raw, self.canonical_path)
        self.is_plain = self.method in PLAIN_METHODS and self._has_plain_path

    @property
    def kind_of_next(self) -> type[Request]:
        """What a record that goes on from this one is made as: its path and query are no longer the environ's."""
        return Request


_NO_BODY = ("", "0")


def text(value: str) -> str:
    """Return the text that a value of an environ stands for; what is no UTF-8 as surrogate escapes."""
    if value.isascii():
        return value
    try:
        return decode(value.encode("latin-1"))
    except UnicodeEncodeError:  # a server that has decoded it already, against PEP 3333
        return value


def _server_of(environ: WSGIEnvironment) -> tuple[str, int | None] | None:
    name, port = environ.get("SERVER_NAME"), environ.get("SERVER_PORT")
    return None if name is None else (name, int(port) if port and port.isdecimal() else None)


def _body_of(environ: WSGIEnvironment) -> RequestBody:
    return RequestBody(get_input_stream(environ), content_length=get_content_length(environ))

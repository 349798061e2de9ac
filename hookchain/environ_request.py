"""EnvironRequest: a Request made of a WSGI environ, in which only what every request needs is looked at."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders
from werkzeug.wsgi import get_content_length, get_input_stream

from .body import RequestBody
from .paths import decode
from .request import PLAIN_METHODS, Request
from .results import FIRST_STATUS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# How many paths are remembered. A client can make up any number of them.
_REMEMBERED_PATHS = 4096
_LONGEST_REMEMBERED = 512


class _Paths:
    """The canonical paths of what PATH_INFO has said before; only ever added to or replaced, so without a lock."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def remember(self, raw: str, path: str) -> None:
        if len(raw) > _LONGEST_REMEMBERED:
            return
        if len(self.known) >= _REMEMBERED_PATHS:
            self.known = {}
        self.known[raw] = path


_paths = _Paths()


class Made:
    """An attribute of an EnvironRequest that is made when it is first asked for.

    A ``__getattr__`` would do so too, and would make each access to all other attributes dearer.
    """

    def __init__(self, make: Callable[[EnvironRequest, WSGIEnvironment], Any]) -> None:
        """Take what makes it of the request and its environ."""
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the attribute's name."""
        self._name = name

    def __get__(self, req: EnvironRequest | None, owner: type) -> Any:
        """Make it; from then on Python finds it in the request itself."""
        if req is None:
            return self
        value = req.__dict__[self._name] = self._make(req, req.environ or {})
        return value


class EnvironRequest(Request):
    """A request that reads its environ when it is asked; the environ is not changed."""

    scheme = Made(lambda _, environ: environ.get("wsgi.url_scheme", "http"))
    server = Made(lambda _, environ: _server_of(environ))
    root_path = Made(lambda _, environ: text(environ.get("SCRIPT_NAME", "")).rstrip("/"))
    query_string = Made(lambda req, environ: req.quoted(environ.get("QUERY_STRING", "").encode("latin-1")))
    headers = Made(lambda _, environ: EnvironHeaders(environ))
    remote_addr = Made(lambda _, environ: environ.get("REMOTE_ADDR"))
    protocol = Made(lambda _, environ: environ.get("SERVER_PROTOCOL", "HTTP/1.1"))
    raw_uri = Made(lambda _, environ: environ.get("REQUEST_URI") or environ.get("RAW_URI"))
    start_time = Made(lambda req, _: time.time() - (time.perf_counter() - req.started))
    _asked_path = Made(lambda _, environ: text(environ.get("PATH_INFO", "")))
    _make_body = Made(lambda _, environ: functools.partial(_body_of, environ))

    def __init__(self, environ: WSGIEnvironment) -> None:  # pyright: ignore[reportMissingSuperCall]
        """Take method and path; all else waits.

        What every request is asked for is set here, though the class has the same values: Python finds it sooner.
        """
        self.started = perf_counter()
        self.environ = environ
        self.unparsed_method = self.method = method = environ["REQUEST_METHOD"]
        self.status = FIRST_STATUS
        self.framework = self.trace = self.content_type_out = self.content_encoding_out = None
        self.is_altered = self.is_touched = False
        self.has_body = environ.get("CONTENT_LENGTH", "") not in _NO_BODY or "HTTP_TRANSFER_ENCODING" in environ
        path = _paths.known.get(environ.get("PATH_INFO", ""))
        if path is not None and method in PLAIN_METHODS:
            self.canonical_path = path
            self.is_plain = True
        else:
            self._take_what_is_new(environ.get("PATH_INFO", ""))

    def _take_what_is_new(self, raw: str) -> None:
        self.method = self.unparsed_method.upper()
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

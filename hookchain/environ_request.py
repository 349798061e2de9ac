"""EnvironRequest: a Request made of a WSGI environ, in which only what every request needs is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders
from werkzeug.wsgi import get_content_length, get_input_stream

from .body import RequestBody
from .paths import decode
from .request import Request

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


class EnvironRequest(Request):
    """A request that reads its environ when it is asked; the environ is not changed."""

    def __init__(self, environ: WSGIEnvironment) -> None:  # pyright: ignore[reportMissingSuperCall]
        """Take method and path; all else waits."""
        self.started = time.perf_counter()
        self.environ = environ
        self.unparsed_method = method = environ["REQUEST_METHOD"]
        self.method = method if method in _METHODS else method.upper()
        if environ.get("CONTENT_LENGTH", "0") not in _NO_BODY or "HTTP_TRANSFER_ENCODING" in environ:
            self.has_body = True
        raw = environ.get("PATH_INFO", "")
        path = _paths.known.get(raw)
        if path is None:
            self._take_path(text(raw))
            if self.path_error is None and raw != "*":
                _paths.remember(raw, self.canonical_path)
        else:
            self.canonical_path = path

    @property
    def kind_of_next(self) -> type[Request]:
        """What a record that goes on from this one is made as: its path and query are no longer the environ's."""
        return Request

    def __getattr__(self, name: str) -> Any:
        """Make an attribute when it is first asked for."""
        make = _MADE_OF.get(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self.__dict__[name] = make(self, self.environ or {})
        return value


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # in upper case already
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


_MADE_OF: Mapping[str, Callable[[EnvironRequest, WSGIEnvironment], Any]] = {
    "scheme": lambda _, environ: environ.get("wsgi.url_scheme", "http"),
    "server": lambda _, environ: _server_of(environ),
    "root_path": lambda _, environ: text(environ.get("SCRIPT_NAME", "")).rstrip("/"),
    "query_string": lambda req, environ: req.quoted(environ.get("QUERY_STRING", "").encode("latin-1")),
    "headers": lambda _, environ: EnvironHeaders(environ),
    "remote_addr": lambda _, environ: environ.get("REMOTE_ADDR"),
    "protocol": lambda _, environ: environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
    "raw_uri": lambda _, environ: environ.get("REQUEST_URI") or environ.get("RAW_URI"),
    "start_time": lambda req, _: time.time() - (time.perf_counter() - req.started),
    "_asked_path": lambda _, environ: text(environ.get("PATH_INFO", "")),
    "_make_body": lambda _, environ: lambda: _body_of(environ),
}
"""What attributes are made of, by their names."""

"""A WSGI server in a few lines, with the checkers of Werkzeug and wsgiref on both sides of a chain."""

from __future__ import annotations

import dataclasses
import gc
import io
import warnings
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from werkzeug.datastructures import Headers
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import EnvironBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication

    from hookchain import HookChain


@dataclasses.dataclass
class Answer:
    """What went to the client.

    Attributes:
        started: what each call of start_response gave: status and headers.
        chunks: what was iterated over, or written.
    """

    started: list[tuple[str, list[tuple[str, str]]]] = dataclasses.field(default_factory=list)
    chunks: list[bytes] = dataclasses.field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.started[-1][0][:3])

    @property
    def headers(self) -> Headers:
        return Headers(self.started[-1][1])

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def environ_for(path: str = "/", method: str = "GET", **options: Any) -> dict[str, Any]:
    """Make an environ as a server does; ``options`` as for Werkzeug's EnvironBuilder."""
    more = options.pop("more", {})
    builder = EnvironBuilder(path, method=method, **options)
    environ = {**builder.get_environ(), **more}
    # What the server's stream holds behind the body is none of the app's business; reading it there would block.
    if "wsgi.input_terminated" not in environ:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read() + b"THE NEXT REQUEST")
    return environ


def chunked(path: str, data: bytes, method: str = "POST", **options: Any) -> dict[str, Any]:
    """Make the environ of a request whose body comes in chunks."""
    more = {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return environ_for(path, method, more={**more, **options.pop("more", {})}, **options)


class Input:
    """Werkzeug's checking stream, with the method that it lacks and wsgiref's checker asks for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self._stream)


def checked(app: WSGIApplication) -> WSGIApplication:
    """Put both checkers around an app."""
    inner = validator(app)

    def between(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = Input(environ["wsgi.input"])
        return inner(environ, start_response)

    return LintMiddleware(between)


def call(app: Any, environ: dict[str, Any], *, stop_after: int | None = None) -> Answer:
    """Do what a server does; ``stop_after`` so many chunks the client is gone."""
    answer = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        answer.started.append((status, headers))
        return answer.chunks.append

    body = app(environ, start_response)
    try:
        if stop_after != 0:
            for chunk in body:
                answer.chunks.append(chunk)
                if len(answer.chunks) == stop_after:
                    break
    finally:
        if hasattr(body, "close"):
            body.close()
    return answer


def call_checked(chain: HookChain, environ: dict[str, Any], app: WSGIApplication | None = None) -> Answer:
    """Do what a server does, with both checkers around the chain and around the app behind it.

    Raises:
        AssertionError: one of them found something.
    """
    behind = None if app is None else checked(app)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        gc.freeze()  # what other tests have left behind need not be looked through
        answer = call(checked(chain.wsgi(behind)), dict(environ))
        gc.collect()  # an iterator that nobody closed is told of when it goes
        gc.unfreeze()
    wrong = [str(warning.message) for warning in found]
    found_wrong = [message for message in wrong if not _is_outdated(message, environ, answer)]
    assert found_wrong == [], (found_wrong, answer.started)
    return answer


def _is_outdated(message: str, environ: dict[str, Any], answer: Answer) -> bool:
    """Tell whether a checker asks for what RFC 9110 does not (sections 9.3.2, 8.6 and 10.2.2)."""
    if message.startswith("Content-Length and the number of bytes sent"):
        return environ["REQUEST_METHOD"] == "HEAD" and answer.body == b""
    if message.endswith("responses must have an empty content length."):
        return "Content-Length" not in answer.headers
    return message == "Absolute URLs required for location header."

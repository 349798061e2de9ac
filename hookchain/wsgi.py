"""WSGI: environ to Request, the app behind the chain as a handler, and the response to the server.

Source: PEP 3333; the lint and validation middlewares of Werkzeug and wsgiref hold it to that.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from .cycle import say_at_once
from .delivery import SentFile, deliver, whole_delivery
from .dispatch import Steps
from .drivers import InCallersContext, InContext, thread_loop
from .environ_request import EnvironRequest
from .exceptions import HookChainError
from .file_response import FileBody
from .finishing import nothing_is_left
from .framework import Framework
from .handlers import Handler
from .paths import encode
from .phases import Phase
from .plain_response import PlainResponse, text_pairs
from .request import Request
from .responses import header_list, response_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .chain import HookChain

_OK = "200 OK"

KEY = "hookchain.request"
"""Where an app finds the record in its environ."""

KEEPS_CONTEXTS = "werkzeug.debug.preserve_context"
"""Where Flask's test client, and Werkzeug's debugger, leave a function that takes contexts that it will open again."""


class WSGIChain:
    """A chain as a WSGI application, alone or around one."""

    @staticmethod
    def bridge(coroutine: Coroutine[Any, Any, bytes]) -> bytes:
        """Wait in a worker thread for what runs on the event loop of that thread."""
        return thread_loop.run(coroutine, copy_context())

    def __init__(
        self,
        chain: HookChain,
        app: WSGIApplication | None,
        framework: Callable[[Request], Framework] | None = None,
        respond: Callable[[Request], Response] | None = None,
    ) -> None:
        """Put a chain in front of an app.

        Args:
            chain: it may have been compiled, and is at the first request.
            app: what stands behind the chain; None where it stands alone.
            framework: makes, for a request, what surrounds it in a framework; for adapters.
            respond: what is called in place of the app, which then only gives its name; for adapters.
        """
        self.chain = chain
        self.app = app
        self._framework = framework
        call = None if app is None else respond or AppCall(app)
        self._handler = None if call is None else Handler(call, Phase.CONTENT, name=f"app {app_name(app)}")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Process a request."""
        req = EnvironRequest(environ)
        req.app, req.place = self._handler, self
        framework = self._framework
        if framework is not None:
            req.framework = framework(req)
        self.chain.begin(req)
        if KEEPS_CONTEXTS in environ and "werkzeug.socket" not in environ:
            # Werkzeug's debugger asks real servers for the same; there, a thread's context is not the request's own.
            return _send(req, InCallersContext(req), None, start_response)
        context = copy_context()
        answer = context.run(say_at_once, req)
        if isinstance(answer, bytes):
            return _send_whole(req, context, _OK, text_pairs(len(answer)), answer, start_response)
        if type(answer) is PlainResponse:
            answer = answer.as_whole() or answer
        if isinstance(answer, tuple):
            status, pairs, body = answer
            return _send_whole(req, context, status, [*pairs], body, start_response)
        return _send(req, InContext(context, uses_loop=True), answer, start_response)


def _send_whole(
    req: Request,
    context: Context,
    status: str,
    pairs: list[tuple[str, str]],
    body: bytes,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Hand over a body of one piece, behind which nobody may be waiting for the end."""
    if nothing_is_left(req):
        req.bytes_sent = len(body)
        start_response(status, pairs)
        return [body]
    delivery = whole_delivery(req, body, context)
    next(delivery)
    try:
        start_response(status, pairs)
    except BaseException as error:
        with contextlib.suppress(StopIteration):
            delivery.throw(error)  # which finishes the request
        raise
    return delivery


def _send(
    req: Request, caller: InContext, answer: Response | Steps[None] | None, start_response: StartResponse
) -> Iterable[bytes]:
    """Process a request, as far as that has not been done, and hand its response over."""
    delivery = deliver(req, caller, answer)
    response = delivery.response
    try:
        start_response(response.status, header_list(response))
    except BaseException as error:
        delivery.fail(error)
        raise
    wrapper: Callable[[SentFile], Iterable[bytes]] | None = (req.environ or {}).get("wsgi.file_wrapper")
    if wrapper is not None and isinstance(response.response, FileBody):
        return wrapper(SentFile(req, delivery, response.response))
    return delivery


def app_name(app: object) -> str:
    """Return what an app is called in messages and traces."""
    return str(getattr(app, "__qualname__", None) or getattr(app, "name", None) or type(app).__qualname__)


class AppCall:
    """The app behind the chain, as what a CONTENT handler calls."""

    def __init__(self, app: WSGIApplication) -> None:
        """Keep the app."""
        self.app = app

    def __call__(self, req: Request) -> Response:
        """Give the app the request as the sections saw it, and return its answer."""
        answer = AppAnswer()
        return answer.response(self.app(app_environ(req), answer.start_response))


_COMPLETE = (list, tuple)
_TARGETS = ("REQUEST_URI", "RAW_URI")


class AppAnswer:
    """What an app answers: ``start_response``, ``write`` and the iterable, put together."""

    started: tuple[str, list[tuple[str, str]]] | None = None
    written: list[bytes] | None = None
    _left = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Take status and headers; with ``exc_info`` again, as long as they have not left.

        Args:
            status: the status line.
            headers: pairs of name and value.
            exc_info: what ``sys.exc_info()`` told the app, where it answers an error.

        Returns:
            ``write``, which takes a piece of the body.

        Raises:
            HookChainError: it is called twice without ``exc_info``.
            BaseException: that of ``exc_info``, where the first ones have left.
        """
        if self.started is not None and exc_info is None:
            raise HookChainError("the app called start_response twice without exc_info")
        if self._left:
            raise exc_info[1].with_traceback(exc_info[2])
        self.started = (status, list(headers))
        return self._write

    def _write(self, data: bytes) -> None:
        if self.written is None:
            self.written = []
        self.written.append(data)

    def response(self, body: Iterable[bytes]) -> Response:
        """Make a response; the app is run as far as it has to be to know its status.

        Args:
            body: what the app returned; it is closed where there is no response.

        Returns:
            The response.

        Raises:
            HookChainError: the app ended without calling ``start_response``.
            ValueError: a header must not leave.
            BaseException: whatever the app raises on the way.
        """
        started = self.started
        if started is not None and type(body) in _COMPLETE and self.written is None:
            self._left = True
            status, headers = started
            return response_of(status, headers, body)
        chunks = iter(body)
        first: list[bytes] = []
        try:
            while self.started is None:
                first.append(next(chunks))
        except StopIteration:
            _close(body)
            raise HookChainError("the app ended without calling start_response") from None
        except BaseException:
            _close(body)
            raise
        return self._with_body(body, chunks, [*(self.written or ()), *first])

    def _with_body(self, body: Iterable[bytes], chunks: Iterator[bytes], early: list[bytes]) -> Response:
        self._left = True
        status, headers = self.started or ("500 Internal Server Error", [])
        try:
            response = response_of(status, headers)
        except ValueError:  # a header that must not leave
            _close(body)
            raise
        response.response = AppBody(early, chunks, body)
        return response


class AppBody:
    """The rest of an app's iterable, with what came before ``start_response`` in front."""

    def __init__(self, early: list[bytes], chunks: Iterator[bytes], body: object) -> None:
        """Keep the iterable that has to be closed."""
        self._chunks = itertools.chain(early, chunks)
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the chunks."""
        return self._chunks

    def close(self) -> None:
        """Close the app's iterable, once."""
        body, self._body = self._body, None
        _close(body)


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def app_environ(req: Request) -> WSGIEnvironment:
    """Return what an app behind the chain gets: the one path, in every key that it might route by.

    Args:
        req: a request that was made of an environ.

    Returns:
        A new environ, whose ``wsgi.input`` gives the body from its first byte on.
    """
    environ = early_environ(req)
    if req.has_body:
        _set_input(environ, req)
    return environ


def early_environ(req: Request) -> WSGIEnvironment:
    """Return the environ of ``app_environ``, but for its body, which nobody should begin to read yet."""
    environ: WSGIEnvironment = (req.environ or {}).copy()
    path = req.canonical_path
    environ["PATH_INFO"] = path if path.isascii() else path.encode().decode("latin-1")
    query: str = environ.get("QUERY_STRING", "")
    if req.is_query_known or not query.isascii():  # else nobody has looked at it, so nobody has changed it
        query = req.query_string.decode("ascii")
    environ["QUERY_STRING"] = query
    _set_targets(environ, req, path, query)
    environ[KEY] = req
    if req.is_touched:
        if req.error_status is not None:
            environ["REQUEST_METHOD"] = req.method
        if req.has_made("env"):
            environ.update(req.env)
    if req.authen_ran:
        _set_user(environ, req)
    return environ


def _set_targets(environ: WSGIEnvironment, req: Request, path: str, query: str) -> None:
    if environ.get("SCRIPT_NAME"):
        path = req.root_path + path
    plain = f"{path}?{query}" if query else path
    if environ.get("RAW_URI", plain) == plain == environ.get("REQUEST_URI", plain) and "%" not in path:
        return  # it is spelt already as the sections saw it; with a "%" it would take a closer look to know that
    target = encode(path)
    for key in _TARGETS:
        if key in environ:
            environ[key] = f"{target}?{query}" if query else target


def _set_user(environ: WSGIEnvironment, req: Request) -> None:
    for key, value in (("REMOTE_USER", req.user), ("AUTH_TYPE", req.auth_type)):
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = str(value).encode().decode("latin-1")


def _set_input(environ: WSGIEnvironment, req: Request) -> None:
    # What handlers read is replayed; max_body bounds what the app reads, filters change what it reads.
    if req.error_status is not None:  # an error document is got with GET, without the body of the request that failed
        environ["wsgi.input"] = io.BytesIO()
        environ.pop("CONTENT_LENGTH", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return
    body = req.body
    environ["wsgi.input"] = body.replay()
    if body.filtered or body.length is None:
        environ["wsgi.input_terminated"] = True
    if body.filtered:
        environ.pop("CONTENT_LENGTH", None)

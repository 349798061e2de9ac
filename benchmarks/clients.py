"""Clients in the process: one request a call, no sockets."""

from __future__ import annotations

import asyncio
import functools
import io
import sys
from collections.abc import Callable
from typing import Any

from .timing import loop
from .work import HELLO, function

_HEADERS = {
    "Host": "127.0.0.1:8000",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "keep-alive",
    "Cookie": "theme=dark",
}

_FORM = "application/x-www-form-urlencoded"

_WSGI = """
def operation():
    body = app(copy(), start_response)
    try:
        for chunk in body:
            pass
    finally:
        close = getattr(body, 'close', None)
        if close is not None:
            close()
"""

_ASGI = """
async def operation():
    await app(copy(), receive(), send)
"""


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    """Make the environ of a browser's GET, as gunicorn would."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in _HEADERS.items()}
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "benchmarks",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "a=1&b=2",
        "RAW_URI": f"{path}?a=1&b=2",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "40000",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        **headers,
        **more,
    }


def ask(app: Callable[..., Any], env: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Send a request to a WSGI application.

    Returns:
        Status line, headers by their names in lower case, and body.
    """
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = [status, {name.lower(): value for name, value in headers}]
        return started.append

    body = app(env.copy(), start_response)
    try:
        data = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return started[0], started[1], data


def wsgi(
    app: Callable[..., Any],
    path: str = "/",
    *,
    status: str = "200",
    body: bytes = HELLO,
    form: bytes = b"",
    **more: Any,
) -> Callable[[], Any]:
    """Make an operation that sends one request to a WSGI application; the answer is checked first.

    Args:
        app: the application.
        path: the path.
        status: the status that is expected.
        body: likewise.
        form: what is posted; nothing makes it a GET.
        more: entries of the environ.

    Returns:
        The operation.
    """
    posted = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": _FORM, "CONTENT_LENGTH": str(len(form))} if form else {}
    env = environ(path, **posted, **more)

    def copy() -> dict[str, Any]:
        return {**env, "wsgi.input": io.BytesIO(form)}

    for _ in range(2):
        check(ask(app, copy())[0::2], (status, body))

    def start_response(_status: str, _headers: Any, _exc_info: Any = None) -> None:
        return None

    return function(_WSGI, "operation", app=app, copy=copy if form else env.copy, start_response=start_response)


def check(answer: tuple[str, bytes], expected: tuple[str, bytes]) -> None:
    """Raise RuntimeError where an answer, as status line and body, is another one."""
    if answer[0].split()[0] != expected[0] or answer[1] != expected[1]:
        raise RuntimeError(f"answered {answer[0]} {answer[1][:80]!r}, not {expected[0]} {expected[1][:80]!r}")


def asgi(
    app: Callable[..., Any], path: str = "/", *, body: bytes = HELLO, pieces: tuple[bytes, ...] = ()
) -> Callable[[], Any]:
    """Make an operation that sends one request to an ASGI application; the answer is checked first.

    Args:
        app: the application.
        path: the path.
        body: the body that is expected.
        pieces: what is posted, as the server hands it over; nothing makes it a GET.

    Returns:
        The operation.
    """
    length = str(sum(map(len, pieces)))
    headers = {**_HEADERS, "Content-Type": _FORM, "Content-Length": length} if pieces else _HEADERS
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 40000),
        "scheme": "http",
        "method": "POST" if pieces else "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"a=1&b=2",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    last = max(len(pieces), 1) - 1
    messages = [
        {"type": "http.request", "body": piece, "more_body": at < last} for at, piece in enumerate(pieces or (b"",))
    ]
    receive = functools.partial(_receive, messages[::-1])
    got: list[Any] = []

    async def collect(message: Any) -> None:
        got.append(message)

    for _ in range(2):
        got.clear()
        loop.run_until_complete(app(scope.copy(), receive(), collect))
        answer = b"".join(message.get("body", b"") for message in got)
        check((str(got[0]["status"]), answer), ("200", body))

    async def send(_message: Any) -> None:
        return None

    return function(_ASGI, "operation", app=app, copy=scope.copy, receive=receive, send=send)


def _receive(messages: list[dict[str, Any]]) -> Callable[[], Any]:
    waiting = messages.copy()

    async def receive() -> Any:
        if waiting:
            return waiting.pop()
        return await asyncio.get_running_loop().create_future()  # until the client goes away

    return receive

"""Apps for real servers: each bare, with hooks written by hand, and with the same hooks in the phases of a chain.

A server gets them as ``benchmarks.served:NAME``; each is made when the server asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from hookchain import AccessLog, HookChain, Phase, Request

from .cases import files
from .work import HELLO, functions

CHUNK = b"x" * 16_384
CHUNKS = 32
"""What the app of the slow clients streams."""

_BEFORE = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.HEADER_PARSER, Phase.FIXUP)
_COUNTS = {"before": 4, "after": 2, "end": 2}
_ENVIRON = "def hook(environ):\n    TALLY.n += 1\n"
_HANDLER = "def hook(req):\n    TALLY.n += 1\n    return None\n"
_FILTER = "def hook(req, response):\n    TALLY.n += 1\n    return None\n"


def chain(*, filters: bool = False, blocking: bool = True, **settings: Any) -> HookChain:
    """Make a chain of hooks in five phases, and with ``filters`` of some that look at the response."""
    made = HookChain(**{"access_log": False, **settings})
    for phase, hook in zip(_BEFORE, functions(_COUNTS["before"], _HANDLER), strict=True):
        made.register(phase, hook, blocking=blocking)
    for hook in functions(_COUNTS["after"], _FILTER) if filters else ():
        made.output_filter(hook)
    for hook in functions(_COUNTS["end"], _HANDLER):
        made.register(Phase.LOG, hook, blocking=blocking)
    return made


# --- WSGI


def _hello(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]


class _ByHand:
    """What people write around a WSGI app: something before it, and something when the response is over."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._before = functions(_COUNTS["before"], _ENVIRON)
        self._end = functions(_COUNTS["end"], _ENVIRON)

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        for hook in self._before:
            hook(environ)
        try:
            yield from self._app(environ, start_response)
        finally:
            for hook in self._end:
                hook(environ)


def wsgi_bare() -> Any:
    """Make a WSGI app that says hello."""
    return _hello


def wsgi_by_hand() -> Any:
    """Make the same with hooks written by hand."""
    return _ByHand(_hello)


def wsgi_hookchain() -> Any:
    """Make the same with the hooks in a chain."""
    return chain().wsgi(_hello)


def wsgi_alone() -> Any:
    """Make a chain that answers with the path, and writes an access log."""
    made = chain(access_log=AccessLog(to=os.devnull))
    made.content(_say_path)
    return made.wsgi()


def _say_path(req: Request) -> bytes:
    return req.path.encode()


def flask_bare() -> Any:
    """Make a Flask app that says hello."""
    from flask import Flask

    app = Flask("benchmarks", static_folder=None)
    app.add_url_rule("/", "index", lambda: HELLO)
    return app


def flask_by_hand() -> Any:
    """Make the same with native hooks."""
    app = flask_bare()
    for hook in functions(_COUNTS["before"], "def hook():\n    TALLY.n += 1\n"):
        app.before_request(hook)
    for hook in functions(_COUNTS["after"], "def hook(response):\n    TALLY.n += 1\n    return response\n"):
        app.after_request(hook)
    for hook in functions(_COUNTS["end"], "def hook(error):\n    TALLY.n += 1\n"):
        app.teardown_request(hook)
    return app


def flask_hookchain() -> Any:
    """Make the same with the hooks in a chain."""
    from flask_hookchain import FlaskHookChain

    app = flask_bare()
    FlaskHookChain(app, chain(filters=True))
    return app


def django_bare() -> Any:
    """Make a Django project that says hello."""
    from .cases.in_django import project

    return project([])


def django_hookchain() -> Any:
    """Make the same with the hooks in a chain."""
    from django_hookchain import HookChainMiddleware

    from .cases.in_django import project

    return project([HookChainMiddleware], HOOKCHAIN={"CHAIN": chain(filters=True)})


def files_hookchain() -> Any:
    """Make a chain that sends files."""
    return files.hookchain()


def files_whitenoise() -> Any:
    """Make a WhiteNoise that sends the same."""
    return files.whitenoise()


# --- ASGI


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    """Say hello; "/stream" streams, "/upload" says how much it was sent."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/stream":
        await _stream(send)
    else:
        await _respond(send, str(await _count(receive)).encode() if scope["path"] == "/upload" else HELLO)


async def _respond(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Any) -> None:
    length = str(len(CHUNK) * CHUNKS).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for number in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": number + 1 < CHUNKS})


async def _count(receive: Any) -> int:
    received, more = 0, True
    while more:
        message = await receive()
        received += len(message.get("body", b""))
        more = message.get("more_body", False)
    return received


class _AsyncByHand:
    """What people write around an ASGI app."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._before = functions(_COUNTS["before"], _ENVIRON)
        self._end = functions(_COUNTS["end"], _ENVIRON)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for hook in self._before:
            hook(scope)
        try:
            await self._app(scope, receive, send)
        finally:
            for hook in self._end:
                hook(scope)


def asgi_bare() -> Any:
    """Make an ASGI app that says hello, streams and counts."""
    return _answer


def asgi_by_hand() -> Any:
    """Make the same with hooks written by hand."""
    return _AsyncByHand(_answer)


def asgi_hookchain() -> Any:
    """Make the same with the hooks in a chain."""
    return chain(blocking=False).asgi(_answer)


def asgi_alone() -> Any:
    """Make a chain that answers with the path, and writes an access log."""
    made = chain(blocking=False, access_log=AccessLog(to=os.devnull))
    made.register(Phase.CONTENT, _say_path, blocking=False)
    return made.asgi()


_MIDDLEWARE = """
class hook:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        {before}
        try:
            await self.app(scope, receive, send)
        finally:
            {end}
"""


def starlette_bare() -> Any:
    """Make a Starlette app that says hello."""
    return _starlette([])


def starlette_by_hand() -> Any:
    """Make the same with pure ASGI middlewares, one for each hook."""
    from starlette.middleware import Middleware

    before = functions(_COUNTS["before"], _MIDDLEWARE.format(before="TALLY.n += 1", end="pass"))
    end = functions(_COUNTS["end"], _MIDDLEWARE.format(before="pass", end="TALLY.n += 1"))
    return _starlette([Middleware(hook) for hook in (*before, *end)])


def starlette_hookchain() -> Any:
    """Make the same with the hooks in a chain."""
    return chain(blocking=False).asgi(_starlette([]))


def _starlette(middleware: list[Any]) -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def index(_: Any) -> PlainTextResponse:
        return PlainTextResponse(HELLO)

    return Starlette(routes=[Route("/", index)], middleware=middleware)

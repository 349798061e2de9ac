"""A whole request to an ASGI application: hookchain alone, around Starlette, and what the others do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.clients import asgi
from benchmarks.timing import Case
from benchmarks.work import COUNTS, HELLO, functions
from hookchain import HookChain, Phase

from .standalone import HOOK, chain_of

_ASYNC = "async def hook(req):\n    TALLY.n += 1\n    return None\n"
_PIECE = b"x" * 1024
_MIDDLEWARE = """
class hook:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        TALLY.n += 1
        await self.app(scope, receive, send)
"""


def _hookchain(count: int, source: str = HOOK) -> Callable[[], Any]:
    chain = chain_of(functions(count, source, OK=None), blocking=False)
    chain.register(Phase.CONTENT, lambda _: HELLO, blocking=False)
    return asgi(chain.asgi())


def _starlette(middleware: list[Middleware]) -> Starlette:
    async def index(_: Request) -> PlainTextResponse:
        return PlainTextResponse(HELLO)

    async def upload(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    routes = [Route("/", index), Route("/upload", upload, methods=["POST"])]
    return Starlette(routes=routes, middleware=middleware)


def _around_starlette(count: int) -> Any:
    chain = HookChain(access_log=False)
    for hook in functions(count, HOOK, OK=None):
        chain.register(Phase.FIXUP, hook, blocking=False)
    return chain.asgi(_starlette([]))


def _natively(count: int) -> Any:
    return _starlette([Middleware(hook) for hook in functions(count, _MIDDLEWARE)])


def _around(count: int) -> Callable[[], Any]:
    return asgi(_around_starlette(count))


def _native(count: int) -> Callable[[], Any]:
    return asgi(_natively(count))


def _posted(make: Callable[[int], Any], pieces: int) -> Callable[[], Any]:
    return asgi(make(5), "/upload", pieces=(_PIECE,) * pieces, body=str(len(_PIECE) * pieces).encode())


def _falcon(count: int) -> Callable[[], Any]:
    import falcon.asgi

    class Hello:
        async def on_get(self, _req: Any, resp: Any) -> None:
            resp.data = HELLO
            resp.content_type = "text/plain"

    hooks = functions(count, "async def hook(self, req, resp):\n    TALLY.n += 1\n")
    app = falcon.asgi.App(middleware=[type("Hook", (), {"process_request": hook})() for hook in hooks])
    app.add_route("/", Hello())
    return asgi(app)


def cases() -> Iterator[Case]:
    """Yield the cases."""
    subjects: dict[str, Callable[[int], Callable[[], Any]]] = {
        "asgi/hookchain": _hookchain,
        "asgi/hookchain-async": lambda count: _hookchain(count, _ASYNC),
        "asgi/falcon": _falcon,
        "asgi/starlette": _native,
        "starlette/hookchain": _around,
        "starlette/native": _native,
    }
    for name, make in subjects.items():
        for count in COUNTS:
            setup = partial(make, count)
            yield Case(f"{name}/{count}", setup, is_async=True, hooks=count)
    for pieces in (1, 20):
        yield Case(f"upload/hookchain/{pieces}", partial(_posted, _around_starlette, pieces), is_async=True, hooks=5)
        yield Case(f"upload/native/{pieces}", partial(_posted, _natively, pieces), is_async=True, hooks=5)

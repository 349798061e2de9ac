"""Ways to send a request through a chain, and what came out: status, headers, body, and the record."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any

from werkzeug.datastructures import Headers

from hookchain import HookChain, signals
from hookchain.request import Request
from hookchain.testing import make_request
from tests.adapters.asgi_server import scope_of_environ, serve


@dataclasses.dataclass
class Answer:
    """What the client gets, and the record of the request that its finishers saw."""

    status: int
    headers: Headers
    body: bytes
    req: Request

    @property
    def text(self) -> str:
        return self.body.decode()


def shouting(chain: HookChain) -> HookChain:
    """Let an async input filter of a chain write the body in capitals."""

    @chain.input_filter
    async def shout(req: Request, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            await asyncio.sleep(0)
            yield chunk.upper()

    return chain


def by_handle(chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
    """Without a server, from sync code."""
    req = make_request(path, method, **options)
    response = chain.handle(req)
    try:
        body = response.get_data()
    finally:
        response.close()
    return Answer(response.status_code, response.headers, body, req)


def by_ahandle(chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
    """Without a server, on an event loop."""
    req = make_request(path, method, **options)

    async def ask() -> Answer:
        response = await chain.ahandle(req)
        try:
            body = await response.aget_data()
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, body, req)

    return asyncio.run(ask())


def by_wsgi(chain: HookChain, path: str = "/", method: str = "GET", app: Any = None, **options: Any) -> Answer:
    """As a server that speaks WSGI does."""
    seen: list[Request] = []

    def begin(req: Request) -> None:
        req.user = options.get("user")
        seen.append(req)
        HookChain.begin(chain, req)

    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))

    chain.begin = begin  # type: ignore[method-assign]
    try:
        environ = make_request(path, method, **options).environ or {}
        body = chain.wsgi(app)(environ or {}, start_response)
        try:
            data = b"".join(body)
        finally:
            getattr(body, "close", lambda: None)()
    finally:
        del chain.begin
    status, headers = started[-1]
    return Answer(int(status[:3]), Headers(headers), data, seen[0])


def by_asgi(chain: HookChain, path: str = "/", method: str = "GET", app: Any = None, **options: Any) -> Answer:
    """As a server that speaks ASGI does."""
    seen: list[Request] = []

    def begin(req: Request) -> None:
        req.user = options.get("user")
        seen.append(req)
        HookChain.begin(chain, req)

    environ = make_request(path, method, **options).environ or {}
    scope = scope_of_environ(environ)
    chain.begin = begin  # type: ignore[method-assign]
    try:
        served = serve(chain.asgi(app), scope, environ["wsgi.input"].read())
    finally:
        del chain.begin
    return Answer(served.status, served.headers, served.body, seen[0])


WAYS = {"handle": by_handle, "ahandle": by_ahandle, "wsgi": by_wsgi, "asgi": by_asgi}


def quiet(name: str | None = None, **options: Any) -> HookChain:
    """Return a chain that writes no access log, as most tests want it."""
    return HookChain(name, **{"access_log": False, **options})


@contextlib.contextmanager
def own_receivers() -> Iterator[None]:
    """Take away the receivers that were left behind: with one, each later request of the process keeps a trace."""
    try:
        yield
    finally:
        for signal in (*signals.OBSERVING, signals.got_exception):
            signal.receivers.clear()


class Calls(list[Any]):
    """Makes handlers that write down that they ran, and answer as told."""

    def handler(self, name: str, answer: Any = None) -> Any:
        """Return a handler."""

        def call(req: Any) -> Any:
            self.append(name)
            if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
                raise answer
            return answer

        call.__qualname__ = name
        return call

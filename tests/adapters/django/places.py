"""Django as servers run it: a chain in a project, asked over WSGI and ASGI, and what came out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from werkzeug.datastructures import Headers

from hookchain import HookChain, Request
from hookchain.testing import make_request

OURS = "django_hookchain.HookChainMiddleware"
SYNC = "tests.adapters.django.places.sync_middleware"


def sync_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Stand behind the chain, and make Django run it in a thread."""

    def call(request: Any) -> Any:
        return get_response(request)

    return call


def saying_its_length(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Stand behind the chain, and say what Django says only when it is asked to."""

    def call(request: Any) -> Any:
        response = get_response(request)
        response["Content-Length"] = str(len(response.content))
        return response

    return call


@dataclasses.dataclass
class Answer:
    """What the client gets, and the record that the finishers saw."""

    status: int
    headers: Headers
    body: bytes
    req: Request | None

    @property
    def text(self) -> str:
        return self.body.decode()


@contextlib.contextmanager
def project(
    chain: HookChain, behind: tuple[str, ...] = (), before: tuple[str, ...] = (), **settings: Any
) -> Iterator[list[Request]]:
    """Set up a chain in the project; yields the requests that it began."""
    begun: list[Request] = []
    begin = chain.begin

    def noted(req: Request) -> None:
        begun.append(req)
        begin(req)

    chain.begin = noted  # type: ignore[method-assign]
    try:
        with override_settings(HOOKCHAIN={"CHAIN": chain}, MIDDLEWARE=[*before, OURS, *behind], **settings):
            yield begun
    finally:
        del chain.begin


def by_wsgi(chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
    """As a WSGI server does."""
    environ, settings = _environ_and_settings(path, method, options)
    with project(chain, **settings) as begun:
        return wsgi_answer(WSGIHandler(), environ, begun)


def _environ_and_settings(path: str, method: str, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = {name: options.pop(name) for name in list(options) if name.isupper() or name in {"behind", "before"}}
    return dict(make_request(path, method, **options).environ or {}), settings


def wsgi_answer(app: Any, environ: dict[str, Any], begun: list[Request]) -> Answer:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))

    body = app(environ, start_response)
    try:
        data = b"".join(body)
    finally:
        body.close()
    status, headers = started[-1]
    return Answer(int(status[:3]), Headers([(k, v.strip()) for k, v in headers]), data, begun[0] if begun else None)


def by_asgi(chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
    """As an ASGI server does, with everything async that can be."""
    environ, settings = _environ_and_settings(path, method, options)
    with project(chain, **settings) as begun:
        return asyncio.run(asgi_answer(ClosingHandler(), scope_of(environ, path), environ["wsgi.input"].read(), begun))


def by_asgi_in_threads(chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
    """As an ASGI server does, with a sync middleware behind the chain, so that Django runs it in a thread."""
    return by_asgi(chain, path, method, **{**options, "behind": (*options.get("behind", ()), SYNC)})


def scope_of(environ: dict[str, Any], path: str) -> dict[str, Any]:
    headers = [
        (name[5:].replace("_", "-").lower().encode(), value.encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers += [(name.replace("_", "-").lower().encode(), environ[name].encode())]
    raw = path.partition("?")[0]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": "http",
        "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": raw.encode(),
        "root_path": "",
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "headers": headers,
        "client": (environ.get("REMOTE_ADDR") or "127.0.0.1", 1234),
        "server": ("localhost", 80),
    }


async def asgi_answer(app: Any, scope: dict[str, Any], data: bytes, begun: list[Request]) -> Answer:
    sent: list[Any] = []
    received = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> Any:
        if received:
            return received.pop()
        await asyncio.Event().wait()
        return None

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = Headers([(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]])
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], headers, body, begun[0] if begun else None)


class ClosingHandler(ASGIHandler):
    """Closes the file of the request's body, which Django leaves open where an exception goes to the server."""

    async def read_body(self, receive: Any) -> Any:
        self.body_file = await super().read_body(receive)
        return self.body_file

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.body_file.close()


PLACES = {"wsgi": by_wsgi, "asgi": by_asgi, "asgi in threads": by_asgi_in_threads}
__all__ = ["OURS", "PLACES", "SYNC", "Answer", "project"]

"""An ASGI server in memory: it holds applications to the standard, and leaves or cancels wherever a test wants it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from werkzeug.datastructures import Headers

Message = Mapping[str, Any]
PATIENCE = 60.0
"""Seconds after which a request counts as long in tests with the fixture ``patient``."""

EXTENSIONS = ("http.response.pathsend", "http.response.trailers", "http.response.early_hint")


def http_scope(
    target: str = "/",
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    root_path: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Return the scope that a server makes of a request target, with the mount point in front as uvicorn puts it."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": root_path + unquote(path, errors="surrogateescape"),
        "raw_path": (root_path + path).encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": root_path,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
        "extensions": {name: {} for name in EXTENSIONS},
        "state": {},
        **more,
    }


def socket_scope(target: str = "/", headers: Iterable[tuple[str, str]] = (), **more: Any) -> dict[str, Any]:
    """Return the scope of a handshake."""
    scope = http_scope(target, "GET", headers, **{"extensions": {"websocket.http.response": {}}, **more})
    del scope["method"]
    return {**scope, "type": "websocket", "scheme": "ws", "subprotocols": ["chat"]}


@dataclasses.dataclass
class Server:
    """One connection: what the client sends is given in, and what it got can be looked at.

    Attributes:
        incoming: messages that ``receive`` gives before it waits.
        leaves_after: bytes of the body after which the client is gone; None if it stays.
        raises_when_gone: whether ``send`` then raises, as servers of the standard's version 2.4 do.
        cancel_at: the number of the ``receive`` or ``send`` in which the request's task is cancelled.
        disconnect: the message that tells that the client is gone.
        checks: whether what is sent is held to the standard.
        sent: what the application sent.
    """

    incoming: list[Message] = dataclasses.field(default_factory=lambda: [request_message()])
    leaves_after: int | None = None
    raises_when_gone: bool = False
    cancel_at: int | None = None
    sent: list[Message] = dataclasses.field(default_factory=list)
    times: int = 0
    on_send: Callable[[Message], Awaitable[None]] | None = None
    disconnect: str = "http.disconnect"
    checks: bool = True
    complete: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    has_given_all: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    has_body: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    gone: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    task: Any = None

    async def run(self, app: Any, scope: Mapping[str, Any]) -> Server:
        """Serve one request, in a task of its own as servers do."""
        self.task = asyncio.ensure_future(app(scope, self.receive, self.send))
        await self.task
        return self

    async def receive(self) -> Message:
        """Give the next message; then wait until the client leaves, or has everything."""
        self._count()
        await asyncio.sleep(0)
        if self.incoming and not self.gone.is_set():
            message = self.incoming.pop(0)
            if not self.incoming:
                self.has_given_all.set()
            return message
        waiting = [asyncio.ensure_future(event.wait()) for event in (self.complete, self.gone)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waiting:
                wait.cancel()
        return {"type": self.disconnect}

    async def send(self, message: Message) -> None:
        """Take a message, as strictly as the standard allows."""
        self._count()
        await asyncio.sleep(0)
        if self.gone.is_set():
            if self.raises_when_gone:
                raise BrokenPipeError("the client is gone")
            return
        if self.on_send is not None:
            await self.on_send(message)
        if self.checks:
            self._check(message)
        self.sent.append(message)
        if message.get("body"):
            self.has_body.set()
        if message["type"].endswith("http.response.body") and not message.get("more_body", False):
            self.complete.set()
        if self.leaves_after is not None and self.started and len(self.body) >= self.leaves_after:
            self.gone.set()

    def _count(self) -> None:
        self.times += 1
        if self.times == self.cancel_at:
            self.task.cancel()

    def _check(self, message: Message) -> None:
        kinds = [sent["type"] for sent in self.sent]
        if message["type"] in {"websocket.accept", "websocket.send", "websocket.close"}:
            is_open = "websocket.accept" in kinds
            is_too_late = "websocket.close" in kinds
            if is_too_late or (
                message["type"] != "websocket.close" and (message["type"] == "websocket.send") != is_open
            ):
                raise RuntimeError(f"unexpected {message['type']}")
            return
        if self.complete.is_set():
            raise RuntimeError(f"{message['type']} after the response was complete")
        kind = message["type"].partition("http.response.")[2]
        if kind == "early_hint":
            return
        if (kind == "start") == self.started:
            raise RuntimeError(f"unexpected {message['type']}")
        if kind == "start":
            assert isinstance(message["status"], int)
            for name, value in message["headers"]:
                assert isinstance(name, bytes)
                assert isinstance(value, bytes)
                assert name == name.lower()
        elif kind == "body":
            assert isinstance(message.get("body", b""), bytes)

    async def begun(self) -> None:
        """Wait until a piece of a body has been sent."""
        await self.has_body.wait()

    @property
    def started(self) -> bool:
        return any(message["type"].endswith("response.start") for message in self.sent)

    @property
    def start(self) -> Message:
        """The message that began the response."""
        return next(message for message in self.sent if message["type"].endswith("response.start"))

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def headers(self) -> Headers:
        return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.start["headers"]])

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent if m["type"].endswith("response.body"))

    @property
    def is_complete(self) -> bool:
        return self.complete.is_set()


def request_message(body: bytes = b"", *, more: bool = False) -> Message:
    """Return a piece of a request's body."""
    return {"type": "http.request", "body": body, "more_body": more}


def serve(app: Any, scope: Mapping[str, Any] | None = None, body: bytes = b"", **options: Any) -> Server:
    """Serve one request, and return what came of it; what the application raises is raised."""

    async def run() -> Server:
        options.setdefault("incoming", [request_message(body)])
        return await Server(**options).run(app, http_scope() if scope is None else scope)

    return asyncio.run(run())


def connect(app: Any, scope: Mapping[str, Any] | None = None, *messages: Message, **options: Any) -> Server:
    """Open a WebSocket, send messages, and leave."""
    incoming = [{"type": "websocket.connect"}, *messages, {"type": "websocket.disconnect", "code": 1001}]
    options = {"incoming": incoming, "disconnect": "websocket.disconnect", **options}
    return asyncio.run(Server(**options).run(app, socket_scope() if scope is None else scope))


def scope_of_environ(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scope that says what an environ says."""
    headers = [(key[5:].replace("_", "-").lower(), value) for key, value in environ.items() if key.startswith("HTTP_")]
    for key, name in (("CONTENT_TYPE", "content-type"), ("CONTENT_LENGTH", "content-length")):
        if environ.get(key):
            headers.append((name, environ[key]))
    root = environ["SCRIPT_NAME"].encode("latin-1").decode("utf-8", "surrogateescape")
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "surrogateescape")
    target = environ.get("REQUEST_URI", environ.get("RAW_URI", ""))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": environ["SERVER_PROTOCOL"].partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": root + path,
        "raw_path": target.partition("?")[0].encode("latin-1") or None,
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "root_path": root,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (environ["REMOTE_ADDR"], 1) if environ.get("REMOTE_ADDR") else None,
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
    }


# --- what apps send


def start(status: Any = 200, headers: Iterable[Any] = (), **more: Any) -> Message:
    """Return what begins an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def piece(body: Any = b"", *, more: bool = False) -> Message:
    """Return a piece of a body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def answering(*messages: Message | BaseException) -> Any:
    """Return an app that sends messages, or raises them."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)

    return app


def gone_after(messages: int) -> Server:
    """Return a server whose client is gone once it got so many messages."""
    server = Server(raises_when_gone=True)

    async def on_send(message: Message) -> None:
        if len(server.sent) == messages:
            server.gone.set()
            raise BrokenPipeError

    server.on_send = on_send
    return server

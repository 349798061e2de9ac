"""A chain around an app, for real servers: ``application``. The variable SERVED names the folder of files and logs."""

from __future__ import annotations

import contextvars
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import get_input_stream

from hookchain import OK, AccessLog, HookChain, Request, current_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FOLDER = "SERVED"
ACCESS_LOG = "access.log"
FINISHED = "finished.jsonl"
ROOT = "root"
MAX_BODY = 1_000_000
CHUNK = b"x" * 65_536
CHUNKS = 2_000

token: contextvars.ContextVar[str] = contextvars.ContextVar("token", default="unset")


def make_chain(folder: Path) -> HookChain:
    """Handlers of both kinds that look at what a request must not share with another."""
    log = os.open(folder / FINISHED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    hooks = HookChain(
        document_root=folder / ROOT,
        max_body=MAX_BODY,
        access_log=AccessLog("%>s %B %m %U%q %X", to=folder / ACCESS_LOG),
    )

    def note(req: Request, phase: str) -> None:
        seen = {
            "phase": phase,
            "id": req.args.get("id"),
            "status": req.status,
            "bytes_sent": req.bytes_sent,
            "aborted": req.aborted,
            "exception": type(req.exception).__name__,
            "token": token.get(),
        }
        os.write(log, json.dumps(seen).encode() + b"\n")

    @hooks.log
    def noted(req: Request) -> None:
        note(req, "log")

    @hooks.cleanup
    def cleaned(req: Request) -> None:
        note(req, "cleanup")

    @hooks.authen("/guarded")
    def ann(req: Request) -> Any:
        req.user = req.args.get("user")
        return OK if req.user else None

    _look_at_contexts(hooks)
    _read_bodies(hooks)
    return hooks


def _look_at_contexts(hooks: HookChain) -> None:
    @hooks.post_read_request("/who")
    def set_token(req: Request) -> None:
        req.notes["seen"] = [token.get()]
        token.set(req.headers["X-Token"])

    @hooks.header_parser("/who")
    async def see_token(req: Request) -> None:
        req.notes["seen"].append(token.get())
        token.set(token.get() + "+")

    @hooks.fixup("/who")
    def see_token_again(req: Request) -> None:
        req.notes["seen"].append(token.get())


def _read_bodies(hooks: HookChain) -> None:
    @hooks.access("/echo/all")
    def read_all(req: Request) -> None:
        req.get_data()

    @hooks.access("/echo/part")
    def read_part(req: Request) -> None:
        req.stream.read(3)

    @hooks.access("/echo/json")
    async def read_json(req: Request) -> None:
        await req.aget_json()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stand behind the chain."""
    path = environ["PATH_INFO"]
    if path.startswith("/echo"):
        body = get_input_stream(environ).read()
        start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
        return [body]
    if path == "/raise":
        raise ZeroDivisionError("secret detail")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    if path == "/stream":
        return (CHUNK for _ in range(CHUNKS))
    if path == "/raise-late":
        return _raise_late()
    if path == "/who":
        return _who(environ)
    told = {key: environ.get(key) for key in ("PATH_INFO", "RAW_URI", "REQUEST_URI", "REMOTE_USER")}
    return [json.dumps(told).encode()]


def _raise_late() -> Iterator[bytes]:
    yield b"begun"
    raise ZeroDivisionError("secret detail")


def _who(environ: WSGIEnvironment) -> Iterator[bytes]:
    record = environ["hookchain.request"]
    yield json.dumps([*record.notes["seen"], token.get(), current_request() is record]).encode()


if FOLDER in os.environ:
    application = make_chain(Path(os.environ[FOLDER])).wsgi(app)

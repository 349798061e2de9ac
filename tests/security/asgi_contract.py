"""The server of README.md's contract for ASGI: the chain of ``contract_server`` around the two applications of it.

An ASGI server imports ``application`` from here; the variables are those of ``contract_server``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from hookchain import AccessLog
from tests.security.contract_app import echo_lines
from tests.security.contract_server import ACCESS_LOG, HANDED_OVER, LOGS, ROOT, make_chain


async def mounted(scope: Any, receive: Any, send: Any) -> None:
    """Answer as ``contract_app.mount_by_prefix`` does."""
    path = scope["path"]
    if path == "/admin" or path.startswith("/admin/"):
        lines = ["MARK-ADMIN-APP", f"method={scope['method']}", f"path={path}"]
        await _answer(send, 200, [(b"x-app", b"MARK-ADMIN-APP")], lines)
    elif path == "/open" or path.startswith("/open/"):
        await _open(scope, send)
    else:
        await _answer(send, 404, [], ["no such page"])


async def _open(scope: Any, send: Any) -> None:
    path, query = scope["path"], scope["query_string"]
    to, value = _argument(query, b"to"), _argument(query, b"v")
    if path.endswith("/redirect") and to is not None:
        await _answer(send, 302, [(b"location", to)], ["MARK-OPEN-APP"])
        return
    extra = [(b"x-echo", value)] if path.endswith("/header") and value is not None else []
    lines = echo_lines(
        scope["method"], path.encode(), query.decode("latin-1"), scope.get("user"), (scope["client"] or ("",))[0]
    )
    await _answer(send, 200, extra, lines)


def _argument(query: bytes, name: bytes) -> bytes | None:
    for pair in query.split(b"&"):
        key, equals, value = pair.partition(b"=")
        if key == name and equals:
            return unquote_to_bytes(value)
    return None


async def _answer(send: Any, status: int, extra: list[tuple[bytes, bytes]], lines: list[str]) -> None:
    body = "".join(line + "\n" for line in lines).encode("latin-1", "replace")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + extra})
    await send({"type": "http.response.body", "body": body})


class Counted:
    """An app that writes a line for each request that the server hands over, so that none can get lost unseen."""

    def __init__(self, app: Any, note: Path) -> None:
        """Note the requests of an app in a file."""
        self.app = app
        self.note = os.open(note, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Note the request and hand it on."""
        if scope["type"] != "lifespan":
            os.write(self.note, b".\n")
        await self.app(scope, receive, send)


if ROOT in os.environ:
    logs = Path(os.environ[LOGS])
    chain = make_chain(os.environ[ROOT], AccessLog("combined", to=logs / ACCESS_LOG))
    application = Counted(chain.asgi(mounted), logs / HANDED_OVER)

"""The chain of ``served`` around an ASGI app that does what the WSGI one does, and a little more: ``application``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hookchain import Request, current_request
from tests.servers.served import CHUNK, CHUNKS, FOLDER, make_chain, token


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Stand behind the chain."""
    if scope["type"] == "websocket":
        await _talk(receive, send)
    elif scope["type"] == "http":
        await _answer(scope, receive, send)


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    if path.startswith("/echo"):
        body = await _body(receive)
        if body is not None:
            await _whole(send, body, b"application/octet-stream")
    elif path == "/raise":
        raise ZeroDivisionError("secret detail")
    elif path == "/raise-late":
        await _begin(send)
        await _piece(send, b"begun")
        raise ZeroDivisionError("secret detail")
    elif path == "/stream":
        await _stream(receive, send)
    elif path == "/events":
        await _events(receive, send)
    elif path == "/who":
        record = scope["hookchain.request"]
        seen = [*record.notes["seen"], token.get(), current_request() is record]
        await _whole(send, json.dumps(seen).encode())
    else:
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode()
        told = {"PATH_INFO": path, "RAW_URI": target, "REQUEST_URI": None, "REMOTE_USER": scope.get("user")}
        await _whole(send, json.dumps(told).encode())


async def _body(receive: Any) -> bytes | None:
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _begin(send: Any, content_type: bytes = b"text/plain; charset=utf-8", *more: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), *more]})


async def _piece(send: Any, data: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _whole(send: Any, body: bytes, content_type: bytes = b"text/plain; charset=utf-8") -> None:
    await _begin(send, content_type, (b"content-length", str(len(body)).encode()))
    await _piece(send, body, more=False)


async def _stream(receive: Any, send: Any) -> None:
    gone = asyncio.ensure_future(_until_gone(receive))
    await _begin(send)
    try:
        for _ in range(CHUNKS):
            if gone.done():
                return
            await _piece(send, CHUNK)
            await asyncio.sleep(0)
        await _piece(send, b"", more=False)
    finally:
        gone.cancel()


async def _events(receive: Any, send: Any) -> None:
    """Send an event and wait for the client's leaving, as a page that listens for news does."""
    await _begin(send, b"text/event-stream")
    await _piece(send, b"data: hello\n\n")
    await _until_gone(receive)


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _talk(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})


async def news(req: Request) -> AsyncIterator[str]:
    """Send what is there, and wait for more."""
    yield "data: news\n\n"
    await asyncio.Event().wait()


if FOLDER in os.environ:
    chain = make_chain(Path(os.environ[FOLDER]))
    chain.content("/news")(news)
    application = chain.asgi(app)

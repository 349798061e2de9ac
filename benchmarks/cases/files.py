"""Files from a document root: hookchain beside WhiteNoise."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
import time
import wsgiref.util
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.clients import ask, environ, wsgi
from benchmarks.timing import Case
from hookchain import HookChain

_SIZES = {"small.bin": 1 << 10, "large.bin": 10 << 20}
_PART = 1024
_SETTLED = 2.1  # seconds: files that have been there for a while, as on any site, may be remembered


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="hookchain-benchmarks-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for name, size in _SIZES.items():
        (root / name).write_bytes(os.urandom(_PART) * (size // _PART))
        os.utime(root / name, (1_700_000_000, 1_700_000_000))
    (root / "index.html").write_text("<!doctype html><title>Hello</title>")
    time.sleep(_SETTLED)
    return root


def hookchain() -> Any:
    """Make a chain that sends the files."""
    return HookChain(document_root=_root(), access_log=False).wsgi()


def whitenoise() -> Any:
    """Make a WhiteNoise that sends the files."""
    from whitenoise import WhiteNoise

    return WhiteNoise(_missing, root=str(_root()), index_file=True)


def _missing(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


def _get(app: Any) -> Callable[[], Any]:
    return wsgi(app, "/small.bin", body=(_root() / "small.bin").read_bytes(), **_SERVER)


def _range(app: Any) -> Callable[[], Any]:
    part = (_root() / "large.bin").read_bytes()[:_PART]
    return wsgi(app, "/large.bin", status="206", body=part, HTTP_RANGE=f"bytes=0-{_PART - 1}", **_SERVER)


def _unchanged(app: Any) -> Callable[[], Any]:
    headers = ask(app, environ("/small.bin", **_SERVER))[1]
    known: dict[str, Any] = {"HTTP_IF_MODIFIED_SINCE": headers["last-modified"]}
    if "etag" in headers:
        known["HTTP_IF_NONE_MATCH"] = headers["etag"]
    return wsgi(app, "/small.bin", status="304", body=b"", **known, **_SERVER)


_SERVER: dict[str, Any] = {"wsgi.file_wrapper": wsgiref.util.FileWrapper, "QUERY_STRING": ""}
_REQUESTS: dict[str, Callable[[Any], Callable[[], Any]]] = {"get": _get, "range": _range, "304": _unchanged}


def _asked(make: Callable[[], Any], send: Callable[[Any], Callable[[], Any]]) -> Callable[[], Any]:
    return send(make())


def cases() -> Iterator[Case]:
    """Yield the cases of what is installed; the clock is the wall's."""
    apps = {"hookchain": hookchain}
    if importlib.util.find_spec("whitenoise") is not None:
        apps["whitenoise"] = whitenoise
    for name, make in apps.items():
        for kind, send in _REQUESTS.items():
            yield Case(f"files-{kind}/{name}/1", partial(_asked, make, send), clock="wall")

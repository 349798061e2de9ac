"""Real HTTP servers, each in a process of its own, for as long as a test wants one."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import end

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0

_HERE = "127.0.0.1"


class Server(NamedTuple):
    """A server that listens.

    Attributes:
        name: which one, one of NAMES or ASGI_NAMES.
        address: host and port.
        output: a file with what it printed.
    """

    name: str
    address: tuple[str, int]
    output: Path


def _werkzeug(target: str, port: int) -> list[str]:
    return ["tests.servers.werkzeug_server", target, str(port)]


def _gunicorn(*workers: str) -> Callable[[str, int], list[str]]:
    return lambda target, port: ["gunicorn", "--bind", f"{_HERE}:{port}", "--log-level", "warning", *workers, target]


def _granian(target: str, port: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", _HERE, "--port", str(port), "--blocking-threads", "8"]
    return ["granian", *options, "--no-ws", "--log-level", "warning", target]


def _granian_asgi(target: str, port: int) -> list[str]:
    options = ["--interface", "asgi", "--host", _HERE, "--port", str(port), "--log-level", "warning"]
    return ["granian", *options, target]


def _uvicorn(target: str, port: int) -> list[str]:
    return ["uvicorn", "--no-proxy-headers", "--host", _HERE, "--port", str(port), "--log-level", "warning", target]


def _hypercorn(target: str, port: int) -> list[str]:
    return ["hypercorn", "--bind", f"{_HERE}:{port}", "--log-level", "warning", target]


_COMMANDS: Mapping[str, Callable[[str, int], list[str]]] = {
    "werkzeug": _werkzeug,
    "gunicorn sync": _gunicorn("--worker-class", "sync", "--workers", "8"),
    "gunicorn gthread": _gunicorn("--worker-class", "gthread", "--workers", "1", "--threads", "8"),
    "granian": _granian,
    "uvicorn": _uvicorn,
    "hypercorn": _hypercorn,
    "granian asgi": _granian_asgi,
}
ASGI_NAMES = ("uvicorn", "hypercorn", "granian asgi")
NAMES = tuple(name for name in _COMMANDS if name not in ASGI_NAMES)

ENDS_A_BROKEN_STREAM_AS_A_WHOLE_ONE = frozenset({"granian"})
"""Servers that send the last chunk although the app's iterable raised: the client can't tell."""

TAKES_ANY_VERSION = frozenset({"uvicorn", "hypercorn"})
"""Servers that answer HTTP/9.9 as if it were a version that they know."""

HOLDS_NOBODY_BACK = frozenset({"granian asgi"})
"""Servers that take all messages at once: a response may be over before they know that the client has left."""

REPLACES_WHAT_IS_NO_TEXT = frozenset({"werkzeug"})
"""Servers that put other signs into PATH_INFO for bytes that are not UTF-8, so that no app learns of them."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind((_HERE, 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(name: str, target: str, output: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    """Start a server, wait until it listens, and stop it in the end.

    Args:
        name: one of NAMES or ASGI_NAMES.
        target: ``module:app``.
        output: a file for what the server prints.
        variables: for the process, besides those of this one.
    """
    address = (_HERE, free_port())
    command = [sys.executable, "-m", "tests.servers.without_privileges", *_COMMANDS[name](target, address[1])]
    environment = {
        **os.environ,
        **variables,
        "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, *(REPOSITORY / "adapters").iterdir()))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/",
    }
    with output.open("wb") as printed:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, address, output)
            yield Server(name, address, output)
        finally:
            end(process)


def _wait(process: subprocess.Popen[bytes], address: tuple[str, int], output: Path) -> None:
    patience = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
            return
        if process.poll() is not None or time.monotonic() > patience:
            raise RuntimeError(f"the server does not listen: {output.read_text(errors='replace')}")
        time.sleep(0.05)

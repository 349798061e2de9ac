"""Real servers, each in a process group of its own, on a free port of this machine; and what memory they hold."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_HERE = "127.0.0.1"
_PATIENCE = 60
_GUNICORN = ("gunicorn", "--log-level", "error", "--worker-class")
_COMMANDS = {
    "sync": (*_GUNICORN, "sync", "--workers", "{workers}", "--bind", "fd://{fd}", "{app}()"),
    "gthread": (*_GUNICORN, "gthread", "--workers", "{workers}", "--threads", "4", "--bind", "fd://{fd}", "{app}()"),
    "uvicorn": ("benchmarks.servers", "{fd}", "{app}"),
}


class LeftOutError(Exception):
    """Something that is needed is not there; the message says what."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A server that listens.

    Attributes:
        port: on 127.0.0.1.
        pid: its first process, which under gunicorn is the parent of the workers.
    """

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://{_HERE}:{self.port}/"

    def resident(self) -> float:
        """Return the memory that the processes which answer have in RAM, in KiB."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(_resident(pid) for pid in children or [str(self.pid)])


def _resident(pid: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def run_uvicorn(fd: int, app: str) -> None:
    """Run uvicorn on a socket; its own option ``--fd`` takes each socket for one without an address."""
    import uvicorn

    config = uvicorn.Config(app, factory=True, log_level="error", access_log=False)
    with socket.socket(fileno=fd) as sock:
        uvicorn.Server(config).run(sockets=[sock])


def check_installed(*modules: str) -> None:
    """Raise LeftOutError where one of some modules is not installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise LeftOutError(f"{', '.join(missing)} not installed")


def check_system() -> None:
    """Raise LeftOutError where the system does not tell what memory its processes hold."""
    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        raise LeftOutError("this system has no /proc that tells of the memory of processes")


@contextlib.contextmanager
def serving(kind: str, app: str, *, workers: int = 1, send_buffer: int | None = None) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it with all its workers.

    Args:
        kind: "sync" or "gthread" for gunicorn's, or "uvicorn".
        app: the name of a function of `benchmarks.served`.
        workers: how many, under gunicorn.
        send_buffer: what the system keeps of a response, in bytes, where it is not to decide that itself.

    Yields:
        The server.
    """
    with socket.socket() as sock:
        sock.bind((_HERE, 0))  # the server inherits the socket, so that nobody else gets its port
        if send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        port = sock.getsockname()[1]
        values = {"workers": workers, "fd": sock.fileno(), "app": f"benchmarks.served:{app}"}
        command = [sys.executable, "-m", *(part.format(**values) for part in _COMMANDS[kind])]
        process = subprocess.Popen(command, start_new_session=True, pass_fds=[sock.fileno()])
    try:
        _wait(process, port)
        yield Server(port, process.pid)
    finally:
        end(process)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    patience = time.monotonic() + _PATIENCE
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > patience:
            raise RuntimeError(f"{process.args!r} does not answer")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((_HERE, port), timeout=_PATIENCE) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return sock.recv(12) == b"HTTP/1.1 200"
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and all that it started, by force where it does not go."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


if __name__ == "__main__":
    run_uvicorn(int(sys.argv[1]), sys.argv[2])

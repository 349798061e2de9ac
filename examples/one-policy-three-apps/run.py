"""Runs one policy in three apps; ``--check`` sends all three the same requests and compares answers and access logs."""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).parent
HOST = "127.0.0.1"
PATIENCE = 20  # seconds for a server to start, to answer, to log, and to stop

APPS: dict[str, Callable[[int], list[str]]] = {
    "Flask": lambda port: ["gunicorn", "--bind", f"{HOST}:{port}", "flask_app:app"],
    "Django": lambda port: ["gunicorn", "--bind", f"{HOST}:{port}", "django_app:application"],
    "FastAPI": lambda port: ["uvicorn", "--no-access-log", "--host", HOST, "--port", str(port), "fastapi_app:app"],
}


Answer: TypeAlias = tuple[int, str | None, str | None, bytes]
"""Status, challenge and request id as the client sees them, and the body where it is the app's own."""


@dataclasses.dataclass(frozen=True)
class Try:
    """A request worth trying, and the status that all three must answer it with."""

    shows: str
    path: str
    status: int
    login: str = ""
    method: str = "GET"
    client: str = HOST

    def curl(self, port: int) -> str:
        """Return the command that sends it."""
        login = f"-u {self.login} " if self.login else ""
        client = f"--interface {self.client} " if self.client != HOST else ""
        method = f"-X {self.method} " if self.method != "GET" else ""
        as_is = "--path-as-is " if ".." in self.path else ""
        return f"curl -i {method}{as_is}{client}{login}http://{HOST}:{port}{self.path}"

    def send(self, port: int, request_id: str) -> Answer:
        """Send it."""
        headers = {"X-Request-Id": request_id}
        if self.login:
            headers["Authorization"] = "Basic " + base64.b64encode(self.login.encode()).decode()
        connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE, source_address=(self.client, 0))
        with contextlib.closing(connection):
            connection.request(self.method, self.path, headers=headers)
            response = connection.getresponse()
            body = response.read()
        said = [response.getheader(name) for name in ("WWW-Authenticate", "X-Request-Id")]
        return response.status, said[0], said[1], body if response.status == http.HTTPStatus.OK else b""


TRIES = (
    Try("a page for everybody", "/", 200),
    Try("a private page, to a stranger", "/private", 401),
    Try("the same, spelt otherwise", "/internal/..//private", 401),
    Try("the same, with a wrong password", "/private", 401, "bob:plumber"),
    Try("the same, to somebody who is known", "/private", 200, "bob:builder"),
    Try("for the board alone, to somebody else", "/private/board", 403, "bob:builder"),
    Try("the same, to the board", "/private/board", 200, "alice:wonderland"),
    Try("from the office", "/internal/stock", 200, method="POST"),
    Try("the same, from elsewhere", "/internal/stock", 403, client="127.0.0.2"),
    Try("a path that the app does not have", "/nothing", 404),
    Try("a view that fails", "/broken", 500),
)


@contextlib.contextmanager
def served(app: str, port: int, log: Path | None, errors: int | None) -> Generator[None]:
    """Serve one of the apps for a while."""
    command = [sys.executable, "-m", *APPS[app](port)]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "ACCESS_LOG": str(log or "")}
    with subprocess.Popen(command, cwd=HERE, env=environ, stderr=errors) as process:
        try:
            wait_for(app, port, process)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def wait_for(app: str, port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server takes connections; end the program where it doesn't."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"the server of the {app} app did not start")


def free_ports() -> list[int]:
    """Return as many ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((HOST, 0))) for _ in APPS]
        return [listener.getsockname()[1] for listener in listeners]


def logged(log: Path) -> list[str]:
    """Return the lines of an access log, as soon as there is one for every request."""
    deadline = time.monotonic() + PATIENCE
    while True:
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        # A line is written when the last byte has gone: the client may be here first.
        if len(lines) >= len(TRIES) or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def check() -> None:
    """Send every request to all three; end the program with what differs, if anything does."""
    answers: dict[str, list[Answer]] = {}
    logs: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "errors").open("w") as errors:
        for app, port in zip(APPS, free_ports(), strict=True):
            log = Path(folder) / f"{app}.log"
            with served(app, port, log, errors.fileno()):
                answers[app] = [attempt.send(port, f"try-{number}") for number, attempt in enumerate(TRIES, 1)]
                logs[app] = sorted(logged(log), key=lambda line: int(line.rpartition("-")[2]))
    complaints = list(differences(answers, logs))
    for app, lines in logs.items():
        print(f"{app}:", *lines, "", sep="\n  ")
    if complaints:
        sys.exit("\n".join(complaints))
    print(f"{len(TRIES)} requests: the three apps gave the same answers, and the three access logs agree")


def differences(answers: dict[str, list[Answer]], logs: dict[str, list[str]]) -> Generator[str]:
    """Yield what one app does otherwise than it should, or than the first one."""
    first = next(iter(APPS))
    for app in APPS:
        for attempt, answer, model in zip(TRIES, answers[app], answers[first], strict=True):
            if answer[0] != attempt.status or answer != model:
                yield f"{app}: {attempt.shows}: wanted {attempt.status}, as {first}'s {model}; got {answer}"
        if logs[app] != logs[first]:
            yield f"the access logs of {app} and {first} differ"


def serve(port: int) -> None:
    """Serve all three on ports of their own, and say what to try."""
    width = max(len(attempt.shows) for attempt in TRIES)
    with contextlib.ExitStack() as stack:
        for number, app in enumerate(APPS):
            stack.enter_context(served(app, port + number, None, None))
        where = ", ".join(f"{app} on http://{HOST}:{port + number}/" for number, app in enumerate(APPS))
        print(f"\nOne policy (policy.py) in three apps: {where}\n")
        print(*(f"  {attempt.shows:{width}}  {attempt.curl(port)}" for attempt in TRIES), sep="\n")
        print("\nTheir access logs follow. Ctrl-C ends them.\n", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def main() -> None:
    """Serve the three apps, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="where the first app listens (default: 8081)")
    parser.add_argument("--check", action="store_true", help="send all the same requests on free ports, and compare")
    arguments = parser.parse_args()
    if arguments.check:
        check()
    else:
        serve(arguments.port)


if __name__ == "__main__":
    main()

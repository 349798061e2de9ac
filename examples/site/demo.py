"""Serves the demo site and says what to try; ``--check`` tries all of it and looks whether the answers are right."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
CHAIN = "examples.site.hooks:hooks"
HOST = "127.0.0.1"
PATIENCE = 10  # seconds for the server to start, to answer, to log, and to stop


@dataclasses.dataclass(frozen=True)
class Try:
    """A request worth trying, and what must come back."""

    shows: str
    path: str
    status: int
    says: str
    login: str = ""

    def curl(self, port: int) -> str:
        """Return the command that sends it."""
        login = f"-u {self.login} " if self.login else ""
        as_is = "--path-as-is " if "/../" in self.path else ""
        return f"curl -i {as_is}{login}http://{HOST}:{port}{self.path}"

    def log_line(self) -> re.Pattern[str]:
        """Return what the access log must say about it: user, request, status and bytes."""
        user = self.login.partition(":")[0] if self.status != http.HTTPStatus.UNAUTHORIZED else ""
        request = f'"GET {self.path} HTTP/1.1" {self.status} '
        return re.compile(rf"^{re.escape(HOST)} - {user or '-'} \[[^]]+\] {re.escape(request)}\d+$", re.MULTILINE)

    def complaint(self, port: int) -> str:
        """Send it; return what is wrong with the answer, or nothing."""
        connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
        login = {"Authorization": "Basic " + base64.b64encode(self.login.encode()).decode()} if self.login else {}
        connection.request("GET", self.path, headers=login)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
        connection.close()
        if response.status == self.status and self.says in body:
            return ""
        return f"{self.curl(port)}\n  wanted {self.status} with {self.says!r}, got {response.status}:\n{body}"


TRIES = (
    Try("a page", "/", 200, "Cape Ember Light"),
    Try("a guarded folder, to a stranger", "/members/", 401, "Unauthorized"),
    Try("the same, spelt otherwise", "/app/..//members/", 401, "Unauthorized"),
    Try("the same, to a member", "/members/", 200, "Welcome, member", "bob:builder"),
    Try("for the board alone, to a member", "/members/board/", 403, "Forbidden", "bob:builder"),
    Try("the same, to the board", "/members/board/", 200, "Minutes", "alice:wonderland"),
    Try("an app, to a stranger", "/app/lamp/on", 200, "Hello stranger, you asked for /app/lamp/on"),
    Try("the same, to a member", "/app/lamp/on", 200, "Hello alice", "alice:wonderland"),
    Try("a rewritten path", "/old/visit.html", 200, "214 steps"),
    Try("a listed folder", "/images/", 200, "coast.png"),
    Try("an error page", "/no/such/page", 404, "Off the chart"),
)


def banner(port: int) -> str:
    """Return what to try, and how to end it."""
    width = max(len(attempt.shows) for attempt in TRIES)
    lines = [f"  {attempt.shows:{width}}  {attempt.curl(port)}" for attempt in TRIES]
    return "\n".join(
        [
            f"The demo site: http://{HOST}:{port}/   (examples/site/hooks.py makes it)",
            "",
            *lines,
            f"  {'what applies to a path':{width}}  {command('hookchain')} explain {CHAIN} /members/board/",
            "",
            "Its access log follows. Ctrl-C ends it.",
            "",
        ]
    )


def command(name: str) -> str:
    """Return the shortest way to write a command that stands beside this Python."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def serve_command(port: int, server: str | None) -> list[str]:
    """Return the command that serves the site."""
    chosen = ["--server", server] if server else []
    return [sys.executable, "-m", "hookchain", "serve", "--app", CHAIN, "--host", HOST, "--port", str(port), *chosen]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until the server takes connections; end the program where it doesn't."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("the server did not start")


@contextmanager
def served(command: list[str], port: int, output: IO[str]) -> Generator[None]:
    """Serve the site for a while, and end it as Ctrl-C does."""
    with subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_for(port, process)
            yield
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        finally:
            process.kill()
    if process.returncode:
        sys.exit(f"the server ended with status {process.returncode}")


def not_logged(log: Path) -> list[str]:
    """Return what the access log lacks."""
    text = log.read_text(encoding="utf-8")
    return [
        f"not in the access log: {attempt.shows}, {attempt.path}"
        for attempt in TRIES
        if not attempt.log_line().search(text)
    ]


def check(server: str | None) -> None:
    """Try everything on a free port; end the program with what was wrong, if anything was."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:
            with log.open("w") as output, served(serve_command(port, server), port, output):
                complaints = [complaint for attempt in TRIES if (complaint := attempt.complaint(port))]
                # A line is written when the last byte has gone: the client may be here first.
                deadline = time.monotonic() + PATIENCE
                while not_logged(log) and time.monotonic() < deadline:
                    time.sleep(0.05)
            complaints += not_logged(log)
        finally:
            print(log.read_text(encoding="utf-8"))
    if complaints:
        sys.exit("\n".join(complaints))
    print(f"{len(TRIES)} requests answered and logged as they should be")


def main() -> None:
    """Serve the site, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="where to listen (default: 8080)")
    parser.add_argument("--check", action="store_true", help="try everything on a free port, and end")
    parser.add_argument("--server", help="which server (default: what hookchain serve takes)")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.server)
        return
    print(banner(arguments.port), flush=True)
    os.chdir(ROOT)
    words = serve_command(arguments.port, arguments.server)
    os.execv(words[0], words)  # the server takes this process's place, so that Ctrl-C and its status are its own


if __name__ == "__main__":
    main()

"""Real servers under load from wrk: throughput and latency beside hooks written by hand, and a soak."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from .servers import LeftOutError, Server, check_installed, check_system, serving


class Group(NamedTuple):
    """Apps behind one kind of server.

    Attributes:
        needs: what has to be installed.
        subjects: who answers.
        path: what is asked for.
    """

    needs: tuple[str, ...]
    subjects: tuple[str, ...] = ("hookchain", "by_hand", "bare")
    path: str = "/"


GROUPS = {
    "sync/wsgi": Group(("gunicorn",)),
    "sync/flask": Group(("gunicorn", "flask")),
    "sync/files": Group(("gunicorn", "whitenoise"), ("hookchain", "whitenoise"), "/small.bin"),
    "gthread/wsgi": Group(("gunicorn",)),
    "gthread/flask": Group(("gunicorn", "flask")),
    "uvicorn/asgi": Group(("uvicorn",)),
    "uvicorn/starlette": Group(("uvicorn", "starlette")),
}
"""What is measured, by server and app."""

SOAKS = {"sync": ("gunicorn", "wsgi_alone", 1.0), "uvicorn": ("uvicorn", "asgi_alone", 0.1)}
"""A server, what has to be installed, an app, and its share of the requests."""

_WORKERS = 2
_CONNECTIONS = 8
_REPORT = """
function done(summary, latency, requests)
    local failed = summary.errors.connect + summary.errors.status + summary.errors.timeout
    io.write(string.format('\\n{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\\n',
        summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
"""
_PATHS = """
local number = 0
function request()
    number = (number + 1) % 20000
    return wrk.format("GET", "/" .. number .. "?page=" .. number)
end
"""


def throughput(group: str, rounds: int) -> dict[str, list[float]]:
    """Measure requests a second, and the median and the 99th percentile of how long one takes, in microseconds.

    The servers of a group run at once, and get load in turn, in a fresh random order in each round.

    Args:
        group: one of GROUPS.
        rounds: seconds of load for each.

    Returns:
        Samples by figure, such as "served/sync/flask/hookchain/p99".

    Raises:
        LeftOutError: wrk, the server or the framework is not there, or it is not asked for.
    """
    needs, subjects, path = GROUPS[group]
    _check(rounds, *needs)
    chance = random.Random(rounds)
    kind, app = group.split("/")
    samples: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        servers = {
            subject: stack.enter_context(serving(kind, f"{app}_{subject}", workers=_WORKERS)) for subject in subjects
        }
        for server in servers.values():
            _load(server, 1, path=path)
        order = list(servers)
        for _ in range(rounds):
            chance.shuffle(order)
            for subject in order:
                for figure, value in _load(servers[subject], 1, path=path).items():
                    samples.setdefault(f"served/{group}/{subject}/{figure}", []).append(value)
    return samples


def soak(name: str, requests: int) -> dict[str, list[float]]:
    """Send many requests, for many paths, to one process.

    Args:
        name: one of SOAKS.
        requests: at least how many, under WSGI.

    Returns:
        Samples by figure: how many there were, and by how many KiB its resident memory grew meanwhile.

    Raises:
        LeftOutError: wrk, the server or /proc is not there, or it is not asked for.
    """
    needed, app, share = SOAKS[name]
    _check(requests, needed)
    check_system()
    with serving(name, app) as server:
        rate = _load(server, 1, _PATHS)["rate"]
        _send(server, requests / 40, rate)  # until all that is remembered of paths has been
        before = server.resident()
        sent = _send(server, requests * share, rate)
        return {f"soak/{name}/requests": [sent], f"soak/{name}/growth": [server.resident() - before]}


def _send(server: Server, requests: float, rate: float) -> float:
    sent = 0.0
    while sent < requests:
        seconds = max(1, round((requests - sent) / rate))
        sent += _load(server, seconds, _PATHS)["rate"] * seconds
    return sent


def _check(effort: int, *modules: str) -> None:
    if not effort:
        raise LeftOutError("only a full run has the time")
    check_installed(*modules)
    if shutil.which("wrk") is None:
        raise LeftOutError("wrk is not installed")


def _load(server: Server, seconds: int, script: str = "", path: str = "/") -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.lua"
        report.write_text(script + _REPORT)
        url = server.url + path[1:]
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(report), url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    if found["failed"] or not found["requests"]:
        raise RuntimeError(f"{server.url} failed: {said}")
    return {
        "rate": found["requests"] / (found["microseconds"] / 1e6),
        "p50": found["p50"],
        "p99": found["p99"],
    }

"""One run: the cases in several processes, the separate measurements, and everything as one document."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import pkgutil
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from . import cases as topics
from .rows import ROWS, results
from .servers import LeftOutError
from .timing import Case, prepare, run_rounds

_PEERS = (
    "Werkzeug",
    "blinker",
    "Flask",
    "Django",
    "starlette",
    "bottle",
    "falcon",
    "CherryPy",
    "pluggy",
    "whitenoise",
    "gunicorn",
    "uvicorn",
)


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured: the more, the narrower the spread.

    Attributes:
        processes: fresh processes, each with its own hash seed and order of set-up, and so its own heap.
        rounds: samples of each case in each process.
        sample: length of a sample, in seconds.
        separate: rounds of what needs a process of its own.
        requests: how many requests are to show that memory does not grow.
        served: rounds of a second of load for each real server.
        soak: how many requests one process of a real server is to answer.
        crowds: how many times slow clients come.
        clients: how many of them at once.
    """

    processes: int
    rounds: int
    sample: float
    separate: int
    requests: int
    served: int
    soak: int
    crowds: int
    clients: int


FULL = Effort(
    processes=5,
    rounds=20,
    sample=0.004,
    separate=15,
    requests=1_000_000,
    served=6,
    soak=1_000_000,
    crowds=3,
    clients=1000,
)
QUICK = Effort(
    processes=1, rounds=7, sample=0.002, separate=3, requests=10_000, served=0, soak=0, crowds=1, clients=200
)
SMOKE = Effort(
    processes=1, rounds=1, sample=0.0002, separate=1, requests=100, served=1, soak=1000, crowds=1, clients=10
)


def load_cases(match: str) -> tuple[list[Case], dict[str, str]]:
    """Load the cases whose name contains one of some parts.

    Args:
        match: the parts, with commas between them; empty for all cases.

    Returns:
        The cases, and why modules were left out.
    """
    found: list[Case] = []
    left_out: dict[str, str] = {}
    for module in pkgutil.iter_modules(topics.__path__):
        try:
            topic = importlib.import_module(f"{topics.__name__}.{module.name}")
        except ImportError as error:
            left_out[module.name] = str(error)
        else:
            found += [case for case in topic.cases() if any(part in case.name for part in match.split(","))]
    return found, left_out


def measure(effort: Effort, match: str, seed: int) -> dict[str, Any]:
    """Measure the cases in this process; returns samples by case, and what was left out and why."""
    wanted, left_out = load_cases(match)
    random.Random(seed).shuffle(wanted)
    prepared = [prepare(case, effort.sample * 1e9) for case in wanted]
    run_rounds(prepared, effort.rounds, seed)
    return {"samples": {one.case.name: one.samples for one in prepared}, "left_out": left_out}


def run(effort: Effort, match: str = "") -> dict[str, Any]:
    """Measure everything.

    Args:
        effort: how much.
        match: parts of the names of cases; empty for all.

    Returns:
        The document: ``machine``, ``versions``, ``left_out``, ``cases`` (medians and quartiles) and ``rows``.
    """
    measured = [_in_a_process(effort, match, seed) for seed in range(effort.processes)]
    samples = [one["samples"] for one in measured]
    separate, left_out = _separately(effort, match)
    samples.append(separate)
    return {
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
        },
        "versions": dict(_versions()),
        "effort": dataclasses.asdict(effort),
        "left_out": {**measured[0]["left_out"], **left_out},
        "cases": _pooled(samples),
        "rows": [_rounded({**dataclasses.asdict(one), "met": one.is_met}) for one in results(ROWS, samples)],
    }


def _in_a_process(effort: Effort, match: str, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "samples.json"
        program = "from benchmarks.run import child; child()"
        order = json.dumps({"effort": dataclasses.asdict(effort), "match": match, "seed": seed, "out": str(out)})
        subprocess.run(
            [sys.executable, "-c", program, order], check=True, env={**os.environ, "PYTHONHASHSEED": str(seed)}
        )
        document: dict[str, Any] = json.loads(out.read_text())
        return document


def child() -> None:
    """Measure what the command line says, for ``run``, and write it to a file."""
    order = json.loads(sys.argv[1])
    document = measure(Effort(**order["effort"]), order["match"], order["seed"])
    Path(order["out"]).write_text(json.dumps(document))


def _separately(effort: Effort, match: str) -> tuple[dict[str, list[float]], dict[str, str]]:
    from . import garbage, load, separate, slow

    wanted: dict[str, Callable[[], dict[str, list[float]]]] = {
        "import": lambda: separate.imports(effort.separate),
        "threads": lambda: separate.threads(effort.separate),
        "memory": lambda: separate.memory(effort.requests),
        "garbage": garbage.garbage,
        **{f"served/{group}": partial(load.throughput, group, effort.served) for group in load.GROUPS},
        **{f"soak/{name}": partial(load.soak, name, effort.soak) for name in load.SOAKS},
        "slow": lambda: slow.crowds(effort.crowds, effort.clients),
    }
    samples: dict[str, list[float]] = {}
    left_out: dict[str, str] = {}
    for name, take in wanted.items():
        if any(part in name for part in match.split(",")):
            try:
                samples |= take()
            except LeftOutError as error:
                left_out[name] = str(error)
    return samples, left_out


def _versions() -> Iterator[tuple[str, str]]:
    for peer in _PEERS:
        try:
            yield peer, metadata.version(peer)
        except metadata.PackageNotFoundError:
            yield peer, "not installed"


def _pooled(processes: list[dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    pooled: dict[str, list[float]] = {}
    for samples in processes:
        for name, values in samples.items():
            pooled.setdefault(name, []).extend(values)
    found: dict[str, dict[str, float]] = {}
    for name, values in sorted(pooled.items()):
        low, median, high = statistics.quantiles(values * 2, n=4, method="inclusive")
        found[name] = _rounded({"median": median, "low": low, "high": high, "samples": len(values)})
    return found


def _rounded(document: dict[str, Any]) -> dict[str, Any]:
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in document.items()}

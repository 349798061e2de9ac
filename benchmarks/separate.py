"""What needs a process or threads of its own: import, threads, memory."""

from __future__ import annotations

import gc
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from .cases import sections, standalone
from .clients import environ

_IMPORTS = {"yardstick": "typing, re, dataclasses", "werkzeug": "werkzeug.wrappers, blinker", "hookchain": "hookchain"}
_IN_FLIGHT = "/in/flight"  # where a body waits to be sent
_MUST_STAY_OUT = ("asyncio", "click", "rich", "flask", "django", "starlette", "asgiref")
_PROBE = """
import sys, time
started = time.process_time_ns()
import {modules}
print(time.process_time_ns() - started, *sorted(sys.modules))
"""


def imports(rounds: int) -> dict[str, list[float]]:
    """Measure what importing costs, in units of typing, re and dataclasses together.

    Args:
        rounds: how many processes of each kind.

    Returns:
        Samples by figure.

    Raises:
        RuntimeError: hookchain imports what it must not.
    """
    taken: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    for modules in _IMPORTS.values():
        _python(_PROBE.format(modules=modules))  # once, for their bytecode to be there
    for _ in range(rounds):
        for name, modules in _IMPORTS.items():
            nanoseconds, *loaded = _python(_PROBE.format(modules=modules)).split()
            taken[name].append(float(nanoseconds))
            if name == "hookchain" and (unwanted := set(_MUST_STAY_OUT).intersection(loaded)):
                raise RuntimeError(f"import hookchain loads {sorted(unwanted)}")
    each = list(zip(*(taken[name] for name in _IMPORTS), strict=True))
    return {
        "import/hookchain": [hookchain / yardstick for yardstick, _, hookchain in each],
        "import/werkzeug": [werkzeug / yardstick for yardstick, werkzeug, _ in each],
        "import/more": [(hookchain - werkzeug) / yardstick for yardstick, werkzeug, hookchain in each],
    }


def _python(program: str) -> str:
    command = [sys.executable, "-c", program]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def threads(rounds: int, *, count: int = 4, seconds: float = 0.15) -> dict[str, list[float]]:
    """Measure the throughput of several threads in one process as a share of one thread's.

    Args:
        rounds: how many times.
        count: how many threads.
        seconds: how long each time.

    Returns:
        Samples by figure.
    """
    operation = standalone.ten_hooks()
    shares: list[float] = []
    for _ in range(rounds):
        alone = _throughput(operation, 1, seconds)
        shares.append(_throughput(operation, count, seconds) / alone)
    return {"threads/hookchain": shares}


def _throughput(operation: Callable[[], Any], count: int, seconds: float) -> float:
    gate = threading.Barrier(count + 1)
    over = threading.Event()
    done: list[int] = []

    def work() -> None:
        operation()
        gate.wait()
        number = 0
        while not over.is_set():
            operation()
            number += 1
        done.append(number)

    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    gate.wait()
    started = time.perf_counter()
    time.sleep(seconds)
    over.set()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - started)


def memory(requests: int) -> dict[str, list[float]]:
    """Measure memory, each in a process of its own.

    Args:
        requests: how many requests are to show that nothing grows.

    Returns:
        Samples by figure: MiB for 10,000 sections of 3 handlers, KiB for each request in flight, KiB of growth.
    """
    figures: dict[str, float] = json.loads(_python(f"from benchmarks import separate; separate.weigh({requests})"))
    return {f"memory/{name}": [figure] for name, figure in figures.items()}


def weigh(requests: int) -> None:
    """Print what ``memory`` returns, as JSON; for a process of its own."""
    app = standalone.chain_of([])
    app.content(lambda _: b"hello")
    app.content(_IN_FLIGHT)(lambda _: Response(iter((b"hello",))))
    application = app.wsgi()
    tracemalloc.start()
    waiting = [application(environ(_IN_FLIGHT), _start_response) for _ in range(1000)]
    in_flight = _kib() / len(waiting)
    while waiting:
        _take(waiting.pop())
    growth = _growth(application, requests)
    before = _kib()
    chain = sections.chain_with(sections.locations(10000), handlers=3)
    print(json.dumps({"sections": (_kib() - before) / 1024, "in-flight": in_flight, "growth": growth}))
    del chain


def _growth(application: Any, requests: int) -> float:
    paths = ("/", "/a", "/b/c", _IN_FLIGHT)
    for path in paths:
        _take(application(environ(path), _start_response))
    before = _kib()
    for path in itertools.islice(itertools.cycle(paths), requests):
        _take(application(environ(path), _start_response))
    return _kib() - before


def _take(body: Any) -> None:
    """Do what a server does with a body; a list is answered and finished before anybody takes it."""
    for _ in body:
        pass
    if not isinstance(body, list):
        body.close()


def _kib() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 1024


def _start_response(_status: str, _headers: Any, _exc_info: Any = None) -> Callable[[bytes], object]:
    return bytes.__len__

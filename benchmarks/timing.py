"""Cases, the ruler and interleaved rounds.

Every figure is a ratio taken inside one short window: the unit **x** is one plain Python function call, timed right
before and right after each sample of a case. All cases of a process are visited in a fresh random order in each round,
so that what else the machine does falls on all of them alike.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import random
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from .work import TALLY, function

Timer = Callable[[int], int]
"""Runs a case so many times; returns nanoseconds."""

_CLOCKS = {"cpu": time.thread_time_ns, "wall": time.perf_counter_ns}

_LOOP = """
{prefix}def timer(loops):
    rounds = repeat(None, loops)
    started = clock()
    for _ in rounds:
        {call}
    return clock() - started
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to be timed.

    Attributes:
        name: group, subject and number, such as "wsgi/hookchain/25"; the number is that of hooks or sections.
        setup: makes what is timed: a function without arguments, which has checked its answer.
        is_async: whether that is a coroutine function.
        per_call: for how many operations one call stands.
        hooks: how many hooks one call runs; None where that is not counted.
        clock: "cpu" (of the thread) or "wall", where files or other threads are involved.
    """

    name: str
    setup: Callable[[], Callable[[], Any]]
    is_async: bool = False
    per_call: int = 1
    hooks: int | None = None
    clock: str = "cpu"


@dataclasses.dataclass
class Prepared:
    """A case that is ready, with its samples in x."""

    case: Case
    timer: Timer
    loops: int = 1
    samples: list[float] = dataclasses.field(default_factory=list)


loop = asyncio.new_event_loop()
"""Async cases run on one loop."""


def _timer(operation: Callable[[], Any], case: Case) -> Timer:
    # A loop of its own for each case: one that is shared would be despecialised by the interpreter.
    names = {"operation": operation, "clock": _CLOCKS[case.clock], "repeat": repeat}
    if not case.is_async:
        return function(_LOOP.format(prefix="", call="operation()"), "timer", **names)
    timer = function(_LOOP.format(prefix="async ", call="await operation()"), "timer", **names)
    return lambda loops: loop.run_until_complete(timer(loops))


class Ruler:
    """What one plain call of a tiny Python function costs right now, in nanoseconds.

    So many different functions are called in straight-line code, and the same code without the calls is taken off.
    """

    _WIDTH = 36
    _LOOPS = 160

    def __init__(self) -> None:
        """Compile the code and warm it up."""
        names: dict[str, Any] = {"TALLY": TALLY}
        for number in range(self._WIDTH):
            source = "def hook(tally):\n    tally.n += 1\n    return None\n"
            names[f"hook{number}"] = function(source, "hook")
        calls = "".join(f"    hook{number}(TALLY)\n" for number in range(self._WIDTH))
        nothing = Case("", lambda: lambda: None)
        self._full = _timer(function(f"def full():\n{calls}", "full", **names), nothing)
        self._empty = _timer(function("def empty():\n    return None\n", "empty"), nothing)
        for _ in range(20):
            self.sample()

    def sample(self) -> float:
        """Take a sample."""
        return (self._full(self._LOOPS) - self._empty(self._LOOPS)) / (self._LOOPS * self._WIDTH)


def prepare(case: Case, sample_ns: float) -> Prepared:
    """Set a case up, count its hooks, and find out how many calls make a sample.

    Args:
        case: the case.
        sample_ns: how long a sample should take, in nanoseconds.

    Returns:
        The case, ready.

    Raises:
        RuntimeError: not every hook ran, or one ran twice.
    """
    timer = _timer(case.setup(), case)
    timer(2)
    before = TALLY.n
    timer(1)
    if case.hooks is not None and TALLY.n - before != case.hooks:
        raise RuntimeError(f"{case.name}: {TALLY.n - before} hooks ran, not {case.hooks}")
    loops = 1
    while (taken := timer(loops)) < sample_ns / 2:
        loops *= 2 if taken > sample_ns / 20 else 8
    return Prepared(case, timer, max(1, round(loops * sample_ns / min(timer(loops) for _ in range(3)))))


def run_rounds(prepared: Iterable[Prepared], rounds: int, seed: int) -> None:
    """Take samples of all cases, in turn and in random order.

    Args:
        prepared: the cases; their samples are added to.
        rounds: how many samples each gets.
        seed: for the order.
    """
    order = list(prepared)
    chance = random.Random(seed)
    ruler = Ruler()
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        chance.shuffle(order)
        gc.collect()
        for one in order:
            one.timer(max(1, one.loops // 4))  # brings it into the processor's caches
            before = ruler.sample()
            taken = one.timer(one.loops) / one.loops
            unit = (before + ruler.sample()) / 2
            one.samples.append(taken / unit / one.case.per_call)


def slope(numbers: Sequence[float], values: Sequence[float]) -> float:
    """Return by how much values grow with numbers (least squares)."""
    mean_number, mean_value = sum(numbers) / len(numbers), sum(values) / len(values)
    square = sum((number - mean_number) ** 2 for number in numbers)
    pairs = zip(numbers, values, strict=True)
    return sum((number - mean_number) * (value - mean_value) for number, value in pairs) / square

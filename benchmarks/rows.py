"""The table: what is promised, and from which cases each figure is made."""

from __future__ import annotations

import dataclasses
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping

from .timing import slope

Samples = Mapping[str, list[float]]
"""The samples of one process by the name of their case; in x unless the case says otherwise."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what is measured.
        needs: the cases that it is made of.
        figure: makes one figure of a sample of each.
        target: the promise, for Python 3.11; None where the figure is published without one.
        newer: the promise for Python 3.13, where it is another.
        unit: "x", "" for a ratio, or such as "MiB".
        at_least: whether the promise is a lower bound.
    """

    name: str
    needs: tuple[str, ...]
    figure: Callable[..., float]
    target: float | None
    newer: float | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def promise(self) -> float | None:
        """The target for this Python."""
        return self.target if self.newer is None or sys.version_info < (3, 13) else self.newer

    def figures(self, samples: Samples) -> list[float]:
        """Make a figure of each round; none where a case is missing."""
        if not all(name in samples for name in self.needs):
            return []
        return [self.figure(*values) for values in zip(*(samples[name] for name in self.needs), strict=True)]


@dataclasses.dataclass(frozen=True)
class Result:
    """What came out for a row: median and quartiles over all rounds, and how far the medians of processes lie apart."""

    name: str
    unit: str
    target: float | None
    at_least: bool
    median: float
    low: float
    high: float
    process_low: float
    process_high: float

    @property
    def is_met(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        if self.target is None:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target


def results(rows: Iterable[Row], processes: Iterable[Samples]) -> list[Result]:
    """Make the table out of the samples of all processes; a row whose cases are missing is left out."""
    found: list[Result] = []
    everything = list(processes)
    for row in rows:
        each = [figures for samples in everything if (figures := row.figures(samples))]
        if each:
            pooled = [figure for figures in each for figure in figures]
            low, median, high = statistics.quantiles(pooled * 2, n=4, method="inclusive")
            medians = [statistics.median(figures) for figures in each]
            bounds = (low, high, min(medians), max(medians))
            found.append(Result(row.name, row.unit, row.promise, row.at_least, median, *bounds))
    return found


def _value(value: float) -> float:
    return value


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs


def _difference(ours: float, theirs: float) -> float:
    return ours - theirs


def _slope(*numbers: int) -> Callable[..., float]:
    return lambda *values: slope(numbers, values)


def _series(group: str, subject: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{group}/{subject}/{number}" for number in numbers)


def _against(group: str, ours: str, theirs: str, number: int) -> tuple[str, str]:
    return f"{group}/{ours}/{number}", f"{group}/{theirs}/{number}"


def _in(place: str, group: str, theirs: str, targets: Mapping[int, tuple[float, float]]) -> list[Row]:
    return [
        Row(f"{place}, {number} hooks", _against(group, "hookchain", theirs, number), _ratio, target, newer)
        for number, (target, newer) in targets.items()
    ]


_NO_WORSE = {"p50": 1.03, "p99": 1.10}
"""What two servers of one app may differ by in such a run."""


def _served(label: str, group: str) -> list[Row]:
    """Rows of real servers under load: latency against hooks written by hand, and throughput."""
    name = f"served/{group}"
    return [
        *(
            Row(
                f"{label}, {figure}, against hooks by hand",
                (f"{name}/hookchain/{figure}", f"{name}/by_hand/{figure}"),
                _ratio,
                target,
            )
            for figure, target in _NO_WORSE.items()
        ),
        Row(f"{label}, throughput, against no hooks", (f"{name}/hookchain/rate", f"{name}/bare/rate"), _ratio, None),
    ]


def _soaked(label: str, server: str) -> list[Row]:
    return [
        Row(f"{label}, soak, requests", (f"soak/{server}/requests",), _value, None),
        Row(f"{label}, soak, growth of the process", (f"soak/{server}/growth",), _value, 1024, unit="KiB"),
    ]


_HOOKS = (0, 5, 10, 25)
_HANDLERS = (0, 12, 36)

ROWS: tuple[Row, ...] = (
    Row("dispatch, per handler", _series("dispatch", "hookchain", *_HANDLERS), _slope(*_HANDLERS), 1.7, unit="x"),
    Row("twelve empty phases, plan lookup included", ("dispatch/hookchain/0",), _value, 3, unit="x"),
    Row("stand-alone, hello, no hooks", ("wsgi/hookchain/0",), _value, 60, unit="x"),
    Row("stand-alone, per hook", _series("wsgi", "hookchain", *_HOOKS), _slope(*_HOOKS), 1.9, unit="x"),
    Row(
        "Response as answer, request not read, against Werkzeug by hand",
        _against("response", "hookchain", "werkzeug", 0),
        _ratio,
        0.90,
    ),
    Row(
        "Response as answer, request read, against Werkzeug by hand",
        _against("response", "hookchain-read", "werkzeug-read", 10),
        _ratio,
        1.06,
    ),
    Row("guarded request, against Werkzeug by hand", _against("guarded", "hookchain", "werkzeug", 2), _ratio, None),
    Row("headers set by a handler, likewise", _against("headers", "hookchain", "werkzeug", 1), _ratio, None),
    Row("rewritten request, likewise", _against("rewritten", "hookchain", "werkzeug", 1), _ratio, None),
    Row("posted form, likewise", _against("posted", "hookchain", "werkzeug", 1), _ratio, None),
    Row(
        "around any WSGI app, on top of it",
        _against("wsgi", "hookchain-around", "closures", 0),
        _difference,
        30,
        unit="x",
    ),
    Row("access log line", ("log/hookchain/1", "wsgi/hookchain/0"), _difference, 15, unit="x"),
    *_in("in Flask, before", "flask", "native", {0: (1.03, 1.03), 5: (1.00, 1.00), 25: (0.92, 0.80)}),
    *_in("in Flask, all kinds", "flask-three", "native", {0: (1.08, 1.08), 5: (1.00, 1.00), 25: (0.82, 0.60)}),
    *_in("in Django, against functions", "django", "functions", {0: (1.02, 1.02), 5: (1.02, 1.02), 25: (1.02, 1.02)}),
    *_in("in Django, against classes", "django", "classes", {25: (0.90, 0.90)}),
    Row("ASGI, hello, no hooks", ("asgi/hookchain/0",), _value, 50, unit="x"),
    Row("ASGI, per sync hook, blocking=False", _series("asgi", "hookchain", *_HOOKS), _slope(*_HOOKS), 1.9, unit="x"),
    Row("ASGI, per async hook", _series("asgi", "hookchain-async", *_HOOKS), _slope(*_HOOKS), 3.6, unit="x"),
    *_in("around Starlette", "starlette", "native", {0: (1.08, 1.08), 5: (1.00, 1.00), 25: (0.85, 0.85)}),
    Row("around Starlette, POST of one piece", _against("upload", "hookchain", "native", 1), _ratio, None),
    Row("around Starlette, POST of 20 pieces", _against("upload", "hookchain", "native", 20), _ratio, None),
    Row("sections: all of 10,000 that apply", ("sections/hookchain/10000",), _value, 14, unit="x"),
    Row("sections: from 10 to 10,000", ("sections/hookchain/10000", "sections/hookchain/10"), _ratio, 1.15),
    Row("sections: a path seen before", ("sections/hookchain-seen/10000",), _value, 2.5, unit="x"),
    Row("file of 1 KiB, against WhiteNoise", _against("files-get", "hookchain", "whitenoise", 1), _ratio, 0.80),
    Row("range of a file, against WhiteNoise", _against("files-range", "hookchain", "whitenoise", 1), _ratio, 0.80),
    Row("304 with a fresh stat, against WhiteNoise", _against("files-304", "hookchain", "whitenoise", 1), _ratio, 2.0),
    Row("import, in units of typing, re, dataclasses", ("import/hookchain",), _value, None),
    Row("import, on top of Werkzeug and blinker", ("import/more",), _value, 1.2),
    Row("4 threads, against one", ("threads/hookchain",), _value, 0.93, at_least=True),
    Row("memory, 10,000 sections of 3 handlers", ("memory/sections",), _value, None, unit="MiB"),
    Row("memory, each request in flight", ("memory/in-flight",), _value, None, unit="KiB"),
    Row("memory, growth over many requests", ("memory/growth",), _value, 64, unit="KiB"),
    Row("objects left to the collector, WSGI", ("garbage/wsgi",), _value, 0),
    Row("objects left to the collector, Flask", ("garbage/flask",), _value, 0),
    Row("objects left to the collector, Django", ("garbage/django",), _value, 0),
    Row("objects left to the collector, ASGI", ("garbage/asgi",), _value, 0),
    Row("objects left to the collector, Starlette", ("garbage/starlette",), _value, 0),
    *_served("gunicorn sync, WSGI", "sync/wsgi"),
    *_served("gunicorn sync, Flask", "sync/flask"),
    Row(
        "gunicorn sync, file of 1 KiB, throughput, against WhiteNoise",
        ("served/sync/files/hookchain/rate", "served/sync/files/whitenoise/rate"),
        _ratio,
        0.97,
        at_least=True,
    ),
    *_served("gunicorn gthread, WSGI", "gthread/wsgi"),
    *_served("gunicorn gthread, Flask", "gthread/flask"),
    *_served("uvicorn, ASGI", "uvicorn/asgi"),
    *_served("uvicorn, Starlette", "uvicorn/starlette"),
    *_soaked("gunicorn sync", "sync"),
    *_soaked("uvicorn", "uvicorn"),
    Row("slow clients, memory of a connection", ("slow/hookchain/memory",), _value, None, unit="KiB"),
    Row("slow clients, the same without hookchain", ("slow/bare/memory",), _value, None, unit="KiB"),
    Row("a quick request among slow clients, p50", ("slow/hookchain/p50",), _value, None, unit="ms"),
    Row("a quick request, the same without hookchain", ("slow/bare/p50",), _value, None, unit="ms"),
    Row("a quick request among slow clients, p99", ("slow/hookchain/p99",), _value, None, unit="ms"),
    Row("a quick request, p99 without hookchain", ("slow/bare/p99",), _value, None, unit="ms"),
)
"""All rows, in the order of the table."""

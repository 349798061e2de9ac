"""Plots as SVG: cost over the number of hooks, and over the number of sections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]
Cases = Mapping[str, Mapping[str, Any]]

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 560, 48, 360
_COLOURS = ("#0b6e4f", "#b5332e", "#2457a6", "#a66a00", "#6b3fa0", "#00808a", "#5c5c5c")
_STYLE = "font:13px sans-serif;fill:#555"


def lines_of(cases: Cases, group: str) -> dict[str, Points]:
    """Find the lines of a group of cases: for each subject, its medians by number."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, figures in cases.items():
        found, subject, number = (*name.split("/"), "", "")[:3]
        if found == group:
            lines.setdefault(subject, []).append((float(number), figures["median"]))
    return {subject: sorted(points) for subject, points in lines.items() if len(points) > 1}


def plot(title: str, across: str, lines: Mapping[str, Points], *, is_logarithmic: bool = False) -> str:
    """Draw lines.

    Args:
        title: stands above.
        across: what the horizontal axis counts; the vertical one is the cost in x.
        lines: points by name.
        is_logarithmic: whether both axes are.

    Returns:
        The picture, as SVG.
    """
    everything = [point for points in lines.values() for point in points]
    to_x = _scale([x for x, _ in everything], _LEFT, _RIGHT, is_logarithmic=is_logarithmic)
    to_y = _scale([y for _, y in everything], _BOTTOM, _TOP, is_logarithmic=is_logarithmic)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="{_LEFT}" y="24" style="font:bold 15px sans-serif;fill:#555">{escape(title)}</text>',
        *_axes(across, to_x, to_y),
        *_curves(lines, to_x, to_y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Scale:
    """Where a value stands on an axis, and which values are written there."""

    def __init__(self, low: float, high: float, start: int, end: int, *, is_logarithmic: bool) -> None:
        self._turn = math.log10 if is_logarithmic else float
        self._low, self._high = self._turn(low), self._turn(high)
        self._start, self._end = start, end
        self.marks = _decades(low, high) if is_logarithmic else _steps(high)

    def __call__(self, value: float) -> float:
        share = (self._turn(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)


def _scale(values: Sequence[float], start: int, end: int, *, is_logarithmic: bool) -> _Scale:
    high = max(values)
    if is_logarithmic:
        low = 10 ** math.floor(math.log10(min(values)))
        return _Scale(low, 10 ** math.ceil(math.log10(high)), start, end, is_logarithmic=True)
    return _Scale(0, _steps(high)[-1], start, end, is_logarithmic=False)


def _steps(high: float) -> list[float]:
    size = 10 ** math.floor(math.log10(high))
    step = next(step for step in (size / 5, size / 2, size, 2 * size) if high / step <= 6)
    return [number * step for number in range(math.ceil(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def _axes(across: str, to_x: _Scale, to_y: _Scale) -> Iterator[str]:
    for mark in to_y.marks:
        y = to_y(mark)
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="#999" stroke-opacity=".35"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" style="{_STYLE}">{mark:g}</text>'
    for mark in to_x.marks:
        yield f'<text x="{to_x(mark)}" y="{_BOTTOM + 20}" text-anchor="middle" style="{_STYLE}">{mark:g}</text>'
    middle = (_LEFT + _RIGHT) / 2
    yield f'<text x="{middle}" y="{_BOTTOM + 42}" text-anchor="middle" style="{_STYLE}">{escape(across)}</text>'
    yield f'<text x="{_LEFT - 8}" y="{_TOP - 8}" text-anchor="end" style="{_STYLE}">x</text>'


def _curves(lines: Mapping[str, Points], to_x: _Scale, to_y: _Scale) -> Iterator[str]:
    labels: list[float] = []
    for number, (name, points) in enumerate(sorted(lines.items(), key=lambda line: -line[1][-1][1])):
        colour, width = _COLOURS[number % len(_COLOURS)], 3 if name == "hookchain" else 1.6
        places = " ".join(f"{to_x(x)},{to_y(y)}" for x, y in points)
        yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        labels.append(max([to_y(points[-1][1]) + 4, *(label + 16 for label in labels[-1:])]))
        style = f"font:13px sans-serif;fill:{colour}"
        yield f'<text x="{_RIGHT + 8}" y="{labels[-1]}" style="{style}">{escape(name)}</text>'

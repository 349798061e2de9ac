"""The table as text, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_HEAD = ("what", "target", "measured", "quartiles", "processes", "met")
Row = Mapping[str, Any]


def table(rows: Sequence[Row]) -> str:
    """Draw the table for a terminal."""
    lines = [_HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """Write the table in Markdown."""
    return "\n".join(_markdown_lines(rows))


def _markdown_lines(rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {' | '.join(_HEAD)} |"
    yield f"|{' --- |' * len(_HEAD)}"
    for row in rows:
        yield f"| {' | '.join(_cells(row))} |"


def _cells(row: Row) -> tuple[str, ...]:
    unit = f" {row['unit']}" if row["unit"] else ""
    bound = "at least" if row["at_least"] else "at most"
    target = "" if row["target"] is None else f"{bound} {row['target']:g}{unit}"
    met = {True: "yes", False: "no", None: ""}[row["met"]]
    spread = [f"{_figure(row[low])} to {_figure(row[high])}" for low, high in _SPREADS]
    return (row["name"], target, f"{_figure(row['median'])}{unit}", *spread, met)


_SPREADS = (("low", "high"), ("process_low", "process_high"))


def _figure(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"

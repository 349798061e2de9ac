"""The table of an audit as lines of text, each piece with the part it plays, and its lines for GitHub."""

from __future__ import annotations

import os
import sysconfig
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .error_log import printable
from .layout import Line, Piece, shortened

if TYPE_CHECKING:
    from .audited import Audit, AuditedRoute, Guardian

_GAP = "  "
_INDENT = " " * 13
_BLANK: Line = ()

# Where other people's packages are, whose files are known by their names below.
_PACKAGES = sysconfig.get_path("purelib") + os.sep


def lay_out(audit: Audit, width: int) -> Iterator[Line]:
    """Yield the lines of an audit.

    Args:
        audit: what is to be shown.
        width: of the terminal, in columns. What does not fit goes below.

    Yields:
        Lines; an empty one has no pieces.
    """
    yield [Piece(printable(audit.name), "title")]
    for note in audit.notes:
        yield from _wrapped(f"note: {shortened(note)}", "  ", "note", width)
    yield _BLANK
    rows = [_cells(route) for route in audit.routes]
    widths = _widths(rows)
    for route, row in zip(audit.routes, rows, strict=True):
        yield from _route(route, row, widths, width)
    if rows:
        yield _BLANK
    counted = [f"{count} {state}" for state, count in audit.counts.items() if count]
    total = f"{len(rows)} route{'s'[: len(rows) != 1]}"
    yield [Piece(f"{total}: {', '.join(counted)}" if counted else total, "title")]


def _cells(route: AuditedRoute) -> tuple[str, ...]:
    path = printable(route.path)
    if route.kind in {"mount", "location"}:
        path = f"{path.rstrip('/')}/..." if path.startswith("/") or not path else path
    methods = ",".join(route.methods) if route.methods != ("*",) else "any"
    return route.state, methods, path, printable(route.name), _place(route.source)


def _place(origin: str) -> str:
    return shortened(origin.removeprefix(_PACKAGES))


def _widths(rows: Iterable[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _route(route: AuditedRoute, row: Sequence[str], widths: Sequence[int], width: int) -> Iterator[Line]:
    state, *cells = row
    start = Piece(state.ljust(9) + _GAP, route.state)
    fits = len(start.text) + sum(widths[1:]) + len(_GAP) * 3 <= width
    beside = cells if fits else cells[:2]
    told = _GAP.join(cell.ljust(size) for cell, size in zip(beside, widths[1:], strict=False)).rstrip()
    yield [start, Piece(told, route.state if route.is_failing else "name")]
    below = [] if fits else [cell for cell in cells[2:] if cell]
    if below:
        yield from _wrapped(_GAP.join(below), _INDENT, "dim", width)
    for reason in route.reasons:
        yield from _wrapped(shortened(reason), _INDENT, route.state if route.is_failing else "note", width)
    yield from _guardians(route.handlers, width)


def _guardians(handlers: Sequence[Guardian], width: int) -> Iterator[Line]:
    rows = [(row.phase, printable(row.name), row.section, _place(row.origin)) for row in handlers]
    widths = _widths(rows)
    for handler, row in zip(handlers, rows, strict=True):
        fits = len(_INDENT) + sum(widths) + len(_GAP) * 3 <= width
        beside = row if fits else row[:2]
        told = _GAP.join(cell.ljust(size) for cell, size in zip(beside, widths, strict=False)).rstrip()
        yield [Piece(_INDENT, "dim"), Piece(told, "dim")]
        below = _GAP.join([] if fits else row[2:])
        for text in filter(None, (below, *_notes(handler))):
            yield from _wrapped(text, _INDENT + " " * (widths[0] + len(_GAP)), "note", width)


def _notes(handler: Guardian) -> Iterator[str]:
    when = f"only if {' and '.join(handler.conditions)}" if handler.conditions else "not for all requests"
    if handler.is_partial:
        yield f"partial: {when}"
    if handler.only_if_declines is not None:
        yield f"only if {printable(handler.only_if_declines)} declines"


def _wrapped(text: str, margin: str, role: str, width: int) -> Iterator[Line]:
    room = max(width - len(margin), 40)
    for line in textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False):
        yield [Piece(margin, "dim"), Piece(line, role)]


# --- GitHub


def annotation(route: AuditedRoute) -> str:
    """Return a failing route as an error at its view, in the form of GitHub's workflow commands.

    Source: GitHub's documentation, "Workflow commands for GitHub Actions"; ``escapeData`` and ``escapeProperty`` of its
    toolkit.
    """
    file, _, line = route.source.rpartition(":")
    properties = {"title": f"hookchain audit: {route.state}"}
    inside = os.path.relpath(file) if file else ""
    if inside and not inside.startswith(os.pardir) and not Path(inside).is_absolute():
        properties = {"file": Path(inside).as_posix(), "line": line, **properties}
    told = ",".join(f"{name}={_escaped(value, property_too=True)}" for name, value in properties.items())
    _, methods, path, _, _ = _cells(route)
    return f"::error {told}::{_escaped(f'{methods} {path}: ' + '; '.join(route.reasons))}"


def _escaped(text: str, *, property_too: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_too else text

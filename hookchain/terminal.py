"""What the command writes to a terminal: tables and problems in colour, the access log, the error log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import click
from rich.console import Console
from rich.text import Text

from .audited import Audit
from .exceptions import Problem
from .explanation import Explanation
from .layout import shortened, terminal_width
from .records import current_request

_STYLES: Mapping[str, str] = {
    "title": "bold",
    "head": "bold",
    "phase": "cyan",
    "name": "",
    "default": "dim italic",
    "dim": "dim",
    "note": "dim",
    "guarded": "green",
    "public": "yellow",
    "closed": "red",
    "open": "yellow",
    "unguarded": "bold red",
    "partial": "red",
}

_INTERNAL_ERROR = 500
_CLIENT_ERROR = 400
_REDIRECT = 300


def show_table(table: Explanation | Audit) -> None:
    """Print an explanation or an audit, in colour on a terminal."""
    text = Text("\n").join(
        Text.assemble(*((piece.text, _STYLES[piece.role]) for piece in line)) for line in table.lines(terminal_width())
    )
    _console().print(text, soft_wrap=True)


def show_problems(problems: Iterable[Problem], *, kind: str, stderr: bool = False) -> None:
    """Print problems, or warnings, one below the other, in colour on a terminal.

    Args:
        problems: what was found.
        kind: "error" or "warning".
        stderr: whether they go to standard error.
    """
    style = "bold red" if kind == "error" else "bold yellow"
    console = _console(stderr=stderr)
    for problem in problems:
        lines = [Text.assemble((f"{kind} [{problem.code}] ", style), (shortened(problem.message), "bold"))]
        lines += [Text(f"    at {shortened(place)}", "dim") for place in problem.places]
        lines.append(Text.assemble(("    -> ", "green"), problem.remedy))
        console.print(Text("\n").join(lines), soft_wrap=True)


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False)


def say(text: str) -> None:
    """Write a line to standard error, which keeps standard output for the access log."""
    click.echo(text, err=True)


def log_to_terminal() -> None:
    """Send the access log to standard output and the error log to standard error, unless they go elsewhere already."""
    access = logging.getLogger("hookchain.access")
    if not access.handlers:
        access.addHandler(AccessHandler(sys.stdout))
        access.setLevel(logging.INFO)
        access.propagate = False
    errors = logging.getLogger("hookchain")
    if not errors.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        errors.addHandler(handler)


class AccessHandler(logging.StreamHandler[TextIO]):
    """Writes access log lines, on a terminal coloured by status."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as the access log made it, in the status's colour on a terminal."""
        line = record.getMessage()
        return click.style(line, fg=_colour()) if self.stream.isatty() else line


def _colour() -> str | None:
    status = current_request().status
    if status >= _INTERNAL_ERROR:
        return "red"
    if status >= _CLIENT_ERROR:
        return "yellow"
    return "cyan" if status >= _REDIRECT else None

"""The figures in the documentation: plots and tables, made from the results of the last full run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .plots import lines_of, plot
from .report import markdown

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "explanation" / "performance.md"
_BETWEEN = re.compile(r"(<!-- figures of (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

_PLOTS = (
    ("performance-hooks.svg", "wsgi", "A stand-alone application", "hooks", False),
    ("performance-flask.svg", "flask-three", "Inside Flask: before, after and at the end", "hooks of each kind", False),
    ("performance-django.svg", "django", "Inside Django", "hooks", False),
    ("performance-asgi.svg", "asgi", "An ASGI application", "hooks", False),
    ("performance-sections.svg", "sections", "Finding the sections of a path", "sections", True),
)


def write_page() -> None:
    """Draw the plots of the results of Python 3.11, and put the tables into the page."""
    documents = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    drawn_from: dict[str, Any] = documents.get("3.11") or next(iter(documents.values()))
    for name, group, title, across, is_logarithmic in _PLOTS:
        lines = lines_of(drawn_from["cases"], group)
        if lines:
            (DOCS / "_static" / name).write_text(plot(title, across, lines, is_logarithmic=is_logarithmic))
    PAGE.write_text(with_tables(PAGE.read_text(), documents))


def with_tables(page: str, documents: dict[str, Any]) -> str:
    """Return a page with the table of each document between the marks that name it."""

    def table_of(match: re.Match[str]) -> str:
        document = documents.get(match[2])
        table = f"{markdown(document['rows'])}\n" if document else "No figures yet.\n"
        return f"{match[1]}\n{table}\n{match[3]}"

    return _BETWEEN.sub(table_of, page)

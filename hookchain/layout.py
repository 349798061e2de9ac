"""The table of an explanation as lines of text, each piece with the part it plays, so that a terminal can colour it."""

from __future__ import annotations

import abc
import itertools
import os
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from .error_log import printable
from .phases import Phase

if TYPE_CHECKING:
    from .explanation import Document, Explanation, Guarding, Row


class Piece(NamedTuple):
    """Some text and its part: "title", "head", "phase", "name", "default", "dim", "note", or a guard's state."""

    text: str
    role: str


Line = Sequence[Piece]
Cells = tuple[str, str, str, str]

_GAP = "  "
_BLANK: Line = ()
_HEAD: Cells = ("PHASE", "HANDLER", "SECTION", "DECLARED AT")
_NOTHING = "-"
_NARROWEST = 10

FALLBACK_WIDTH = 100


def terminal_width() -> int:
    """Return the width of the terminal in columns; something to read well where there is none."""
    return shutil.get_terminal_size((FALLBACK_WIDTH, 0)).columns


class Table(abc.ABC):
    """What prints itself as a table."""

    __slots__ = ()

    @abc.abstractmethod
    def lines(self, width: int = FALLBACK_WIDTH) -> Iterator[Line]:
        """Yield the table's lines, each as pieces of text with the part that they play.

        Args:
            width: in columns.
        """

    def text(self, width: int = FALLBACK_WIDTH) -> str:
        """Return the table for a terminal of some width, in columns."""
        return "\n".join("".join(piece.text for piece in line) for line in self.lines(width))

    def print(self, file: TextIO | None = None) -> None:
        """Print the table, as wide as the terminal is.

        Args:
            file: a text stream; None is standard output.
        """
        print(self.text(terminal_width()), file=file)

    def __str__(self) -> str:
        """Return the table."""
        return self.text()

    __repr__ = __str__


class _Entry(NamedTuple):
    cells: Cells
    role: str
    notes: tuple[str, ...]


def lay_out(explanation: Explanation, width: int) -> Iterator[Line]:
    """Yield the lines of an explanation.

    Args:
        explanation: what is to be shown.
        width: of the terminal, in columns. What does not fit into a column of its own goes below the name.

    Yields:
        Lines; an empty one has no pieces.
    """
    yield from _header(explanation)
    blocks = [
        ("", list(_phases(explanation))),
        ("FILTERS", [_entry(row, row.phase) for row in explanation.filters if row.called]),
        ("ERROR DOCUMENTS", [_document(document) for document in explanation.error_documents]),
        ("NOT CALLED", [_entry(row, row.phase) for row in explanation.not_called]),
    ]
    entries = list(itertools.chain.from_iterable(entries for _, entries in blocks))
    widths = _widths([_HEAD, *(entry.cells for entry in entries)])
    columns = next((count for count in (4, 3) if sum(widths[:count]) + len(_GAP) * (count - 1) <= width), 2)
    yield _BLANK
    titles = zip(_HEAD[:columns], widths, strict=False)
    yield [Piece(_GAP.join(title.ljust(size) for title, size in titles).rstrip(), "head")]
    for title, block in blocks:
        if title and block:
            yield _BLANK
            yield [Piece(title, "head")]
        for entry in _without_repeats(block):
            yield from _lines_of(entry, widths, columns, width)


def _header(explanation: Explanation) -> Iterator[Line]:
    yield [Piece(f"{explanation.method} {printable(explanation.path)}", "title")]
    if explanation.given != explanation.path:
        yield _fact("given as", printable(explanation.given))
    if explanation.refused is not None:
        yield _fact("refused", f"400, {explanation.refused}", "closed")
    if explanation.host is not None:
        yield _fact("host", printable(explanation.host))
    if explanation.path_params:
        params = (f"{name}={value!r}" for name, value in explanation.path_params.items())
        yield _fact("params", ", ".join(params))
    for guard in explanation.guards if explanation.refused is None else ():
        yield _fact(guard.state if guard.state != "open" else "not guarded", _described(guard), guard.state)
        if guard.state == "guarded" and guard.challenge:
            yield _fact("challenge", ", ".join(guard.challenge))


def _fact(name: str, value: str, role: str = "dim") -> Line:
    return [Piece(f"  {name:<11}{_GAP}", role), Piece(value, "name")]


def _described(guard: Guarding) -> str:
    texts = {
        "guarded": ", ".join(
            f"{name} {getattr(guard, name)}" for name in ("authentication", "authorization", "satisfy")
        ),
        "public": "AUTHEN and AUTHZ are left out",
        "closed": "403, as the chain is closed and nothing guards this path",
        "open": "no AUTHEN or AUTHZ handler applies",
    }
    where = f" (if {' and '.join(guard.conditions)})" if guard.conditions else ""
    return texts[guard.state] + where


def _phases(explanation: Explanation) -> Iterator[_Entry]:
    for phase in Phase:
        rows = [row for row in explanation.rows_of(phase) if row.called]
        for row in rows:
            yield _entry(row, phase.name)
        if not rows:
            yield _Entry((phase.name, _NOTHING, "", ""), "dim", ())


def _entry(row: Row, label: str) -> _Entry:
    if row.default:
        return _Entry((label, "", "", ""), "default", tuple(f"default: {shortened(note)}" for note in row.notes))
    notes = [f"if {condition}" for condition in row.conditions]
    notes += [*row.exceptions, *row.notes]
    if row.reason:
        notes.append(row.reason)
    role = "name" if row.called else "dim"
    return _Entry((label, printable(row.name), row.section, shortened(row.origin)), role, tuple(map(shortened, notes)))


def _document(document: Document) -> _Entry:
    notes = tuple(f"if {condition}" for condition in document.conditions)
    target = printable(document.target)
    return _Entry((document.statuses, target, document.section, shortened(document.origin)), "name", notes)


def shortened(text: str) -> str:
    """Return a text for a terminal: without control characters, its paths seen from the current folder."""
    folder = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - text that paths begin with
    return printable(text.replace(folder, ""))


def _without_repeats(entries: Iterable[_Entry]) -> Iterator[_Entry]:
    before = ""
    for entry in entries:
        label = entry.cells[0]
        yield entry if label != before else entry._replace(cells=("", *entry.cells[1:]))
        before = label


def _widths(rows: Iterable[Cells]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _lines_of(entry: _Entry, widths: Sequence[int], columns: int, width: int) -> Iterator[Line]:
    label, name, section, where = entry.cells
    margin = Piece(label.ljust(widths[0]) + _GAP, "phase")
    if entry.role == "default":
        yield from _below(entry.notes, margin, "default", width)
        return
    line = [margin, Piece(name, entry.role)]
    beside = [cell.ljust(size) for cell, size in zip((section, where)[: columns - 2], widths[2:], strict=False)]
    if beside:
        line.append(Piece(_GAP.join([" " * (widths[1] - len(name)), *beside]).rstrip(), "dim"))
    yield line
    indent = Piece(" " * len(margin.text) + _GAP, "phase")
    place = ", ".join(part for part in (section, where)[columns - 2 :] if part)
    yield from _below((place,), indent, "dim", width)
    yield from _below(entry.notes, indent, "note", width)


def _below(texts: Iterable[str], margin: Piece, role: str, width: int) -> Iterator[Line]:
    room = max(width - len(margin.text), _NARROWEST)
    for text in itertools.chain.from_iterable(textwrap.wrap(text, room, break_long_words=False) for text in texts):
        yield [margin, Piece(text, role)]
        margin = Piece(" " * len(margin.text), "phase")

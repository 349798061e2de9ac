"""Explanation: what applies to a request, as plain data that prints itself as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from .layout import FALLBACK_WIDTH, Line, Table, lay_out
from .phases import Phase

GuardState = Literal["guarded", "public", "closed", "open"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A handler, a filter, or the default behind a phase.

    Attributes:
        phase: the phase's name in upper case; "INPUT FILTER" or "OUTPUT FILTER" for filters.
        name: the handler's name.
        section: what brought it in: the location and other limits of its section, or "default".
        origin: "file:line" of the handler; empty for defaults.
        section_origin: "file:line" of the section; empty for defaults.
        called: whether it is called where all before it decline.
        default: whether it is what stands behind the phase's handlers.
        conditions: what must hold besides, such as "when=is_weekend".
        exceptions: where it is not called although its conditions hold, because of a section that has some of its own.
        notes: why it stands where it stands; what a default does.
        reason: why it is not called.
    """

    phase: str
    name: str
    section: str
    origin: str = ""
    section_origin: str = ""
    called: bool = True
    default: bool = False
    conditions: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Guarding:
    """How a request is guarded.

    Attributes:
        state: "guarded": AUTHEN and AUTHZ run; "public": a section opens the path; "closed": nothing guards the path,
            and the chain refuses what nothing guards; "open": nothing guards the path.
        conditions: where it is guarded this way, if that depends on conditions.
        satisfy: "all" or "any".
        authentication: "required" or "optional".
        authorization: "any" or "all".
        challenge: sent as WWW-Authenticate with 401.
    """

    state: GuardState
    conditions: tuple[str, ...]
    satisfy: Literal["all", "any"]
    authentication: Literal["required", "optional"]
    authorization: Literal["any", "all"]
    challenge: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """An error document.

    Attributes:
        statuses: such as "404, 410" or "400-599".
        target: the URI or text, or the handler's name.
        section: where it is declared.
        origin: "file:line".
        conditions: what must hold besides.
    """

    statuses: str
    target: str
    section: str
    origin: str
    conditions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Explanation(Table):
    """What applies to a request, phase by phase, as if each handler declined. It prints as a table.

    Attributes:
        given: the path as it was given.
        path: the canonical path.
        method: such as "GET".
        host: the value of the Host header, or None.
        refused: why the path is answered with 400, or None.
        path_params: named groups of regular expressions.
        guards: how the request is guarded; more than one where that depends on conditions.
        rows: by phase: the handlers in the order of calling, the default behind them, and those that are not called.
        filters: input filters, then output filters, likewise.
        error_documents: in the order in which they are looked through.
        code: the straight-line code by which handlers are called where nothing has to be decided between them; a text,
            empty where that is nowhere. It is that of a chain that stands alone.
    """

    given: str
    path: str
    method: str
    host: str | None
    refused: str | None
    path_params: Mapping[str, str]
    guards: tuple[Guarding, ...]
    rows: tuple[Row, ...]
    filters: tuple[Row, ...]
    error_documents: tuple[Document, ...]
    code: str

    @property
    def handlers(self) -> tuple[Row, ...]:
        """The handlers that apply, in the order of calling; filters and defaults aside."""
        return tuple(row for row in self.rows if row.called and not row.default)

    @property
    def not_called(self) -> tuple[Row, ...]:
        """The handlers and filters of sections around the path that do not apply, each with the reason."""
        return tuple(row for row in (*self.rows, *self.filters) if not row.called)

    def rows_of(self, phase: Phase | str) -> tuple[Row, ...]:
        """Return all rows of a phase.

        Args:
            phase: a Phase, or its name in any letter case.

        Returns:
            Those that are called, the default, and those that are not called.

        Raises:
            KeyError: no phase has that name.
        """
        name = phase.name if isinstance(phase, Phase) else Phase[phase.upper()].name
        return tuple(row for row in self.rows if row.phase == name)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists and strings, for JSON."""
        return {
            "given": self.given,
            "path": self.path,
            "method": self.method,
            "host": self.host,
            "refused": self.refused,
            "path_params": dict(self.path_params),
            "guards": [dataclasses.asdict(guard) for guard in self.guards],
            "phases": [
                {
                    "phase": phase.name,
                    "policy": phase.policy.value,
                    "rows": [dataclasses.asdict(row) for row in self.rows_of(phase)],
                }
                for phase in Phase
            ],
            "filters": [dataclasses.asdict(row) for row in self.filters],
            "error_documents": [dataclasses.asdict(document) for document in self.error_documents],
            "code": self.code,
        }

    def lines(self, width: int = FALLBACK_WIDTH) -> Iterator[Line]:
        """Yield the table's lines, each as pieces of text with the part that they play.

        Args:
            width: in columns. Where the table is wider, places go below names.
        """
        return lay_out(self, width)

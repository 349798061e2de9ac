"""Audit: every route of an app with what guards it, as plain data that prints itself as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from .audit_layout import annotation, lay_out
from .layout import FALLBACK_WIDTH, Line, Table
from .routes import OTHER, Kind

State = Literal["unguarded", "partial", "closed", "public", "guarded"]

STATES: tuple[State, ...] = ("unguarded", "partial", "closed", "public", "guarded")
"""The states of a route, what has to be looked at first."""

_FAILING: frozenset[State] = frozenset({"unguarded", "partial", "closed"})


@dataclasses.dataclass(frozen=True, slots=True)
class Guardian:
    """A handler of ACCESS, AUTHEN or AUTHZ that applies to a route.

    Attributes:
        phase: the phase's name in upper case.
        name: the handler's name.
        section: the location and other limits of its section, conditions aside.
        origin: "file:line" of the handler.
        section_origin: "file:line" of the section.
        conditions: what must hold besides, such as "when=is_weekend".
        is_partial: whether there are requests to the route for which it is not called.
        only_if_declines: the AUTHZ handler of an inner section that must decline before it is called; or None.
    """

    phase: str
    name: str
    section: str
    origin: str
    section_origin: str
    conditions: tuple[str, ...] = ()
    is_partial: bool = False
    only_if_declines: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What becomes of some of the requests to a route, as long as nobody found out who the user is.

    Attributes:
        state: "unguarded": they get through; "partial": they do if some handler lets them; "closed": nobody gets
            through; "public": they get through, as somebody said so; "guarded": they are refused.
        reason: why, unless they are guarded.
        methods: which methods; "*" for all that no section names.
        hosts: which hosts, likewise; empty where no section goes by host.
        path: an example of the path.
        conditions: what holds in the example and what does not, where it depends on that.
        handlers: names of the handlers, in the order of calling.
        satisfy: "all" or "any".
        authentication: "required" or "optional".
        authorization: "any" or "all".
    """

    state: State
    reason: str
    methods: tuple[str, ...]
    hosts: tuple[str, ...]
    path: str
    conditions: tuple[str, ...]
    handlers: tuple[str, ...] = ()
    satisfy: str = "all"
    authentication: str = "required"
    authorization: str = "any"


@dataclasses.dataclass(frozen=True, slots=True)
class AuditedRoute:
    """A route with what guards it.

    Attributes:
        state: the worst of its cases; "partial" also where it is guarded in some and unguarded in others.
        path: as the framework writes it.
        methods: which it takes; "*" for all.
        kind: "route", "websocket", "mount" or "location".
        name: of the view or sub-app.
        source: "file:line" of the view, or empty.
        handlers: all that guard it in any case, by phase, in the order of calling.
        cases: all distinct ones, the worst first.
    """

    state: State
    path: str
    methods: tuple[str, ...]
    kind: Kind
    name: str
    source: str
    handlers: tuple[Guardian, ...]
    cases: tuple[Case, ...]

    @property
    def is_failing(self) -> bool:
        """Whether it is neither guarded nor public."""
        return self.state in _FAILING

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not simply guarded: what becomes of which requests."""
        states = {case.state for case in self.cases}
        if states == {"public"}:
            return tuple(dict.fromkeys(case.reason for case in self.cases))
        wanted = _FAILING if self.is_failing else {"public"}
        told: dict[str, str] = {}
        for case in self.cases:
            if case.state in wanted:
                reason = case.reason if len(states) == 1 else f"{case.state}: {case.reason}"
                told.setdefault(reason, f"{reason}, as for {self._example_of(case)}")
        return tuple(told.values())

    def _example_of(self, case: Case) -> str:
        """A request that meets a case."""
        method = case.methods[0]
        if method == OTHER:
            is_named = any(name != OTHER for other in self.cases for name in other.methods)
            method = "any other method" if is_named else "any method"
        host = ""
        if case.hosts:
            host = f" with {'any other host' if OTHER in case.hosts else f'the host {case.hosts[0]}'}"
        where = f" where {' and '.join(case.conditions)}" if case.conditions else ""
        return f"{method} {case.path}{host}{where}"


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Audit(Table):
    """Every route of an app with what guards it. It prints as a table.

    Attributes:
        name: what was audited.
        routes: what has to be looked at first.
        notes: what people should know about the place of the chain.
    """

    name: str
    routes: tuple[AuditedRoute, ...]
    notes: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[AuditedRoute, ...]:
        """The routes that are neither guarded nor public."""
        return tuple(route for route in self.routes if route.is_failing)

    @property
    def counts(self) -> Mapping[State, int]:
        """How many routes are in each state."""
        return {state: sum(route.state == state for route in self.routes) for state in STATES}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists and strings, for JSON."""
        return {
            "name": self.name,
            "ok": not self.failing,
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "routes": [dataclasses.asdict(route) for route in self.routes],
        }

    def annotations(self) -> list[str]:
        """Return a line for each failing route, in the form of GitHub's workflow commands."""
        return [annotation(route) for route in self.failing]

    def lines(self, width: int = FALLBACK_WIDTH) -> Iterator[Line]:
        """Yield the table's lines, each as pieces of text with the part that they play.

        Args:
            width: in columns. Where the table is wider, places go below names.
        """
        return lay_out(self, width)

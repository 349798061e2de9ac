"""From a plan to an Explanation: what applies to a request, without sending it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

from . import paths
from .chain_protocol import ChainProtocol
from .declarations import ErrorDocument, Filter, Kind
from .defaults import FileHandlers
from .explain_defaults import Defaults
from .explain_nodes import (
    conditions_of_node,
    described,
    merged,
    named,
    names_listed,
    opening_node,
    place_of,
    statuses_text,
    variants,
)
from .explanation import Document, Explanation, Guarding, GuardState, Row
from .finishing import ending_of
from .handlers import Handler
from .order import Order
from .phases import Phase
from .plan import Guard, Plan, switches_off
from .request import Request
from .settings import Settings
from .straight import listing
from .stretches import STEP_OF, followed, route_of
from .tree import Entry, Node

# What runs although the path is refused.
_IN_ANY_CASE: tuple[Kind, ...] = (Phase.POST_READ_REQUEST, Phase.LOG, Phase.CLEANUP, Filter.OUTPUT)

Orders = Mapping[frozenset[Node], Sequence[Entry]]


def explain(
    chain: ChainProtocol, plan: Plan, settings: Settings, url: str, method: str = "GET", host: str | None = None
) -> Explanation:
    """Explain what applies to a request.

    Args:
        chain: the chain.
        plan: what it was compiled to.
        settings: its settings.
        url: a URL, or its path as a client sends it, starting with "/" and percent-encoded; a query is left out.
        method: such as "GET".
        host: the value of the Host header; None is that of the URL, or none at all.

    Returns:
        The Explanation.

    Raises:
        ValueError: ``url`` is neither a URL nor a path that starts with "/".
    """
    given, url_host = _target_of(url)
    headers = Headers()
    if host or url_host:
        headers["Host"] = host or url_host
    req = Request(method, path=paths.decode_url_path(given), headers=headers)
    req.chain = chain
    return _Explainer(plan, req).explanation(
        given, settings, chain.files if isinstance(chain.files, FileHandlers) else None
    )


def _target_of(url: str) -> tuple[str, str]:
    host, target = "", url
    if re.match(r"https?://", url, re.IGNORECASE):
        parts = urlsplit(url)
        host, target = parts.netloc, parts.path or "/"
    path = re.split(r"[?#]", target, maxsplit=1)[0]
    if not path.startswith("/") and path != "*":
        raise ValueError(f"{url!r} is no path of a URL; give one that starts with '/', such as {'/' + path!r}")
    return path, host


def _code_for(req: Request, guards: Sequence[Guarding]) -> str:
    passed = followed(route_of(req))
    if all(guard.state == "closed" for guard in guards):
        # Behind the guards nothing is called.
        passed = itertools.takewhile(lambda stretch: stretch.end <= STEP_OF[Phase.ACCESS], passed)
    return "\n".join(listing(stretch.parts) for stretch in (*passed, ending_of(req)) if stretch.handlers)


class _Explainer:
    """What explains one request."""

    def __init__(self, plan: Plan, req: Request) -> None:
        self._plan = plan
        self._req = req
        self._selection = req.selection = plan.select(req)
        self._host = plan.host_of(req)

    def explanation(self, given: str, settings: Settings, files: FileHandlers | None) -> Explanation:
        req = self._req
        guards = self._guards()
        defaults = Defaults(req, self._selection, settings, files, guards)
        rows: list[Row] = []
        for phase in Phase:
            called, left_out = self._rows(phase)
            rows += [*called, *defaults.rows(phase, has_handlers=bool(called)), *left_out]
        return Explanation(
            given=given,
            path=req.path,
            method=req.method,
            host=req.headers.get("Host"),
            refused=None if req.path_error is None else str(req.path_error),
            path_params=dict(req.path_params),
            guards=guards,
            rows=tuple(rows),
            filters=tuple(row for kind in Filter for part in self._rows(kind) for row in part),
            error_documents=tuple(map(self._document, self._selection.documents.everything())),
            code=_code_for(req, guards),
        )

    # --- handlers and filters

    def _rows(self, kind: Kind) -> tuple[list[Row], list[Row]]:
        """The handlers of a phase that are called, in order, and those that are not."""
        around = [entry for entry in self._plan.tree.entries if entry.kind is kind and self._is_around(entry.node)]
        if self._req.path_error is not None and kind not in _IN_ANY_CASE:
            return [], [_row(entry, reason="the path is refused before this phase") for entry in around]
        orders = {held: self._plan.entries_of(kind, self._nodes(held)) for held in variants(self._conditional(kind))}
        applying = set(itertools.chain.from_iterable(orders.values()))
        sequence = union = self._plan.ordered(kind, applying)
        for order in orders.values():
            sequence = merged(sequence, order)
        called: list[Row] = []
        for index, entry in enumerate(sequence):
            notes = self._order_notes(entry, union, again=entry in sequence[:index])
            called.append(_row(entry, exceptions=self._exceptions(entry, orders), notes=notes))
        return called, [_row(entry, reason=self._reason(entry)) for entry in around if entry not in applying]

    def _conditional(self, kind: Kind) -> tuple[Node, ...]:
        selection = self._selection
        if isinstance(kind, Phase):
            return selection.runs[kind].conditional
        return (selection.input_filters if kind is Filter.INPUT else selection.output_filters).conditional

    def _nodes(self, held: frozenset[Node]) -> list[Node]:
        return [node for node in self._selection.nodes if not node.conditions or node in held]

    def _is_around(self, node: Node) -> bool:
        return node.prefix in paths.prefixes(self._req.path)

    def _order_notes(self, entry: Entry, union: Sequence[Entry], *, again: bool) -> tuple[str, ...]:
        notes: list[str] = []
        if entry.declaration.is_init:
            notes.append("registered as init")
        elif entry.declaration.order is not Order.MIDDLE:
            notes.append(f"order {entry.declaration.order.name}")
        ranked = self._plan.ranked(entry.kind, union)
        followers = union[union.index(entry) + 1 :]
        if any(ranked.index(other) < ranked.index(entry) for other in followers):
            needing = next(other for other in followers if entry in self._plan.earlier_than(other))
            notes.append(f"moved forward: needed by {needing.handler.name}")
        if again:
            notes.append("here instead, depending on what the conditions leave in between")
        return tuple(notes)

    def _exceptions(self, entry: Entry, orders: Orders) -> tuple[str, ...]:
        """Where a handler is not called although its own conditions hold."""
        found: dict[str, None] = {}
        for held, order in orders.items():
            if entry not in order and (not entry.node.conditions or entry.node in held):
                found[f"but not where {self._culprit(entry, self._nodes(held))}"] = None
        return tuple(found)

    def _culprit(self, entry: Entry, nodes: Sequence[Node]) -> str:
        """Which section keeps a handler from being called where these nodes apply."""
        for node in nodes:
            if switches_off(node, entry):
                return f"{named(node)} says without"
        return f"{named(opening_node(nodes))} is public"

    # --- why not

    def _reason(self, entry: Entry) -> str:
        for node in entry.node.lineage():
            reason = self._mismatch(node)
            if reason:
                return reason
        if entry.node.conditions and entry.node not in self._conditional(entry.kind):
            return "directory, files and endpoint are not known before HEADER_PARSER"
        return self._culprit(entry, self._selection.nodes)

    def _mismatch(self, node: Node) -> str:
        scope, path = node.scope, self._req.path
        if not node.covers_path(path):
            return (
                f"only for {node.prefix} itself" if scope.pattern is None else f"no match for {scope.pattern.pattern}"
            )
        if scope.methods is not None and self._req.method not in scope.methods:
            return f"only for {names_listed('method', scope.methods)}"
        if scope.hosts is not None and self._host not in scope.hosts:
            hint = "" if "Host" in self._req.headers else "; no host was given"
            return f"only for {names_listed('host', scope.hosts)}{hint}"
        return ""

    # --- guards and error documents

    def _guards(self) -> tuple[Guarding, ...]:
        conditional = self._selection.guard.conditional
        found: dict[Guard, frozenset[Node]] = {}
        for held in variants(conditional):
            found.setdefault(self._plan.guard_of(self._nodes(held)), held)
        several = len(found) > 1
        return tuple(_guarding(guard, described(conditional, held) if several else ()) for guard, held in found.items())

    def _document(self, document: ErrorDocument) -> Document:
        node = next(node for node in self._selection.nodes if document in node.error_documents)
        target = document.target
        return Document(
            statuses=statuses_text(document.statuses),
            target=target.name if isinstance(target, Handler) else target,
            section=place_of(node),
            origin=document.origin,
            conditions=conditions_of_node(node),
        )


def _row(entry: Entry, *, exceptions: tuple[str, ...] = (), notes: tuple[str, ...] = (), reason: str = "") -> Row:
    return Row(
        phase=entry.kind.name if isinstance(entry.kind, Phase) else f"{entry.kind.name} FILTER",
        name=entry.handler.name,
        section=place_of(entry.node),
        origin=entry.handler.origin,
        section_origin=entry.node.origin,
        called=not reason,
        conditions=conditions_of_node(entry.node),
        exceptions=exceptions,
        notes=notes,
        reason=reason,
    )


def _guarding(guard: Guard, conditions: tuple[str, ...]) -> Guarding:
    state: GuardState = "open"
    if guard.guarded:
        state = "guarded"
    elif guard.public:
        state = "public"
    elif guard.closed:
        state = "closed"
    return Guarding(state, conditions, guard.satisfy, guard.authentication, guard.authorization, guard.challenge)

"""Whether a file that is guarded under one path may be had by another road, such as a symlink or an index file.

Source: ``security/RULES.md`` 6 and 10.
"""

from __future__ import annotations

from .phases import GUARDS
from .plan import Guard, Plan, Selection
from .request import Request
from .scopes import closes_file
from .tree import Entry, Node


def guards_agree(plan: Plan, req: Request, path: str) -> bool:
    """Tell whether what guards another path guards this request too.

    Args:
        plan: the compiled chain.
        req: the request.
        path: a canonical path that leads to the same file.

    Returns:
        True where nothing guards the other path, or exactly what guards this one. When in doubt, a condition counts as
        if it closed: guards under one apply, openings under one do not.
    """
    here = req.selection
    if _is_closed_by_name(here, req, path):
        return False
    there = plan.find(path, req.method, plan.host_of(req))
    if here is there:
        return True
    entries, guard = _strictest(plan, there)
    if not any(entries):
        return guard.public or not guard.closed
    return (entries, guard) == _strictest(plan, here) and _openings(here) == _openings(there)


def _is_closed_by_name(selection: Selection, req: Request, path: str) -> bool:
    """Whether ``files`` or ``directory`` puts guards before the other file that do not stand before this request."""
    return any(
        closes_file(condition, req, path)
        for node in selection.nodes
        if any(entry.kind in GUARDS for entry in node.entries)
        for condition in node.conditions
    )


def _strictest(plan: Plan, selection: Selection) -> tuple[list[list[Entry]], Guard]:
    openings = _openings(selection)
    nodes = [node for node in selection.nodes if node not in openings]
    return [plan.entries_of(phase, nodes) for phase in GUARDS], plan.guard_of(nodes)


def _openings(selection: Selection) -> list[Node]:
    """The sections that switch guards off under a condition."""
    return [node for node in selection.nodes if node.conditions and (node.options.public or node.options.without)]

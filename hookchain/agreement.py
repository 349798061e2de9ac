"""Whether a file that is guarded under one path may be had by another road, such as a symlink or an index file.

Source: ``security/RULES.md`` 6 and 10.
"""

from __future__ import annotations

from .phases import Phase
from .plan import Plan, Selection
from .request import Request

_GUARDING = (Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ)


def guards_agree(plan: Plan, req: Request, path: str) -> bool:
    """Tell whether what guards another path guards this request too.

    Args:
        plan: the compiled chain.
        req: the request.
        path: a canonical path that leads to the same file.

    Returns:
        True where nothing guards the other path, or exactly what guards this one. Conditions count as if they held.
    """
    here = req.selection
    there = plan.find(path, req.method, plan.host_of(req))
    if here is there:
        return True
    if not any(_handlers(there, phase) for phase in _GUARDING):
        guard = there.guard.everything()
        return guard.public or not guard.closed
    same_handlers = all(_handlers(here, phase) == _handlers(there, phase) for phase in _GUARDING)
    return same_handlers and here.guard.everything() == there.guard.everything()


def _handlers(selection: Selection, phase: Phase) -> tuple[object, ...]:
    return selection.runs[phase].everything().handlers

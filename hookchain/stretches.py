"""Stretches: neighbouring phases between which nothing has to be decided are called as one.

Which phases these are is known when it is known which sections apply: a phase without handlers, without a default and
without conditions needs nothing at all. The cycle goes phase by phase where more is to be done: where the request is
guarded, where a condition has to be asked, where somebody watches or where the body is to be rewound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .handlers import Handler
from .phases import Phase, Policy
from .refusals import refused
from .straight import OnOk, Part, caller_of

if TYPE_CHECKING:
    from .framework import Framework
    from .plan import Selection
    from .request import Request

Check: TypeAlias = "Callable[[Request], Any]"
Route: TypeAlias = "tuple[Stretch | None, ...]"
"""For each step of the cycle the stretch that begins there; None where the step is taken by itself."""

PHASES: tuple[Phase | None, ...] = (
    Phase.POST_READ_REQUEST,
    Phase.TRANS,
    Phase.MAP_TO_STORAGE,
    None,  # the framework looks for the route
    Phase.HEADER_PARSER,
    Phase.ACCESS,
    Phase.TYPE,
    Phase.FIXUP,
    Phase.CONTENT,
)
"""The phase of each step of the cycle; ACCESS stands for all three that guard."""

STEP_BY_STEP: Route = (None,) * len(PHASES)

_DEFAULT_IS_LAST = (Phase.TYPE, Phase.CONTENT)
"""The phases in which the default is what is called behind the handlers, and no more."""

_MAY_RENAME = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE)
"""The phases whose handlers may give a request a method that is refused, or answered without a path, behind them."""

_MOST_ROUTES = 64
"""How many routes are kept for each set of sections; tests put a chain around one app after the other."""

STEP_OF = {phase: step for step, phase in enumerate(PHASES)}


def _enter(req: Request) -> None:
    if req.framework is not None:
        req.framework.enter(req)


ENTER = {
    blocking: Handler(_enter, None, name="hookchain.framework.enter", blocking=blocking) for blocking in (True, False)
}
"""The framework looks for the route; whether that has to be kept off an event loop."""


class Stretch:
    """Steps of the cycle that are called as one.

    Attributes:
        parts: what is called in each phase.
        handlers: all that are called.
        end: the step behind the last of them.
        is_pure: whether none is called that is not the library's own, so that it needs no driver.
    """

    __slots__ = ("blocking", "call", "end", "handlers", "is_async", "is_pure", "parts")

    def __init__(self, parts: list[Part], end: int) -> None:
        """Put the parts together."""
        self.parts = parts
        self.handlers: tuple[Handler, ...] = tuple(handler for part in parts for handler in part.handlers)
        self.end = end
        self.is_pure = not self.handlers
        self.is_async = any(handler.is_async for handler in self.handlers)
        self.blocking = any(handler.blocking and not handler.is_async for handler in self.handlers)
        self.call = caller_of(parts)


def route_of(req: Request) -> Route:
    """Return the stretches for a request, made once for each set of sections and place.

    Args:
        req: the request.

    Returns:
        Nothing but None where a request is one to be asked about at each step.
    """
    # Whoever listens for what happens had a trace begun when the request was.
    if not req.is_plain or req.trace is not None or req.has_body or req.is_altered:
        return STEP_BY_STEP
    place = req.place
    if place is None and req.framework is not None:
        return STEP_BY_STEP  # nobody has said which requests have the same
    return req.selection.routes.get(place) or _remembered(req, place)


def _remembered(req: Request, place: object) -> Route:
    routes = req.selection.routes
    if len(routes) >= _MOST_ROUTES:
        routes.clear()
    route = routes[place] = _route(req, list(_parts_of_all(req)))
    return route


def _inner_app(req: Request) -> Handler | None:
    """Return the app behind the chain where it may be called like a handler."""
    app = req.app
    return None if app is None or app.is_async or req.place is None else app


def _parts_of_all(req: Request) -> Iterator[list[Part] | None]:
    for phase in PHASES:
        if phase is None:
            yield list(_entry(req.framework))
            continue
        is_host_asked = phase is Phase.POST_READ_REQUEST and req.selection.uses_hosts
        yield _parts(req, phase, refused if is_host_asked else None)


def _entry(framework: Framework | None) -> Iterator[Part]:
    if framework is not None:
        yield Part((("is_mapped", True),), (ENTER[framework.blocking],) if framework.looks_ahead else ())


def _route(req: Request, parts: Sequence[list[Part] | None]) -> Route:
    route: list[Stretch | None] = [None] * len(parts)
    step = 0
    while step < len(parts):
        route[step] = stretch = _stretch_from(step, req, parts)
        step = step + 1 if stretch is None else stretch.end
    return tuple(route)


def _stretch_from(step: int, req: Request, parts: Sequence[list[Part] | None]) -> Stretch | None:
    together: list[Part] = []
    end = step
    for some in parts[step:]:
        if some is None or len(_kinds(req, [*together, *some])) > 1:
            break
        together += some
        end += 1
    return Stretch(together, end) if end > step else None


def _kinds(req: Request, parts: Iterable[Part]) -> set[tuple[bool, bool]]:
    """Return what the handlers of some parts are; those of two kinds can't be called as one."""
    handlers = (handler for part in parts for handler in part.handlers)
    if req.asgi_scope is None:
        return {(handler.is_async, handler.blocking) for handler in handlers}
    # On an event loop, what does not block it stands among what is awaited.
    return {(False, handler.blocking and not handler.is_async) for handler in handlers}


def _parts(req: Request, phase: Phase, check: Check | None) -> list[Part] | None:
    """Return what is called at a step; None where there is something to decide."""
    choice = req.selection.runs[phase]
    if choice.conditional or (phase is Phase.ACCESS and not _is_open(req.selection)):
        return None
    handlers, default = choice.fixed.handlers, _default(req, phase)
    if handlers and default and phase not in _DEFAULT_IS_LAST:
        return None  # whether the default is wanted depends on what the handlers did
    parts = list(_written_out(phase, handlers, default, check))
    return None if len(_kinds(req, parts)) > 1 else parts


def _written_out(
    phase: Phase, handlers: tuple[Handler, ...], default: tuple[Handler, ...], check: Check | None
) -> Iterator[Part]:
    if handlers or check is not None:
        on_ok = OnOk.GOES_ON if phase.policy is Policy.RUN_ALL else OnOk.ENDS_PHASE
        note = (("phase", phase),) if handlers else ()
        if phase is Phase.CONTENT:
            on_ok = OnOk.SETTLES
        elif phase is Phase.TYPE:
            handlers, default = handlers + default, ()
        yield Part(note, handlers, on_ok, check, may_alter=True, may_rename=phase in _MAY_RENAME)
    if default:
        yield Part((("phase", phase),), default, OnOk.SETTLES if phase is Phase.CONTENT else OnOk.ENDS_PHASE)
    if phase is Phase.ACCESS:
        yield Part((("guard_passed", True),))


def _default(req: Request, phase: Phase) -> tuple[Handler, ...]:
    files = req.chain.files
    if phase is Phase.CONTENT:
        if files is not None:
            # With an app behind, it is asked first whether there is a file.
            return (files.content,) if req.app is None and req.place is not None else ()
        app = _inner_app(req)
        return () if app is None else (app,)
    if files is None:
        return ()
    defaults = {Phase.TRANS: files.translate, Phase.MAP_TO_STORAGE: files.map_to_storage, Phase.TYPE: files.find_type}
    return (defaults[phase],) if phase in defaults else ()


def _is_open(selection: Selection) -> bool:
    """Tell whether nobody is asked who the client is, whatever the request."""
    guard = selection.guard.fixed
    asked = (selection.runs[Phase.AUTHEN], selection.runs[Phase.AUTHZ])
    is_shut = guard.guarded or (guard.closed and not guard.public)
    return not (selection.guard.conditional or is_shut) and all(choice.is_empty for choice in asked)

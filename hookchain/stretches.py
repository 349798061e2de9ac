"""Stretches: neighbouring phases between which nothing has to be decided are called as one.

Which phases these are is known when it is known which sections apply: a phase without handlers, without a default and
without conditions needs nothing at all, and of guards it is a matter of course what follows when they let a request
pass. The cycle takes a step by itself where more is to be done: where a guard does not, where a condition has to be
asked, where a handler alters what is to be called, or where somebody watches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .handlers import Handler
from .phases import GUARDS, Phase, Policy
from .refusals import refused
from .straight import Doubt, OnOk, Part, caller_of

if TYPE_CHECKING:
    from .framework import Framework
    from .request import Request

Check: TypeAlias = "Callable[[Request], Any]"

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

_DEFAULT_IS_LAST = (Phase.TYPE, Phase.CONTENT)
"""The phases in which the default is what is called behind the handlers, and no more."""

_MAY_RENAME = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE)
"""The phases whose handlers may give a request a method that is refused, or answered without a path, behind them."""

_MOST_ROUTES = 64
"""How many routes are kept for each set of sections; tests put a chain around one app after the other."""

_GUARDS_STEP = PHASES.index(Phase.ACCESS)
STEP_OF = {phase: PHASES.index(phase) for phase in PHASES} | dict.fromkeys(GUARDS, _GUARDS_STEP)


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


class Route(dict[int, "Stretch | None"]):
    """For each step of the cycle the stretch that begins there, made when first asked for; None where there is none.

    Attributes:
        first: that of the first step, which each request asks for.
    """

    __slots__ = ("_on_loop", "_parts", "first")

    def __init__(self, parts: Sequence[list[Part] | None], *, on_loop: bool) -> None:
        """Make the first stretch.

        Args:
            parts: what is called at each step; None where there is something to decide.
            on_loop: whether it is called on an event loop.
        """
        super().__init__()
        self._parts = parts
        self._on_loop = on_loop
        self.first = self[0]

    def __missing__(self, step: int) -> Stretch | None:
        """Put together what is called from a step on, as far as nothing has to be decided between."""
        together: list[Part] = []
        end = step
        for some in self._parts[step:]:
            if some is None or len(_kinds([*together, *some], on_loop=self._on_loop)) > 1:
                break
            together += some
            end += 1
        self[step] = stretch = Stretch(together, end) if end > step else None
        return stretch


def _kinds(parts: Iterable[Part], *, on_loop: bool) -> set[tuple[bool, bool]]:
    """Return what the handlers of some parts are; those of two kinds can't be called as one."""
    handlers = (handler for part in parts for handler in part.handlers)
    if not on_loop:
        return {(handler.is_async, handler.blocking) for handler in handlers}
    # On an event loop, what does not block it stands among what is awaited.
    return {(False, handler.blocking and not handler.is_async) for handler in handlers}


STEP_BY_STEP = Route((None,) * len(PHASES), on_loop=False)
"""The route of requests that are to be asked about at each step."""


def route_of(req: Request) -> Route:
    """Return the stretches for a request, made once for each set of sections and place.

    Args:
        req: the request.

    Returns:
        Nothing but None where a request is one to be asked about at each step.
    """
    if not req.is_plain:
        return STEP_BY_STEP
    place = req.place
    if place is None and req.framework is not None:
        return STEP_BY_STEP  # nobody has said which requests have the same
    routes = req.selection.routes_of_bodies if req.has_body else req.selection.routes
    return routes.get(place) or _remembered(req, routes, place)


def _remembered(req: Request, routes: dict[Any, Any], place: object) -> Route:
    if len(routes) >= _MOST_ROUTES:
        routes.clear()
    route = routes[place] = Route(list(_parts_of_all(req)), on_loop=req.asgi_scope is not None)
    return route


def followed(route: Route) -> Iterator[Stretch]:
    """Yield the stretches of a route that a request comes through about which nothing has to be decided."""
    step = 0
    while step < len(PHASES):
        stretch = route[step]
        if stretch is not None:
            yield stretch
        step = step + 1 if stretch is None else stretch.end


def _inner_app(req: Request) -> Handler | None:
    """Return the app behind the chain where it may be called like a handler."""
    app = req.app
    return None if app is None or app.is_async or req.place is None or may_be_too_large(req) else app


def may_be_too_large(req: Request) -> bool:
    """Tell whether it has to be looked at how much of a body an app reads."""
    return req.has_body and req.chain.max_body is not None


def _parts_of_all(req: Request) -> Iterator[list[Part] | None]:
    for phase in PHASES:
        if phase is None:
            yield list(_entry(req.framework))
            continue
        is_more_asked = phase is Phase.POST_READ_REQUEST and (req.selection.uses_hosts or req.has_body)
        yield _parts(req, phase, refused if is_more_asked else None)


def _entry(framework: Framework | None) -> Iterator[Part]:
    if framework is not None:
        yield Part((("is_mapped", True),), (ENTER[framework.blocking],) if framework.looks_ahead else ())


def _parts(req: Request, phase: Phase, check: Check | None) -> list[Part] | None:
    """Return what is called at a step; None where there is something to decide."""
    found = _guard_parts(req) if phase is Phase.ACCESS else _phase_parts(req, phase, check)
    if found is None:
        return None
    parts = [part._replace(rewinds=req.has_body) for part in found]
    return None if len(_kinds(parts, on_loop=req.asgi_scope is not None)) > 1 else parts


def _phase_parts(req: Request, phase: Phase, check: Check | None) -> list[Part] | None:
    choice = req.selection.runs[phase]
    if choice.conditional:
        return None
    handlers, default = choice.fixed.handlers, _default(req, phase)
    if handlers and default and phase not in _DEFAULT_IS_LAST:
        return None  # whether the default is wanted depends on what the handlers did
    return list(_written_out(phase, handlers, default, check))


def _written_out(
    phase: Phase, handlers: tuple[Handler, ...], default: tuple[Handler, ...], check: Check | None
) -> Iterator[Part]:
    if handlers or check is not None:
        on_ok = OnOk.GOES_ON if phase.policy is Policy.RUN_ALL else OnOk.ENDS_PHASE
        note = (("phase", phase),) if handlers else ()
        doubts = _doubts(phase) if handlers else ()
        if phase is Phase.CONTENT:
            on_ok = OnOk.SETTLES
        elif phase is Phase.TYPE:
            handlers, default = handlers + default, ()
        yield Part(note, handlers, on_ok, check, doubts=doubts, doubts_on_ok=doubts)
    if default:
        yield Part((("phase", phase),), default, OnOk.SETTLES if phase is Phase.CONTENT else OnOk.ENDS_PHASE)


def _doubts(phase: Phase) -> tuple[str, ...]:
    return (Doubt.ALTERED, Doubt.RENAMED) if phase in _MAY_RENAME else (Doubt.ALTERED,)


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


def _guard_parts(req: Request) -> list[Part] | None:
    """Return ACCESS, AUTHEN and AUTHZ, as far as it is a matter of course what follows from what they answer.

    All else, refusals too, is for ``guards`` to decide.
    """
    runs = [req.selection.runs[phase] for phase in GUARDS]
    if req.selection.guard.conditional or any(run.conditional for run in runs):
        return None
    guard = req.selection.guard.fixed
    access, authen, authz = (run.fixed.handlers for run in runs)
    parts = list(_written_out(Phase.ACCESS, access, (), None))
    if guard.satisfy == "any" and access:
        return None
    if guard.guarded:
        if guard.authorization == "all":
            return None
        parts += _user_parts(authen, authz, is_needed=guard.authentication == "required")
    elif guard.closed and not guard.public:
        return None
    return [*parts, Part((("guard_passed", True),))]


def _user_parts(authen: tuple[Handler, ...], authz: tuple[Handler, ...], *, is_needed: bool) -> Iterator[Part]:
    known = (Doubt.ALTERED, Doubt.USER_PENDING, Doubt.USER_UNKNOWN)
    yield Part(
        (("phase", Phase.AUTHEN), ("authen_ran", True)),
        authen,
        OnOk.ENDS_PHASE,
        doubts=known if is_needed else known[:-1],
        doubts_on_ok=known,
    )
    yield Part(
        (("phase", Phase.AUTHZ),), authz, OnOk.ENDS_PHASE, must_end=bool(authz), doubts_on_ok=_doubts(Phase.AUTHZ)
    )

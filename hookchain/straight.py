"""Straight-line code that calls handlers one after the other, made once for each number of handlers and phases.

A loop would cost as much as the handlers' own calls. So the calls are written out, in a function that is compiled from
text when a chain first needs one of its shape, and that all plans of this shape share: what differs is which handlers
it is closed over. The text is what a person would write; tracebacks show its lines.
"""

from __future__ import annotations

import enum
import linecache
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .handlers import name_of
from .request import PLAIN_METHODS
from .results import DECLINED, OK, Raised
from .signals import heard

if TYPE_CHECKING:
    from .handlers import Handler
    from .request import Request


class OnOk(enum.Enum):
    """What OK does in a phase."""

    GOES_ON = "the next handler is called"
    ENDS_PHASE = "the next phase is begun"
    SETTLES = "it is an answer like any other"


class Doubt:
    """What is not a matter of course behind the handlers of a phase, as conditions by which it is seen."""

    ALTERED = "req.is_altered or heard"
    RENAMED = "req.method not in PLAIN_METHODS"
    USER_PENDING = "req.pending_user is not None"
    USER_UNKNOWN = "req.user is None"


class Part(NamedTuple):
    """What is called in one phase.

    Attributes:
        notes: attributes of the request and what they are set to before.
        handlers: in order.
        on_ok: what their OK does.
        check: called with the request behind them, unless one ended the phase; what it returns, unless None, ends the
            call.
        if_touched: whether that is only where the request was touched or somebody listens.
        must_end: whether one of the handlers has to end the phase; else the call stops behind them.
        doubts: where it stops there all the same.
        doubts_on_ok: where it stops behind a handler whose OK would end the phase.
        rewinds: whether each handler is to find the request's body at its beginning.
    """

    notes: tuple[tuple[str, object], ...] = ()
    handlers: tuple[Handler, ...] = ()
    on_ok: OnOk = OnOk.GOES_ON
    check: Callable[[Request], Any] | None = None
    if_touched: bool = False
    must_end: bool = False
    doubts: tuple[str, ...] = ()
    doubts_on_ok: tuple[str, ...] = ()
    rewinds: bool = False


class _Shape(NamedTuple):
    """All that the text of a part depends on; ``awaits`` says of each handler whether it is async."""

    notes: tuple[str, ...]
    awaits: tuple[bool, ...]
    on_ok: OnOk
    has_check: bool
    if_touched: bool
    must_end: bool
    doubts: tuple[str, ...]
    doubts_on_ok: tuple[str, ...]
    rewinds: bool


Shapes: TypeAlias = tuple[_Shape, ...]


class Stop(enum.Enum):
    """What ended a call in place of a handler."""

    CHECKED = "the check of a part did; its verdict goes with this"
    IN_DOUBT = "what follows from what the handlers of the phase have answered or altered is to be decided"

    @property
    def phase(self) -> None:
        """None: it is no handler of a phase."""


CHECKED = Stop.CHECKED
IN_DOUBT = Stop.IN_DOUBT


def _rewind(req: Request) -> None:
    if req.has_made("body"):
        req.body.rewind()


_NAMES = {
    "OK": OK,
    "DECLINED": DECLINED,
    "Raised": Raised,
    "CHECKED": CHECKED,
    "IN_DOUBT": IN_DOUBT,
    "PLAIN_METHODS": PLAIN_METHODS,
    "heard": heard,  # whoever connects to a signal during a request is told from the next phase on
    "rewind": _rewind,
}

_STOP = "return IN_DOUBT, None"
_WHATEVER_IT_IS = "answer is not None and answer is not DECLINED"
_KEEPS = {
    OnOk.GOES_ON: "answer is not None and answer is not OK and answer is not DECLINED",
    OnOk.ENDS_PHASE: _WHATEVER_IT_IS,
    OnOk.SETTLES: _WHATEVER_IT_IS,
}


def caller_of(parts: Sequence[Part]) -> Callable[[Request], Any]:
    """Return a function that calls the handlers of some parts with a request.

    Args:
        parts: in order.

    Returns:
        The function, async where a handler is. It returns None where every handler let the request go on, else who
        ended it and the answer: a Handler and what it answered or ``Raised``, or a ``Stop``.
    """
    values: list[Any] = []
    for part in parts:
        values += [value for _, value in part.notes]
        values += [value for handler in part.handlers for value in (handler, handler.call)]
        values += [part.check] if part.check is not None else []
    caller: Callable[[Request], Any] = _factory(_shapes_of(parts))(*values)
    return caller


def _shapes_of(parts: Sequence[Part]) -> Shapes:
    return tuple(
        _Shape(
            tuple(name for name, _ in part.notes),
            tuple(handler.is_async for handler in part.handlers),
            part.on_ok,
            part.check is not None,
            part.if_touched,
            part.must_end,
            part.doubts,
            part.doubts_on_ok,
            part.rewinds,
        )
        for part in parts
    )


def listing(parts: Sequence[Part]) -> str:
    """Return the function that ``caller_of`` makes as text, with comments that say what its names mean."""
    meant = [
        line
        for number, part in enumerate(parts)
        for line in (
            *(f"# {name}{number}: {value}" for name, value in part.notes),
            *(f"# handler{number}_{place}: {one.name} ({one.origin})" for place, one in enumerate(part.handlers)),
            *(f"# check{number}: {name_of(check)}" for check in (part.check,) if check is not None),
        )
    ]
    _, *function, _ = source(_shapes_of(parts)).splitlines()
    return "\n".join([*meant, *(line[4:] for line in function), ""])


@lru_cache(maxsize=512)
def _factory(shapes: Shapes) -> Callable[..., Any]:
    """Return a function that is given phases, handlers and checks in order, and makes the caller."""
    text = source(shapes)
    name = f"<hookchain calls {zlib.crc32(text.encode()):08x}>"
    space: dict[str, Any] = dict(_NAMES)
    exec(compile(text, name, "exec"), space)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    factory: Callable[..., Any] = space["make"]
    return factory


def source(shapes: Shapes) -> str:
    """Return the text of a factory."""
    names: list[str] = []
    lines = [line for number, shape in enumerate(shapes) for line in _part(number, shape, names)]
    head = "async def call(req):" if any(any(shape.awaits) for shape in shapes) else "def call(req):"
    return "\n".join(
        [f"def make({', '.join(names)}):", f"    {head}", *lines, "        return None", "    return call", ""]
    )


def _part(number: int, shape: _Shape, names: list[str]) -> list[str]:
    lines: list[str] = []
    for name in shape.notes:
        names.append(f"{name}{number}")
        lines.append(f"req.{name} = {name}{number}")
    calls = [
        line
        for place, is_async in enumerate(shape.awaits)
        for line in _call(f"{number}_{place}", shape, names, is_async=is_async)
    ]
    if shape.doubts and not shape.must_end:
        calls += _where(shape.doubts, _STOP)
    if shape.has_check:
        names.append(f"check{number}")
        check = [f"answer = check{number}(req)", "if answer is not None:", "    return CHECKED, answer"]
        calls += ["if req.is_touched or heard:", *(f"    {line}" for line in check)] if shape.if_touched else check
    if shape.on_ok is OnOk.ENDS_PHASE and shape.awaits:
        calls.append(_STOP if shape.must_end else "break")
        calls = ["while True:", *(f"    {line}" for line in calls)]
    return [f"        {line}" for line in (*lines, *calls)]


def _call(place: str, shape: _Shape, names: list[str], *, is_async: bool) -> list[str]:
    names += [f"handler{place}", f"call{place}"]
    ends = f"return handler{place}, answer"
    is_end = shape.on_ok is OnOk.ENDS_PHASE
    end = [*_where(shape.doubts_on_ok, ends, "answer is not OK"), "break"] if is_end else [ends]
    return [
        *(["if req.is_touched:", "    rewind(req)"] if shape.rewinds else []),
        "try:",
        f"    answer = {'await ' if is_async else ''}call{place}(req)",
        "except BaseException as error:",
        f"    return handler{place}, Raised(error)",
        f"if {_KEEPS[shape.on_ok]}:",
        *(f"    {line}" for line in end),
    ]


def _where(doubts: Sequence[str], stop: str, *conditions: str) -> list[str]:
    return [f"if {' or '.join((*conditions, *doubts))}:", f"    {stop}"]

"""Finding what applies to a path, and calling the handlers of all phases, without the rest of a request."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.timing import Case
from benchmarks.work import functions, spread_over
from hookchain import OK, Phase
from hookchain.finishing import NOTHING, ending_of
from hookchain.stretches import route_of
from hookchain.testing import make_request

from .standalone import HOOK, chain_of

_COUNTS = (0, 12, 36)


def _hookchain(count: int) -> Callable[[], Any]:
    chain = chain_of(functions(count, HOOK, OK=None))
    req = make_request("/")
    chain.begin(req)
    plan = chain.plan

    def run() -> None:
        req.selection = plan.known.get(req.canonical_path) or plan.select(req)
        stretch = route_of(req)[0]
        if stretch is not None:
            stretch.call(req)
        ending = req.selection.ending or ending_of(req)
        if ending is not NOTHING:
            ending.call(req)

    return run


def _pluggy(count: int) -> Callable[[], Any]:
    import pluggy

    spec, impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")
    names = [phase.value for phase in Phase]
    manager = pluggy.PluginManager("bench")
    bodies = zip(names, functions(12, _SPEC), strict=True)
    specs = {name: staticmethod(spec(firstresult=True)(body)) for name, body in bodies}
    manager.add_hookspecs(type("Specs", (), specs))
    for name, hooks in zip(names, spread_over(functions(count, _SPEC), 12) if count else [], strict=False):
        for hook in hooks:
            manager.register(type("Plugin", (), {name: staticmethod(impl(hook))})())
    callers = [getattr(manager.hook, name) for name in names]

    def run() -> None:
        for call in callers:
            call(req=None)

    return run


_SPEC = "def hook(req):\n    TALLY.n += 1\n"


def _blinker(count: int) -> Callable[[], Any]:
    import blinker

    signals = [blinker.Signal() for _ in Phase]
    for signal, hooks in zip(signals, spread_over(functions(count, _RECEIVER), 12) if count else [], strict=False):
        for hook in hooks:
            signal.connect(hook, weak=False)

    def run() -> None:
        for signal in signals:
            for _, answer in signal.send(None):
                if answer is not None and answer is not OK:
                    return

    return run


_RECEIVER = "def hook(sender):\n    TALLY.n += 1\n"


def _loop(count: int) -> Callable[[], Any]:
    phases = spread_over(functions(count, HOOK, OK=None), 12) if count else [[]] * 12

    def run() -> None:
        for hooks in phases:
            for hook in hooks:
                answer = hook(None)
                if answer is not None and answer is not OK:
                    return

    return run


_SUBJECTS = {"hookchain": _hookchain, "pluggy": _pluggy, "blinker": _blinker, "loop": _loop}


def cases() -> Iterator[Case]:
    """Yield the cases of what is installed."""
    for subject, make in _SUBJECTS.items():
        if subject == "loop" or importlib.util.find_spec(subject) is not None:
            for count in _COUNTS:
                yield Case(f"dispatch/{subject}/{count}", partial(make, count), hooks=count)

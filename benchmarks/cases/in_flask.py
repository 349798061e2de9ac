"""A whole request to a Flask app: with hookchain's handlers, and with as many native functions that do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Flask

from benchmarks.clients import wsgi
from benchmarks.timing import Case
from benchmarks.work import COUNTS, HELLO, functions
from flask_hookchain import FlaskHookChain
from hookchain import OK, HookChain, Phase

from .standalone import HOOK

_NATIVE = (
    ("before_request", "def hook():\n    TALLY.n += 1\n    return None\n"),
    ("after_request", "def hook(response):\n    TALLY.n += 1\n    return response\n"),
    ("teardown_request", "def hook(error):\n    TALLY.n += 1\n    return None\n"),
)
_FILTER = "def hook(req, response):\n    TALLY.n += 1\n    return None\n"


def _app() -> Flask:
    app = Flask("benchmarks", static_folder=None)
    app.add_url_rule("/", "index", lambda: HELLO)
    return app


def _native(count: int, kinds: int) -> Callable[[], Any]:
    app = _app()
    for name, source in _NATIVE[:kinds]:
        for hook in functions(count, source):
            getattr(app, name)(hook)
    return wsgi(app)


def _hookchain(count: int, kinds: int) -> Callable[[], Any]:
    app, chain = _app(), HookChain(access_log=False)
    for hook in functions(count, HOOK, OK=OK):
        chain.register(Phase.FIXUP, hook)
    if kinds > 1:
        for hook in functions(count, _FILTER):
            chain.output_filter(hook)
        for hook in functions(count, HOOK, OK=OK):
            chain.register(Phase.LOG, hook)
    FlaskHookChain(app, chain)
    return wsgi(app)


def cases() -> Iterator[Case]:
    """Yield the cases: N functions before the view, and N before, after and at the end."""
    for kinds, name in ((1, "flask"), (3, "flask-three")):
        for subject, make in (("hookchain", _hookchain), ("native", _native)):
            for count in COUNTS:
                setup = partial(make, count, kinds)
                yield Case(f"{name}/{subject}/{count}", setup, hooks=count * kinds)

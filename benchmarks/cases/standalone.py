"""A whole request to an application that answers hello: hookchain, Werkzeug by hand, and frameworks of its size."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from werkzeug.wrappers import Request, Response

from benchmarks.clients import wsgi
from benchmarks.timing import Case
from benchmarks.work import COUNTS, HELLO, functions, spread_over
from hookchain import AccessLog, HookChain, Phase

HOOK = "def hook(req):\n    TALLY.n += 1\n    return OK\n"
READER = "def hook(req):\n    TALLY.n += 1\n    req.headers\n    return OK\n"
_CLOSURE = """
def hook(app):
    def inner(environ, start_response):
        TALLY.n += 1
        return app(environ, start_response)
    return inner
"""


def chain_of(hooks: list[Any], *, blocking: bool = True, **settings: Any) -> HookChain:
    """Make a chain with hooks in all phases, in those that may say OK without deciding anything."""
    chain = HookChain(**{"access_log": False, **settings})
    phases = [phase for phase in Phase if phase not in {Phase.AUTHEN, Phase.AUTHZ, Phase.CONTENT}]
    for phase, some in zip(phases, spread_over(hooks, len(phases)) if hooks else [], strict=False):
        for hook in some:
            chain.register(phase, hook, blocking=blocking)
    return chain


def declining(count: int) -> list[Any]:
    """Make hooks for every phase: OK would settle some of them."""
    return functions(count, HOOK, OK=None)


def _hookchain(count: int) -> Callable[[], Any]:
    chain = chain_of(declining(count))
    chain.content(lambda _: HELLO)
    return wsgi(chain.wsgi())


def ten_hooks() -> Callable[[], Any]:
    """Make a request through ten hooks."""
    return _hookchain(10)


def _with_response(count: int, source: str = HOOK) -> Callable[[], Any]:
    chain = chain_of(functions(count, source, OK=None))
    chain.content(lambda _: Response(HELLO, mimetype="text/plain"))
    return wsgi(chain.wsgi())


def _around(count: int) -> Callable[[], Any]:
    return wsgi(chain_of(declining(count)).wsgi(_bare))


def _logged() -> Callable[[], Any]:
    stream = open("/dev/null", "w", buffering=1, encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process
    chain = chain_of([], access_log=AccessLog(to=stream))
    chain.content(lambda _: HELLO)
    return wsgi(chain.wsgi())


def _bare(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [HELLO]


def _closures(count: int) -> Callable[[], Any]:
    app: Any = _bare
    for wrap in functions(count, _CLOSURE):
        app = wrap(app)
    return wsgi(app)


def _werkzeug(count: int, source: str = HOOK) -> Callable[[], Any]:
    hooks = tuple(functions(count, source, OK=None))

    def app(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        for hook in hooks:
            answer = hook(request)
            if answer is not None:
                return answer(environ, start_response)
        return Response(HELLO, mimetype="text/plain")(environ, start_response)

    return wsgi(app)


def _bottle(count: int) -> Callable[[], Any]:
    import bottle

    app = bottle.Bottle()
    app.route("/", callback=lambda: HELLO)
    for hook in functions(count, "def hook():\n    TALLY.n += 1\n"):
        app.add_hook("before_request", hook)
    return wsgi(app)


def _falcon(count: int) -> Callable[[], Any]:
    import falcon

    class Hello:
        def on_get(self, _req: Any, resp: Any) -> None:
            resp.data = HELLO
            resp.content_type = "text/plain"

    hooks = functions(count, "def hook(self, req, resp):\n    TALLY.n += 1\n")
    app = falcon.App(middleware=[type("Hook", (), {"process_request": hook})() for hook in hooks])
    app.add_route("/", Hello())
    return wsgi(app)


def _cherrypy(count: int) -> Callable[[], Any]:
    import cherrypy

    class Root:
        def index(self, **_: Any) -> bytes:
            return HELLO

        setattr(index, "exposed", True)  # noqa: B010 - what @cherrypy.expose does, which says nothing of types

    hooks = functions(count, "def hook():\n    TALLY.n += 1\n")
    cherrypy.config.update({"log.screen": False, "environment": "embedded"})
    app = cherrypy.Application(Root(), "", {"/": {f"hooks.before_handler.h{i}": hook for i, hook in enumerate(hooks)}})
    app.log.screen = False
    for log in (app.log, cherrypy.log):
        log.access_log.propagate = log.error_log.propagate = False
    return wsgi(app)


_SUBJECTS: dict[str, tuple[str, Callable[[int], Callable[[], Any]]]] = {
    "hookchain": ("hookchain", _hookchain),
    "hookchain-around": ("hookchain", _around),
    "closures": ("hookchain", _closures),
    "werkzeug": ("werkzeug", _werkzeug),
    "bottle": ("bottle", _bottle),
    "falcon": ("falcon", _falcon),
    "cherrypy": ("cherrypy", _cherrypy),
}


def cases() -> Iterator[Case]:
    """Yield the cases of which the framework is installed."""
    for subject, (module, make) in _SUBJECTS.items():
        if importlib.util.find_spec(module) is not None:
            for count in COUNTS:
                yield Case(f"wsgi/{subject}/{count}", partial(make, count), hooks=count)
    for count in (0, 10):
        yield Case(f"response/hookchain/{count}", partial(_with_response, count), hooks=count)
        yield Case(f"response/werkzeug/{count}", partial(_werkzeug, count), hooks=count)
    yield Case("response/hookchain-read/10", partial(_with_response, 10, READER), hooks=10)
    yield Case("response/werkzeug-read/10", partial(_werkzeug, 10, READER), hooks=10)
    yield Case("log/hookchain/1", _logged)

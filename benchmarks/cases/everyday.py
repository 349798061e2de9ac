"""What many requests are: guarded, posted, rewritten, with headers of a handler; by hookchain, and by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.wrappers import Request, Response

from benchmarks.clients import wsgi
from benchmarks.timing import Case
from benchmarks.work import HELLO
from hookchain import OK, HookChain


def _guarded() -> Callable[[], Any]:
    hooks = HookChain(access_log=False)

    @hooks.authen
    def who(req: Any) -> object:
        if "theme" not in req.cookies:
            return None
        req.user = "ada"
        return OK

    @hooks.authz
    def may(req: Any) -> object:
        return OK if req.user == "ada" else None

    hooks.content(lambda _: HELLO)
    return wsgi(hooks.wsgi())


def _guarded_by_hand() -> Callable[[], Any]:
    def app(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        user = "ada" if "theme" in request.cookies else None
        if user is None:
            return Response("Unauthorized", 401)(environ, start_response)
        if user != "ada":
            return Response("Forbidden", 403)(environ, start_response)
        return Response(HELLO, mimetype="text/plain")(environ, start_response)

    return wsgi(app)


_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


def _with_headers() -> Callable[[], Any]:
    hooks = HookChain(access_log=False)
    hooks.fixup(lambda req: req.err_headers_out.update(_HEADERS))
    hooks.content(lambda _: HELLO)
    return wsgi(hooks.wsgi())


def _with_headers_by_hand() -> Callable[[], Any]:
    def app(environ: Any, start_response: Any) -> Any:
        Request(environ)
        response = Response(HELLO, mimetype="text/plain")
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    return wsgi(app)


def _rewritten() -> Callable[[], Any]:
    hooks = HookChain(access_log=False)

    @hooks.trans
    def rewrite(req: Any) -> None:
        req.path = "/hello" + req.path

    hooks.content("/hello")(lambda _: HELLO)
    return wsgi(hooks.wsgi())


def _rewritten_by_hand() -> Callable[[], Any]:
    def app(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = "/hello" + environ["PATH_INFO"]
        request = Request(environ)
        if not request.path.startswith("/hello"):
            return Response("Not Found", 404)(environ, start_response)
        return Response(HELLO, mimetype="text/plain")(environ, start_response)

    return wsgi(app)


_FORM = b"name=ada&place=London&born=1815"


def _posted() -> Callable[[], Any]:
    hooks = HookChain(access_log=False)
    hooks.content(lambda req: req.get_form()["name"])
    return wsgi(hooks.wsgi(), form=_FORM, body=b"ada")


def _posted_by_hand() -> Callable[[], Any]:
    def app(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        return Response(request.form["name"], mimetype="text/plain")(environ, start_response)

    return wsgi(app, form=_FORM, body=b"ada")


def cases() -> Iterator[Case]:
    """Yield the cases."""
    yield Case("guarded/hookchain/2", _guarded)
    yield Case("guarded/werkzeug/2", _guarded_by_hand)
    yield Case("headers/hookchain/1", _with_headers)
    yield Case("headers/werkzeug/1", _with_headers_by_hand)
    yield Case("rewritten/hookchain/1", _rewritten)
    yield Case("rewritten/werkzeug/1", _rewritten_by_hand)
    yield Case("posted/hookchain/1", _posted)
    yield Case("posted/werkzeug/1", _posted_by_hand)

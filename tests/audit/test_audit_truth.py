"""The audit's verdicts beside what requests without a user experience, for random chains in random apps."""

from __future__ import annotations

import contextlib

from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from werkzeug.exceptions import HTTPException

from flask_hookchain import FlaskHookChain
from hookchain.audit import audit
from hookchain.testing import make_request
from tests.adapters.asgi_server import http_scope, serve
from tests.audit.random_sites import build, chains, check_verdicts, requests, routes

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
REFUSALS = {400, 401, 403, 404, 405}


def answering(status, headers):
    """The name of the route that answered; None where the request was refused."""
    assert status in {200, *REFUSALS}
    return headers.get("X-Route") if status == 200 else None


def written(pieces, begin, end):
    """A path as a framework writes it."""
    return "/" + "/".join(
        f"{begin}{piece[1:-1]}{end}".replace("@", f"v{at}") if piece[0] == "<" else piece
        for at, piece in enumerate(pieces)
    )


@SLOW
@given(chains(endpoints=True), routes(["", "int:", "path:"]), st.integers())
def test_what_the_audit_says_of_a_flask_app_is_what_requests_experience(spec, paths, seed):
    hooks = build(spec)
    if hooks is None:
        return
    app = Flask("site", static_folder=None)
    for index, (pieces, methods, is_strict) in enumerate(paths):
        name = f"r{index}"
        options = {"methods": methods, "strict_slashes": is_strict, "provide_automatic_options": False}
        rule = written(pieces, "<", "@>")
        app.add_url_rule(rule, name, lambda name=name, **_: Response(headers={"X-Route": name}), **options)
    FlaskHookChain(app, hooks)
    client = app.test_client()

    def ask(path, method, host, flags):
        response = client.open(path, method=method, base_url=f"http://{host}", headers={"X-Flags": flags})
        return answering(response.status_code, response.headers)

    def is_routed(route, request):
        with contextlib.suppress(HTTPException):
            return app.url_map.bind("x").match(*request[:2])[0] == route.name
        return route.name[0] == "c"

    check_verdicts(audit(app), ask, requests([pieces for pieces, _, _ in paths], 80, seed), is_routed)


@SLOW
@given(chains(), routes(["", "int:", "path:"]), st.integers(), st.sampled_from(["around", "middleware", "mounted"]))
def test_what_the_audit_says_of_a_starlette_app_is_what_requests_experience(spec, paths, seed, how):
    hooks = build(spec)
    if hooks is None:
        return
    made = []
    for index, (pieces, methods, has_slash) in enumerate(paths):

        async def view(request, name=f"r{index}"):
            return PlainTextResponse("", headers={"X-Route": name})

        path = written([f"<@:{piece[1:-2] or 'str'}>" if piece[0] == "<" else piece for piece in pieces], "{", "}")
        made.append(Route(path + ("/" if has_slash and pieces else ""), view, methods=methods, name=f"r{index}"))
    app = Starlette(routes=made)
    if how == "mounted":
        app = Starlette(routes=[Mount("/a", routes=made)])
        paths = [(["a", *pieces], methods, slash) for pieces, methods, slash in paths]
    if how == "around":
        app = hooks.asgi(app)
    else:
        app.add_middleware(hooks.asgi)

    def ask(path, method, host, flags):
        scope = http_scope(path, method, headers=[("X-Flags", flags), ("Host", host)])
        served = serve(app, scope)
        return answering(served.status if served.status != 307 else 404, served.headers)

    sent = requests([pieces for pieces, _, _ in paths], 40, seed)
    check_verdicts(audit(app), ask, [(path.replace(" ", "%20"), *rest) for path, *rest in sent])


@SLOW
@given(chains(), st.integers())
def test_what_the_audit_says_of_a_chain_is_what_requests_experience(spec, seed):
    hooks = build(spec)
    if hooks is None:
        return

    def ask(path, method, host, flags):
        response = hooks.handle(make_request(path, method, headers={"X-Flags": flags, "Host": host}))
        with contextlib.closing(response):
            return answering(response.status_code, response.headers)

    found = audit(hooks.wsgi())
    sent = requests([["<path:>"], ["a", "<>"], ["b", "<>"]], 100, seed)
    check_verdicts(found, ask, sent, lambda route, _: route.name[:1] == "c")

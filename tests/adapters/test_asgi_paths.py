"""No spelling of a path, and no mount point, brings the app a guarded path that the sections did not see."""

from __future__ import annotations

from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette._utils import get_route_path

from hookchain.paths import normalise
from tests.adapters.asgi_server import http_scope, serve, socket_scope
from tests.asking import quiet
from tests.security.spellings import ENDS, spellings_of, targets

ROOTS = ["", "/", "/api", "/api/", "/private", "/x/private", "/a/b"]


def django_path(scope):
    return scope["path"].removeprefix((scope.get("root_path") or "").rstrip("/"))


def quart_path(scope):
    path, root = scope["path"], (scope.get("root_path") or "").rstrip("/")
    return path.removeprefix(root) if path.startswith(root) else path


def routed(scope):
    """Return the paths below the mount point that frameworks would take out of a scope."""
    return {get_route_path(scope), django_path(scope), quart_path(scope)}


def is_private(path):
    return path == "/private" or path.startswith("/private/")


def reached(scope):
    """Return the scope that the app gets behind a guard of /private; None where it is not reached."""
    hooks, scopes = quiet(), []
    hooks.access("/private")(lambda req: 403)

    async def app(scope, receive, send):
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    served = serve(hooks.asgi(app), scope)
    assert served.status in {200, 400, 403}
    return scopes[0] if scopes else None


def scopes(target, root, is_short):
    scope = http_scope(target, root_path=root)
    return {**scope, "path": unquote(target.partition("?")[0], errors="surrogateescape")} if is_short else scope


@given(targets(), st.sampled_from(ROOTS), st.booleans())
def test_what_reaches_the_app_is_not_private_in_any_key(target, root, is_short):
    told = reached(scopes(target, root, is_short))
    if told is not None:
        for path in routed(told):
            assert not is_private(path)
            assert not is_private(normalise(path or "/"))
        assert unquote_to_bytes(told["raw_path"]) == told["path"].encode()


@given(spellings_of("/private", ends=ENDS), st.sampled_from(ROOTS))
def test_what_means_the_guarded_path_never_reaches_the_app(target, root):
    origin, _, path = target.partition("://")
    path = "/" + path.partition("/")[2] if path else origin
    assert reached(http_scope(path, root_path=root.rstrip("/"))) is None


@pytest.mark.parametrize("root", ROOTS)
def test_a_socket_is_told_the_same_path_as_a_request(root):
    hooks, scopes = quiet(), []

    async def app(scope, receive, send):
        scopes.append((scope["path"], scope["raw_path"]))

    serve(hooks.asgi(app), http_scope("/a//b", root_path=root))
    serve(hooks.asgi(app), socket_scope("/a//b", root_path=root))
    assert scopes[0] == scopes[1]

"""Where Python keeps the attributes of a request: in the request itself, whatever rare ones others got before."""

from __future__ import annotations

import gc

import pytest
from werkzeug.wrappers import Response

from hookchain import OK, Phase
from hookchain.asgi_scope import ScopeRequest
from hookchain.environ_request import EnvironRequest
from tests.asking import by_asgi, by_wsgi, quiet


def has_dictionary(req):
    """Tell whether a dictionary was made for the attributes, as CPython does where they don't fit into the object."""
    return any(type(held) is dict and ("started" in held or "rare_1" in held) for held in gc.get_referents(req))


def with_handlers():
    hooks = quiet()
    for phase in Phase:
        if phase not in {Phase.AUTHEN, Phase.AUTHZ, Phase.CONTENT}:
            hooks.register(phase, lambda req: None, blocking=False)
    return hooks


def guarded():
    hooks = with_handlers()

    @hooks.authen(blocking=False)
    def who(req):
        req.user = "ada"
        return OK

    hooks.register("authz", lambda req: OK, blocking=False)
    return hooks


def crowd(kind):
    """Let one request get so many rare attributes that none is left to be kept in a request itself."""
    other = object.__new__(kind)
    for number in range(30):
        setattr(other, f"rare_{number}", number)
    return other


@pytest.mark.parametrize("make", [quiet, with_handlers, guarded])
@pytest.mark.parametrize("answer", [b"hello", "hello", Response("hello")], ids=["bytes", "text", "response"])
@pytest.mark.parametrize(("ask", "kind"), [(by_wsgi, EnvironRequest), (by_asgi, ScopeRequest)], ids=["wsgi", "asgi"])
def test_an_ordinary_request_has_no_dictionary_made_whatever_others_have_got(ask, kind, answer, make):
    other = crowd(kind)
    seen: list[object] = []
    hooks = make()
    hooks.register("content", lambda req: answer, blocking=False)
    hooks.register("cleanup", lambda req: seen.append(has_dictionary(req)), blocking=False)
    assert (has_dictionary(other), ask(hooks).body, seen) == (True, b"hello", [False])


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_neither_has_one_that_an_app_has_answered():
    crowd(ScopeRequest)
    seen: list[object] = []
    hooks = with_handlers()
    hooks.register("cleanup", lambda req: seen.append(has_dictionary(req)), blocking=False)
    assert (by_asgi(hooks, app=app).body, seen) == (b"hello", [False])

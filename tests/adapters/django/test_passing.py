"""What Django's own response is behind the chain, where nobody but Django has a say in it."""

from __future__ import annotations

import gc
import pickle

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.http.response import ResponseHeaders
from django.middleware.cache import CacheMiddleware
from django.test import RequestFactory, override_settings

from django_hookchain import HookChainMiddleware
from django_hookchain.wsgi_record import WSGIRecord
from hookchain import Response
from hookchain.testing import make_request
from tests.adapters.django.places import project, wsgi_answer
from tests.asking import quiet
from tests.core.test_kept_inline import crowd, has_dictionary


def behind(chain, view):
    """Put a chain before a view, as a middleware before it sees the two."""
    with override_settings(HOOKCHAIN={"CHAIN": chain}):
        return HookChainMiddleware(view)


def test_a_middleware_before_the_chain_finds_the_headers_and_changes_them():
    chain = behind(quiet(), lambda request: HttpResponse(b"hello", headers={"X-One": "1", "X-Two": "2"}))
    response = chain(RequestFactory().get("/"))
    response["X-Three"] = "3"
    response["x-one"] = "one"
    del response["X-Two"]
    assert dict(response.items()) == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": "5",
        "x-one": "one",
        "X-Three": "3",
    }
    assert dict(response.headers) == dict(response.items())


def cached(response):
    """Return a response as a cache of Django's gives it back."""
    return pickle.loads(pickle.dumps(response))  # noqa: S301 - our own


def test_a_response_in_a_cache_is_djangos_own():
    chain = behind(quiet(), lambda request: HttpResponse(b"hello"))
    response = chain(RequestFactory().get("/"))
    kept = cached(response)
    assert type(kept.headers) is ResponseHeaders
    assert dict(kept.items()) == dict(response.items())


@pytest.mark.parametrize("make", [HttpResponse, Response], ids=["Django's", "the chain's"])
def test_a_response_in_a_cache_finishes_no_request(make):
    hooks, finished = quiet(), []
    hooks.log(finished.append)
    hooks.content(lambda req: None if make is HttpResponse else make(b"hello"))
    response = behind(hooks, lambda request: HttpResponse(b"hello"))(RequestFactory().get("/"))
    kept = cached(response)
    assert (kept.content, dict(kept.items())) == (b"hello", dict(response.items()))
    kept.close()
    assert finished == []
    response.close()
    assert len(finished) == 1


def test_a_cache_before_the_chain_keeps_its_response():
    hooks, finished = quiet(), []
    hooks.log(finished.append)
    chain = behind(hooks, lambda request: HttpResponse(b"hello"))
    keep = CacheMiddleware(chain, page_timeout=60)
    for _ in range(2):
        answer = keep(RequestFactory().get("/kept"))
        answer.close()
        assert answer.content == b"hello"
    assert len(finished) == 1


def test_a_response_that_a_view_keeps_and_changes_has_the_length_that_it_has():
    kept = HttpResponse(b"")

    def view(request):
        kept.write("more ")
        return kept

    chain = behind(quiet(), view)
    answers = [chain(RequestFactory().get("/")) for _ in range(3)]
    assert [answer["Content-Length"] for answer in answers] == ["5", "10", "15"]


def test_cookies_are_sent_by_django():
    def view(request):
        made = HttpResponse(b"hello")
        made.set_cookie("csrftoken", "abc")
        made.set_cookie("theme", "dark blue", max_age=60)
        return made

    request = RequestFactory().get("/")
    sent = behind(quiet(), view)(request)
    assert {name: morsel.value for name, morsel in sent.cookies.items()} == {"csrftoken": "abc", "theme": "dark blue"}
    assert (sent.cookies["theme"]["max-age"], sent["Content-Length"]) == (60, "5")
    assert "hookchain.request" not in request.META  # it is over


closed = []
LONG_WAY = {
    "odd cookie": (lambda made: made.set_cookie("a", path="/\x7f"), lambda sent: sent.status_code == 500),
    "phrase": (lambda made: setattr(made, "reason_phrase", "Fine"), lambda sent: sent.reason_phrase == "Fine"),
    "no body": (lambda made: setattr(made, "status_code", 204), lambda sent: "Content-Length" not in sent),
    "closer": (lambda made: made._resource_closers.append(lambda: closed.append(1)), lambda sent: closed == [1]),
    "odd header": (lambda made: made.__setitem__("X-Odd", "\x7f"), lambda sent: sent.status_code == 500),
}


@pytest.mark.parametrize("case", LONG_WAY)
def test_what_is_more_than_a_body_and_headers_goes_the_long_way_out(case, error_log):
    closed.clear()
    change, is_kept = LONG_WAY[case]

    def view(request):
        made = HttpResponse(b"")
        change(made)
        return made

    request = RequestFactory().get("/")
    sent = behind(quiet(), view)(request)
    assert request.META["hookchain.request"].response.status_code == sent.status_code
    sent.close()
    assert is_kept(sent)


@pytest.mark.parametrize("logs", [False, True])
def test_a_request_that_is_over_waits_for_no_garbage_collector(logs):
    hooks = quiet()
    if logs:
        hooks.log(lambda req: None)

    def left(app, environ, begun):
        gc.collect()
        gc.freeze()  # what was there before is none of it
        gc.disable()
        try:
            for _ in range(10):
                wsgi_answer(app, dict(environ), begun)
                begun.clear()
            return gc.collect()
        finally:
            gc.enable()
            gc.unfreeze()

    with project(hooks) as begun:
        app, environ = WSGIHandler(), dict(make_request("/").environ)
        # What else happens in the process may leave something once, and not each time.
        assert min(left(app, environ, begun) for _ in range(3)) == 0


def test_a_request_that_is_not_answered_yet_has_no_response():
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: seen.append(req.response))
    behind(hooks, lambda _: HttpResponse(b"hello"))(RequestFactory().get("/"))
    assert seen == [None]


def test_what_django_has_sent_counts_whatever_a_handler_had_set_before():
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: setattr(req, "response", Response("early")))
    hooks.log(lambda req: seen.append(req.response.get_data()))
    behind(hooks, lambda _: HttpResponse(b"hello"))(RequestFactory().get("/")).close()
    assert seen == [b"hello"]


def test_a_view_may_forget_the_record():
    chain = behind(quiet(), lambda request: request.META.clear() or HttpResponse(b"hello"))
    assert chain(RequestFactory().get("/")).content == b"hello"


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({}, {}),
        ({"RAW_URI": "/echo/x?a=b"}, {"RAW_URI": "/echo/x?a=b"}),
        ({"REQUEST_URI": "/echo/x?a=b"}, {"REQUEST_URI": "/echo/x?a=b"}),
        (
            {"RAW_URI": "/echo//x?a=b", "REQUEST_URI": "/echo/x?a=b"},
            {"RAW_URI": "/echo/x?a=b", "REQUEST_URI": "/echo/x?a=b"},
        ),
        ({"RAW_URI": "/echo/%78?a=b"}, {"RAW_URI": "/echo/x?a=b"}),
    ],
)
def test_the_view_sees_the_target_in_its_one_spelling(said, seen):
    met = []

    def view(request):
        met.append({key: value for key, value in request.META.items() if key in {"RAW_URI", "REQUEST_URI"}})
        return HttpResponse(b"")

    behind(quiet(), view)(RequestFactory().get("/echo/x?a=b", **said))
    assert met == [seen]


def test_an_ordinary_request_has_no_dictionary_made_whatever_others_have_got():
    crowd(WSGIRecord)
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: None if req.endpoint else 500)
    hooks.log(lambda req: seen.append(has_dictionary(req)))
    behind(hooks, lambda _: HttpResponse(b"hello"))(RequestFactory().get("/")).close()
    assert seen == [False]

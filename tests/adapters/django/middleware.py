"""Middleware that stands around the chain in tests; each can be sync and async."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse
from django.utils.decorators import async_only_middleware, sync_and_async_middleware
from django.utils.functional import SimpleLazyObject


def _both(before=None, after=None):
    @sync_and_async_middleware
    def factory(get_response):
        async def acall(request):
            early = before and before(request)
            response = early or await get_response(request)
            return after(request, response) if after else response

        def call(request):
            early = before and before(request)
            response = early or get_response(request)
            return after(request, response) if after else response

        return acall if iscoroutinefunction(get_response) else call

    return factory


def _fail(request):
    raise ZeroDivisionError("a middleware's")


def _other_route(request):
    if "to" in request.GET:
        request.path_info = request.GET["to"]


def _other_table(request):
    if "table" in request.GET:
        request.urlconf = request.GET["table"]


class Somebody:
    """A user of whom no database knows."""

    is_authenticated = True

    def __str__(self):
        return "somebody"


def _found_off_the_loop():
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return Somebody()


reads_the_body = _both(before=lambda request: request.body and None)
fails = _both(before=_fail)
fails_afterwards = _both(after=lambda request, response: _fail(request))
saves = _both(after=lambda request, response: HttpResponse("saved") if response.status_code == 500 else response)
replaces = _both(after=lambda request, response: HttpResponse("replaced"))
names_a_user = _both(before=lambda request: setattr(request, "user", Somebody()))
names_a_user_lazily = _both(before=lambda request: setattr(request, "user", SimpleLazyObject(_found_off_the_loop)))
routes_elsewhere = _both(before=_other_route)
routes_by_another_table = _both(before=_other_table)


@async_only_middleware
def slow(get_response):
    """Wait behind the chain's answer, on the loop."""

    async def call(request):
        response = await get_response(request)
        await asyncio.sleep(10)
        return response

    return call


@sync_and_async_middleware
def fails_at_the_view(get_response):
    """Raise where Django is about to call the view."""
    middleware = reads_the_body(get_response)

    def process_view(request, *_):
        raise ZeroDivisionError("a middleware's")

    async def aprocess_view(request, *_):
        raise ZeroDivisionError("a middleware's")

    middleware.process_view = aprocess_view if iscoroutinefunction(get_response) else process_view
    return middleware

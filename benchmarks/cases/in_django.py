"""A whole request to Django: with hookchain's handlers, and with as many native middlewares that do the same."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from benchmarks.clients import wsgi
from benchmarks.timing import Case
from benchmarks.work import COUNTS, HELLO, functions
from django_hookchain import HookChainMiddleware
from hookchain import HookChain, Phase

from .standalone import HOOK

_FUNCTION = """
def hook(get_response):
    def inner(request):
        TALLY.n += 1
        return get_response(request)
    return inner
"""
_CLASS = """
class hook(MiddlewareMixin):
    def process_request(self, request):
        TALLY.n += 1
        return None
"""
_NAME = "benchmarks_in_django"


def _view(_: HttpRequest) -> HttpResponse:
    return HttpResponse(HELLO, content_type="text/plain")


_module: Any = types.ModuleType(_NAME)
_module.urlpatterns = [path("", _view)]
sys.modules[_NAME] = _module


def project(middleware: list[Any], **more: Any) -> Any:
    """Make Django's WSGI application of a project that says hello."""
    if not settings.configured:
        settings.configure(ROOT_URLCONF=_NAME, ALLOWED_HOSTS=["*"], SECRET_KEY="benchmarks", LOGGING_CONFIG=None)  # noqa: S106
        django.setup(set_prefix=False)
    names = [f"m{len(vars(_module)) + number}" for number in range(len(middleware))]
    vars(_module).update(zip(names, middleware, strict=True))
    given = {"MIDDLEWARE": [f"{_NAME}.{name}" for name in names], **more}
    for name, value in given.items():
        setattr(settings, name, value)
    return WSGIHandler()


def _native(count: int, source: str) -> Callable[[], Any]:
    return wsgi(project(functions(count, source, MiddlewareMixin=MiddlewareMixin)))


def _hookchain(count: int) -> Callable[[], Any]:
    chain = HookChain(access_log=False)
    for hook in functions(count, HOOK, OK=None):
        chain.register(Phase.FIXUP, hook)
    return wsgi(project([HookChainMiddleware], HOOKCHAIN={"CHAIN": chain}))


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for count in COUNTS:
        yield Case(f"django/hookchain/{count}", partial(_hookchain, count), hooks=count)
        yield Case(f"django/functions/{count}", partial(_native, count, _FUNCTION), hooks=count)
        yield Case(f"django/classes/{count}", partial(_native, count, _CLASS), hooks=count)

"""The contract in Django, under WSGI and under ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import os

import django
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import re_path

from hookchain.testing.contract import PAGE, ASGIPlace, Contract, Difference, WSGIPlace, answer, is_plain_page

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.adapters.django.project.settings")
django.setup()


PAGES = Difference(
    "Django has pages of its own for these statuses",
    lambda answer: answer.status in {400, 403, 404, 500} and is_plain_page(answer),
    PAGE,
)
CANCELLED = Difference(
    "Django ends without a word what was cancelled",
    lambda answer: isinstance(answer.raised, asyncio.CancelledError),
    ("is_complete", "raised"),
)
LEAVES = {"asgiref.local", "deadlock_context"}  # Django's own: the script prefix, the URLconf, the language; asgiref's


def page(request):
    query, user = request.META["QUERY_STRING"], request.META.get("REMOTE_USER")
    made = answer(request.method, request.path_info, query, user, request.body)
    is_whole = isinstance(made.body, bytes)
    response = (HttpResponse if is_whole else StreamingHttpResponse)(made.body, status=made.status)
    del response.headers["Content-Type"]
    for name, value in made.headers:
        if name == "Set-Cookie":
            key, _, rest = value.partition("=")
            response.set_cookie(key, rest.partition(";")[0])
        else:
            response.headers[name] = value
    return response


@contextlib.contextmanager
def site(chain):
    """Be a site whose every path leads to the page."""
    settings = {
        "HOOKCHAIN": {"CHAIN": chain},
        "MIDDLEWARE": ["django_hookchain.HookChainMiddleware"],
        "ROOT_URLCONF": (re_path("", page, name="page"),),
    }
    with override_settings(**settings):
        yield


class ClosingHandler(ASGIHandler):
    """Closes the file of a request's body, which Django leaves open where a request fails."""

    async def read_body(self, receive):
        file = await super().read_body(receive)
        asyncio.current_task().add_done_callback(lambda _: file.close())
        return file


class UnderWSGI(WSGIPlace):
    name = "Django, under WSGI"
    hears_refusals = False  # Django closes no response that its server has refused
    endpoint = "page"
    shows_exceptions = False  # Django answers them itself
    leaves = LEAVES
    differences = (PAGES,)

    def application(self, chain):
        return WSGIHandler()

    @contextlib.contextmanager
    def serving(self, chain):
        with site(chain), super().serving(chain) as server:
            yield server


class UnderASGI(ASGIPlace):
    name = "Django, under ASGI"
    # Django lets the task of a request run on when its server has cancelled it, and closes the response no more.
    hears_cancellation = False
    endpoint = "page"
    shows_exceptions = False  # Django answers them itself
    leaves = LEAVES
    differences = (PAGES, CANCELLED)

    def application(self, chain):
        return ClosingHandler()

    @contextlib.contextmanager
    def serving(self, chain):
        with site(chain), super().serving(chain) as server:
            yield server


class TestWSGI(Contract):
    place = UnderWSGI()


class TestASGI(Contract):
    place = UnderASGI()

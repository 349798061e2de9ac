"""The server of README.md's contract in Django: the same guards, and the two applications as views.

A server imports ``application`` (WSGI) or ``asgi_application`` from here, with the variables of contract_server.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from hookchain import AccessLog
from tests.security.contract_app import admin_app, open_app
from tests.security.contract_server import ACCESS_LOG, HANDED_OVER, LOGS, ROOT, make_chain


def _run(app: Any, request: HttpRequest, prefix: str) -> HttpResponse:
    """Answer as a WSGI application does."""
    started: list[Any] = []
    path = request.path_info.encode().decode("latin-1")
    environ = {**request.META, "SCRIPT_NAME": prefix, "PATH_INFO": path[len(prefix) :]}
    body = b"".join(app(environ, lambda status, headers: started.append((status, headers))))
    status, headers = started[0]
    return HttpResponse(body, status=int(status[:3]), headers=dict(headers))


def admin(request: HttpRequest) -> HttpResponse:
    """Stand for what is guarded."""
    return _run(admin_app, request, "/admin")


def opened(request: HttpRequest) -> HttpResponse:
    """Stand for what is open."""
    return _run(open_app, request, "/open")


def absent(_: HttpRequest) -> HttpResponse:
    """Answer as the plain contract does where there is nothing."""
    return HttpResponse("no such page\n", status=404, content_type="text/plain; charset=utf-8")


urlpatterns = [re_path("^admin(?:/|$)", admin), re_path("^open(?:/|$)", opened), re_path("", absent)]


def counted(get_response: Any) -> Any:
    """Stand before the chain, and write a line for each request that comes so far."""

    def call(request: HttpRequest) -> Any:
        os.write(_reached, b".\n")
        return get_response(request)

    return markcoroutinefunction(call) if iscoroutinefunction(get_response) else call


counted.async_capable = counted.sync_capable = True  # type: ignore[attr-defined]


if ROOT in os.environ:
    _logs = Path(os.environ[LOGS])
    _reached = os.open(_logs / HANDED_OVER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    settings.configure(
        ALLOWED_HOSTS=["*"],
        HOOKCHAIN={"CHAIN": make_chain(os.environ[ROOT], AccessLog("combined", to=_logs / ACCESS_LOG))},
        LOGGING_CONFIG=None,
        MIDDLEWARE=["tests.security.django_contract.counted", "django_hookchain.HookChainMiddleware"],
        ROOT_URLCONF="tests.security.django_contract",
        SECRET_KEY="of no importance",  # noqa: S106
    )
    application = get_wsgi_application()
    _site = get_asgi_application()


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Give Django what it speaks, and refuse WebSockets as a router in front of Django does."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        await _site(scope, receive, send)

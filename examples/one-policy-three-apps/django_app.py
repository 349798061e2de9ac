"""A Django app under the policy: ``gunicorn django_app:application``."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=secrets.token_hex(),
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_hookchain"],
    MIDDLEWARE=["django_hookchain.HookChainMiddleware"],
    HOOKCHAIN={"CHAIN": "policy.hooks"},
)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Greet everybody."""
    return HttpResponse("welcome\n")


@require_safe
def private(request: HttpRequest) -> HttpResponse:
    """Greet whom the policy has let in."""
    return HttpResponse(f"hello {request.META['REMOTE_USER']}\n")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stock(request: HttpRequest) -> HttpResponse:
    """Tell what the office may know."""
    return HttpResponse("12 lamps\n")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise RuntimeError("this view is broken")


urlpatterns = [
    path("", home),
    path("private", private),
    path("private/board", private),
    path("internal/stock", stock),
    path("broken", broken),
]
application = get_wsgi_application()

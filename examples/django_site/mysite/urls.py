"""The routes of the example."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path


def front(request: HttpRequest) -> HttpResponse:
    """Greet whoever is there."""
    return HttpResponse(f"Hello {request.user.get_username() or 'you'}.\n", content_type="text/plain")


urlpatterns = [path("", front), path("admin/", admin.site.urls)]

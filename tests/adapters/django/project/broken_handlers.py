"""Routes whose error handlers fail."""

from __future__ import annotations

from typing import NoReturn

from django.http import HttpRequest

urlpatterns: list[object] = []


def handler403(_: HttpRequest, exception: Exception) -> NoReturn:
    """Fail."""
    raise ZeroDivisionError("a broken handler403")

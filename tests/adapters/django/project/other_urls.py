"""Another table of routes, such as a site for another host has."""

from __future__ import annotations

from django.urls import path

from .urls import echo

urlpatterns = [path("async", echo, name="other")]

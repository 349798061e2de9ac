"""A Django project for the tests, and the ways to ask it."""

from __future__ import annotations

import gc
import os

import django
import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.adapters.django.project.settings"
django.setup()

from tests.adapters.django.places import PLACES  # noqa: E402 - Django has to be set up


@pytest.fixture(autouse=True)
def _own_garbage():
    """Let tests that collect garbage look at their own alone, and not at what all tests before have left."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=sorted(PLACES))
def ask(request):
    """Ask a chain in the project by WSGI and ASGI: a promise holds in each."""
    return PLACES[request.param]

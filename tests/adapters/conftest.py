"""Fixtures that tests of several adapters share."""

from __future__ import annotations

import pytest

from hookchain import asgi, direct_app, outgoing
from tests.adapters.asgi_server import PATIENCE


@pytest.fixture
def patient(monkeypatch):
    """Let no request count as long because the machine stalled: then the server would be asked after the client."""
    for module in (asgi, direct_app, outgoing):
        monkeypatch.setattr(module, "LONG", PATIENCE)

"""What all tests share: the ways in which a chain can be asked, as fixtures."""

from __future__ import annotations

import pytest

from tests.asking import WAYS, own_receivers


@pytest.fixture(autouse=True)
def _nobody_listens_afterwards():
    with own_receivers():
        yield


@pytest.fixture(params=sorted(WAYS))
def ask(request):
    """Ask a chain for a path by ``handle``, by ``ahandle``, and as a WSGI application: a promise holds in each."""
    return WAYS[request.param]


@pytest.fixture(params=["ahandle", "asgi", "wsgi"])
def ask_async(request):
    """Ask a chain that may have async handlers."""
    return WAYS[request.param]


@pytest.fixture
def error_log(caplog):
    """Return what the error log says."""
    caplog.set_level("DEBUG", logger="hookchain")

    def text():
        return "\n".join(
            record.getMessage() + (f"\n{record.exc_text}" if record.exc_text else "")
            for record in caplog.records
            if record.name == "hookchain"
        )

    return text

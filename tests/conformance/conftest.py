"""The document root of the recorded scenarios, built once."""

from __future__ import annotations

import pytest

from tests.conformance.scenarios import build_site


@pytest.fixture(scope="session")
def docroot(tmp_path_factory):
    return str(build_site(tmp_path_factory.mktemp("docroot")))

"""Django's system checks: everything that ``hookchain check`` finds, and the settings."""

from __future__ import annotations

from typing import Any

from django.core import checks

from .settings import findings


def check_hookchain(**_: Any) -> list[checks.CheckMessage]:
    """Return what is wrong with the chain, its setting and its place; the ids are ``hookchain.`` and the code."""
    found: list[checks.CheckMessage] = []
    for finding in findings():
        kind = checks.Error if finding.is_error else checks.Warning
        places = "".join(f"\n    at {place}" for place in finding.places)
        found.append(kind(finding.message + places, hint=finding.remedy, id=f"hookchain.{finding.code}"))
    return found

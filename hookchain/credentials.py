"""Credentials, read strictly: what is not well-formed is as good as not there.

Source: RFC 7617, section 2; ``security/RULES.md`` 11.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from werkzeug.datastructures import Authorization

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = 8192


def parse_authorization(values: Sequence[str]) -> Authorization | None:
    """Read the Authorization header.

    Args:
        values: its values, one for each time that it was sent.

    Returns:
        Werkzeug's Authorization; None where it was not sent once, is longer than 8 KiB, or is not well-formed.
    """
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() == "basic":
        return _parse_basic(token.strip(" "))
    return Authorization.from_header(values[0])


def _parse_basic(token: str) -> Authorization | None:
    try:
        text = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    username, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        return None
    return Authorization("basic", {"username": username, "password": password})

"""The access log's `json` format: one JSON object a line, with keys that stay."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .log_format import compile_value
from .log_line import utf8
from .log_time import EachSecond, iso_template, microseconds
from .log_values import MISSING, final_of, original_of

if TYPE_CHECKING:
    from .request import Request

Field = Callable[["Request", "Request"], object]
"""Reads a field's value from the first and the last record of a request."""

_logger = logging.getLogger("hookchain")


def _time() -> Field:
    template = EachSecond(iso_template)
    return lambda first, _: template(first) % (microseconds(first.start_time) // 1_000 % 1_000)


def _user(_: Request, last: Request) -> object:
    return None if last.user is None else str(last.user)


_FIELDS: Mapping[str, Field] = {
    "remote_addr": lambda first, _: first.remote_addr,
    "user": _user,
    "method": lambda first, _: first.method,
    "uri": lambda first, _: first.uri,
    "query": lambda first, _: first.query_string.decode("utf-8", "surrogateescape"),
    "protocol": lambda first, _: first.protocol,
    "status": lambda _, last: last.status,
    "bytes_sent": lambda first, _: first.bytes_sent,
    "duration": lambda first, _: round(first.duration, 6),
    "referer": lambda first, _: first.headers.get("Referer"),
    "user_agent": lambda first, _: first.headers.get("User-Agent"),
    "host": lambda first, _: first.headers.get("Host"),
    "decided_by": lambda _, last: last.decided_by,
    "aborted": lambda first, _: first.aborted,
}


def _directive_field(text: str) -> Field:
    value = compile_value(text)

    def field(first: Request, _: Request) -> object:
        written = value(first)
        return None if written == MISSING else written

    return field


def compile_json(fields: Mapping[str, str], end: str = "") -> Callable[[Request], str]:
    """Make a function that writes a request as one line of JSON in ASCII.

    Args:
        fields: formats such as "%{X-Request-Id}i" by key. They replace fields of the same key and stand behind the
            others; their values are strings, and null where the text is "-".
        end: what the line ends with.

    Returns:
        The function. What the client asked for comes from the first record, status, user and ``decided_by`` from the
        last; a field that cannot be read is null, and logged.

    Raises:
        DeclarationError: a format is wrong.
    """
    own = {key: _directive_field(text) for key, text in fields.items()}
    readers: dict[str, Field] = {"time": _time(), **_FIELDS, **own}

    def line(record: Request) -> str:
        first, last = original_of(record), final_of(record)
        values: dict[str, object] = {}
        for key, read in readers.items():
            try:
                values[key] = _clean(read(first, last))
            except Exception:
                _logger.exception("the field %r of an access log failed; null stands in its place", key)
                values[key] = None
        return json.dumps(values) + end

    return line


def _clean(value: object) -> object:
    r"""Write bytes that are no UTF-8 as "\xhh", since JSON has no other place for them."""
    if not isinstance(value, str) or value.isascii():
        return value
    return utf8(value).decode("utf-8", "backslashreplace")

"""Whether a place did the same as the chain does without a server: byte for byte, handler by handler."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from werkzeug.sansio.response import Response

from hookchain.request import TraceEntry

from .exchanges import Answer, Difference

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def outcome(answer: Answer) -> dict[str, Any]:
    """Return all that can be seen of a request, part by part.

    Args:
        answer: what came back.

    Returns:
        "status", "body", "raised", "is_complete", "header NAME" for each header, "line" (of the access log),
        "trace", and what handlers see of the request, such as "bytes_sent" and "decided_by".
    """
    req = answer.req
    parts: dict[str, Any] = {"status": answer.status, "body": answer.body, "raised": type(answer.raised)}
    parts["is_complete"] = answer.is_complete
    for name in sorted({name.lower() for name, _ in answer.headers}):
        parts[f"header {name}"] = answer.headers.getlist(name)
    parts["line"] = answer.line
    parts["trace"] = [_told(entry) for entry in req.trace or ()]
    parts.update({name: getattr(req, name) for name in _OF_THE_REQUEST}, logged_status=req.status)
    parts["decided_by"] = _handler_name(req.decided_by or "")
    parts["exception"] = type(_unwrapped(req.exception))
    parts["options"] = dict(req.options)
    return parts


_OF_THE_REQUEST = (
    *("method", "path", "unparsed_uri", "query_string", "scheme", "host", "root_path", "remote_addr", "protocol"),
    *("bytes_sent", "bytes_received", "aborted", "user", "auth_type", "filename", "path_info", "notes"),
)


def _told(entry: TraceEntry) -> tuple[str, str, str, str]:
    return entry.phase.name, _handler_name(entry.handler), _described(entry.answer), entry.record


def _unwrapped(error: BaseException | None) -> BaseException | None:
    # StopIteration leaves no coroutine as it is (PEP 479), and some places have coroutines where others have none.
    is_wrapped = isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration)
    return error.__cause__ if is_wrapped and error is not None else error


def _handler_name(name: str) -> str:
    # What stands behind is called after the app, which is another one in each place.
    return "app" if name.startswith("app ") else name


def _described(answer: object) -> str:
    if isinstance(answer, Response):
        return f"a response {answer.status_code}"
    if isinstance(answer, BaseException):
        return type(answer).__name__
    return _ADDRESS.sub("", repr(answer))


def check_same(there: Answer, here: Answer, differences: Iterable[Difference]) -> None:
    """Check that two requests had the same outcome.

    Args:
        there: what came back in the place.
        here: what came back without a server.
        differences: what the place may do otherwise.

    Raises:
        AssertionError: they differ; the message says in which parts.
    """
    may_differ = {part for difference in differences if difference.applies(here) for part in difference.parts}
    if there.req.trace is None:
        may_differ.add("trace")
    in_place, without = outcome(there), outcome(here)
    differing = [
        part
        for part in dict.fromkeys([*without, *in_place])
        if part not in may_differ and in_place.get(part) != without.get(part)
    ]
    lines = [
        f"{part}\n    there:          {in_place.get(part)!r}\n    without server: {without.get(part)!r}"
        for part in differing
    ]
    if lines:
        raise AssertionError("another outcome than without a server:\n" + "\n".join(lines))

"""The error log: one way to write down what went wrong, under the logger ``hookchain``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import Request

logger = logging.getLogger("hookchain")


def log_error(req: Request, who: str, error: BaseException) -> None:
    """Log an exception with its traceback.

    Args:
        req: the request in which it happened.
        who: what raised it: a handler with its place, or what else ran.
        error: the exception.
    """
    logger.error("%s failed on %s %s: %r", who, req.method, printable(req.unparsed_uri), error, exc_info=error)


def log_refusal(req: Request, reason: str) -> None:
    """Log why a request was refused, where that is nobody's programming error."""
    logger.warning("%s %s: %s", req.method, printable(req.unparsed_uri), reason)


def printable(text: str) -> str:
    """Return text from a request so that it can't break or forge a log line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)

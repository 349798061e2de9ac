"""flask_hookchain: a chain of request handlers inside a Flask app."""

from __future__ import annotations

from hookchain import MissingExtraError

try:
    from .extension import FlaskHookChain
except ModuleNotFoundError as error:
    if error.name != "flask":
        raise
    raise MissingExtraError("flask", "flask") from error

__all__ = ["FlaskHookChain"]

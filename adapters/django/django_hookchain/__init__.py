"""django_hookchain: hookchain's chains as Django middleware, with settings, system checks and a command."""

from __future__ import annotations

from hookchain import MissingExtraError

try:
    from .auth import session_user
    from .middleware import HookChainMiddleware
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "django":
        raise
    raise MissingExtraError("django", "Django") from error

__all__ = ["HookChainMiddleware", "session_user"]

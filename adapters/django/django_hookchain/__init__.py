"""django_hookchain: hookchain's chains as Django middleware, with settings, system checks and a command."""

from __future__ import annotations

from .auth import session_user
from .middleware import HookChainMiddleware

__all__ = ["HookChainMiddleware", "session_user"]

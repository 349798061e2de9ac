"""Who the user is: Django's login as an AUTHEN handler, and a name as Django's user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import auth
from werkzeug.exceptions import Unauthorized

from hookchain import DECLINED, OK, HookChainError, Result

if TYPE_CHECKING:
    from hookchain import Request


def session_user(req: Request) -> Result:
    """Take the user who has logged in with Django; an AUTHEN handler.

    Args:
        req: the request; ``SessionMiddleware`` stands before the chain.

    Returns:
        OK, or DECLINED where nobody has logged in.

    Raises:
        HookChainError: there is no session.
    """
    if not hasattr(req.native, "session"):
        raise HookChainError(
            "session_user needs a session: put HookChainMiddleware directly behind AuthenticationMiddleware"
        )
    user = auth.get_user(req.native)
    if not user.is_authenticated:
        return DECLINED
    req.user, req.auth_type = user, "session"
    return OK


def uses_remote_users() -> bool:
    """Tell whether a name that something in front of Django has found out becomes a user of Django's."""
    if not apps.is_installed("django.contrib.auth"):
        return False
    from django.contrib.auth.backends import RemoteUserBackend  # noqa: PLC0415 - needs the app

    return any(isinstance(backend, RemoteUserBackend) for backend in auth.get_backends())


def remote_user(native: Any, name: str) -> Any:
    """Return Django's user of a name.

    Raises:
        Unauthorized: Django knows none.
    """
    return _known(auth.authenticate(native, remote_user=name), name)


async def aremote_user(native: Any, name: str) -> Any:
    """Return Django's user of a name, like ``remote_user``."""
    return _known(await auth.aauthenticate(native, remote_user=name), name)


def _known(user: Any, name: str) -> Any:
    if user is None:
        raise Unauthorized(f"Django knows no user {name!r}.")
    return user

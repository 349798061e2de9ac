"""A backend that makes no users of names it does not know."""

from __future__ import annotations

from django.contrib.auth.backends import RemoteUserBackend


class KnownUsers(RemoteUserBackend):
    """Takes only those that are there."""

    create_unknown_user = False

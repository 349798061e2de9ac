"""The app for INSTALLED_APPS: it brings the system checks and the command."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register

from .checks import check_hookchain


class HookChainConfig(AppConfig):
    """Registers the system checks."""

    name = "django_hookchain"
    verbose_name = "hookchain"

    def ready(self) -> None:
        """Let ``manage.py check``, ``runserver`` and ``migrate`` look at the chain."""
        register(check_hookchain, Tags.security)

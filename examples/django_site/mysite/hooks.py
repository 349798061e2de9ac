"""The chain: who may come near the admin, and from where."""

from __future__ import annotations

import ipaddress

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse

from django_hookchain import session_user
from hookchain import OK, HookChain, Request, Result

OFFICE = [ipaddress.ip_network(name) for name in ("127.0.0.0/8", "::1/128", "10.0.0.0/8")]

hooks = HookChain("mysite")
admin = hooks.section("/admin")


@admin.access
def office_only(req: Request) -> int | None:
    """Hide the admin from everybody outside."""
    address = ipaddress.ip_address(req.remote_addr or "0.0.0.0")  # noqa: S104 - an address that is in no network
    return None if any(address in network for network in OFFICE) else 404


admin.authen(session_user)


@admin.authen
def to_the_login(req: Request) -> HttpResponse:
    """Send those who have not logged in to the page where they can: Django's responses are answers too."""
    return redirect_to_login(req.path)


@admin.authz
def staff_only(req: Request) -> Result | int:
    """Let staff in."""
    return OK if req.user.is_staff else 403


# The login page itself has to be reached by those who have not logged in yet.
hooks.section("/admin/login", public=True)


@hooks.header_parser
def never_framed(req: Request) -> None:
    """Say with every response, Django's error pages included, that no other site may frame it."""
    req.err_headers_out["Content-Security-Policy"] = "frame-ancestors 'none'"

"""The policy: who may come in from where, what each request is called, and what is written about it.

It knows no framework. ``flask_app.py``, ``django_app.py`` and ``fastapi_app.py`` use it as it stands.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
import uuid
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from hookchain import DECLINED, OK, AccessLog, HookChain, Request, Result

OFFICE = ipaddress.ip_network("127.0.0.1/32")
USERS = Path(__file__).with_name("users.htpasswd")
NOBODY = generate_password_hash("")
REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

hooks = HookChain(
    "policy",
    challenge='Basic realm="staff", charset="UTF-8"',
    access_log=AccessLog('%h %u "%r" %>s %{request_id}n', to=os.environ.get("ACCESS_LOG") or sys.stdout),
)


@hooks.post_read_request
def name_the_request(req: Request) -> None:
    """Give every request an id, the client's own where it is fit to be logged, and tell it in every response."""
    told = req.headers.get("X-Request-Id", "")
    req.notes["request_id"] = told if REQUEST_ID.fullmatch(told) else uuid.uuid4().hex
    req.err_headers_out["X-Request-Id"] = req.notes["request_id"]


@hooks.access("/internal")
def office_only(req: Request) -> int | None:
    """Let in whoever calls from the office's network."""
    return None if ipaddress.ip_address(req.remote_addr or "::") in OFFICE else 403


@hooks.authen("/private")
def by_password(req: Request) -> Result:
    """Find out who the user is; to decline is to say "nobody whom I know", and that is a 401."""
    login = req.authorization
    if login is None or login.type != "basic":
        return DECLINED
    users = dict(line.split(":", 1) for line in USERS.read_text(encoding="utf-8").splitlines())
    # A name that does not exist takes as long as one that does, so that nobody learns names by the clock.
    known = check_password_hash(users.get(login.username or "", NOBODY), login.password or "")
    if not known or login.username not in users:
        return DECLINED
    req.user, req.auth_type = login.username, "Basic"
    return OK


@hooks.authz("/private/board")
def board_only(req: Request) -> Result:
    """Let the board in; nobody else says OK, and that is a 403."""
    return OK if req.user == "alice" else DECLINED

"""The server of README.md's contract, built on what hookchain makes public.

A WSGI server imports ``application`` from here. Two variables of the process tell it where things are: CONTRACT_ROOT,
the document root, and CONTRACT_LOGS, a folder for the access log and for a note of each request that the server handed
over.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hookchain import DECLINED, OK, AccessLog, HookChain, Request, Result
from tests.security.contract_app import mount_by_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = "CONTRACT_ROOT"
LOGS = "CONTRACT_LOGS"
ACCESS_LOG = "access.log"
HANDED_OVER = "handed-over.log"

USER, PASSWORD = b"alice", b"wonderland"


def only_alice(req: Request) -> Result:
    """Let alice in, and compare all of what was sent in a time that does not tell how much of it was right."""
    sent = req.authorization
    if sent is None or sent.type != "basic":
        return DECLINED
    user = hmac.compare_digest((sent.username or "").encode(), USER)
    password = hmac.compare_digest((sent.password or "").encode(), PASSWORD)
    if not (user and password):
        return DECLINED
    req.user, req.auth_type = sent.username, "Basic"
    return OK


def make_chain(document_root: str, access_log: AccessLog | None = None) -> HookChain:
    """Guard what the contract says."""
    hooks = HookChain(
        "contract",
        document_root=document_root,
        access_log=access_log or False,
        challenge='Basic realm="contract", charset="UTF-8"',
    )
    for location in ("/private", "/admin"):
        hooks.section(location).authen(only_alice)
    for file in ("/private/exact.txt", "/members.txt"):
        hooks.section(file, exact=True).authen(only_alice)
    return hooks


class Counted:
    """An app that writes a line for each request that the server hands over, so that none can get lost unseen."""

    def __init__(self, app: WSGIApplication, note: Path) -> None:
        """Note the requests of an app in a file."""
        self.app = app
        self.note = os.open(note, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Note the request and hand it on."""
        os.write(self.note, b".\n")
        return self.app(environ, start_response)


def make_application(document_root: str, logs: Path) -> WSGIApplication:
    """Put the chain around the two applications of the contract."""
    chain = make_chain(document_root, AccessLog("combined", to=logs / ACCESS_LOG))
    return Counted(chain.wsgi(mount_by_prefix), logs / HANDED_OVER)


if ROOT in os.environ:
    application = make_application(os.environ[ROOT], Path(os.environ[LOGS]))

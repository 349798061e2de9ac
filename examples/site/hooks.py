"""The demo site: files under a document root, and one handler for each thing that is special about it.

Serve it with ``make demo``, or by hand: ``hookchain serve --app examples.site.hooks:hooks``.
"""

from __future__ import annotations

from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from hookchain import DECLINED, OK, HookChain, Request, Result

SITE = Path(__file__).parent
# Beside the document root, not below it: no URL leads there.
USERS = SITE / "users.htpasswd"
NOBODY = generate_password_hash("")

# Everything that no handler answers is a file, with its type, its ETag and its ranges.
hooks = HookChain("demo", document_root=SITE / "htdocs", listing=True, access_log="common")
hooks.error_document(404, "/errors/404.html")


@hooks.post_read_request
def harden(req: Request) -> None:
    """Set a header on every response: err_headers_out leaves with pages, refusals and error pages alike."""
    req.err_headers_out["X-Content-Type-Options"] = "nosniff"


@hooks.trans("/old")
def moved(req: Request) -> None:
    """Serve yesterday's addresses from today's pages.

    The request then is what the new path makes it: had this led below /members, that section would guard it.
    """
    req.uri = "/pages" + req.uri.removeprefix("/old")


def by_password(req: Request) -> Result:
    """Find out who the user is; to decline is to say "nobody whom I know", and with no other handler that is a 401."""
    login = req.authorization
    if login is None or login.type != "basic":
        return DECLINED
    # Read each time: a password that was changed counts at once. Hashing takes far longer than reading.
    users = dict(line.split(":", 1) for line in USERS.read_text(encoding="utf-8").splitlines())
    # A name that does not exist takes as long as one that does, so that nobody learns names by the clock.
    known = check_password_hash(users.get(login.username or "", NOBODY), login.password or "")
    if not known or login.username not in users:
        return DECLINED
    req.user, req.auth_type = login.username, "Basic"
    return OK


# An AUTHEN handler makes a guarded section: who is not known gets a 401 with this challenge.
members = hooks.section("/members", challenge='Basic realm="members", charset="UTF-8"')
members.authen(by_password)


@members.authz("/board")
def board_only(req: Request) -> Result:
    """Let the board in; when no AUTHZ handler says OK, the answer is 403."""
    return OK if req.user == "alice" else DECLINED


# The same handler, another policy: here a stranger is welcome too, and req.user is then None.
app = hooks.section("/app", authentication="optional")
app.authen(by_password)


@app.content(methods=["GET"])
def hello(req: Request) -> str:
    """Answer for every path below /app; another method is answered 405, since nothing else stands here."""
    return f"Hello {req.user or 'stranger'}, you asked for {req.path}\n"

"""A document root to test with, and the phases of the file handlers in a row."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any, NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from hookchain.conditional import apply_conditions
from hookchain.files import FileResponse, FileService
from hookchain.request import Request
from hookchain.results import OK

MTIME = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
SECRET = b"MARK-SECRET"

PUBLIC = {
    "index.html": b"<p>home</p>\n",
    "public.txt": b"public text\n",
    "tiny.txt": b"0123456789",
    "empty.txt": b"",
    "blob": b"\x00\x01",
    "with space.txt": b"spaced\n",
    "sub/index.html": b"<p>sub</p>\n",
    "sub/page.txt": b"page\n",
    "folder/one.txt": b"one\n",
    "caf\u00e9/\u65e5\u672c.txt": b"names\n",
    ".well-known/security.txt": b"contact\n",
    "private/index.html": b"<p>private</p>\n",
    "private/report.txt": b"report\n",
}
HIDDEN = (".env", ".git/config", "sub/.secret.txt", ".well-known/.env", "folder/.well-known/x.txt")
OUTSIDE = ("secret.txt", "outside/leak.txt", "outside/index.html", "root-backup/leak.txt")
LINKS = {
    "link-in.txt": "public.txt",
    "dirlink-in": "sub",
    "top": ".",
    "sub/up": "..",
    "link-out.txt": "../secret.txt",
    "dirlink-out": "../outside",
    "dirlink-sibling": "../root-backup",
    "link-absolute": "/etc/hostname",
    "link-chain": "link-out.txt",
    "link-dotfile.txt": ".git/config",
    "link-private.txt": "private/report.txt",
    "dirlink-private": "private",
    "loop": "loop",
    "dangling": "nothing",
    "outdex/index.html": "../../secret.txt",
}


def build(top):
    """Fill a folder; return the document root in it."""
    root = top / "root"
    for name, data in PUBLIC.items():
        write(root / name, data)
    for name in HIDDEN:
        write(root / name, SECRET)
    for name in OUTSIDE:
        write(top / name, SECRET)
    for name, target in LINKS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    return root


def write(path, data, mtime=MTIME):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))


class Chain:
    """A chain whose guards stand at path prefixes."""

    def __init__(self, *guarded):
        self.guarded = guarded
        self.document_root = None
        self.debug = False

    def guards_of(self, path):
        return {prefix for prefix in self.guarded if path == prefix or path.startswith(prefix.rstrip("/") + "/")}

    def guards_agree(self, req, path):
        assert path.startswith("/")
        assert "//" not in path or "//" in req.path  # the core gives normalised paths; some tests do not
        return self.guards_of(path) == self.guards_of(req.path)


def make(path="/", method="GET", *, chain=None, **rest):
    headers = Headers(rest.pop("headers", None))
    req = Request(method, path=path, headers=headers, **rest)
    fake: Any = chain or Chain("/private")
    req.chain = fake
    return req


def mapped(service: FileService, req):
    """Run the phases before CONTENT."""
    assert service.translate(req) is OK
    assert service.map_to_storage(req) is OK
    assert service.find_type(req) is OK
    return req


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


def send(service, req) -> Answer:
    """Run CONTENT and what the core does when the answer leaves."""
    try:
        answer = service.content(req)
    except MethodNotAllowed as error:
        answer = error.get_response()
    if isinstance(answer, int):
        return Answer(answer, Headers(), b"")
    assert isinstance(answer, Response), answer
    with answer:
        if isinstance(answer, FileResponse):
            answer = apply_conditions(req, answer)
        body = b"".join(answer.iter_encoded())
        if answer.status_code != HTTPStatus.NOT_MODIFIED:
            assert answer.headers.get("Content-Length", str(len(body))) == str(len(body))
        return Answer(answer.status_code, answer.headers, body)


def get(service, path="/", method="GET", **rest) -> Answer:
    return send(service, mapped(service, make(path, method, **rest)))

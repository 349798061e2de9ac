"""Files that are answered at once: what the client gets is what a FileResponse would have given it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hookchain.file_response import FileResponse
from tests.asking import WAYS, by_handle, by_wsgi, quiet
from tests.core.site_files import DATE, MTIME, write

ETAG = f'"{MTIME * 10**9:x}-a"'
OLD = "Sat, 01 Jan 2000 00:00:00 GMT"
BIG = bytes(range(256)) * 1024


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write(root / "tiny.txt", b"0123456789")
    write(root / "empty.txt", b"")
    write(root / "big.bin", BIG)
    write(root / "app.js", b"plain")
    write(root / "app.js.gz", b"0123456789")
    return root


@pytest.fixture
def alone(root):
    return quiet(document_root=root)


@pytest.fixture
def filtered(root):
    """A chain with a filter, which may change each answer, and lets it be."""
    hooks = quiet(document_root=root)
    hooks.output_filter(lambda req, response: None)
    return hooks


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened."""
    names: list[str] = []
    real = os.open

    def seen(path, *rest, **more):
        names.append(path.rpartition("/")[2])
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", seen)
    return names


ASKED = [
    {},
    {"If-None-Match": ETAG},
    {"If-None-Match": f'"x", {ETAG}'},
    {"If-None-Match": "*"},
    {"If-None-Match": '"x"'},
    {"If-Modified-Since": DATE},
    {"If-Modified-Since": OLD},
    {"If-Modified-Since": "garbage"},
    {"If-Match": '"x"'},
    {"If-Match": ETAG, "Range": "bytes=1-3"},
    {"If-Unmodified-Since": OLD},
    {"Range": "bytes=0-0"},
    {"Range": "bytes=2-4"},
    {"Range": "bytes=7-"},
    {"Range": "bytes=-3"},
    {"Range": "bytes=0-1,5-6"},
    {"Range": "bytes=999999999-"},
    {"Range": "lines=1-2"},
    {"Range": "bytes=0-3", "If-Range": ETAG},
    {"Range": "bytes=0-3", "If-Range": OLD},
    {"Range": "bytes=100000-250000"},
    {"Accept-Encoding": "gzip"},
    {"Accept-Encoding": "gzip", "If-Modified-Since": DATE},
    {"Accept-Encoding": "gzip", "Range": "bytes=2-4"},
]


def described(answer):
    said = sorted((name, value) for name, value in answer.headers if "boundary" not in value)
    return answer.status, said, b"" if "boundary" in answer.headers.get("Content-Type", "") else answer.body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["/tiny.txt", "/empty.txt", "/big.bin", "/app.js"])
def test_the_answer_is_the_one_that_a_chain_with_a_filter_gives(alone, filtered, way, path):
    for headers in ASKED:
        quick, slow = (WAYS[way](chain, path, headers=headers) for chain in (alone, filtered))
        assert described(quick) == described(slow), headers
        assert quick.req.bytes_sent == slow.req.bytes_sent
        assert (quick.req.status, quick.req.aborted) == (slow.req.status, slow.req.aborted)


def test_who_has_read_the_headers_before_changes_nothing(alone, filtered):
    for chain in (alone, filtered):
        chain.access(lambda req: None if req.headers.get("Host") else 400)
    for headers in ASKED:
        assert described(by_wsgi(alone, "/tiny.txt", headers=headers)) == described(
            by_wsgi(filtered, "/tiny.txt", headers=headers)
        )


def test_a_304_needs_no_open_file(alone, opened):
    answer = by_wsgi(alone, "/tiny.txt", headers={"If-None-Match": ETAG})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", ETAG)
    assert opened == []


def test_a_304_is_given_for_the_file_as_it_is_now(alone, root):
    for _ in range(2):
        assert by_wsgi(alone, "/tiny.txt", headers={"If-None-Match": ETAG}).status == 304
    write(root / "tiny.txt", b"9876543210", MTIME + 1)
    answer = by_wsgi(alone, "/tiny.txt", headers={"If-None-Match": ETAG})
    assert (answer.status, answer.body) == (200, b"9876543210")


def test_a_file_that_may_not_be_read_any_more_is_refused_to_who_knows_it_too(alone, monkeypatch):
    def refused(path, *_, **__):
        raise PermissionError(errno.EACCES, "no")

    real = os.access
    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.R_OK and real(path, mode, **more))
    assert by_wsgi(alone, "/tiny.txt", headers={"If-None-Match": ETAG}).status == 403


def test_each_file_is_closed_when_it_is_answered(alone):
    by_handle(alone, "/tiny.txt")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for headers in ASKED:
        by_handle(alone, "/tiny.txt", headers=headers)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_piece_of_a_large_file_is_all_that_is_read_of_it(alone, monkeypatch):
    sizes: list[int] = []
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: sizes.append(size) or real(descriptor, size))
    answer = by_handle(alone, "/big.bin", headers={"Range": "bytes=1000-1009"})
    assert (answer.body, sizes) == (BIG[1000:1010], [10])


def test_a_file_that_is_cut_while_it_is_read_never_counts_as_whole(alone, root, monkeypatch):
    def cut(descriptor, size):
        monkeypatch.undo()
        os.truncate(root / "tiny.txt", 4)
        return os.pread(descriptor, size, 0)

    monkeypatch.setattr(os, "read", cut)
    answer = by_handle(alone, "/tiny.txt")
    assert (answer.headers["Content-Length"], answer.body) == ("4", b"0123")


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": "*"}])
def test_a_type_that_must_not_leave_is_a_failure_of_the_request(alone, headers, error_log):
    alone.fixup(lambda req: setattr(req, "content_type_out", "text/\x01plain"))
    filtered = quiet(document_root=alone.settings.document_root)
    filtered.fixup(lambda req: setattr(req, "content_type_out", "text/\x01plain"))
    filtered.output_filter(lambda req, response: None)
    statuses = {by_wsgi(chain, "/tiny.txt", headers=headers).status for chain in (alone, filtered)}
    assert statuses == {304 if headers else 500}


@pytest.mark.parametrize(
    "change",
    [
        lambda req: req.headers_out.add("X-Frame-Options", "DENY"),
        lambda req: req.err_headers_out.add("X-Frame-Options", "DENY"),
    ],
)
def test_headers_that_handlers_add_go_with_every_answer(alone, change):
    alone.fixup(change)
    for headers, status in (({}, 200), ({"If-None-Match": "*"}, 304), ({"Range": "bytes=0-1"}, 206)):
        answer = by_wsgi(alone, "/tiny.txt", headers=headers)
        assert (answer.status, answer.headers["X-Frame-Options"]) == (status, "DENY")


def test_a_status_that_a_handler_set_is_the_one_of_the_file(alone):
    alone.fixup(lambda req: setattr(req, "status", 203))
    answer = by_wsgi(alone, "/tiny.txt", headers={"If-None-Match": "*"})
    assert (answer.status, answer.body) == (203, b"0123456789")


def test_a_subrequest_gets_the_whole_file_whatever_the_client_has(alone):
    seen: list[bool] = []

    @alone.content("/main")
    def main(req):
        response = req.lookup("/tiny.txt").run()
        seen.append(isinstance(response, FileResponse))
        return b"".join(response.iter_encoded())

    assert by_wsgi(alone, "/main", headers={"Range": "bytes=0-1"}).body == b"0123456789"
    assert seen == [True]

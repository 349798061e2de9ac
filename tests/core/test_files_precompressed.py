"""Encoded forms of files that stand beside them."""

from __future__ import annotations

import errno
import os

import pytest

from hookchain.files import FileService
from tests.core.site_files import Chain, get, make, mapped, write

JS = "text/javascript; charset=utf-8"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write(root / "app.js", b"plain")
    write(root / "app.js.br", b"brotli!")
    write(root / "app.js.gz", b"gzip!!!!")
    write(root / "other.js", b"plain")
    write(root / "other.js.gz", b"gzip")
    write(root / "alone.js", b"plain")
    return root


@pytest.fixture
def service(root):
    return FileService(root)


def coding(service, accept, path="/app.js", **rest):
    headers = {} if accept is None else {"Accept-Encoding": accept}
    return get(service, path, headers=headers, **rest).headers.get("Content-Encoding")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("br;q=0.1", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0", None),
        ("deflate", None),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("*;q=0", None),
        ("identity", None),
        ("identity, gzip", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=0.5, *;q=1", "br"),
        ("gzip;q=x", None),
        (";;,,=", None),
    ],
)
def test_the_client_says_which_form_it_likes_best(service, accept, expected):
    assert coding(service, accept) == expected


def test_an_encoded_form_is_a_representation_of_its_own(service):
    plain = get(service, "/app.js")
    zipped = get(service, "/app.js", headers={"Accept-Encoding": "gzip"})
    brotli = get(service, "/app.js", headers={"Accept-Encoding": "br"})
    assert [answer.body for answer in (plain, zipped, brotli)] == [b"plain", b"gzip!!!!", b"brotli!"]
    assert [answer.headers["Content-Type"] for answer in (plain, zipped, brotli)] == [JS] * 3
    assert [answer.headers["Content-Length"] for answer in (plain, zipped, brotli)] == ["5", "8", "7"]
    assert len({answer.headers["ETag"] for answer in (plain, zipped, brotli)}) == 3


def test_forms_of_one_size_and_time_have_etags_of_their_own(root, service):
    for name in ("app.js", "app.js.br", "app.js.gz"):
        write(root / name, b"12345")
    tags = {get(service, "/app.js", headers={"Accept-Encoding": a}).headers["ETag"] for a in ("", "gzip", "br")}
    assert len(tags) == 3


@pytest.mark.parametrize("accept", ["", "gzip", "br", "identity"])
def test_caches_are_told_wherever_there_are_several_forms(service, accept):
    headers = {"Accept-Encoding": accept}
    assert get(service, "/app.js", headers=headers).headers["Vary"] == "Accept-Encoding"
    assert get(service, "/other.js", headers=headers).headers["Vary"] == "Accept-Encoding"
    assert "Vary" not in get(service, "/alone.js", headers=headers).headers


def test_a_304_for_an_encoded_form_needs_the_etag_of_that_form(service):
    plain = get(service, "/app.js").headers["ETag"]
    zipped = get(service, "/app.js", headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    for tag, status in ((plain, 200), (zipped, 304)):
        answer = get(service, "/app.js", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
        assert answer.status == status
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_zstandard_is_known(root, service):
    write(root / "alone.js.zst", b"zstd")
    assert coding(service, "zstd, gzip", "/alone.js") == "zstd"


def test_an_encoded_file_that_was_asked_for_is_sent_as_such(root, service):
    write(root / "app.js.gz.br", b"twice")
    answer = get(service, "/app.js.gz", headers={"Accept-Encoding": "br"})
    assert (answer.body, answer.headers["Content-Encoding"]) == (b"gzip!!!!", "gzip")
    assert "Vary" not in answer.headers


def test_it_can_be_switched_off(root):
    answer = get(FileService(root, precompressed=False), "/app.js", headers={"Accept-Encoding": "br"})
    assert (answer.body, answer.headers.get("Vary")) == (b"plain", None)


def test_an_index_file_has_encoded_forms_too(root, service):
    write(root / "index.html", b"plain")
    write(root / "index.html.gz", b"gzip")
    assert coding(service, "gzip", "/") == "gzip"


def test_only_a_regular_file_inside_of_the_root_counts(root, service):
    write(root.parent / "secret.gz", b"secret")
    (root / "alone.js.gz").symlink_to("../secret.gz")
    (root / "alone.js.br").mkdir()
    os.mkfifo(root / "alone.js.zst")
    answer = get(service, "/alone.js", headers={"Accept-Encoding": "gzip, br, zstd"})
    assert (answer.body, answer.headers.get("Vary")) == (b"plain", None)


def test_a_form_that_is_guarded_in_another_way_does_not_count(root, service):
    assert coding(service, "br, gzip", chain=Chain("/app.js.br")) == "gzip"
    write(root / "private/x.gz", b"private")
    (root / "alone.js.gz").symlink_to("private/x.gz")
    assert coding(service, "gzip", "/alone.js") is None
    (root / "alone.js.br").symlink_to("app.js.br")
    assert coding(service, "br", "/alone.js", chain=Chain("/alone.js.br")) is None
    assert coding(service, "br", "/alone.js") == "br"


def test_a_form_that_cannot_be_opened_gives_way_to_the_file(service, monkeypatch):
    real = os.open

    def failing(path, *args):
        if path.endswith(".br"):
            raise PermissionError(errno.EACCES, "no")
        return real(path, *args)

    monkeypatch.setattr(os, "open", failing)
    answer = get(service, "/app.js", headers={"Accept-Encoding": "br"})
    assert (answer.status, answer.body) == (200, b"plain")


def test_a_file_whose_coding_a_handler_told_is_sent_in_that(service):
    req = make("/app.js", headers={"Accept-Encoding": "br"})
    req.content_encoding_out = "gzip"
    with service.content(mapped(service, req)) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"".join(response.iter_encoded()) == b"plain"

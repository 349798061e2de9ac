"""No path reaches a file that is not to be served."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hookchain import storage as storage_module
from hookchain.files import FileService
from hookchain.storage import Storage, is_hidden
from tests.core.site_files import HIDDEN, LINKS, PUBLIC, SECRET, Chain, build, get, make, mapped, send

HERE = sorted({part for name in (*PUBLIC, *HIDDEN, *LINKS, "fifo", "none") for part in name.split("/")})
ODD = [
    ".",
    "..",
    "...",
    "",
    " ",
    "..\\",
    "\\..\\",
    "secret.txt",
    "outside",
    "root",
    "root-backup",
    "%2e%2e",
    "..;",
    "etc",
]
names = st.sampled_from(HERE) | st.sampled_from(ODD) | st.text(max_size=5)
paths = st.lists(names, max_size=8).map(lambda parts: "/" + "/".join(parts)) | st.text(max_size=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build(tmp_path_factory.mktemp("site"))


@given(path=paths)
@example("/top/top/sub/up/sub/up/.git/config")
@example("/dirlink-out/../secret.txt")
@example("/.well-known/../.env")
@example("//secret.txt")
@example("/\ud800")
@example("/\udce9")
@example("/\x00")
@settings(max_examples=400)
def test_whatever_is_found_lies_inside_and_is_not_hidden(site, path):
    place = Storage(site).find(path)
    if place.info is None:
        return
    real = os.path.realpath(f"{site}{place.path}")
    assert os.path.commonpath([real, site]) == str(site)
    assert real == f"{site}{place.path}".rstrip("/")
    assert not is_hidden(place.path)
    if place.is_file:
        file, _ = Storage(site).open(place.path)
        with file:
            assert SECRET not in file.read()


@given(path=paths)
@settings(max_examples=400)
def test_no_request_gets_a_secret_whether_the_path_was_normalised_or_not(site, path):
    answer = get(FileService(site, listing=True), path)
    assert answer.status in {200, 301, 403, 404}
    assert SECRET not in answer.body
    assert str(site) not in answer.body.decode() + str(answer.headers)


@given(path=paths)
@settings(max_examples=200)
def test_whoever_may_see_one_file_only_sees_no_other(site, path):
    """Every place has a guard of its own here, so that no detour to it is allowed."""

    class EachItsOwn(Chain):
        def guards_of(self, path):
            return {path.rstrip("/")}

    service = FileService(site, index=())
    req = mapped(service, make(path, chain=EachItsOwn()))
    answer = send(service, req)
    if answer.status == 200:
        assert answer.body == PUBLIC[req.path[1:]]


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("/.env", True),
        ("/.git/config", True),
        ("/a/.b/c", True),
        ("/a/.b", True),
        ("/...", True),
        ("/..", True),
        ("/.", True),
        ("/.well-known", False),
        ("/.well-known/", False),
        ("/.well-known/acme/x", False),
        ("/.well-knownx", True),
        ("/.well-known.txt", True),
        ("/.well-known/.env", True),
        ("/a/.well-known/x", True),
        ("/a.b/c.d", False),
        ("/a./b", False),
        ("/", False),
    ],
)
def test_dot_files_are_hidden_and_well_known_is_not(path, hidden):
    assert is_hidden(path) is hidden


@pytest.mark.parametrize(
    "path",
    [*(f"/{name}" for name in HIDDEN), "/.nothing", "/.git", "/.git/", "/folder/.x/", "/sub/up/.env", "/public.txt/.x"],
)
def test_dot_files_are_refused_whether_they_are_there_or_not(site, path):
    assert get(FileService(site), path).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/link-out.txt",
        "/link-absolute",
        "/link-chain",
        "/dirlink-out",
        "/dirlink-out/",
        "/dirlink-out/leak.txt",
        "/dirlink-out/none",
        "/dirlink-sibling/leak.txt",
        "/sub/up/link-out.txt",
    ],
)
def test_a_symlink_that_leads_out_is_refused(site, path):
    assert get(FileService(site), path).status == 403


def test_a_symlink_to_a_dot_file_is_refused(site):
    assert get(FileService(site), "/link-dotfile.txt").status == 403


@pytest.mark.parametrize("path", ["/loop", "/loop/x", "/dangling", "/dangling/x"])
def test_a_symlink_that_leads_nowhere_is_404(site, path):
    assert get(FileService(site), path).status == 404


def test_a_symlink_inside_is_followed(site):
    service = FileService(site)
    assert get(service, "/link-in.txt").body == b"public text\n"
    assert get(service, "/dirlink-in/page.txt").body == b"page\n"
    assert get(service, "/top").headers["Location"] == "/top/"


def test_as_many_symlinks_are_followed_as_the_kernel_follows(site):
    service = FileService(site)
    assert get(service, "/sub/up" * 40 + "/public.txt").status == 200
    assert get(service, "/sub/up" * 41 + "/public.txt").status == 404


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert get(FileService(tmp_path), "/socket").status == 403


@pytest.mark.parametrize("path", ["", "public.txt", "//public.txt", "/sub//page.txt", "/sub/\udce9", "/a\x00b"])
def test_a_path_that_is_not_canonical_finds_nothing(site, path):
    place = Storage(site).find(path)
    assert (place.info, place.refusal) == (None, None)


def test_a_name_in_bytes_that_are_not_utf_8_is_not_reached(tmp_path):
    (tmp_path / os.fsdecode(b"latin-\xe9.txt")).write_bytes(b"x")
    storage = Storage(tmp_path)
    assert storage.find("/latin-\udce9.txt").info is None
    assert storage.find("/latin-\u00e9.txt").info is None
    assert list(storage.children("/")) == []


@pytest.mark.parametrize("path", ["/sub\\page.txt", "/C:public.txt"])
def test_where_the_system_knows_other_separators_they_are_refused(site, path, monkeypatch):
    assert get(FileService(site), path).status == 404
    monkeypatch.setattr(storage_module, "_FOREIGN_SEPARATORS", ("\\", ":"))
    assert get(FileService(site), path).status == 403

"""What is remembered of files: it spares looking and reading, and never outlives a change."""

from __future__ import annotations

import errno
import os
import time

import pytest

from hookchain import file_memory
from tests.asking import by_wsgi, quiet
from tests.core.site_files import MTIME, write

ETAG = f'"{MTIME * 10**9:x}-a"'
BIG = bytes(range(256)) * 1024


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write(root / "tiny.txt", b"0123456789")
    write(root / "sub/page.txt", b"page")
    write(root / "big.bin", BIG)
    return root


@pytest.fixture
def hooks(root):
    return quiet(document_root=root)


@pytest.fixture
def later(monkeypatch):
    """Let everything count as changed long ago, to the system's clock as it is from here on."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3 * 10**9)


@pytest.fixture
def called(monkeypatch):
    """The names of functions of the system that were called for something below a document root."""
    names: list[str] = []

    def watch(name):
        real = getattr(os, name)

        def seen(path, *rest, **more):
            if "root" in str(path):
                names.append(name)
            return real(path, *rest, **more)

        monkeypatch.setattr(os, name, seen)

    for name in ("open", "access", "stat", "lstat"):
        watch(name)
    return names


def ask(hooks, path="/tiny.txt", **headers):
    return by_wsgi(hooks, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def tick(root):
    """Wait until what is changed from now on gets a later time than all that is there; such clocks go in steps."""
    newest = max(path.lstat().st_ctime_ns for path in (root, *root.rglob("*")))
    probe = root.parent / "probe"
    probe.touch()
    while probe.stat().st_ctime_ns <= newest:
        probe.touch()


REQUESTS = [({}, 200, b"0123456789"), ({"If_None_Match": ETAG}, 304, b""), ({"Range": "bytes=2-4"}, 206, b"234")]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(("headers", "status", "body"), REQUESTS)
def test_a_file_that_is_as_it_was_costs_a_look_at_it_and_at_its_folder(hooks, called, headers, status, body):
    first = ask(hooks, **headers)
    called.clear()
    second = ask(hooks, **headers)
    assert (first.status, first.body) == (second.status, second.body) == (status, body)
    assert list(first.headers) == list(second.headers)
    assert called == ["lstat", "lstat"]


@pytest.mark.usefixtures("later")
def test_a_folder_that_was_looked_at_on_the_way_is_not_looked_at_twice(hooks, called):
    for _ in range(2):
        called.clear()
        assert ask(hooks, "/sub/page.txt").body == b"page"
    assert called == ["lstat", "lstat"]


@pytest.mark.parametrize(("headers", "status", "body"), REQUESTS)
def test_of_what_was_changed_a_moment_ago_nothing_is_remembered(hooks, called, headers, status, body):
    for _ in range(2):
        called.clear()
        answer = ask(hooks, **headers)
        assert (answer.status, answer.body) == (status, body)
        assert called.count("access") == (4 if status == 304 else 3)
        assert called.count("open") == (0 if status == 304 else 1)


@pytest.mark.usefixtures("later")
def test_a_time_that_is_still_to_come_settles_nothing(hooks, root, called):
    os.utime(root / "tiny.txt", (time.time() + 1000, time.time() + 1000))
    for _ in range(2):
        called.clear()
        assert ask(hooks).status == 200
        assert "open" in called


@pytest.mark.usefixtures("later")
def test_where_the_system_does_not_tell_of_changes_nothing_is_remembered(hooks, called, monkeypatch):
    monkeypatch.setattr(file_memory, "_TELLS_CHANGES", False)
    for _ in range(2):
        called.clear()
        assert ask(hooks).status == 200
        assert "open" in called


def changed_in_place(file):
    before = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"98765")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_in_its_place(file):
    other = file.with_name("other")
    write(other, b"9876556789")
    other.rename(file)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", [changed_in_place, put_in_its_place])
def test_a_change_that_keeps_size_and_time_is_seen_at_once(hooks, root, change):
    for _ in range(2):
        assert ask(hooks).body == b"0123456789"
    tick(root)
    change(root / "tiny.txt")
    assert ask(hooks).body == b"9876556789"
    assert ask(hooks, Range="bytes=0-1").body == b"98"


@pytest.mark.usefixtures("later")
def test_what_was_taken_away_is_not_sent_from_memory(hooks, root):
    assert ask(hooks).status == 200
    (root / "tiny.txt").unlink()
    assert ask(hooks).status == 404
    write(root.parent / "secret.txt", b"0123456789")
    (root / "tiny.txt").symlink_to("../secret.txt")
    assert ask(hooks).status == 403


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("headers", [{}, {"If_None_Match": ETAG}])
def test_a_file_whose_permissions_were_taken_is_refused(hooks, root, monkeypatch, headers):
    assert ask(hooks, **headers).status < 400

    def refused(path, *_, **__):
        raise PermissionError(errno.EACCES, "no")

    real = os.access
    tick(root)
    (root / "tiny.txt").chmod(0)
    monkeypatch.setattr(os, "open", refused)  # to an administrator, permissions mean nothing
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.R_OK and real(path, mode, **more))
    assert ask(hooks, **headers).status == 403


@pytest.mark.usefixtures("later")
def test_an_encoded_form_is_seen_as_soon_as_it_is_there_and_as_soon_as_it_is_gone(hooks, root):
    def coding():
        return ask(hooks, Accept_Encoding="gzip, br").headers.get("Content-Encoding")

    assert [coding(), coding()] == [None, None]
    tick(root)
    write(root / "tiny.txt.gz", b"gzip")
    assert [coding(), coding()] == ["gzip", "gzip"]
    tick(root)
    (root / "tiny.txt.gz").rename(root / "tiny.txt.br")
    assert coding() == "br"
    tick(root)
    (root / "tiny.txt.br").unlink()
    assert coding() is None


@pytest.mark.usefixtures("later")
def test_an_encoded_form_that_a_link_leads_to_is_seen_when_that_comes_to_be(hooks, root):
    (root / "tiny.txt.gz").symlink_to("sub/form")
    assert "Content-Encoding" not in ask(hooks, Accept_Encoding="gzip").headers
    write(root / "sub/form", b"gzip")
    assert ask(hooks, Accept_Encoding="gzip").body == b"gzip"


@pytest.mark.usefixtures("later")
def test_a_folder_that_goes_away_after_its_file_was_found_has_no_encoded_forms(hooks, monkeypatch):
    real = os.lstat

    def without_folder(path):
        if path.endswith("/"):
            raise FileNotFoundError(errno.ENOENT, "gone", path)
        return real(path)

    monkeypatch.setattr(os, "lstat", without_folder)
    assert ask(hooks, Accept_Encoding="gzip").body == b"0123456789"


@pytest.mark.usefixtures("later")
def test_what_handlers_say_of_a_remembered_file_goes_with_it(root):
    hooks = quiet(document_root=root)
    hooks.fixup(lambda req: setattr(req, "content_type_out", req.args.get("type")))
    for media_type in ("a/a", "a/a", "b/b", "a/a"):
        assert ask(hooks, f"/tiny.txt?type={media_type}").headers["Content-Type"] == media_type


@pytest.mark.usefixtures("later")
def test_a_large_file_is_read_from_disk(hooks, called):
    for _ in range(2):
        called.clear()
        assert ask(hooks, "/big.bin").body == BIG
        assert called.count("open") == 1


@pytest.mark.usefixtures("later")
def test_memory_that_is_full_begins_anew(hooks, root, called, monkeypatch):
    monkeypatch.setattr(file_memory, "_MOST", 3000)
    hooks = quiet(document_root=root)
    write(root / "half.txt", b"x" * 2000)
    opened = []
    for path in ("/half.txt", "/half.txt", "/tiny.txt", "/tiny.txt", "/half.txt"):
        called.clear()
        assert ask(hooks, path).status == 200
        opened.append("open" in called)
    assert opened == [True, False, True, False, True]

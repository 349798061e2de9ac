"""The default handlers that serve files: what each phase sets, and what is answered."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from urllib.parse import unquote

import pytest

from hookchain.files import FileResponse, FileService
from hookchain.results import InternalRedirect
from tests.core.site_files import DATE, MTIME, PUBLIC, Chain, build, get, make, mapped, send, write


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture
def service(root):
    return FileService(root)


# --- TRANS


def test_a_path_names_the_file_below_the_root(service, root):
    req = make("/sub/page.txt")
    service.translate(req)
    assert req.filename == f"{root}/sub/page.txt"


def test_a_file_name_that_a_handler_set_is_kept(service):
    req = make("/x")
    req.filename = "/elsewhere"
    service.translate(req)
    assert req.filename == "/elsewhere"


def test_the_root_is_absolute_and_has_no_slash_at_its_end(root, monkeypatch):
    monkeypatch.chdir(root)
    assert FileService("sub/").root == f"{root}/sub"


def test_the_root_may_be_the_root_of_the_file_system():
    service = FileService("/")
    req = mapped(service, make("/"))
    assert service.root == ""
    assert req.filename == "/"
    assert req.finfo is not None


def test_the_asterisk_of_options_names_no_file(service):
    answer = get(service, "*", "OPTIONS")
    assert answer.status == 200
    assert answer.body == b""


# --- MAP_TO_STORAGE


@pytest.mark.parametrize(
    ("path", "filename", "path_info", "there"),
    [
        ("/public.txt", "/public.txt", "", True),
        ("/public.txt/extra/path", "/public.txt", "/extra/path", True),
        ("/public.txt/", "/public.txt", "/", True),
        ("/folder", "/folder", "", True),
        ("/folder/", "/folder/", "", True),
        ("/none.txt", "/none.txt", "", False),
        ("/none/", "/none", "/", False),
        ("/folder/none.txt", "/folder/none.txt", "", False),
        ("/folder/none/deep/er", "/folder/none", "/deep/er", False),
        ("/link-in.txt", "/link-in.txt", "", True),
        ("/dirlink-in/page.txt/x", "/dirlink-in/page.txt", "/x", True),
        ("/", "/index.html", "", True),
        ("/sub/", "/sub/index.html", "", True),
        ("/dirlink-in/", "/dirlink-in/index.html", "", True),
    ],
)
def test_the_path_is_split_where_the_file_ends(service, root, path, filename, path_info, there):
    req = mapped(service, make(path))
    assert req.filename == f"{root}{filename}"
    assert req.path_info == path_info
    assert (req.finfo is not None) is there


def test_a_request_without_a_file_name_has_no_file(service):
    req = make("/public.txt")
    service.map_to_storage(req)
    service.find_type(req)
    assert (req.finfo, req.content_type_out) == (None, None)
    assert send(service, req).status == 404


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/public.txt", None),
        ("/public.txt/extra", None),
        ("/none", None),
        ("/folder/", None),
        ("/link-in.txt", "/public.txt"),
        ("/dirlink-in/page.txt", "/sub/page.txt"),
        ("/dirlink-in/none", "/sub/none"),
        ("/dirlink-in/page.txt/x", "/sub/page.txt/x"),
        ("/dirlink-in", "/sub"),
        ("/top", "/"),
        ("/top/public.txt", "/public.txt"),
        ("/sub/up/sub/up/folder/one.txt", "/folder/one.txt"),
        ("/sub/", "/sub/index.html"),
        ("/dirlink-in/", "/sub/index.html"),
        ("/link-private.txt", "/private/report.txt"),
    ],
)
def test_the_real_place_is_told_where_the_path_is_another(service, path, real):
    assert mapped(service, make(path)).storage_paths[1:] == (() if real is None else (real,))


@pytest.mark.parametrize(
    "path", ["/.env", "/.nothing", "/link-out.txt", "/link-private.txt", "/fifo", "/none", "/sub/", "/folder"]
)
def test_nothing_is_answered_before_content(service, path):
    mapped(service, make(path))  # asserts that each phase answers OK


def test_a_refusal_is_kept_for_content_and_hides_what_is_there(service):
    for path in ("/.env", "/link-out.txt", "/link-private.txt", "/fifo"):
        req = mapped(service, make(path))
        assert (req.file_refusal, req.finfo) == (403, None)
    assert mapped(service, make("/public.txt")).file_refusal is None


# --- TYPE


@pytest.mark.parametrize(
    ("path", "media_type", "coding"),
    [
        ("/public.txt", "text/plain; charset=utf-8", None),
        ("/blob", None, None),
        ("/sub/", "text/html; charset=utf-8", None),
        ("/link-in.txt", "text/plain; charset=utf-8", None),
        ("/public.txt/extra.html", "text/plain; charset=utf-8", None),
        ("/none.json", "application/json", None),
        ("/none.tar.gz", "application/x-tar", None),
    ],
)
def test_the_type_comes_from_the_name(service, path, media_type, coding):
    req = mapped(service, make(path))
    assert (req.content_type_out, req.content_encoding_out) == (media_type, coding)


def test_the_coding_of_a_file_comes_from_its_name(tmp_path):
    write(tmp_path / "backup.tar.gz", b"bytes")
    answer = get(FileService(tmp_path), "/backup.tar.gz")
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["Content-Encoding"] == "gzip"


def test_a_folder_has_no_type(tmp_path):
    (tmp_path / "v1.html").mkdir()
    assert mapped(FileService(tmp_path), make("/v1.html")).content_type_out is None


def test_what_a_handler_said_about_the_type_is_kept(tmp_path):
    write(tmp_path / "x.txt.gz", b"bytes")
    service = FileService(tmp_path)
    req = make("/x.txt.gz")
    req.content_type_out, req.content_encoding_out = "text/css", "br"
    mapped(service, req)
    answer = send(service, req)
    assert (answer.headers["Content-Type"], answer.headers["Content-Encoding"]) == ("text/css", "br")


# --- CONTENT


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("private/")])
def test_a_file_is_sent_as_it_is(service, name):
    answer = get(service, f"/{name}")
    assert answer.status == 200
    assert answer.body == PUBLIC[name]
    assert answer.headers["Content-Length"] == str(len(PUBLIC[name]))
    assert answer.headers["Last-Modified"] == DATE


def test_a_guarded_file_is_sent_to_who_came_through_its_guards(service):
    assert get(service, "/private/report.txt").body == b"report\n"


def test_a_file_of_no_known_type_is_never_left_to_guessing(service):
    assert get(service, "/blob").headers["Content-Type"] == "application/octet-stream"


def test_head_has_the_headers_of_get(service):
    assert get(service, "/public.txt", "HEAD").headers == get(service, "/public.txt").headers


def test_the_etag_changes_with_the_time_and_with_the_size(tmp_path):
    service = FileService(tmp_path)
    seen = set()
    for data, mtime in ((b"one", MTIME), (b"two", MTIME + 1), (b"three", MTIME)):
        write(tmp_path / "x", data, mtime)
        seen.add(get(service, "/x").headers["ETag"])
    assert len(seen) == 3
    assert all(tag.startswith('"') for tag in seen)


@pytest.mark.parametrize("mtime", [-2_000_000_000, 0])
def test_a_time_before_there_were_computers_counts_as_1970(tmp_path, mtime):
    write(tmp_path / "x", b"data", mtime)
    assert get(FileService(tmp_path), "/x").headers["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("path", ["/none", "/none/", "/none/deep", "/public.txt/extra", "/public.txt/", "/folder/none"])
def test_what_is_not_there_is_404(service, path):
    assert get(service, path).status == 404


@pytest.mark.parametrize(
    "path", ["/" + "x" * 300, "/folder/" + "x" * 300 + "/y", "/" + "/".join(["ab"] * 3000), "/loop"]
)
def test_a_name_that_the_file_system_does_not_take_is_404(service, path):
    assert get(service, path).status == 404


def test_a_root_that_is_missing_or_a_file_holds_nothing(tmp_path):
    write(tmp_path / "file", b"x")
    for root in (tmp_path / "missing", tmp_path / "file"):
        for path in ("/", "/x", "/x/y/"):
            assert get(FileService(root), path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "FOO"])
@pytest.mark.parametrize("path", ["/public.txt", "/none", "/folder/", "/.env", "/link-out.txt"])
def test_other_methods_are_405_whatever_is_there(service, method, path):
    answer = get(service, path, method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/public.txt", "/none", "/.env"])
def test_options_tells_the_methods_whatever_is_there(service, path):
    answer = get(service, path, "OPTIONS")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Content-Length"] == "0"
    assert "Content-Type" not in answer.headers


def test_the_methods_that_handlers_added_are_told(service):
    for method in ("OPTIONS", "DELETE"):
        req = mapped(service, make("/public.txt", method))
        req.allowed_methods.update({"PUT", "GET", "MKCOL"})
        assert send(service, req).headers["Allow"] == "GET, HEAD, OPTIONS, MKCOL, PUT"


# --- errors of the file system


@pytest.fixture
def failing(monkeypatch):
    """Let a function of os fail with an error, for names that end in some text."""

    def fail(function, error, ending):
        real = getattr(os, function)

        def wrapper(path, *args, **kwargs):
            if str(path).endswith(ending):
                raise OSError(error, os.strerror(error))
            return real(path, *args, **kwargs)

        monkeypatch.setattr(os, function, wrapper)

    return fail


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errno.EACCES, 403),
        (errno.EPERM, 403),
        (errno.ENOENT, 404),
        (errno.ENOTDIR, 404),
        (errno.ENAMETOOLONG, 404),
        (errno.ELOOP, 404),
        (errno.EIO, 404),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.ENOMEM, 503),
    ],
)
@pytest.mark.parametrize("function", ["open", "lstat"])
def test_no_error_of_the_file_system_is_a_500(service, failing, function, error, status):
    failing(function, error, "public.txt")
    assert get(service, "/public.txt").status == status


def test_a_folder_that_may_not_be_searched_is_403(service, failing):
    failing("lstat", errno.EACCES, "/folder/index.html")
    assert get(service, "/folder/").status == 403
    assert get(FileService(service.root, listing=True), "/folder/").status == 403


def test_a_file_that_goes_away_before_it_is_opened_is_404(tmp_path):
    write(tmp_path / "x", b"data")
    service = FileService(tmp_path)
    req = mapped(service, make("/x"))
    (tmp_path / "x").unlink()
    assert send(service, req).status == 404


def test_a_symlink_that_takes_the_place_of_a_file_is_not_followed(tmp_path):
    write(tmp_path / "root/x", b"data")
    write(tmp_path / "secret", b"secret")
    service = FileService(tmp_path / "root")
    req = mapped(service, make("/x"))
    (tmp_path / "root/x").unlink()
    (tmp_path / "root/x").symlink_to("../secret")
    assert send(service, req).status == 404


@pytest.mark.parametrize("make_special", [os.mkfifo, os.mkdir])
def test_something_else_that_takes_the_place_of_a_file_is_403(tmp_path, make_special):
    write(tmp_path / "x", b"data")
    service = FileService(tmp_path)
    req = mapped(service, make("/x"))
    (tmp_path / "x").unlink()
    make_special(tmp_path / "x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert send(service, req).status == 403
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_fifo_is_refused_without_waiting(service):
    assert get(service, "/fifo").status == 403


# --- folders


def test_a_folder_without_its_slash_is_redirected_to_it(service):
    answer = get(service, "/folder")
    assert (answer.status, answer.headers["Location"]) == (301, "/folder/")


@pytest.mark.parametrize(
    ("path", "query", "root_path", "location"),
    [
        ("/folder", b"a=1&b=%20x", "", "/folder/?a=1&b=%20x"),
        ("/folder", b"", "/app", "/app/folder/"),
        ("/folder", b"", "//evil.example", "/evil.example/folder/"),
        ("/folder", b"", "/\\evil.example", "/%5Cevil.example/folder/"),
        ("/folder", b"x\r\nSet-Cookie: a", "", "/folder/?x%0D%0ASet-Cookie:%20a"),
        ("/caf\u00e9", b"", "/s p", "/s%20p/caf%C3%A9/"),
    ],
)
def test_the_redirect_keeps_query_and_mount_point_and_is_one_local_path(service, path, query, root_path, location):
    answer = get(service, path, query_string=query, root_path=root_path)
    assert answer.headers["Location"] == location


def test_a_folder_with_a_line_break_in_its_name_is_redirected_in_one_line(tmp_path):
    (tmp_path / "a\r\nX: y?#").mkdir()
    location = get(FileService(tmp_path), "/a\r\nX: y?#").headers["Location"]
    assert location == "/a%0D%0AX:%20y%3F%23/"
    assert unquote(location) == "/a\r\nX: y?#/"


def test_a_folder_without_an_index_is_404(service):
    assert get(service, "/folder/").status == 404


def test_the_names_of_index_files_are_tried_in_their_order(tmp_path):
    for name in ("b.html", "c.html"):
        write(tmp_path / name, name.encode())
    (tmp_path / "a.html").mkdir()
    assert get(FileService(tmp_path, index=("a.html", "b.html", "c.html")), "/").body == b"b.html"
    assert get(FileService(tmp_path, index=("c.html", "b.html")), "/").body == b"c.html"
    assert get(FileService(tmp_path, index=()), "/").status == 404


def test_an_index_that_leads_out_is_refused(service):
    assert get(service, "/outdex/").status == 403


def test_an_index_with_guards_of_its_own_is_left_to_them(service):
    chain = Chain("/sub/index.html")
    req = mapped(service, make("/sub/", chain=chain, query_string=b"q=%20"))
    assert service.found(req)
    assert req.finfo is not None
    assert stat.S_ISDIR(req.finfo.st_mode)
    assert service.content(req) == InternalRedirect("/sub/index.html?q=%20")


def test_the_url_of_that_redirect_is_encoded(tmp_path):
    write(tmp_path / "100%?/index.html", b"x")
    service = FileService(tmp_path)
    req = mapped(service, make("/100%?/", chain=Chain("/100%?/index.html")))
    assert service.content(req) == InternalRedirect("/100%25%3F/index.html")


def test_an_index_that_leads_to_something_guarded_is_refused(tmp_path):
    write(tmp_path / "private/page.html", b"x")
    (tmp_path / "index.html").symlink_to("private/page.html")
    assert get(FileService(tmp_path), "/").status == 403


# --- guards


@pytest.mark.parametrize(
    "path", ["/link-private.txt", "/dirlink-private", "/dirlink-private/", "/top/private/report.txt"]
)
def test_a_road_past_the_guards_is_closed(service, path):
    assert get(service, path).status == 403


def test_what_is_missing_behind_such_a_road_is_refused_as_well(service):
    for path in ("/dirlink-private/report.txt", "/dirlink-private/none", "/dirlink-private/none/deep"):
        assert get(service, path).status == 403


def test_the_same_road_is_open_where_the_same_guards_stand_before_it(service):
    assert get(service, "/link-private.txt", chain=Chain("/")).body == b"report\n"


# --- files that handlers name


def named(service, path, filename, **rest):
    req = make(path, **rest)
    req.filename = filename
    return send(service, mapped(service, req))


def test_a_file_that_a_handler_named_is_sent(service, root):
    assert named(service, "/virtual", f"{root}/sub/page.txt").body == b"page\n"


def test_a_folder_that_a_handler_named_answers_with_its_index(service, root):
    assert named(service, "/virtual/", f"{root}/sub").body == b"<p>sub</p>\n"
    assert named(service, "/virtual", f"{root}/sub").headers["Location"] == "/virtual/"


@pytest.mark.parametrize(
    "name", ["{0}/../secret.txt", "{0}/folder/../../secret.txt", "{0}-backup/leak.txt", "/etc/passwd", "x"]
)
def test_a_handler_cannot_name_a_file_outside_of_the_root(service, root, name):
    assert named(service, "/virtual", name.format(root)).status == 403


def test_a_handler_cannot_name_a_file_past_its_guards(service, root):
    assert named(service, "/virtual", f"{root}/private/report.txt").status == 403


def test_a_file_that_fixup_named_is_looked_for_anew(service, root):
    for path in ("/public.txt", "/none"):
        req = mapped(service, make(path))
        req.filename = f"{root}/folder/one.txt"
        assert send(service, req).body == b"one\n"
    req = mapped(service, make("/public.txt"))
    req.filename = f"{root}/private/report.txt"
    assert send(service, req).status == 403


def test_a_file_name_that_fixup_took_away_is_404(service):
    req = mapped(service, make("/public.txt"))
    req.filename = None
    assert send(service, req).status == 404


def test_where_a_handler_settled_map_to_storage_there_is_a_file_only_if_it_gave_its_status(service, root):
    req = make("/virtual")
    req.filename = f"{root}/public.txt"
    assert send(service, req).status == 404
    req.finfo = Path(req.filename).stat()
    assert send(service, req).body == b"public text\n"


# --- an app behind


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/public.txt", "GET", True),
        ("/public.txt", "HEAD", True),
        ("/public.txt", "POST", False),
        ("/public.txt", "OPTIONS", False),
        ("/public.txt/extra", "GET", False),
        ("/public.txt/", "GET", False),
        ("/none", "GET", False),
        ("/sub/", "GET", True),
        ("/sub", "GET", False),
        ("/folder/", "GET", False),
        ("/.env", "GET", False),
        ("/link-out.txt", "GET", False),
        ("/link-private.txt", "GET", False),
        ("/outdex/", "GET", False),
        ("/fifo", "GET", False),
    ],
)
def test_only_a_file_that_may_be_sent_is_found(service, path, method, expected):
    assert service.found(mapped(service, make(path, method))) is expected


# --- the body


@pytest.fixture
def response(service):
    answer = service.content(mapped(service, make("/tiny.txt")))
    assert isinstance(answer, FileResponse)
    with answer:
        yield answer


def test_the_response_knows_the_length_of_the_file(response):
    assert response.complete_length == response.body.length == 10
    assert response.is_whole


def test_the_body_gives_its_file_to_servers(response):
    assert os.fstat(response.body.fileno()).st_size == 10
    assert response.body.file.read() == b"0123456789"


def test_the_body_can_be_sent_from_any_place_on(response):
    assert response.body.seekable()
    assert response.body.seek(7) == response.body.tell() == 7
    assert b"".join(response.body) == b"789"


def test_closing_the_response_closes_the_file(response):
    response.close()
    assert response.body.file.closed


def test_closing_the_response_closes_the_file_also_behind_a_filter(response):
    response.response = (chunk for chunk in response.response)
    assert not response.is_whole
    response.close()
    assert response.body.file.closed


def test_a_file_that_grows_is_sent_as_long_as_it_was(tmp_path):
    write(tmp_path / "x", b"data")
    service = FileService(tmp_path)
    answer = service.content(mapped(service, make("/x")))
    assert isinstance(answer, FileResponse)
    with answer, (tmp_path / "x").open("ab") as file:
        file.write(b" and more")
        file.flush()
        assert b"".join(answer.iter_encoded()) == b"data"


def test_a_root_that_is_a_symlink_can_be_pointed_elsewhere(tmp_path):
    for release in ("one", "two"):
        write(tmp_path / release / "page.txt", release.encode())
        (tmp_path / release / "link.txt").symlink_to("page.txt")
    (tmp_path / "current").symlink_to("one")
    service = FileService(tmp_path / "current")
    assert get(service, "/link.txt").body == b"one"
    assert get(FileService(tmp_path / "current", listing=True), "/").status == 200
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    assert get(service, "/page.txt").body == b"two"
    assert get(service, "/link.txt").body == b"two"

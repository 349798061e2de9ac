"""Guards and the many ways to write one path: what is guarded is guarded however it is asked for."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app

from hookchain import DECLINED, OK, HookChain, InternalRedirect
from hookchain.paths import normalise
from tests.security.spellings import ENDS, ORIGINS, QUERIES, environ_of, spellings_of, targets

HIDDEN = b"MARK-HIDDEN"
SHOWN = b"MARK-SHOWN"
REFUSED = {400, 401, 403, 404}


class Guarded(NamedTuple):
    """A way to guard something, and what is guarded by it.

    Attributes:
        where: how the section is limited.
        paths: what it covers.
        ends: what may stand behind such a path without another meaning.
        methods: those that it covers.
        hosts: spellings of the hosts that it covers.
    """

    where: dict[str, Any]
    paths: tuple[str, ...]
    ends: tuple[str, ...] = ("",)
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "OPTIONS", "get", "PROPFIND", "X-ODD")
    hosts: tuple[str, ...] = ("localhost",)


GUARDED = {
    "prefix": Guarded({"location": "/private"}, ("/private", "/private/report.txt", "/private/sub/x"), ENDS),
    "prefix with a name that is not ASCII": Guarded(
        {"location": "/caf\u00e9 x"}, ("/caf\u00e9 x", "/caf\u00e9 x/a;b"), ENDS
    ),
    "everything": Guarded({"location": "/"}, ("/open.txt", "/private", "/x/y"), ENDS),
    "exact": Guarded({"location": "/members.txt", "exact": True}, ("/members.txt",)),
    "exact folder": Guarded({"location": "/private/", "exact": True}, ("/private/",)),
    "regex": Guarded(
        {"location": re.compile(r"^/users/(?P<name>[^/]+)/secret(/|$)")},
        ("/users/ann/secret", "/users/\u00e9/secret/x"),
        ENDS,
    ),
    "regex of a suffix": Guarded({"location": re.compile(r"\.txt\Z")}, ("/open.txt", "/private/report.txt")),
    "methods": Guarded(
        {"location": "/private", "methods": ["POST"]}, ("/private/report.txt",), ENDS, ("POST", "post", "Post")
    ),
    "GET covers HEAD": Guarded(
        {"location": "/private", "methods": "GET"}, ("/private",), ENDS, ("GET", "HEAD", "get", "Head")
    ),
    "hosts": Guarded(
        {"hosts": "admin.example"},
        ("/open.txt", "/private/report.txt"),
        ENDS,
        hosts=(
            "admin.example",
            "ADMIN.example",
            "admin.example:80",
            "admin.example.",
            "Admin.Example.:8080",
            "admin.example:",
        ),
    ),
    "files": Guarded({"files": "*.txt"}, ("/open.txt", "/private/report.txt")),
    "directory": Guarded({"directory": "/private"}, ("/private/report.txt", "/private/sub/x")),
}

NEED_FILES = {"files", "directory"}


@pytest.fixture(scope="module")
def root():
    with tempfile.TemporaryDirectory() as folder:
        for name in (
            "private/report.txt",
            "private/sub/x",
            "members.txt",
            "open.txt",
            "caf\u00e9 x/a;b",
            "admin/index.html",
        ):
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(HIDDEN)
        Path(folder, "link").symlink_to("private")
        yield folder


def never(req):
    """Ask for credentials that nobody has."""
    return DECLINED


class Behind:
    """An app that remembers what it was asked for."""

    def __init__(self):
        self.environs = []

    def __call__(self, environ, start_response):
        self.environs.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [SHOWN]


def answer(chain, app, environ):
    chunks, status, _ = run_wsgi_app(chain.wsgi(app), environ, buffered=True)
    return int(status[:3]), b"".join(chunks)


@functools.cache
def built(name, root):
    chain = HookChain(document_root=root, access_log=False)
    chain.section(**GUARDED[name].where).authen(never)
    chain.compile()
    return chain


@pytest.mark.parametrize(
    ("name", "with_files"),
    [(name, with_files) for name in GUARDED for with_files in (True, False) if with_files or name not in NEED_FILES],
)
@given(data=st.data())
def test_no_spelling_of_a_guarded_path_gets_past_the_guard(name, with_files, root, data):
    guarded = GUARDED[name]
    path = data.draw(st.sampled_from(guarded.paths), "path")
    target = data.draw(spellings_of(path, ends=guarded.ends), "target")
    method = data.draw(st.sampled_from(guarded.methods), "method")
    host = data.draw(st.sampled_from(guarded.hosts), "host")
    script_name = data.draw(st.sampled_from(("", "/mnt", "/private", "/open/..", "/mnt/")), "SCRIPT_NAME")
    app = Behind()
    environ = environ_of(target, method, script_name=script_name, HTTP_HOST=host)
    status, body = answer(built(name, root if with_files else None), app, environ)
    assert status == 401
    assert not app.environs
    assert HIDDEN not in body
    assert SHOWN not in body


@given(
    target=targets(),
    script_name=st.sampled_from(("", "/mnt", "/mnt/", "/caf\xc3\xa9")),
    keys=st.sets(st.sampled_from(("REQUEST_URI", "RAW_URI"))),
)
def test_the_app_is_told_the_one_path_that_the_sections_saw_in_every_key(target, script_name, keys):
    chain = HookChain(access_log=False)
    seen = []
    chain.section("/").access(lambda req: seen.append(req.path))
    app = Behind()
    environ = environ_of(target, script_name=script_name)
    for key in keys:
        del environ[key]
    given_before = dict(environ)
    status, _ = answer(chain, app, environ)
    assert environ == given_before, "the server's own environ is not changed"
    if status == 400:
        assert not seen
        assert not app.environs
        return
    (told,) = app.environs
    (path,) = seen
    assert normalise(path) == path
    assert told["PATH_INFO"].encode("latin-1").decode() == path
    assert ("REQUEST_URI" in told, "RAW_URI" in told) == ("REQUEST_URI" not in keys, "RAW_URI" not in keys)
    mounted = script_name.rstrip("/").encode("latin-1") + path.encode()
    for key in ("REQUEST_URI", "RAW_URI"):
        raw_path, mark, query = told.get(key, told["hookchain.request"].root_path).partition("?")
        if key in told:
            assert unquote_to_bytes(raw_path) == mounted
            assert query == told["QUERY_STRING"] == environ["QUERY_STRING"]
            assert raw_path.isascii()
            assert mark or not query


@given(target=targets(), method=st.sampled_from(("GET", "HEAD", "POST", "get")))
def test_whoever_reads_the_path_anew_finds_nothing_guarded_in_what_reaches_the_app(root, target, method):
    chain = HookChain(document_root=root, access_log=False)
    for location in ("/private", "/admin"):
        chain.section(location).authen(never)
    chain.section("/members.txt", exact=True).authen(never)
    app = Behind()
    _, body = answer(chain, app, environ_of(target, method))
    for told in app.environs:
        for key in ("PATH_INFO", "REQUEST_URI", "RAW_URI"):
            for path in readings(told[key].partition("?")[0] if key != "PATH_INFO" else told[key], key):
                assert not covered(path), (key, told[key])
    if HIDDEN in body:
        assert not app.environs
        path = target.partition("?")[0].removeprefix(next(o for o in reversed(ORIGINS) if target.startswith(o)))
        assert os.path.normpath(unquote_to_bytes(path.encode("latin-1"))).lstrip(b"/") == b"open.txt"


def readings(value, key):
    """The paths that apps might take a value for: as it is, merged, resolved, decoded."""
    raw = value.encode("latin-1")
    if key != "PATH_INFO":
        raw = unquote_to_bytes(raw)
    yield raw
    yield re.sub(rb"/+", b"/", raw)
    yield os.path.normpath(raw) + b"/" * raw.endswith(b"/")  # an exact section covers no path with another end
    yield b"/" + raw.lstrip(b"/")


def covered(path):
    return path == b"/members.txt" or any(
        path == top or path.startswith(top + b"/") for top in (b"/private", b"/admin")
    )


@pytest.mark.parametrize("phase", ["post_read_request", "trans"])
@given(target=spellings_of("/private/report.txt", ends=ENDS), with_query=st.booleans())
def test_a_rewrite_into_a_guarded_place_is_guarded_however_it_is_spelt(root, phase, target, with_query):
    chain = HookChain(document_root=root, access_log=False)
    chain.section("/private").authen(never)
    rewritten = environ_of(target)["PATH_INFO"].encode("latin-1").decode()

    def rewrite(req):
        req.path = rewritten

    chain.register(phase, rewrite)
    app = Behind()
    assert answer(chain, app, environ_of("/open.txt" + "?a" * with_query))[0] == 401
    assert not app.environs


@given(target=spellings_of("/private/report.txt", ends=ENDS))
def test_an_internal_redirect_into_a_guarded_place_is_guarded_however_it_is_spelt(root, target):
    chain = HookChain(document_root=root, access_log=False)
    chain.section("/private").authen(never)
    url = target.encode("latin-1").decode()
    for origin in ORIGINS:
        url = url.removeprefix(origin) if origin else url

    @chain.content("/leads")
    def leads(req):
        return InternalRedirect(url)

    app = Behind()
    assert answer(chain, app, environ_of("/leads/there"))[0] == 401
    assert not app.environs


def test_a_guarded_path_is_reached_with_credentials_by_the_same_spellings(root):
    chain = HookChain(access_log=False)

    @chain.authen("/private")
    def anybody(req):
        req.user = "ann"
        return OK

    for end in ENDS:
        for origin in ORIGINS:
            app = Behind()
            status, body = answer(chain, app, environ_of(f"{origin}/x/%2E%2e//private{end}{QUERIES[2]}"))
            assert (status, body) == (200, SHOWN)
            assert app.environs[0]["PATH_INFO"].rstrip("/") == "/private"
            assert app.environs[0]["REMOTE_USER"] == "ann"


@pytest.mark.parametrize(
    "target", ["/..", "/../private", "/x/../../private", "/%2e%2e/private", "/private/%00", "/%ff", "/caf%e9", "/..%2f"]
)
@pytest.mark.parametrize("with_files", [True, False])
def test_what_climbs_out_or_is_no_text_is_a_bad_request_before_any_handler_but_the_first(root, target, with_files):
    chain = HookChain(document_root=root if with_files else None, access_log=False)
    ran = []
    chain.post_read_request(lambda req: ran.append("post_read_request"))
    chain.trans(lambda req: ran.append("trans"))
    chain.access(lambda req: ran.append("access"))
    chain.log(lambda req: ran.append("log"))
    chain.cleanup(lambda req: ran.append("cleanup"))
    app = Behind()
    assert answer(chain, app, environ_of(target))[0] == 400
    assert not app.environs
    assert ran == ["post_read_request", "log", "cleanup"]

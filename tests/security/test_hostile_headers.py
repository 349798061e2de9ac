"""Headers, methods and queries that nobody sends by accident: no error of ours, one log line, nothing given away."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

from hookchain import AccessLog, HookChain
from tests.security.contract_server import only_alice
from tests.security.spellings import environ_of

HIDDEN = b"MARK-HIDDEN"
PUBLIC = b"0123456789" * 100
NAMES = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
    "Referer",
    "Remote-User",
    "Script-Name",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "X-Http-Method-Override",
    "X-Original-Url",
    "X-Rewrite-Url",
)
WORDS = (
    "bytes=0-",
    "bytes=-1",
    "bytes=" + "0-0," * 200 + "0-",
    "bytes=99999999999999999999-",
    "bytes=\xb2-\xb3",
    "bytes=5-2",
    "bytes",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 99999999999 08:49:37 GMT",
    "Sun, 31 Feb 2023 25:61:61 +9999",
    '"', '""', 'W/"x"', "*", '"a", W/"b", ', "gzip;q=1e99", "br;q=-1", "*;q=0", "identity;q=nan", "en;q=\xb2",
    "Basic", "Basic ", "Basic =", "basic YTpi", "Basic \xff", "Digest a=b", "Digest " + "a=," * 50, "Bearer",
    "Negotiate \x01", "multipart/form-data", "multipart/form-data; boundary=", "application/json; x",
    "text/plain; a*=x''%", "application/x-www-form-urlencoded", "chunked", "gzip, chunked", "0", "-1", "100-continue",
    "a=b; c", "=;=;", "\x7f", "\t", " ", "%00", "%s%n", "{0}", "\\x00", "localhost", "localhost:99999999", "[::1",
    "[::1]:x", "user@localhost", "a, b", "..", "/private/report.txt", "alice", "http://evil.example/%0d%0a",
    'for="[::1]"', "DELETE", "<script>", "\xe9", "\xff\xfe", "A" * 9000,
)  # fmt: skip


def values():
    noise = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20)
    return st.lists(st.one_of(st.sampled_from(WORDS), noise), min_size=1, max_size=3).map("".join)


@pytest.fixture(scope="module")
def site():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        (root / "private").mkdir(parents=True)
        (root / "private" / "report.txt").write_bytes(HIDDEN)
        (root / "public.txt").write_bytes(PUBLIC)
        (root / "public.txt.gz").write_bytes(b"packed")
        log = io.StringIO()
        line = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" %{Cookie}C %U %q %v %V %p %X %I %O'
        hooks = HookChain(
            document_root=root, access_log=AccessLog(line, to=log), challenge="Basic realm=x", max_body=1000
        )
        hooks.section("/private").authen(only_alice)
        hooks.section("/host", hosts="localhost").access(read_the_form)
        hooks.section("/parsed").content(parse_everything)
        yield hooks, log


def read_the_form(req):
    req.get_form()


def parse_everything(req):
    """Ask for whatever Werkzeug reads out of headers."""
    seen = [req.authorization, req.cookies, req.accept_encodings, req.accept_languages, req.accept_mimetypes]
    seen += [req.args, req.if_range, req.range, req.if_none_match, req.if_modified_since, req.cache_control]
    seen += [req.user_agent, req.content_length, req.mimetype_params, req.referrer, req.access_route, req.date]
    return f"{len(repr(seen)) > 0}"


def behind(environ, start_response):
    data = environ["wsgi.input"].read(10)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app ", data]


def ask(site, target, method, headers):
    """Send a request through the chain; return status, headers, body and the lines that were logged."""
    hooks, log = site
    log.seek(0)
    log.truncate()
    environ = environ_of(target, method, **{"wsgi.input": io.BytesIO(b"a=b&c=d")})
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    chunks, status, received = run_wsgi_app(hooks.wsgi(behind), environ, buffered=True)
    return int(status[:3]), received, b"".join(chunks), log.getvalue()


PATHS = ("/public.txt", "/private/report.txt", "/private/none", "/", "/app", "/host/x", "/parsed")


@given(
    path=st.sampled_from(PATHS),
    method=st.one_of(st.sampled_from(("GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "get")), values()),
    headers=st.dictionaries(st.sampled_from(NAMES), values(), max_size=4),
    query=values(),
)
def test_hostile_headers_are_answered_below_500_and_logged_in_one_line(site, path, method, headers, query):
    status, received, body, logged = ask(site, f"{path}?{query}", method, headers)
    assert status < 500, logged
    assert logged.count("\n") == 1
    assert logged.endswith("\n")
    assert re.fullmatch(r"[\x20-\x7e]+\n", logged), (
        "what a terminal or another log reader could take for something else"
    )
    assert HIDDEN not in body
    assert "root" not in str(received.get("Location", ""))
    if path.startswith("/private"):
        assert status in {400, 401, 405}


@given(
    headers=st.dictionaries(st.sampled_from(("Range", "If-Range", "If-Match", "If-None-Match")), values(), max_size=4)
)
def test_what_is_sent_of_a_file_is_never_more_than_the_file_needs(site, headers):
    status, received, body, _ = ask(site, "/public.txt", "GET", headers)
    assert status in {200, 206, 304, 412, 416}
    assert len(body) <= 2 * len(PUBLIC)
    if status == 200:
        assert body == PUBLIC
    elif status == 206 and not received["Content-Type"].startswith("multipart/"):
        first, last = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/1000", received["Content-Range"]).groups())
        assert body == PUBLIC[first : last + 1]


@given(
    credentials=st.one_of(st.text(max_size=30), st.just("alice:wonderland")),
    odd=values(),
    scheme=st.sampled_from(("Basic", "basic", "BASIC")),
)
def test_only_the_right_credentials_open_the_guarded_folder(site, credentials, odd, scheme):
    token = base64.b64encode(credentials.encode("utf-8", "surrogatepass")).decode()
    status, _, body, _ = ask(site, "/private/report.txt", "GET", {"Authorization": f"{scheme} {token}"})
    assert (status, HIDDEN in body) == ((200, True) if credentials == "alice:wonderland" else (401, False))
    status, received, body, _ = ask(site, "/private/report.txt", "GET", {"Authorization": f"{scheme} {token}{odd}"})
    assert status in {200, 401}
    if status == 200:
        assert (credentials, odd.strip(" ")) == ("alice:wonderland", "")
    else:
        assert Headers(received)["WWW-Authenticate"] == "Basic realm=x"
        assert HIDDEN not in body


@pytest.mark.parametrize(
    "name", ["X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix", "Script-Name", "X-Http-Method-Override"]
)
@pytest.mark.parametrize("value", ["/private/report.txt", "/private", "GET", "DELETE", "//", "/.."])
def test_headers_that_would_shift_the_path_or_the_method_mean_nothing(site, name, value):
    with_it = ask(site, "/public.txt", "GET", {name: value})
    assert (with_it[0], with_it[2]) == (200, PUBLIC)
    assert ask(site, "/private/report.txt", "GET", {name: "/public.txt"})[0] == 401

"""Requests for the tests of the access log: made up, redirected, and hostile ones from Hypothesis."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

START = 1795379318.123456  # 2026-11-22 20:28:38 UTC, a Sunday


def record(**changes):
    """Return what a formatter reads of a request."""
    values = {
        "prev": None,
        "next": None,
        "method": "GET",
        "scheme": "http",
        "uri": "/a b/index.html",
        "unparsed_uri": "/a%20b/index.html?x=1",
        "protocol": "HTTP/1.1",
        "query_string": b"x=1",
        "headers": Headers({"Host": "Example.org:8080", "User-Agent": "curl/8", "Cookie": "a=1; Session = s3 ;b="}),
        "remote_addr": "192.0.2.7",
        "server": ("127.0.0.1", 8080),
        "user": "ann",
        "status": 200,
        "filename": "/srv/a b/index.html",
        "handler": "default-handler",
        "headers_out": Headers(),
        "err_headers_out": Headers(),
        "notes": {"cache": "hit", "tries": 2},
        "env": {"UNIQUE_ID": "abc", "REMOTE_PORT": "50123"},
        "response": Response(b"hello", headers={"X-Made-By": "test"}, content_type="text/html; charset=utf-8"),
        "start_time": START,
        "duration": 1.234567,
        "bytes_sent": 5,
        "bytes_received": 3,
        "aborted": False,
        "decided_by": None,
    }
    return SimpleNamespace(**values | changes)


def redirected():
    first = record(status=404, user=None, uri="/old", filename=None, handler=None, bytes_sent=5)
    last = record(status=200, user="bob", uri="/new", method="POST", start_time=START + 1, duration=0.5, handler="cgi")
    last.prev, first.next = first, last
    return first, last


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
tricky = texts | st.sampled_from(["", "-", '"', "\\", '\\"', "\n", "\r\n", '" 200 5 "', "\x7f\x80\u2028\ud800", "é"])
header_maps = st.dictionaries(st.sampled_from(["Referer", "User-Agent", "Host", "Cookie", "X-A"]), tricky)


def raw_headers(values):
    headers = Headers()
    headers._list = list(values.items())  # past Werkzeug's own check: some servers let such values in
    return headers


requests = st.builds(
    record,
    remote_addr=st.none() | st.sampled_from(["192.0.2.7", "::1"]),
    method=tricky,
    unparsed_uri=tricky,
    uri=tricky,
    protocol=tricky,
    query_string=st.binary(max_size=20),
    user=st.none() | tricky,
    filename=st.none() | tricky,
    handler=st.none() | tricky,
    headers=st.builds(raw_headers, header_maps),
    notes=st.dictionaries(st.just("a"), tricky),
    env=st.dictionaries(st.just("a") | st.just("REMOTE_PORT"), tricky),
    server=st.none() | st.tuples(tricky, st.none() | st.integers(0, 65535)),
    status=st.integers(200, 599),
    bytes_sent=st.integers(0, 10**12),
    duration=st.floats(0, 1e6),
    start_time=st.floats(0, 4e9),
)

"""The format language: every directive, what it refuses, and that no request can forge a line."""

from __future__ import annotations

import linecache
import logging
import os
import re
import threading
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.wrappers import Response

from hookchain.access_log import COMBINED, COMMON
from hookchain.environ_request import EnvironRequest
from hookchain.exceptions import DeclarationError
from hookchain.log_directives import DIRECTIVES
from hookchain.log_format import compile_format, compile_value, parse
from hookchain.log_line import escape, read_carefully, source
from hookchain.request import Request
from tests.core.log_records import START, record, redirected, requests


def line(text, **changes):
    return compile_format(text)(record(**changes))


@pytest.fixture(params=["UTC", "Asia/Kolkata", "America/St_Johns"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%h", "192.0.2.7"),
        ("%a", "192.0.2.7"),
        ("%A", "127.0.0.1"),
        ("%l", "-"),
        ("%u", "ann"),
        ("%r", "GET /a%20b/index.html?x=1 HTTP/1.1"),
        ("%s", "200"),
        ("%>s", "200"),
        ("%<s", "200"),
        ("%b", "5"),
        ("%B", "5"),
        ("%D", "1234567"),
        ("%T", "1"),
        ("%{s}T", "1"),
        ("%{ms}T", "1234"),
        ("%{us}T", "1234567"),
        ("%{US}T", "1234567"),
        ("%f", "/srv/a b/index.html"),
        ("%m", "GET"),
        ("%U", "/a b/index.html"),
        ("%q", "?x=1"),
        ("%H", "HTTP/1.1"),
        ("%v", "127.0.0.1"),
        ("%V", "example.org"),
        ("%p", "8080"),
        ("%{canonical}p", "8080"),
        ("%{local}p", "8080"),
        ("%{remote}p", "50123"),
        ("%X", "+"),
        ("%k", "0"),
        ("%L", "-"),
        ("%R", "default-handler"),
        ("%{User-agent}i", "curl/8"),
        ("%{Referer}i", "-"),
        ("%{X-Made-By}o", "test"),
        ("%{Content-Type}o", "text/html"),
        ("%{X-None}o", "-"),
        ("%{cache}n", "hit"),
        ("%{tries}n", "2"),
        ("%{none}n", "-"),
        ("%{none}{cache}n", "hit"),
        ("%{UNIQUE_ID}e", "abc"),
        ("%{NONE}e", "-"),
        ("%{a}C", "1"),
        ("%{session}C", "s3"),
        ("%{b}C", "-"),
        ("%{none}C", "-"),
        ("%%", "%"),
        ("100%% of %m", "100% of GET"),
        ("%{sec}t", "1795379318"),
        ("%{msec}t", "1795379318123"),
        ("%{usec}t", "1795379318123456"),
        ("%{msec_frac}t", "123"),
        ("%{usec_frac}t", "123456"),
        ("%{begin:sec}t", "1795379318"),
        ("%{end:sec}t", "1795379319"),
        ("%{end:msec}t", "1795379319358"),
        ("%{end:usec_frac}t", "358023"),
        (r"a\tb\nc\\d\"e\rf\zg", 'a\tb\nc\\d"e\rf\\zg'),
        ("é %m", "é GET"),
    ],
)
def test_a_directive_writes_what_apache_writes(text, expected):
    assert line(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%t", "[22/Nov/2026:20:28:38 +0000]"),
        ("%{}t", "[22/Nov/2026:20:28:38 +0000]"),
        ("%{begin}t", "[22/Nov/2026:20:28:38 +0000]"),
        ("%{begin:}t", "[22/Nov/2026:20:28:38 +0000]"),
        ("%{end}t", "[22/Nov/2026:20:28:39 +0000]"),
        ("%{%Y-%m-%dT%H:%M:%S%z}t", "2026-11-22T20:28:38+0000"),
        ("%{begin:%F %T}t", "2026-11-22 20:28:38"),
        ("%{end:%T}t", "20:28:39"),
        ("%{%a %A %b %B %h %p %P}t", "Sun Sunday Nov November Nov PM pm"),
        ("%{%c|%x|%X|%r|%D|%R}t", "Sun Nov 22 20:28:38 2026|11/22/26|20:28:38|08:28:38 PM|11/22/26|20:28"),
        ("%{%C %e %k %l %I %j %s %% %u}t", "20 22 20  8 08 326 1795379318 % 7"),
        ("%{a%nb%tc}t", "a\nb\tc"),
        ('%{"%H"}t', '"20"'),
    ],
)
def test_a_time_is_written_in_the_c_locale(utc, text, expected):
    assert line(text) == expected


@pytest.mark.parametrize(("hour", "expected"), [(0, "12 AM am"), (9, " 9 AM am"), (12, "12 PM pm"), (23, "11 PM pm")])
def test_the_twelve_hour_clock_begins_with_twelve(utc, hour, expected):
    assert line("%{%l %p %P}t", start_time=START + (hour - 20) * 3600) == expected


def test_the_time_is_local_with_its_offset(zone):
    offsets = {"UTC": "20:28:38 +0000", "Asia/Kolkata": "01:58:38 +0530", "America/St_Johns": "16:58:38 -0330"}
    day = 23 if zone == "Asia/Kolkata" else 22
    assert line("%t") == f"[{day}/Nov/2026:{offsets[zone]}]"
    assert line("%{%H:%M:%S %z}t") == offsets[zone]


def test_the_time_is_rendered_anew_when_the_second_changes_and_only_then(utc, monkeypatch):
    write = compile_format("%t")
    assert write(record()) == "[22/Nov/2026:20:28:38 +0000]"
    with monkeypatch.context() as patched:
        patched.setattr(time, "localtime", None)
        assert write(record(start_time=START + 0.5)) == "[22/Nov/2026:20:28:38 +0000]"
    assert write(record(start_time=START + 1)) == "[22/Nov/2026:20:28:39 +0000]"
    assert write(record(start_time=START)) == "[22/Nov/2026:20:28:38 +0000]"


def test_a_fraction_that_rounds_up_to_a_second_counts_as_that_second(utc):
    text = "%{%S}t %{sec}t %{usec_frac}t"
    assert line(text, start_time=1795379318.9999998) == "39 1795379319 000000"


def test_process_and_thread_are_those_that_write_the_line():
    assert line("%P %{pid}P") == f"{os.getpid()} {os.getpid()}"
    assert line("%{tid}P %{hextid}P") == f"{threading.get_ident()} {threading.get_ident():x}"


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("%h %a", {"remote_addr": None}, "- -"),
        ("%A", {"server": ("example.org", 80)}, "-"),
        ("%A", {"server": ("::1", 80)}, "::1"),
        ("%A %v %p %{local}p", {"server": None}, "- - 80 -"),
        ("%p %{local}p", {"server": ("/run/x.sock", None), "scheme": "https"}, "443 -"),
        ("%{remote}p", {"env": {}}, "-"),
        ("%V", {"headers": Headers()}, "127.0.0.1"),
        ("%V", {"headers": Headers({"Host": "[2001:DB8::1]:80"})}, "[2001:db8::1]"),
        ("%V", {"headers": Headers({"Host": "example.org."})}, "example.org"),
        ("%u", {"user": None}, "-"),
        ("%u", {"user": ""}, '""'),
        ("%u", {"user": 7}, "7"),
        ("%b %B", {"bytes_sent": 0}, "- 0"),
        ("%s", {"status": 0}, "-"),
        ("%f %R", {"filename": None, "handler": None}, "- -"),
        ("[%q]", {"query_string": b"", "unparsed_uri": "/x"}, "[]"),
        ("[%q]", {"query_string": b"", "unparsed_uri": "/x?"}, "[?]"),
        ("%{X-A}i", {"headers": Headers([("X-A", "1"), ("x-a", "2")])}, "1, 2"),
        ("%{X-A}i", {"headers": EnvironHeaders({"HTTP_X_A": "1,2"})}, "1,2"),
        ("%{X-B}i", {"headers": EnvironHeaders({"HTTP_X_A": "1,2"})}, "-"),
        ("[%{X-A}i]", {"headers": Headers({"X-A": ""})}, "[]"),
        ("%{b}C", {"headers": Headers([("Cookie", "a=1"), ("Cookie", "b=x=y")])}, "x=y"),
        ("%{X-A}o", {"response": None, "headers_out": Headers({"X-A": "1"})}, "1"),
        ("%{X-A}o", {"response": None, "err_headers_out": Headers({"X-A": "2"})}, "2"),
        ("%{X-A}o", {"headers_out": Headers({"X-A": "set, not sent"})}, "-"),
        ("%{Set-Cookie}o", {"response": Response(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])}, "a=1, b=2"),
        ("%{Link}o", {"response": Response(headers=[("Link", "<1>"), ("Link", "<2>")])}, "<1>"),
    ],
)
def test_what_a_request_lacks_is_written_as_apache_writes_it(text, changes, expected):
    assert line(text, **changes) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aborted": True}, "X"),
        ({"protocol": "HTTP/1.0"}, "-"),
        ({"protocol": "HTTP/1.0", "headers": Headers({"Connection": "Keep-Alive"})}, "+"),
        ({"headers": Headers({"Connection": "close"})}, "-"),
        ({"response": Response(headers={"Connection": "close"})}, "-"),
        ({"response": None}, "+"),
    ],
)
def test_the_connection_status_follows_protocol_and_headers(changes, expected):
    assert line("%X", **changes) == expected


def test_received_and_sent_bytes_count_lines_headers_and_body():
    received = b"GET /a HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\nabc"
    sent = b"HTTP/1.1 404 NOT FOUND\r\nA: 1\r\nLonger: 22\r\n\r\nhello"
    response = Response(status=404)
    response.headers = Headers([("A", "1"), ("Longer", "22")])
    changes = {"unparsed_uri": "/a", "headers": Headers([("Host", "a"), ("X", "yz")]), "response": response}
    assert line("%I", **changes) == str(len(received))
    assert line("%O", **changes) == str(len(sent))
    assert line("%S", **changes) == str(len(received) + len(sent))


def test_without_a_response_only_the_bytes_that_went_out_count():
    assert line("%O", response=None, bytes_sent=0) == "0"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://ann:secret@example.org/x", "http://ann:XXXXXXXX@example.org/x"),
        ("http://ann:se@cret@example.org/x", "http://ann:XXXXXXXX@example.org/x"),
        ("ann:secret@example.org:443", "ann:XXXXXXXX@example.org:443"),
        ("http://example.org:80/x@y", "http://example.org:80/x@y"),
        ("/a:b@c", "/a:b@c"),
        ("*", "*"),
    ],
)
def test_a_password_in_the_request_target_is_masked(target, expected):
    assert line("%r", unparsed_uri=target) == f"GET {expected} HTTP/1.1"


def test_status_path_request_line_and_handler_are_those_of_the_original_request():
    first, last = redirected()
    for entry in (first, last):
        assert compile_format("%s %U %R %r")(entry) == "404 /old - GET /a%20b/index.html?x=1 HTTP/1.1"


def test_all_else_is_that_of_the_final_request():
    first, _ = redirected()
    assert compile_format("%u %m %f")(first) == "bob POST /srv/a b/index.html"


def test_the_modifiers_choose_the_record():
    first, _ = redirected()
    assert compile_format("%>s %<s %<u %>u %>U %>{User-agent}i %{User-agent}<i")(first) == (
        "200 404 - bob /new curl/8 curl/8"
    )


def test_times_and_bytes_are_those_of_the_whole_exchange():
    first, _ = redirected()
    assert compile_format("%>T %>D %>{sec}t %b")(first) == "1 1234567 1795379318 5"


@pytest.mark.parametrize(
    ("text", "status", "expected"),
    [
        ("%400,501{User-agent}i", 400, "curl/8"),
        ("%400,501{User-agent}i", 501, "curl/8"),
        ("%400,501{User-agent}i", 200, "-"),
        ("%!200,304,302{User-agent}i", 200, "-"),
        ("%!200,304,302{User-agent}i", 404, "curl/8"),
        ("%!!200m", 200, "GET"),
        ("%404>s", 404, "404"),
        ("%!m", 200, "GET"),
    ],
)
def test_a_status_condition_writes_a_dash_where_it_does_not_hold(text, status, expected):
    assert line(text, status=status) == expected


def test_a_status_condition_looks_at_the_final_status():
    first, _ = redirected()
    assert compile_format("%200s %404s %200u")(first) == "404 - bob"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a"b', 'a\\"b'),
        ("a\\b", "a\\\\b"),
        ("\b\n\r\t\v", "\\b\\n\\r\\t\\v"),
        ("\f\x00\x1b\x7f", "\\x0c\\x00\\x1b\\x7f"),
        ("é€", "\\xc3\\xa9\\xe2\\x82\\xac"),
        ("\udce9", "\\xe9"),
        ("\ud800", "\\xed\\xa0\\x80"),
        ("\u2028", "\\xe2\\x80\\xa8"),
        ("plain text!", "plain text!"),
    ],
)
def test_a_value_is_escaped_as_apache_escapes_it(text, expected):
    assert escape(text) == expected
    assert line("[%u]", user=text) == f"[{expected}]"


def test_a_query_that_is_no_utf8_is_written_byte_by_byte():
    assert line("%q", query_string=b"a=\xe9\xc3\xa9") == "?a=\\xe9\\xc3\\xa9"


def test_quotes_of_the_format_stay_while_those_of_a_value_are_escaped():
    assert line('"%u" \\"%m\\"', user='x" 200 "') == '"x\\" 200 \\"" "GET"'


def test_two_quotes_as_a_user_name_are_not_taken_for_an_empty_name():
    assert line("%u", user='""') == '\\"\\"'


def test_a_value_of_a_compound_line_can_be_had_unescaped():
    assert compile_value('<%u "%m">')(record(user='é"')) == '<é" "GET">'


def test_a_directive_that_raises_writes_a_dash_and_is_logged(caplog):
    class Broken:
        def __str__(self):
            raise RuntimeError("gone")

    with caplog.at_level(logging.ERROR, "hookchain"):
        assert line("%m %u %>s", user=Broken()) == "GET - 200"
    assert [(entry.name, entry.getMessage()) for entry in caplog.records] == [
        ("hookchain", "%u in an access log failed; - stands in its place")
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("%h %w", ["'%w'", "at character 4", "%h"]),
        ("%d", ["'%d'", "at character 1", "did you mean '%D'", "microseconds"]),
        ("%h %", ["'%'", "at character 4", "%%"]),
        ("%>", ["'%>'", "at character 1"]),
        ("%{Referer", ["not closed", "at character 1"]),
        ('"%{Referer" %h', ["not closed", "at character 2"]),
        ("%{Referer}", ["'%{Referer}'", "no directive"]),
        ("%(h)s", ["write %h"]),
        ("%({referer}i)s", ["write %{referer}i"]),
        ("%i", ["needs a name"]),
        ("%{}o", ["needs a name"]),
        ("%{x}h", ["takes no {x}"]),
        ("%{min}T", ["no {min}", "{ms}"]),
        ("%{canonica}p", ["did you mean 'canonical'"]),
        ("%{thread}P", ["no {thread}", "{tid}"]),
        ("%{msecs}t", ["no time format", "did you mean 'msec'"]),
        ("%{%Q}t", ["strftime has no '%Q'"]),
        ("%{%H%}t", ["strftime has no '%'"]),
        ("%{%-d}t", ["strftime has no '%-'"]),
    ],
)
def test_a_wrong_format_is_refused_with_its_place_and_a_remedy(text, parts):
    with pytest.raises(DeclarationError) as caught:
        compile_format(text)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == [], message
    assert repr(text) in message


def test_the_reference_lists_every_directive():
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "access-log.md").read_text(encoding="utf-8")
    listed = re.findall(r"`%(?:\{\w+\})?([a-zA-Z])`(?=[^\n|]*\|)", reference)
    assert set(listed) == set(DIRECTIVES)


def test_a_status_may_be_an_http_status():
    assert line("%s %>s %404m", status=HTTPStatus.NOT_FOUND) == "404 404 GET"


def test_a_request_of_the_library_has_all_that_the_directives_read(utc):
    req = Request(
        "post",
        server=("127.0.0.1", 8080),
        path="/\u00e9t\u00e9",
        query_string=b"x=1",
        headers=Headers({"Host": "example.org", "Referer": "/"}),
        remote_addr="192.0.2.7",
    )
    req.start_time, req.user, req.status, req.bytes_sent = START, "ann", 404, 9
    req.response = Response("not found", 404)
    assert compile_format(COMBINED)(req) == (
        '192.0.2.7 - ann [22/Nov/2026:20:28:38 +0000] "POST /%C3%A9t%C3%A9?x=1 HTTP/1.1" 404 9 "/" "-"'
    )
    assert compile_format("%U %q %f %R %k %X %A %p %{a}n %{a}e %{Content-Type}o")(req) == (
        "/\\xc3\\xa9t\\xc3\\xa9 ?x=1 - - 0 + 127.0.0.1 8080 - - text/plain"
    )
    values = compile_format("%O %I %S %D %T")(req).split()
    assert all(value.isdigit() for value in values), values


# -- requests made of an environ, which are read without making what only the log asks for

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/a",
    "QUERY_STRING": "x=1",
    "REQUEST_URI": "/a?x=1",
    "SERVER_PROTOCOL": "HTTP/1.0",
    "REMOTE_ADDR": "192.0.2.7",
    "HTTP_USER_AGENT": "curl/8",
    "CONTENT_TYPE": "text/x",
}
EVERY = (
    '%a %b %B %h %k %l %L %m "%r" %s %>s %t %{begin}t %{sec}t %u %U %H %{User-Agent}i %{Content-Type}i %{X}i %{a{b}i'
)


def environ_request(*, without=(), environ=(), **changes):
    req = EnvironRequest({**{key: value for key, value in ENVIRON.items() if key not in without}, **dict(environ)})
    req.started = 9.5
    for name, value in changes.items():
        setattr(req, name, value)
    return req


ENVIRON_REQUESTS = {
    "as it came": {},
    "with nothing said": {"without": ("REQUEST_URI", "REMOTE_ADDR", "SERVER_PROTOCOL", "HTTP_USER_AGENT")},
    "RAW_URI": {"without": ("REQUEST_URI",), "environ": {"RAW_URI": "/raw"}},
    "a whole URL": {"environ": {"REQUEST_URI": "http://ann:secret@example.org/"}},
    "no path": {"environ": {"REQUEST_URI": ""}},
    "a user and a body": {"user": "ann", "status": 404, "bytes_sent": 7},
    "no status": {"status": 0, "user": ""},
    "set by a handler": {
        "remote_addr": "198.51.100.1",
        "protocol": "HTTP/2",
        "raw_uri": "/else",
        "start_time": START,
        "method": "PUT",
    },
    "an address that is gone": {"remote_addr": None, "raw_uri": None},
    "other headers": {"headers": Headers([("User-Agent", "a"), ("X", "1"), ("X", "2")])},
    "headers of another environ": {"headers": EnvironHeaders({"HTTP_X": "other"})},
    "to be escaped": {"environ": {"HTTP_USER_AGENT": 'a"b\\c\xe9\n', "REQUEST_URI": "/\x7f"}},
    "of no text": {"environ": {"HTTP_X": 7}},
}


@pytest.mark.parametrize("case", ENVIRON_REQUESTS)
def test_a_request_made_of_an_environ_is_written_like_any_other(case, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: START)
    monkeypatch.setattr(time, "perf_counter", lambda: 10.0)
    literals, items = parse(EVERY)
    req, same = environ_request(**ENVIRON_REQUESTS[case]), environ_request(**ENVIRON_REQUESTS[case])
    parts = read_carefully(literals, items, same)
    parts[1::2] = map(escape, parts[1::2])
    assert compile_format(EVERY)(req) == "".join(parts)


def test_headers_that_a_handler_has_read_are_written_as_well():
    req = environ_request()
    assert req.headers.get("X-Forwarded-For") is None
    assert compile_format("%{User-Agent}i")(req) == "curl/8"


def test_nothing_is_made_for_the_line_of_a_usual_request():
    req = environ_request()
    before = set(vars(req))
    compile_format(COMBINED)(req)
    assert set(vars(req)) == before


def test_a_redirected_request_made_of_an_environ_tells_of_both_records():
    first, last = environ_request(status=404), record(status=200, uri="/new")
    last.prev, first.next = first, last
    assert compile_format("%s %>s %U %>U")(first) == compile_format("%s %>s %U %>U")(last) == "404 200 /a /new"


def test_the_code_of_a_line_can_be_read():
    literals, items = parse('{%h} "%{Referer}i"')
    line = compile_format('{%h} "%{Referer}i"')
    assert "".join(linecache.getlines(line.__code__.co_filename)) == source(literals, items)
    assert """whole = f'{{{value0}}} "{value1}"'""" in source(literals, items)


# -- no request forges a line

EVERYTHING = " ".join(
    f"%{argument}{letter}"
    for letter in DIRECTIVES
    for argument in ({"i": ["{X-A}", "{Cookie}"], "p": ["", "{remote}"]}.get(letter) or ["{a}" * (letter in "Ceno")])
)


@given(requests)
def test_no_request_puts_a_control_character_or_a_foreign_one_into_a_line(req):
    written = compile_format(EVERYTHING)(req)
    assert re.fullmatch(r"[ -~]*", written)


FIELD = r'((?:[^"\\]|\\.)*)'
PARSE = re.compile(rf'(\S+) - (.*) (\[[^\]]+\]) "{FIELD}" (\d+) (\d+|-) "{FIELD}" "{FIELD}"')


@given(requests)
def test_a_combined_line_parses_back_into_its_fields(req):
    found = PARSE.fullmatch(compile_format(COMBINED)(req))
    assert found is not None
    assert found.groups() == (
        req.remote_addr or "-",
        "-" if req.user is None else escape(req.user) or '""',
        compile_format("%t")(req),
        compile_format("%r")(req),
        str(req.status),
        str(req.bytes_sent or "-"),
        escape(req.headers.get("Referer", "-")),
        escape(req.headers.get("User-Agent", "-")),
    )


@given(requests)
def test_a_line_is_its_literals_and_escaped_values_whichever_way_it_was_put_together(req):
    values = [compile_value(text)(req) for text in ("%m", "%U", "%{User-Agent}i")]
    assert compile_format('"%m" %>U "%{User-Agent}i"')(req) == '"{}" {} "{}"'.format(*map(escape, values))


def test_common_and_combined_are_apaches():
    assert COMMON == '%h %l %u %t "%r" %>s %b'
    assert COMBINED == '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"'


def test_a_password_is_in_no_line_that_does_not_ask_for_it():
    headers = Headers({"Authorization": "Basic c2VjcmV0", "Cookie": "session=c2VjcmV0"})
    everything = EVERYTHING.replace("%{Cookie}i", "")
    assert "c2VjcmV0" not in line(f"{COMBINED} {everything}", headers=headers)
    assert line("%{Authorization}i", headers=headers) == "Basic c2VjcmV0"

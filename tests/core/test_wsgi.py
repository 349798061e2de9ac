"""The chain as a WSGI application, alone and around an app: what the protocol asks for, and what each side sees."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import io
import re
import sys
import threading
from wsgiref.validate import validator

import pytest
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper, get_input_stream

from hookchain import DONE, OK, AccessLog, HookChain, InternalRedirect, Request, current_request
from tests.core.wsgi_server import call, call_checked, chunked, environ_for

TEXT = [("Content-Type", "text/plain; charset=utf-8")]


class Seen:
    """What the finishers of a chain saw, request by request."""

    def __init__(self, chain):
        self.logged = []
        self.cleaned = []
        chain.log(self.log)
        chain.cleanup(self.cleanup)

    def log(self, req):
        self.logged.append(req)

    def cleanup(self, req):
        self.cleaned.append(req)

    @property
    def only(self):
        """The one request, whose LOG and CLEANUP each ran once."""
        (req,) = self.logged
        assert self.cleaned == [req]
        return req


class Body:
    """An iterable of chunks that counts how often it is closed; an exception among the chunks is raised."""

    def __init__(self, *chunks):
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self):
        self.closed += 1


def answering(body, status="200 OK", headers=TEXT):
    def app(environ, start_response):
        start_response(status, list(headers))
        return body

    return app


def echo(environ, start_response):
    """Answer with the body, read as far as there is one."""
    stream = get_input_stream(environ)
    data = b"".join(iter(lambda: stream.read(5), b""))
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(data)))])
    return [data]


@pytest.fixture
def chain():
    return HookChain(access_log=False)


@pytest.fixture
def seen(chain):
    return Seen(chain)


def repr_of(value):
    return "iterator" if inspect.isfunction(value) else repr(value)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "DELETE"])
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("text", 200),
        ("caf\u00e9", 200),
        (b"\x00\xff", 200),
        ("", 200),
        ({"a": [1]}, 200),
        (("made", 201), 201),
        (("", 204), 204),
        (("", 205), 205),
        (("text", 304, {"ETag": '"x"'}), 304),
        (404, 404),
        (503, 503),
        (302, 302),
        (DONE, 200),
        (OK, 200),
        (Response("text", 200, {"X-Y": "z"}), 200),
        (lambda: iter([b"a", "b", b""]), 200),
    ],
    ids=repr_of,
)
def test_every_kind_of_answer_keeps_to_the_protocol(seen, chain, answer, status, method):
    chain.content(lambda req: answer() if inspect.isfunction(answer) else answer)
    got = call_checked(chain, environ_for("/", method))
    if method == "TRACE":
        assert got.status == 405
        return
    assert got.status == status
    assert seen.only.status == status
    assert seen.only.bytes_sent == len(got.body)
    assert not seen.only.aborted
    if method == "HEAD" or status in {204, 205, 304}:
        assert got.body == b""
    elif answer == "text":
        assert got.body == b"text"
        assert got.headers["Content-Length"] == "4"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("200 OK", TEXT, [b"text"]),
        ("200 OK", [*TEXT, ("Content-Length", "4")], [b"te", b"xt"]),
        ("200 All is well", TEXT, (b"text",)),
        ("200 OK", TEXT, []),
        ("404 NOT FOUND", TEXT, [b"no"]),
        ("299 Odd", TEXT, [b"odd"]),
        (
            "302 Found",
            [*TEXT, ("Location", "http://localhost/there"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")],
            [b""],
        ),
        ("204 NO CONTENT", [], []),
        ("304 NOT MODIFIED", [("ETag", '"x"')], []),
    ],
)
def test_an_apps_answer_passes_as_it_is(chain, seen, method, status, headers, body):
    got = call_checked(chain, environ_for("/", method), answering(body, status, headers))
    ((got_status, got_headers),) = got.started
    assert got_status == status
    assert [header for header in got_headers if header[0] != "Content-Length"] == [
        header for header in headers if header[0] != "Content-Length"
    ]
    assert got.body == (b"" if method == "HEAD" else b"".join(body))
    assert seen.only.status == int(status[:3])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("status", ["204 NO CONTENT", "304 NOT MODIFIED", "205 RESET CONTENT"])
def test_a_body_that_an_app_sends_with_a_status_that_has_none_does_not_leave(chain, seen, method, status):
    body = Body(b"text")
    got = call(chain.wsgi(answering(body, status)), environ_for("/", method))
    assert (got.body, seen.only.bytes_sent, body.closed) == (b"", 0, 1)
    assert not seen.only.aborted


def test_an_app_that_sends_a_body_to_head_is_cut_to_its_headers(chain, seen):
    body = Body(b"text")
    got = call(chain.wsgi(answering(body, headers=[*TEXT, ("Content-Length", "4")])), environ_for("/", "HEAD"))
    assert (got.body, got.headers["Content-Length"], body.closed) == (b"", "4", 1)
    assert seen.only.bytes_sent == 0


def routed_by_expression(environ, start_response):
    start_response("200 OK" if re.match("^/(admin|open)$", environ["PATH_INFO"]) else "404 Not Found", TEXT)
    return [b"the page"]


@pytest.mark.parametrize(
    ("path", "status"), [("/admin", 401), ("/admin%0a", 404), ("/open%0a", 200), ("/admin/%0a", 401)]
)
def test_a_line_feed_at_the_end_that_an_apps_router_overlooks_gets_around_no_guard(chain, path, status):
    chain.authen("/admin")(lambda req: None)
    assert call(chain.wsgi(routed_by_expression), environ_for(path)).status == status


def test_what_an_app_writes_comes_before_what_it_returns(chain, seen):
    def app(environ, start_response):
        write = start_response("200 OK", list(TEXT))
        write(b"one ")
        write(b"two ")
        return [b"three"]

    got = call_checked(chain, environ_for(), app)
    assert got.body == b"one two three"
    assert seen.only.bytes_sent == 13


def test_an_app_may_write_everything_and_return_nothing(chain, seen):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))(b"all")
        return []

    assert call_checked(chain, environ_for(), app).body == b"all"
    assert seen.only.bytes_sent == 3


def test_a_generator_may_start_the_response_when_it_is_first_asked(chain):
    def app(environ, start_response):
        start_response("201 CREATED", list(TEXT))
        yield b"a"
        yield b"b"

    got = call_checked(chain, environ_for(), app)
    assert (got.status, got.chunks) == (201, [b"a", b"b"])


def test_chunks_that_come_before_start_response_are_sent_after_it(chain):
    def app(environ, start_response):
        yield b""
        start_response("201 CREATED", list(TEXT))
        yield b"b"

    got = call(chain.wsgi(app), environ_for())
    assert (got.status, got.body) == (201, b"b")


def test_an_app_takes_its_answer_back_with_exc_info(chain, seen):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        try:
            int("no number")
        except ValueError:
            start_response("500 Oops", list(TEXT), sys.exc_info())
        return [b"sorry"]

    got = call_checked(chain, environ_for(), app)
    assert (got.started[0][0], len(got.started), got.body) == ("500 Oops", 1, b"sorry")
    assert seen.only.status == 500


def test_an_answer_that_is_on_its_way_can_not_be_taken_back(chain, seen):
    body_closed = []

    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        try:
            yield b"a"
            try:
                int("no number")
            except ValueError:
                start_response("500 Oops", list(TEXT), sys.exc_info())
            yield b"never"
        finally:
            body_closed.append(True)

    with pytest.raises(ValueError, match="no number"):
        call(chain.wsgi(app), environ_for())
    assert body_closed == [True]
    assert isinstance(seen.only.exception, ValueError)
    assert seen.only.bytes_sent == 1


@pytest.mark.parametrize("late", [True, False])
def test_starting_twice_without_exc_info_is_an_error_of_the_app(chain, seen, error_log, late):
    def app(environ, start_response):
        start_response("200 OK", list(TEXT))
        if late:
            yield b"a"
        start_response("200 OK", list(TEXT))
        yield b"b"

    if late:
        with pytest.raises(Exception, match="start_response twice"):
            call(chain.wsgi(app), environ_for())
    else:
        assert call(chain.wsgi(app), environ_for()).status == 500
    assert "start_response twice" in error_log()
    assert seen.only.exception is not None


def test_an_app_that_never_starts_the_response_is_500(chain, seen, error_log):
    body = Body(b"text")
    got = call(chain.wsgi(lambda *_: body), environ_for())
    assert (got.status, body.closed) == (500, 1)
    assert "without calling start_response" in error_log()
    assert seen.only.status == 500


def test_an_app_that_raises_at_once_is_500_without_detail(chain, seen, error_log):
    def app(environ, start_response):
        raise ZeroDivisionError("secret detail")

    got = call_checked(chain, environ_for("/x"), app)
    assert got.status == 500
    assert b"secret" not in got.body
    assert b"Traceback" not in got.body
    assert "secret detail" in error_log()
    assert isinstance(seen.only.exception, ZeroDivisionError)


def test_an_app_that_raises_before_its_first_chunk_is_500_and_closed(chain, seen):
    body = Body(ZeroDivisionError("first"))

    def app(environ, start_response):
        return body

    assert call(chain.wsgi(app), environ_for()).status == 500
    assert (body.closed, seen.only.status) == (1, 500)


def test_an_app_that_raises_after_its_first_chunk_tells_the_server(chain, seen, error_log):
    body = Body(b"one", ZeroDivisionError("second"))
    answer = None
    with pytest.raises(ZeroDivisionError):
        answer = call(chain.wsgi(answering(body)), environ_for())
    assert answer is None
    assert body.closed == 1
    assert seen.only.bytes_sent == 3
    assert isinstance(seen.only.exception, ZeroDivisionError)
    assert "second" in error_log()


@pytest.mark.parametrize("stop_after", [0, 1, 2, None])
def test_an_apps_iterable_is_closed_once_however_far_it_was_read(chain, seen, stop_after):
    body = Body(b"one", b"two", b"three")
    call(chain.wsgi(answering(body)), environ_for(), stop_after=stop_after)
    assert body.closed == 1
    assert seen.only.aborted == (stop_after is not None)
    assert seen.only.bytes_sent == {0: 0, 1: 3, 2: 6, None: 11}[stop_after]


def test_a_body_that_is_read_to_its_end_and_closed_again_and_again_is_finished_once(chain, seen):
    body = Body(b"one")
    delivery = chain.wsgi(answering(body))(environ_for(), lambda *_: None)
    assert list(delivery) == [b"one"]
    assert list(delivery) == []
    delivery.close()
    delivery.close()
    assert body.closed == 1
    assert not seen.only.aborted


def test_a_body_that_an_output_filter_replaces_is_closed_once(chain, seen):
    body = Body(b"one", b"two")

    @chain.output_filter
    def shout(req, response):
        chunks = response.response
        response.response = (chunk.upper() for chunk in chunks)

    got = call(chain.wsgi(answering(body, headers=[*TEXT, ("Content-Length", "6")])), environ_for())
    assert (got.body, body.closed) == (b"ONETWO", 1)
    assert "Content-Length" not in got.headers
    assert seen.only.bytes_sent == 6


@pytest.mark.parametrize("failing_filter", ["raises", "drops"])
def test_a_body_that_is_not_sent_after_all_is_closed_once(chain, seen, failing_filter):
    body = Body(b"one")

    @chain.output_filter
    def fail(req, response):
        if failing_filter == "raises":
            raise ZeroDivisionError
        return Response("other")

    got = call(chain.wsgi(answering(body)), environ_for())
    assert b"one" not in got.body
    assert got.status == (500 if failing_filter == "raises" else 200)
    assert body.closed == 1
    assert seen.only.bytes_sent == len(got.body)


@pytest.mark.parametrize("how", ["closes it", "sends it in another response"])
def test_a_body_that_a_filter_takes_care_of_itself_is_closed_once(chain, seen, how):
    body = Body(b"one")

    @chain.output_filter
    def take_care(req, response):
        if how != "closes it":
            return Response(response.response)
        chunks = list(response.response)
        response.response.close()
        response.response = iter(chunks)
        return None

    got = call(chain.wsgi(answering(body)), environ_for())
    assert (got.body, body.closed) == (b"one", 1)
    assert seen.only.bytes_sent == 3


def test_a_header_that_must_not_leave_gives_500_and_closes_the_body(chain, seen):
    body = Body(b"one")
    got = call(chain.wsgi(answering(body, headers=[("X-Y", "a\r\nSet-Cookie: b")])), environ_for())
    assert got.status == 500
    assert "X-Y" not in got.headers
    assert body.closed == 1
    assert seen.only.status == 500


def test_a_server_that_refuses_to_start_the_response_is_told_its_own_error_and_the_request_is_finished(chain, seen):
    body = Body(b"one")

    def start_response(*_):
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        chain.wsgi(answering(body))(environ_for(), start_response)
    assert body.closed == 1
    assert isinstance(seen.only.exception, OSError)
    assert seen.only.bytes_sent == 0


def test_a_server_that_closes_a_complete_answer_without_reading_it_counts_as_having_sent_it(chain, seen):
    chain.content(lambda req: "text")
    call(chain.wsgi(), environ_for(), stop_after=0)
    assert (seen.only.bytes_sent, seen.only.aborted) == (4, False)


def test_finishers_run_after_the_last_byte(chain):
    events = []
    chain.log(lambda req: events.append("log"))
    body = chain.wsgi(answering(Body(b"one", b"two")))(environ_for(), lambda *_: None)
    events.extend(body)
    assert events == [b"one", b"two", "log"]


# --- the server's file wrapper


@pytest.fixture
def files(tmp_path):
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 400)
    chain = HookChain(document_root=tmp_path, access_log=False)
    return chain, Seen(chain)


class Wrapper(FileWrapper):
    """A server's wrapper that remembers what it was made for."""

    made: list[Wrapper]

    def __init__(self, file, size=8192):
        super().__init__(file, size)
        self.made.append(self)


@pytest.fixture
def wrapper():
    return type("Wrapper", (Wrapper,), {"made": []})


@pytest.mark.parametrize("app", [None, echo])
def test_a_file_is_handed_to_the_servers_wrapper_and_counted(files, wrapper, app):
    chain, seen = files
    got = call(validator(chain.wsgi(app)), environ_for("/big.bin", more={"wsgi.file_wrapper": wrapper}))
    assert len(wrapper.made) == 1
    assert len(got.body) == seen.only.bytes_sent == 102_400 == int(got.headers["Content-Length"])
    assert len(got.chunks) == 13
    assert not seen.only.aborted


def test_a_wrapper_that_lets_the_kernel_send_the_file_counts_as_all_of_it(files, wrapper):
    chain, seen = files
    body = chain.wsgi()(environ_for("/big.bin", more={"wsgi.file_wrapper": wrapper}), lambda *_: None)
    with open(body.file.fileno(), "rb", closefd=False) as file:
        assert len(file.read()) == 102_400
    body.close()
    body.close()
    assert (seen.only.bytes_sent, seen.only.aborted) == (102_400, False)


def test_a_file_that_is_read_in_part_was_aborted(files, wrapper):
    chain, seen = files
    call(chain.wsgi(), environ_for("/big.bin", more={"wsgi.file_wrapper": wrapper}), stop_after=2)
    assert (seen.only.bytes_sent, seen.only.aborted) == (16_384, True)


def test_a_file_that_grows_while_it_is_sent_is_sent_as_long_as_was_announced(files, wrapper, tmp_path):
    chain, seen = files
    body = chain.wsgi()(environ_for("/big.bin", more={"wsgi.file_wrapper": wrapper}), lambda *_: None)
    with (tmp_path / "big.bin").open("ab") as file:
        file.write(b"more")
    assert len(b"".join(body)) == 102_400
    body.close()
    assert not seen.only.aborted


@pytest.mark.parametrize(
    ("method", "headers", "status", "length"),
    [("HEAD", {}, 200, 0), ("GET", {"Range": "bytes=1-3"}, 206, 3), ("GET", {"Range": "bytes=999999-"}, 416, None)],
)
def test_what_is_not_a_whole_file_is_not_wrapped(files, wrapper, method, headers, status, length):
    chain, seen = files
    environ = environ_for("/big.bin", method, headers=headers, more={"wsgi.file_wrapper": wrapper})
    got = call_checked(chain, environ)
    assert got.status == status
    assert wrapper.made == []
    assert seen.only.bytes_sent == len(got.body)
    assert length is None or len(got.body) == length


def test_a_file_that_an_output_filter_changes_is_not_wrapped(files, wrapper):
    chain, seen = files

    @chain.output_filter
    def cut(req, response):
        response.response = [b"cut"]

    got = call_checked(chain, environ_for("/big.bin", more={"wsgi.file_wrapper": wrapper}))
    assert (got.body, wrapper.made) == (b"cut", [])
    assert seen.only.bytes_sent == 3


# --- the request's body


def read_all(req):
    assert req.get_data() == b'{"a": 1}'


def read_some(req):
    assert req.stream.read(3) == b'{"a'


def read_lines(req):
    assert list(req.stream) == [b'{"a": 1}']


def read_json(req):
    assert req.get_json() == {"a": 1}


async def read_awaiting(req):
    assert await req.aget_data() == b'{"a": 1}'


def read_nothing(req):
    pass


READERS = [read_all, read_some, read_lines, read_json, read_awaiting, read_nothing]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("second", READERS)
@pytest.mark.parametrize(
    "make", [chunked, lambda path, data: environ_for(path, "POST", data=data)], ids=["chunked", "declared"]
)
def test_the_app_gets_the_body_that_handlers_have_read(chain, seen, reader, second, make):
    chain.access(reader)
    chain.fixup(second)
    got = call_checked(chain, make("/", b'{"a": 1}'), echo)
    assert got.body == b'{"a": 1}'
    assert seen.only.bytes_received == 8


def test_a_body_that_nobody_reads_is_not_read(chain, seen):
    environ = environ_for("/", "POST", data=b"body")
    call_checked(chain, environ, answering([b"text"]))
    assert environ["wsgi.input"].read() == b"bodyTHE NEXT REQUEST"
    assert seen.only.bytes_received == 0


def test_without_a_declared_body_nothing_is_read_from_the_server(chain):
    environ = environ_for("/", "GET")
    read = []
    chain.access(lambda req: read.append(req.get_data()))
    call_checked(chain, environ, echo)
    assert read == [b""]
    assert environ["wsgi.input"].read() == b"THE NEXT REQUEST"


@pytest.mark.parametrize("reads", [True, False])
def test_an_input_filter_changes_what_handlers_and_app_read(chain, reads):
    read = []

    @chain.input_filter
    def double(req, stream):
        data = stream.read()
        return io.BytesIO(data + data)

    if reads:
        chain.access(lambda req: read.append(req.get_data()))
    got = call_checked(chain, environ_for("/", "POST", data=b"ab"), echo)
    assert got.body == b"abab"
    assert read == [b"abab"] * reads


def test_the_app_can_use_werkzeugs_request_on_a_replayed_form(chain):
    chain.access(lambda req: 403 if req.get_form().get("name") != "ann" else None)

    def app(environ, start_response):
        request = WerkzeugRequest(environ)
        name = request.form["name"]
        with contextlib.closing(request.files["file"]) as file:
            return Response(f"{name} {file.read().decode()}")(environ, start_response)

    environ = environ_for("/", "POST", data={"name": "ann", "file": (io.BytesIO(b"content"), "f.txt")})
    assert call_checked(chain, environ, app).body == b"ann content"


LIMITED = {
    "a handler reads it": lambda chain: chain.access(lambda req: req.get_data() and None),
    "the app reads it": lambda chain: None,
}


@pytest.mark.parametrize("who", LIMITED)
@pytest.mark.parametrize(
    "make", [chunked, lambda path, data: environ_for(path, "POST", data=data)], ids=["chunked", "declared"]
)
@pytest.mark.parametrize(("size", "status"), [(8, 200), (9, 413), (100_000, 413)])
def test_a_body_above_the_limit_is_413(who, make, size, status):
    chain = HookChain(max_body=8, access_log=False)
    seen = Seen(chain)
    LIMITED[who](chain)
    got = call_checked(chain, make("/", b"x" * size), echo)
    assert got.status == seen.only.status == status
    assert seen.only.exception is None
    assert seen.only.bytes_received <= 9


def test_a_declared_body_above_the_limit_never_reaches_an_app_that_does_not_read():
    chain = HookChain(max_body=8, access_log=False)
    environ = environ_for("/", "POST", data=b"x" * 9)
    assert call_checked(chain, environ, answering([b"never"])).status == 413
    assert environ["wsgi.input"].read(9) == b"x" * 9


def test_a_handler_may_catch_that_a_body_is_too_long(chain):
    @chain.content
    def count(req):
        try:
            req.get_data(limit=3)
        except RequestEntityTooLarge:
            return "long"
        return "short"

    assert call_checked(chain, environ_for("/", "POST", data=b"1234")).body == b"long"
    assert call_checked(chain, environ_for("/", "POST", data=b"123")).body == b"short"


@pytest.mark.parametrize(
    "length", ["-1", "+1", "0x1", "1_0", "\u00b2", "1 1", "1,1", "1.0", "1" * 30, " 1", "1;", "1\x00", "one"]
)
def test_a_length_that_is_no_number_is_a_bad_request_and_reaches_nobody(chain, seen, error_log, length):
    ran = []
    chain.trans(lambda req: ran.append("trans"))
    environ = environ_for("/", "POST", data=b"body", more={"CONTENT_LENGTH": length})
    assert call(chain.wsgi(lambda *_: ran.append("app")), environ).status == 400
    assert ran == []
    assert seen.only.status == 400
    assert "Content-Length" in error_log()


@pytest.mark.parametrize("method", ["G\u00c9T", "GET /", "GET\x00", "", "(GET)", "<b>"])
def test_a_method_that_is_no_token_is_a_bad_request_and_reaches_nobody(chain, seen, error_log, method):
    ran = []
    chain.trans(lambda req: ran.append("trans"))
    environ = {**environ_for("/"), "REQUEST_METHOD": method}
    assert call(chain.wsgi(lambda *_: ran.append("app")), environ).status == 400
    assert ran == []
    assert seen.only.status == 400
    assert "method" in error_log()


@pytest.mark.parametrize("path", ["/..", "/a/../../b", "/\x00", "/\xff", "*", "no-slash", "http://x/"])
def test_a_malformed_path_is_a_bad_request_with_a_line_in_both_logs(tmp_path, error_log, path):
    log = tmp_path / "access.log"
    chain = HookChain(access_log=AccessLog("%>s %m", to=log))
    environ = environ_for("/", more={"PATH_INFO": path, "REQUEST_URI": path})
    got = call(chain.wsgi(answering([b"never"])), environ)
    assert got.status == 400
    assert b"Traceback" not in got.body
    assert log.read_text() == "400 GET\n"
    assert "GET" in error_log()


# --- what the app is told


def told(chain, environ):
    """The environ that an app behind a chain gets."""
    found = []

    def app(environ, start_response):
        found.append(environ)
        start_response("200 OK", list(TEXT))
        return [b""]

    call_checked(chain, environ, app)
    (environ,) = found
    return environ


def test_an_app_is_told_the_user_that_was_found(chain):
    @chain.authen
    def ann(req):
        req.user, req.auth_type = "ann", "Basic"
        return OK

    environ = told(chain, environ_for("/", more={"REMOTE_USER": "eve", "AUTH_TYPE": "Digest"}))
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("ann", "Basic")


def test_a_user_that_came_in_is_removed_where_nobody_was_found():
    chain = HookChain(authentication="optional", access_log=False)
    chain.authen(lambda req: None)
    environ = told(chain, environ_for("/", more={"REMOTE_USER": "eve", "AUTH_TYPE": "Basic"}))
    assert "REMOTE_USER" not in environ
    assert "AUTH_TYPE" not in environ


def test_a_type_that_came_in_is_removed_where_the_user_was_found_without_one(chain):
    @chain.authen
    def ann(req):
        req.user = "ann"
        return OK

    environ = told(chain, environ_for("/", more={"AUTH_TYPE": "Basic"}))
    assert environ["REMOTE_USER"] == "ann"
    assert "AUTH_TYPE" not in environ


def test_where_no_handler_asks_for_a_user_what_the_server_says_stays_for_the_app_and_is_no_user(chain):
    users = []
    chain.access(lambda req: users.append(req.user))
    environ = told(chain, environ_for("/", more={"REMOTE_USER": "eve", "AUTH_TYPE": "Basic"}))
    assert users == [None]
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("eve", "Basic")


def test_an_incoming_user_passes_no_guard(chain):
    chain.authen(lambda req: None)
    assert call_checked(chain, environ_for("/", more={"REMOTE_USER": "eve"}), echo).status == 401


def test_a_user_whose_name_is_not_ascii_reaches_the_app_as_wsgi_wants_it(chain):
    @chain.authen
    def someone(req):
        req.user = "Zo\u00eb \u65e5\u672c"
        return OK

    environ = told(chain, environ_for())
    assert environ["REMOTE_USER"].encode("latin-1").decode() == "Zo\u00eb \u65e5\u672c"


def test_the_record_is_in_the_environ_and_what_handlers_put_into_env(chain):
    records: list[Request] = []
    chain.access(records.append)
    chain.fixup(lambda req: req.env.update({"MY_VARIABLE": "x"}))
    environ = told(chain, environ_for())
    assert environ["hookchain.request"] is records[0]
    assert environ["MY_VARIABLE"] == "x"


def test_a_rewritten_path_is_what_the_app_routes_by(chain):
    @chain.trans
    def rewrite(req):
        req.path = "/new place"

    environ = told(chain, environ_for("/old?x=1", more={"REQUEST_URI": "/old?x=1", "SCRIPT_NAME": "/mnt"}))
    assert environ["PATH_INFO"] == "/new place"
    assert environ["REQUEST_URI"] == "/mnt/new%20place?x=1"
    assert environ["SCRIPT_NAME"] == "/mnt"
    assert environ["hookchain.request"].unparsed_uri == "/old?x=1"


def test_an_internal_redirect_reaches_the_app_with_its_own_path_and_query(chain):
    chain.content("/old")(lambda req: InternalRedirect("/new?y=2"))
    environ = told(chain, environ_for("/old?x=1"))
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/new", "y=2")
    assert environ["hookchain.request"].prev.path == "/old"


def test_an_app_may_keep_and_change_its_environ_without_touching_the_servers(chain):
    def app(environ, start_response):
        environ.clear()
        start_response("200 OK", list(TEXT))
        return [b"text"]

    environ = environ_for()
    before = dict(environ)
    assert call(chain.wsgi(app), environ).body == b"text"
    assert environ == before


def test_chains_around_chains_each_process_the_request(chain):
    outer = HookChain("outer", access_log=False)
    outer_seen, seen = Seen(outer), Seen(chain)
    chain.access("/in")(lambda req: 403)
    around = outer.wsgi(chain.wsgi(echo))
    assert call(around, environ_for("/in")).status == 403
    assert outer_seen.only.status == seen.only.status == 403


# --- contexts and event loops

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def test_what_a_handler_sets_is_seen_by_the_next_ones_the_app_its_body_and_the_finishers(chain):
    found: list[object] = []

    @chain.access
    def set_it(req):
        variable.set("sync")

    @chain.access
    async def see_and_set(req):
        found.append(variable.get())
        variable.set("async")

    @chain.fixup
    def see_again(req):
        found.append(variable.get())

    @chain.log
    async def see_last(req):
        found.append(variable.get())

    def app(environ, start_response):
        found.append(variable.get())
        start_response("200 OK", list(TEXT))

        def body():
            variable.set("body")
            found.append(current_request() is environ["hookchain.request"])
            yield b"text"

        return body()

    assert call_checked(chain, environ_for(), app).body == b"text"
    assert found == ["sync", "async", "async", True, "body"]
    assert variable.get() == "unset"


def test_nothing_of_one_request_is_seen_in_the_next_on_the_same_thread(chain):
    found = []

    @chain.access
    async def see_and_set(req):
        found.append(variable.get())
        variable.set("mine")

    @chain.fixup
    def see_and_set_sync(req):
        found.append(variable.get())
        variable.set("mine too")

    for _ in range(3):
        call_checked(chain, environ_for(), echo)
    assert found == ["unset", "mine"] * 3
    with pytest.raises(RuntimeError, match="no chain"):
        current_request()


def test_async_handlers_of_one_thread_share_one_event_loop_and_those_of_another_have_another(chain):
    loops = []

    async def note_loop(req):
        loops.append(asyncio.get_running_loop())

    chain.access(note_loop)
    chain.fixup(note_loop)
    for _ in range(2):
        call_checked(chain, environ_for(), echo)
    assert len(set(loops)) == 1
    thread = threading.Thread(target=lambda: call(chain.wsgi(echo), environ_for()))
    thread.start()
    thread.join()
    assert len(loops) == 6
    assert len(set(loops)) == 2


def test_an_async_body_is_streamed_and_closed_on_the_threads_loop(chain, seen):
    events: list[object] = []

    @chain.content
    async def stream(req):
        try:
            for chunk in (b"one", "two"):
                events.append(current_request() is req)
                yield chunk
        finally:
            events.append("closed")

    got = call_checked(chain, environ_for())
    assert (got.chunks, events) == ([b"one", b"two"], [True, True, "closed"])
    assert seen.only.bytes_sent == 6


def test_an_async_body_that_is_left_is_closed(chain, seen):
    events: list[object] = []

    @chain.content
    async def stream(req):
        try:
            yield b"one"
            yield b"two"
        finally:
            events.append("closed")

    call(chain.wsgi(), environ_for(), stop_after=1)
    assert events == ["closed"]
    assert seen.only.aborted


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_app_that_answers_as_an_error_document_gets_no_body_of_the_request_that_failed(is_chunked):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        said = [environ.get(key) for key in ("REQUEST_METHOD", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")]
        return [repr((said, environ["wsgi.input"].read(100))).encode()]

    chain = HookChain(access_log=False)
    chain.access("/first")(lambda req: 403)
    chain.error_document(403, "/sorry")
    data = b"4\r\nbody\r\n0\r\n\r\n" if is_chunked else b"body"
    environ = chunked("/first", data) if is_chunked else environ_for("/first", "POST", data=data)
    answer = call(chain.wsgi(app), environ)
    assert (answer.status, answer.body) == (403, b"(['GET', None, None], b'')")

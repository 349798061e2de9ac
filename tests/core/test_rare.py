"""What happens rarely, and has to go right all the same."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import time

import pytest
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from hookchain import HookChain, current_request, handler_called
from hookchain.cycle import cycle
from hookchain.delivery import SentFile
from hookchain.drivers import advance
from hookchain.environ_request import EnvironRequest, _paths
from hookchain.loops import is_cancellation, running_loop
from hookchain.made import LONGEST_REMEMBERED, REMEMBERED_PATHS
from hookchain.plain_response import PlainResponse
from hookchain.testing import make_request
from tests.asking import by_ahandle, by_handle, by_wsgi, shouting


def quiet(**settings):
    return HookChain(access_log=False, **settings)


def test_where_nobody_has_imported_asyncio_no_loop_runs_and_nothing_is_cancelled(monkeypatch):
    monkeypatch.delitem(sys.modules, "asyncio")
    assert running_loop() is None
    assert not is_cancellation(ValueError())


def test_a_blocking_body_that_is_read_when_the_task_is_cancelled_is_closed_and_finished():
    reading = threading.Event()
    ended: list[BaseException | None] = []
    hooks = quiet()

    @hooks.content
    def slow(req):
        yield "first"
        reading.set()
        time.sleep(0.05)
        yield "second"

    hooks.log(lambda req: ended.append(req.exception))

    async def read():
        response = await hooks.ahandle(make_request("/"))
        await response.aget_data()

    async def main():
        task = asyncio.create_task(read())
        await asyncio.to_thread(reading.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [type(error) for error in ended] == [asyncio.CancelledError]


def test_a_request_whose_sync_handler_is_overtaken_by_a_cancellation_asks_no_async_one_after_it():
    started = threading.Event()
    ran: list[str] = []
    hooks = quiet()

    @hooks.access
    def blocking(req):
        started.set()
        time.sleep(0.05)

    @hooks.authen
    async def never(req):
        ran.append("authen")

    hooks.log(lambda req: ran.append("log"))

    async def main():
        task = asyncio.create_task(hooks.ahandle(make_request("/")))
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ran == ["log"]


def test_a_cycle_that_nobody_drives_any_more_can_be_closed():
    hooks = quiet()
    hooks.content(lambda req: "x")
    req = make_request("/")
    hooks.begin(req)
    steps = cycle(req)
    advance(steps, None)
    steps.close()


def test_a_subrequest_may_be_answered_by_the_app():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    hooks = quiet()

    @hooks.content("/main")
    def main(req):
        answer = req.lookup("/sub").run()
        return f"{answer.get_data(as_text=True)} {'Content-Type' in answer.headers}"

    assert by_wsgi(hooks, "/main", app=app).text == "/sub False"


def test_a_file_that_the_kernel_sends_tells_where_it_stands(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789" * 10_000)
    hooks = quiet(document_root=tmp_path)
    seen: list[SentFile] = []
    environ = make_request("/a.txt").environ or {}
    environ["wsgi.file_wrapper"] = lambda file: [seen.append(file)]  # keeps it, and iterates over nothing
    hooks.wsgi()(environ, lambda status, headers: None)
    file = seen[0]
    assert (file.tell(), file.seek(4), file.tell()) == (0, 4, 4)
    file.close()


def test_even_the_last_resort_passes_a_keyboard_interrupt_of_an_output_filter():
    ran: list[str] = []
    hooks = quiet()
    hooks.fixup(lambda req: setattr(req, "status", "404"))
    hooks.content(lambda req: "x")
    hooks.log(lambda req: ran.append("log"))

    @hooks.output_filter
    def interrupted(req, response):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_handle(hooks)
    assert ran == ["log"]


def test_a_condition_that_fails_when_the_challenge_is_looked_for_leaves_401_as_it_is(error_log):
    asked: list[int] = []

    def fails_later(req):
        asked.append(1)
        if req.decided_by == "gate":
            raise LookupError

    hooks = quiet(challenge='Basic realm="x"')
    hooks.section(when=fails_later, challenge='Basic realm="y"')
    hooks.authen(lambda req: 401, name="gate")
    answer = by_handle(hooks)
    assert answer.status == 401
    assert "WWW-Authenticate" not in answer.headers
    assert asked


def test_a_file_outside_of_the_root_still_has_a_name_for_files_scopes(tmp_path):
    hooks = quiet(document_root=tmp_path)
    hooks.trans(lambda req: setattr(req, "filename", "/elsewhere/secret.key"))
    hooks.header_parser(files="*.key")(lambda req: 410)
    assert by_handle(hooks, "/x").status == 410


@pytest.mark.parametrize("way", [by_ahandle, by_wsgi])
def test_an_async_input_filter_changes_what_async_handlers_read(way):
    hooks = quiet()

    @hooks.input_filter
    async def upper(req, stream):
        async for chunk in stream:
            yield chunk.upper()

    @hooks.content
    async def read(req):
        return await req.aget_data()

    assert way(hooks, "/", "POST", data=b"quiet").body == b"QUIET"


def test_a_status_without_a_body_has_no_type_or_encoding():
    hooks = quiet()

    @hooks.content
    def nothing(req):
        req.status = 204
        req.content_type_out = "text/x-mine"
        req.content_encoding_out = "gzip"
        return ""

    answer = by_handle(hooks)
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Encoding" not in answer.headers


def test_a_signal_that_is_connected_during_a_request_tells_the_handlers_from_then_on():
    told: list[str] = []

    def receive(sender, *, handler, **more):
        told.append(handler)

    hooks = quiet()
    hooks.access(lambda req: handler_called.connect(receive) and None, name="connects")
    hooks.fixup(lambda req: None, name="later")
    hooks.content(lambda req: "x", name="content")
    try:
        answer = by_handle(hooks)
    finally:
        handler_called.disconnect(receive)
    assert told == ["later", "content"]
    assert answer.req.trace is None


def test_a_made_request_takes_its_body_under_that_name_too():
    assert make_request("/", "POST", body=b"abc").get_data() == b"abc"


def test_a_server_that_has_decoded_the_path_itself_is_understood():
    environ = make_request("/").environ or {}
    assert EnvironRequest({**environ, "PATH_INFO": "/€", "wsgi.input": io.BytesIO()}).path == "/€"


def test_outside_of_a_request_there_is_no_current_one():
    with pytest.raises(RuntimeError, match="no chain"):
        current_request()


def test_a_response_that_a_handler_keeps_can_be_answered_again():
    kept = Response("kept", headers={"X-Kept": "1"})
    hooks = quiet()
    hooks.fixup(lambda req: req.err_headers_out.add("X-Once", "1"))
    hooks.content(lambda req: kept)
    for _ in range(2):
        answer = by_handle(hooks)
        assert answer.headers.getlist("X-Once") == ["1"]
        assert answer.text == "kept"


def test_a_precompressed_sibling_with_a_guard_of_its_own_name_is_not_sent_for_the_file(tmp_path):
    (tmp_path / "a.txt").write_text("plain")
    (tmp_path / "a.txt.gz").write_bytes(b"packed")
    hooks = quiet(document_root=tmp_path)
    hooks.section(files="*.gz").authen(lambda req: 401)
    assert by_handle(hooks, "/a.txt.gz").status == 401
    answer = by_handle(hooks, "/a.txt", headers={"Accept-Encoding": "gzip"})
    assert (answer.body, "Content-Encoding" in answer.headers) == (b"plain", False)


@pytest.mark.parametrize("way", [by_ahandle, by_wsgi])
@pytest.mark.parametrize("read", ["get_data", "get_json", "get_form", "stream"])
def test_reading_the_body_without_await_on_an_event_loop_names_the_twin(way, read, error_log):
    hooks = quiet()

    @hooks.content
    async def reads(req):
        found = getattr(req, read)
        return found()

    assert way(hooks, "/", "POST", data=b"{}").status == 500
    assert "would block the event loop" in error_log()
    assert "await req.aget_" in error_log()


def test_a_request_that_is_cancelled_in_a_handler_counts_as_aborted():
    ended: list[bool] = []
    hooks = quiet()
    hooks.log(lambda req: ended.append(req.aborted))

    @hooks.content
    async def waits(req):
        await asyncio.sleep(10)

    async def main():
        task = asyncio.create_task(hooks.ahandle(make_request("/")))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == [True]


def test_a_handler_tells_how_it_has_encoded_the_bytes_that_it_answers_with():
    hooks = quiet()

    @hooks.content
    def packed(req):
        req.content_type_out, req.content_encoding_out = "text/plain", "gzip"
        return b"packed"

    headers = by_handle(hooks).headers
    assert (headers["Content-Type"], headers["Content-Encoding"]) == ("text/plain", "gzip")


def test_no_more_paths_are_remembered_than_there_is_room_for():
    for number in range(REMEMBERED_PATHS + 2):
        _paths.remember(f"/{number}", f"/{number}")
    assert len(_paths.known) <= REMEMBERED_PATHS
    _paths.remember("/" + "x" * LONGEST_REMEMBERED, "/x")
    assert all(len(raw) <= LONGEST_REMEMBERED for raw in _paths.known)


@pytest.mark.parametrize("ask", [by_handle, by_ahandle, by_wsgi])
def test_a_401_that_an_output_filter_raises_has_the_challenge(ask):
    hooks = quiet(challenge="Basic")

    @hooks.output_filter
    def closes(req, response):
        raise Unauthorized

    hooks.content(lambda req: "secret")
    answer = ask(hooks)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Basic")
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", [PlainResponse, EnvironRequest])
def test_what_is_made_when_asked_for_can_be_seen_in_the_class(kind):
    assert kind.headers is vars(kind)["headers"]


def test_what_reads_the_query_when_asked_can_be_seen_in_the_class():
    assert EnvironRequest.query_string is vars(EnvironRequest)["query_string"]


def test_a_reason_phrase_in_latin_1_is_sent():
    hooks = quiet()
    hooks.content(lambda req: Response("x", status="200 Caf\xe9"))
    assert by_wsgi(hooks).status == 200


@pytest.mark.parametrize("data", [b"", b"a body"])
def test_a_default_that_fails_is_a_failure_of_the_request(tmp_path, monkeypatch, data):
    hooks = quiet(document_root=tmp_path)
    hooks.compile()
    monkeypatch.setattr(hooks.files.translate, "call", lambda req: 1 / 0)
    assert by_handle(hooks, "/", "POST", data=data).status == 500


def test_a_sync_handler_may_read_what_an_async_input_filter_gives_it():
    hooks = shouting(quiet())
    hooks.content(lambda req: req.get_data())
    assert by_wsgi(hooks, "/", "POST", data=b"abc").text == "ABC"


@pytest.mark.parametrize("data", [b"", b"a body"])
def test_a_rewrite_above_the_root_is_refused(data):
    hooks = quiet()
    hooks.trans(lambda req: setattr(req, "uri", "/../etc"))
    hooks.content(lambda req: "reached")
    assert by_handle(hooks, "/", "POST", data=data).status == 400

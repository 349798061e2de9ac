"""LOG and CLEANUP, the access log, and the way out of every response."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from hookchain.request import Request
from hookchain.results import DONE, OK, InternalRedirect
from hookchain.testing.contract.case import Case, asays, needs, note, says
from hookchain.testing.contract.exchanges import Sent

ENDINGS: dict[str, Any] = {
    "content": None,
    "done": DONE,
    "a status": 403,
    "a response": lambda: Response("made", 418),
    "an HTTP exception": Forbidden(),
    "an exception": LookupError("fault"),
    "rubbish": 1.5,
}
HOW = pytest.mark.parametrize("how", ENDINGS)


class Finishing(Case):
    """DESIGN 2, finishers and the one way out."""

    def ending(self, how: str) -> Any:
        """Return a chain whose ACCESS ends the request in this way."""
        hooks = self.chain()
        answer = ENDINGS[how]
        hooks.access(says("access", answer() if how == "a response" else answer))
        hooks.content(lambda req: "content")
        return hooks

    @HOW
    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_log_and_cleanup_run_once_whatever_happened(self, how: str, make: Any) -> None:
        hooks = self.ending(how)
        hooks.log(make("log"))
        hooks.cleanup(make("cleanup"))
        assert self.ask(hooks).ran == ["access", "log", "cleanup"]

    @HOW
    def test_they_see_what_became_of_the_request(self, how: str) -> None:
        hooks = self.ending(how)
        seen: list[Any] = []
        for phase in ("log", "cleanup"):
            hooks.register(phase, lambda req: seen.append((req.status, req.bytes_sent, req.decided_by, req.aborted)))
        answer = self.send(hooks, Sent())
        assert len(seen) == 2
        assert seen[0] == seen[1] == (answer.status, len(answer.body), answer.req.decided_by, False)
        assert answer.req.duration > 0
        assert isinstance(answer.req.exception, LookupError) is (how == "an exception")

    @HOW
    def test_every_response_gets_err_headers_out_and_passes_the_output_filters(self, how: str) -> None:
        hooks = self.ending(how)
        hooks.post_read_request(lambda req: req.err_headers_out.set("X-All", "1"))
        hooks.output_filter(lambda req, response: response.headers.set("X-Filter", "1"))
        answer = self.ask(hooks)
        assert (answer.headers["X-All"], answer.headers["X-Filter"]) == ("1", "1")

    @HOW
    def test_headers_out_goes_with_success_alone(self, how: str) -> None:
        hooks = self.ending(how)
        hooks.post_read_request(lambda req: req.headers_out.set("X-Out", "1"))
        assert ("X-Out" in self.ask(hooks).headers) is (how in {"content", "done"})

    def test_files_and_redirects_pass_the_same_way_out(self, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("file")
        hooks = self.chain(document_root=tmp_path)
        hooks.content("/go")(lambda req: InternalRedirect("/file.txt"))
        hooks.content("/moved")(lambda req: req.headers_out.set("Location", "/there") or 302)
        hooks.post_read_request(lambda req: req.err_headers_out.set("X-All", "1"))
        hooks.output_filter(lambda req, response: response.headers.set("X-Filter", "1"))
        for path in ("/file.txt", "/go", "/moved", "/.."):
            answer = self.ask(hooks, path)
            assert (answer.headers["X-All"], answer.headers["X-Filter"]) == ("1", "1")

    def test_a_redirecting_status_takes_the_location_that_was_set(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: req.headers_out.set("Location", "/there") or 302)
        answer = self.ask(hooks)
        assert (answer.status, answer.headers["Location"]) == (302, "/there")

    @HOW
    def test_the_access_log_has_its_line(self, how: str) -> None:
        answer = self.ask(self.ending(how), "/x?y=1")
        assert answer.line == f'127.0.0.1 - "GET /x?y=1 HTTP/1.1" {answer.status}\n'

    @pytest.mark.parametrize("answered", [None, OK, DONE, 500, LookupError("fault"), 1.5], ids=repr)
    def test_the_access_log_has_its_line_whatever_log_handlers_answer(self, answered: object) -> None:
        hooks = self.chain()
        hooks.log(says("log", answered))
        hooks.content(lambda req: "content")
        answer = self.ask(hooks)
        assert (answer.status, answer.text) == (200, "content")
        assert answer.line.endswith(" 200\n")

    def test_log_is_a_run_all_phase_and_every_cleanup_handler_runs(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        for phase in ("log", "cleanup"):
            for name, said in (("a", OK), ("b", DONE), ("c", OK)):
                hooks.register(phase, says(f"{name} {phase}", said))
        assert self.ask(hooks).ran == ["a log", "b log", "a cleanup", "b cleanup", "c cleanup"]

    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_one_that_raises_is_logged_under_its_name_and_stops_nobody(
        self, make: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        for phase in ("log", "cleanup"):
            hooks.register(phase, make(f"fails in {phase}", LookupError("fault")))
            hooks.register(phase, make(f"next in {phase}"))
        answer = self.ask(hooks)
        assert (answer.status, answer.text) == (200, "content")
        assert answer.ran == ["fails in log", "next in log", "fails in cleanup", "next in cleanup"]
        assert "contract.fails in log" in caplog.text
        assert "contract.fails in cleanup" in caplog.text

    def test_nothing_of_it_runs_before_the_last_byte(self) -> None:
        hooks = self.chain()

        def body(req: Request) -> Iterator[str]:
            for number in range(3):
                note(req, f"chunk {number}")
                yield "chunk"

        hooks.content(body)
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        assert self.ask(hooks).ran == ["chunk 0", "chunk 1", "chunk 2", "log", "cleanup"]

    def test_a_body_that_fails_ends_the_request_and_log_is_told(self) -> None:
        hooks = self.chain()

        def body(req: Request) -> Iterator[str]:
            yield "chunk"
            raise LookupError("in the body")

        hooks.content(body)
        hooks.log(lambda req: note(req, f"{type(req.exception).__name__} {req.bytes_sent}"))
        answer = self.send(hooks, Sent())
        assert answer.ran == ["LookupError 5"]

    @pytest.mark.parametrize("after", [0, 1, 10, 25])
    @pytest.mark.parametrize("source", ["handler", "async handler", "app"])
    def test_a_client_that_leaves_ends_the_request(self, after: int, source: str) -> None:
        if source == "app" and not self.place.has_app:
            source = "handler"
        hooks = self.chain()
        hooks.content("/handler")(lambda req: iter([b"0123456789"] * 1000))

        @hooks.content("/async")
        async def content(req: Request) -> Any:
            while True:
                yield b"0123456789"

        hooks.log(lambda req: note(req, f"log {req.aborted} {req.bytes_sent < 10_000}"))
        hooks.cleanup(says("cleanup"))
        path = {"handler": "/handler", "async handler": "/async", "app": "/app?stream=1000"}[source]
        answer = self.send(hooks, Sent(path, leaves_after=after))
        assert answer.ran == ["log True True", "cleanup"]
        assert source == "app" or answer.raised is None or isinstance(answer.raised, OSError)

    @needs("hears_refusals")
    def test_a_server_that_refuses_the_response_ends_the_request(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        answer = self.send(hooks, Sent(refuses=LookupError("the server's")))
        assert answer.ran == ["log", "cleanup"]

    @pytest.mark.parametrize("sign", ["\0", "\r", "\n", "\r\n"], ids=repr)
    def test_a_header_value_that_would_break_the_response_apart_never_leaves(self, sign: str) -> None:
        hooks = self.chain()

        @hooks.content
        def content(req: Request) -> object:
            response = Response("content")
            vars(response.headers)["_list"].append(("X-Evil", f"a{sign}b: c"))
            return response

        answer = self.ask(hooks)
        assert answer.status == 500
        assert "X-Evil" not in answer.headers

    @needs("shows_exceptions")
    def test_with_debug_an_exception_is_raised_to_the_server_when_all_is_finished(self) -> None:
        hooks = self.chain(debug=True)
        hooks.access(says("fails", LookupError("fault")))
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        answer = self.ask(hooks)
        assert isinstance(answer.raised, LookupError)
        assert answer.ran == ["fails", "log", "cleanup"]

    def test_with_debug_a_refusal_is_still_answered(self) -> None:
        hooks = self.chain(debug=True)
        hooks.access(says("refuses", Forbidden()))
        assert self.ask(hooks).status == 403

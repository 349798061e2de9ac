"""What a handler answers or raises, and what becomes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden, ServiceUnavailable, TooManyRequests
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from hookchain.phases import CYCLE_PHASES, Phase
from hookchain.request import Request
from hookchain.results import DECLINED, DONE, OK, InternalRedirect
from hookchain.signals import got_exception
from hookchain.testing.contract.case import Case, asays, note, says

PHASES = pytest.mark.parametrize("phase", CYCLE_PHASES, ids=lambda phase: phase.name)


def pieces() -> Iterator[str | bytes]:
    """Be a body in pieces."""
    yield "one "
    yield b"two "
    yield "thr\u00e9e"


async def apieces() -> AsyncIterator[str | bytes]:
    """Be an async body in pieces."""
    for piece in pieces():
        yield piece


class Answers(Case):
    """DESIGN 3, the table of answers and exceptions."""

    def ask_with(self, phase: Phase, *handlers: Any) -> Any:
        """Ask a chain that has these handlers in a phase, and content behind."""
        hooks = self.chain()
        hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
        for handler in handlers:
            hooks.register(phase, handler)
        hooks.content(says("content", "content"))
        return self.ask(hooks)

    @PHASES
    def test_declined_and_none_let_the_request_go_on(self, phase: Phase) -> None:
        handlers = (says("a", DECLINED), says("b"), asays("c", DECLINED), asays("d"))
        answer = self.ask_with(phase, *handlers)
        assert answer.ran[:4] == ["a", "b", "c", "d"]
        assert answer.status == (403 if phase is Phase.AUTHZ else 200)

    @PHASES
    @pytest.mark.parametrize("status", [204, 302, 402, HTTPStatus.BAD_GATEWAY, 599], ids=int)
    def test_a_status_ends_the_request(self, phase: Phase, status: int) -> None:
        answer = self.ask_with(phase, says("ends", status), says("never"))
        assert (answer.status, answer.ran) == (status, ["ends"])
        assert answer.req.decided_by == "contract.ends"

    @PHASES
    def test_a_response_ends_the_request_with_its_status_headers_and_body(self, phase: Phase) -> None:
        answer = self.ask_with(phase, says("ends", Response("made", 203, {"X-Made": "1"})))
        assert (answer.status, answer.text, answer.ran) == (203, "made", ["ends"])
        assert answer.headers["X-Made"] == "1"

    def test_a_response_without_io_is_a_response(self) -> None:
        answer = self.ask_with(Phase.ACCESS, says("ends", SansIOResponse(402, {"X-Made": "1"})))
        assert (answer.status, answer.body, answer.headers["X-Made"]) == (402, b"", "1")

    @pytest.mark.parametrize(
        ("answered", "status", "header"),
        [
            (("body", 202), 202, None),
            (("body", {"X-Made": "1"}), 200, "1"),
            (("body", 404, {"X-Made": "1"}), 404, "1"),
            ((b"body", 202, [("X-Made", "1")]), 202, "1"),
        ],
    )
    @pytest.mark.parametrize("phase", [Phase.ACCESS, Phase.CONTENT], ids=lambda phase: phase.name)
    def test_a_tuple_is_a_response_as_in_flask(
        self, phase: Phase, answered: object, status: int, header: str | None
    ) -> None:
        answer = self.ask_with(phase, says("ends", answered))
        assert (answer.status, answer.text, answer.headers.get("X-Made")) == (status, "body", header)

    @pytest.mark.parametrize(
        ("body", "sent", "kind"),
        [
            ("t\u00e9xt", "t\u00e9xt".encode(), "text/html; charset=utf-8"),
            (b"\x00\xff", b"\x00\xff", None),
            ({"a": [1]}, json.dumps({"a": [1]}).encode(), "application/json"),
            (["a", 1], json.dumps(["a", 1]).encode(), "application/json"),
            ("", b"", None),
        ],
    )
    def test_content_may_answer_with_a_body_alone(self, body: object, sent: bytes, kind: str | None) -> None:
        hooks = self.chain()
        hooks.content(lambda req: body)
        answer = self.ask(hooks)
        assert (answer.status, answer.body) == (200, sent)
        assert answer.headers["Content-Length"] == str(len(sent))
        if kind == "application/json":
            assert answer.headers["Content-Type"] == kind

    @pytest.mark.parametrize("make", [pieces, apieces], ids=["iterator", "async iterator"])
    def test_an_iterator_is_streamed_piece_by_piece(self, make: Any) -> None:
        hooks = self.chain()

        @hooks.content
        async def content(req: Request) -> object:
            return make()

        answer = self.ask(hooks)
        assert answer.text == "one two thr\u00e9e"
        assert [chunk for chunk in answer.chunks if chunk] == [b"one ", b"two ", "thr\u00e9e".encode()]

    def test_a_generator_in_content_is_a_streamed_body(self) -> None:
        hooks = self.chain()

        @hooks.content("/sync")
        def content(req: Request) -> Iterator[str]:
            yield "one "
            yield req.path

        @hooks.content("/async")
        async def acontent(req: Request) -> AsyncIterator[str]:
            yield "one "
            yield req.path

        assert self.ask(hooks, "/sync").text == "one /sync"
        assert self.ask(hooks, "/async").text == "one /async"

    def test_a_body_alone_has_the_status_type_and_headers_that_handlers_set(self) -> None:
        hooks = self.chain()

        @hooks.content
        def content(req: Request) -> str:
            req.status, req.content_type_out, req.content_encoding_out = 201, "text/x-own", "br"
            req.headers_out["X-Out"] = "1"
            return "body"

        answer = self.ask(hooks)
        assert (answer.status, answer.headers["Content-Type"]) == (201, "text/x-own")
        assert (answer.headers["X-Out"], answer.headers["Content-Encoding"]) == ("1", "br")

    @pytest.mark.parametrize("result", [OK, DONE])
    def test_ok_and_done_in_content_send_what_was_set(self, result: object) -> None:
        hooks = self.chain()

        @hooks.content
        def content(req: Request) -> object:
            req.response = Response("prepared", 202)
            req.headers_out["X-Out"] = "1"
            return result

        answer = self.ask(hooks)
        assert (answer.status, answer.text, answer.headers["X-Out"]) == (202, "prepared", "1")

    @PHASES
    @pytest.mark.parametrize("rubbish", [1.5, 99, 600, True, object()], ids=lambda value: type(value).__name__)
    def test_rubbish_is_500_and_logged_with_handler_and_place(
        self, phase: Phase, rubbish: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = self.ask_with(phase, says("wrong", rubbish))
        assert answer.status == 500
        assert "contract.wrong" in caplog.text
        assert "case.py:" in caplog.text

    @pytest.mark.parametrize("phase", CYCLE_PHASES[:-1], ids=lambda phase: phase.name)
    @pytest.mark.parametrize("body", ["text", {"a": 1}, InternalRedirect("/x")], ids=str)
    def test_a_body_or_a_redirect_is_no_answer_before_content(self, phase: Phase, body: object) -> None:
        assert self.ask_with(phase, says("wrong", body)).status == 500

    @PHASES
    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_raising_an_http_exception_is_the_same_as_answering_its_status(self, phase: Phase, make: Any) -> None:
        answer = self.ask_with(phase, make("refuses", Forbidden()))
        assert (answer.status, answer.req.exception) == (403, None)

    def test_an_http_exception_brings_its_headers_and_its_response(self) -> None:
        assert self.ask_with(Phase.ACCESS, says("a", TooManyRequests(retry_after=7))).headers["Retry-After"] == "7"
        own = ServiceUnavailable(response=Response("own", 503, {"X-Own": "1"}))
        answer = self.ask_with(Phase.ACCESS, says("b", own))
        assert (answer.status, answer.text, answer.headers["X-Own"]) == (503, "own", "1")

    @PHASES
    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_any_other_exception_is_logged_and_answered_500_without_detail(
        self, phase: Phase, make: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = LookupError("the secret")
        answer = self.ask_with(phase, make("fails", error))
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert answer.req.exception is error
        logged = [record for record in caplog.records if record.name == "hookchain" and record.levelno == logging.ERROR]
        assert len(logged) == 2  # here, and without a server
        assert all("contract.fails" in record.getMessage() and record.exc_info for record in logged)

    @pytest.mark.parametrize("error", [StopIteration("x"), StopAsyncIteration("x"), RuntimeError("x")], ids=repr)
    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_exceptions_that_mean_something_to_python_confuse_nobody(self, make: Any, error: Exception) -> None:
        assert self.ask_with(Phase.ACCESS, make("fails", error)).status == 500

    def test_an_exception_is_sent_as_a_signal(self) -> None:
        heard: list[Any] = []

        def receiver(sender: object, **told: Any) -> None:
            heard.append((sender, told["exception"]))

        error = LookupError("fault")
        hooks = self.chain()
        hooks.access(says("fails", error))
        with got_exception.connected_to(receiver, sender=hooks):
            self.ask(hooks)
        assert heard == [(hooks, error)] * 2

    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_async_and_sync_handlers_run_in_their_order(self, make: Any) -> None:
        hooks = self.chain()
        for phase in (Phase.TRANS, Phase.ACCESS, Phase.FIXUP):
            for name in "abc":
                hooks.register(phase, (says if name == "b" else make)(f"{name} {phase.name}"))
        hooks.content(asays("content", "content"))
        hooks.log(make("log"))
        names = [f"{name} {phase}" for phase in ("TRANS", "ACCESS", "FIXUP") for name in "abc"]
        assert self.ask(hooks).ran == [*names, "content", "log"]

    def test_a_handler_that_must_not_leave_the_loop_is_called_like_any_other(self) -> None:
        hooks = self.chain()
        hooks.register("access", says("quick"), blocking=False)
        hooks.access(asays("async"))
        hooks.content(lambda req: note(req, "content") or "content")
        assert self.ask(hooks).ran == ["quick", "async", "content"]

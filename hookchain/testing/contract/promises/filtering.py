"""Output filters, and the values that handlers, bodies and finishers share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Response

from hookchain.request import Request
from hookchain.testing.contract.case import Case, asays, note, says
from hookchain.testing.contract.exchanges import Sent

from .pairs import VALUE


class Filters(Case):
    """DESIGN 8, output filters."""

    def test_filters_are_scoped_and_ordered_like_handlers(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        for location in ("/in/ner", "/", "/in", "/out"):
            hooks.output_filter(location)(lambda req, response, location=location: note(req, location))
        assert self.ask(hooks, "/in/ner").ran == ["/", "/in", "/in/ner"]

    def test_an_async_filter_is_a_filter(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")

        @hooks.output_filter
        async def upper(req: Request, response: Response) -> None:
            response.set_data(response.get_data().upper())

        assert self.ask(hooks).text == "CONTENT"

    def test_a_filter_may_wrap_the_body_and_streaming_stays_streaming(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: iter(["a", "b", "c"]))

        def wrap(chunks: Any) -> Iterator[bytes]:
            for chunk in chunks:
                yield (chunk if isinstance(chunk, bytes) else chunk.encode()) * 2

        @hooks.output_filter
        def double(req: Request, response: Response) -> None:
            response.response = wrap(response.response)

        answer = self.ask(hooks)
        assert [chunk for chunk in answer.chunks if chunk] == [b"aa", b"bb", b"cc"]

    def test_what_was_said_of_the_body_is_put_right_when_it_is_replaced(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: Response("long content", headers={"ETag": '"old"', "Content-Length": "12"}))
        hooks.output_filter(lambda req, response: response.set_data("short"))
        answer = self.ask(hooks)
        assert (answer.text, answer.headers["Content-Length"]) == ("short", "5")

    def test_a_filter_may_answer_with_another_response(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        hooks.output_filter(lambda req, response: Response("another", 203))
        answer = self.ask(hooks)
        assert (answer.status, answer.text) == (203, "another")

    @pytest.mark.parametrize("make", ["sync", "async"])
    def test_a_filter_that_raises_is_500_which_passes_the_other_filters(self, make: str) -> None:
        def fail(req: Request, response: Response) -> None:
            raise LookupError("secret")

        async def afail(req: Request, response: Response) -> None:
            raise LookupError("secret")

        hooks = self.chain()
        hooks.content(lambda req: "content")
        hooks.output_filter(fail if make == "sync" else afail)
        hooks.output_filter(lambda req, response: response.headers.set("X-Filter", "1"))
        hooks.log(says("log"))
        answer = self.ask(hooks)
        assert (answer.status, answer.headers["X-Filter"], answer.ran) == (500, "1", ["log"])
        assert b"secret" not in answer.body


class Values(Case):
    """DESIGN 2, context."""

    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_what_one_handler_sets_the_next_sees_on_whichever_side_it_runs(self, make: Any) -> None:
        hooks = self.chain()

        def tell(req: Request) -> None:
            note(req, VALUE.get())
            VALUE.set(f"{req.phase.name if req.phase else None}")

        async def atell(req: Request) -> None:
            tell(req)

        for phase, handler in (("trans", tell), ("access", atell), ("fixup", tell), ("log", atell), ("cleanup", tell)):
            hooks.register(phase, handler, name=phase)
        hooks.header_parser(make("between"))

        @hooks.content
        async def body(req: Request) -> AsyncIterator[str]:
            yield VALUE.get()

        answer = self.ask(hooks)
        assert answer.text == "FIXUP"
        assert answer.ran == ["unset", "between", "TRANS", "ACCESS", "FIXUP", "LOG"]

    def test_the_body_is_iterated_and_closed_with_the_same_values(self) -> None:
        hooks = self.chain()

        class Body:
            def __init__(self, req: Request) -> None:
                self.req = req

            def __iter__(self) -> Iterator[bytes]:
                yield VALUE.get().encode()

            def close(self) -> None:
                note(self.req, f"closed {VALUE.get()}")

        hooks.access(lambda req: VALUE.set("set") and None)
        hooks.content(lambda req: Response(Body(req)))
        hooks.output_filter(lambda req, response: note(req, f"filter {VALUE.get()}"))
        answer = self.ask(hooks)
        assert (answer.text, answer.ran) == ("set", ["filter set", "closed set"])

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    def test_no_request_sees_the_values_of_the_one_before(self, is_async: Any) -> None:
        hooks = self.chain()

        def tell(req: Request) -> None:
            note(req, VALUE.get())
            VALUE.set("set by another request")

        async def atell(req: Request) -> None:
            tell(req)

        hooks.access(atell if is_async else tell)
        hooks.content(lambda req: "content")
        for _ in range(3):
            assert self.send(hooks, Sent()).ran == ["unset"]

"""The request: its body, subrequests, and what handlers leave in it for each other."""

from __future__ import annotations

import io
from typing import Any

import pytest

from hookchain.chain import HookChain
from hookchain.request import Request
from hookchain.results import DECLINED
from hookchain.testing.contract.case import Case, asays, note, says

from .guarding import ANN, by_password


class Requests(Case):
    """DESIGN 6, the request."""

    def reading(self, how: str, **options: Any) -> HookChain:
        """Return a chain that reads the body in this way, twice."""
        hooks = self.chain(**options)

        def read(req: Request) -> None:
            note(req, repr(getattr(req, how)()))

        async def aread(req: Request) -> None:
            note(req, repr(await getattr(req, how)()))

        for phase in ("access", "fixup"):
            hooks.register(phase, aread if how.startswith("a") else read)
        hooks.content(lambda req: f"{req.bytes_received} bytes")
        return hooks

    @pytest.mark.parametrize("how", ["get_data", "aget_data"])
    def test_every_handler_reads_the_whole_body(self, how: str) -> None:
        answer = self.ask(self.reading(how), "/", "POST", data=b"the body")
        assert answer.ran == ["b'the body'"] * 2
        assert answer.text == "8 bytes"

    @pytest.mark.parametrize("how", ["get_json", "aget_json"])
    def test_a_body_is_read_as_json(self, how: str) -> None:
        assert self.ask(self.reading(how), "/", "POST", json={"a": [1]}).ran == ["{'a': [1]}"] * 2
        assert self.ask(self.reading(how), "/", "POST", data=b"no json").status == 400

    @pytest.mark.parametrize("how", ["get_form", "aget_form"])
    def test_a_body_is_read_as_a_form(self, how: str) -> None:
        answer = self.ask(self.reading(how), "/", "POST", data={"a": "1", "b": "\u00e9"})
        assert answer.ran == ["ImmutableMultiDict([('a', '1'), ('b', '\u00e9')])"] * 2

    @pytest.mark.parametrize("how", ["get_data", "aget_data"])
    def test_a_body_over_the_limit_is_413(self, how: str) -> None:
        hooks = self.reading(how, max_body=10)
        assert self.ask(hooks, "/", "POST", data=b"0123456789").status == 200
        answer = self.ask(hooks, "/", "POST", data=b"0123456789x")
        assert (answer.status, answer.ran) == (413, [])

    def test_a_limit_of_the_reader_s_own_is_413_too(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: note(req, f"{len(req.get_data(4))}"))
        hooks.content(lambda req: "content")
        assert self.ask(hooks, "/", "POST", data=b"four").ran == ["4"]
        assert self.ask(hooks, "/", "POST", data=b"fiver").status == 413

    def test_a_body_is_read_as_a_stream(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: note(req, req.stream.readline().decode()))
        hooks.fixup(lambda req: note(req, repr(list(req.stream))))
        hooks.content(lambda req: "content")
        answer = self.ask(hooks, "/", "POST", data=b"one\ntwo\n")
        assert answer.ran == ["one\n", "[b'one\\n', b'two\\n']"]

    @pytest.mark.parametrize("how", ["get_data", "aget_data"])
    def test_input_filters_change_what_handlers_read(self, how: str) -> None:
        hooks = self.reading(how)
        hooks.input_filter(lambda req, stream: io.BytesIO(stream.read().upper()))
        hooks.section("/in").input_filter(lambda req, stream: io.BytesIO(b"<" + stream.read() + b">"))
        assert self.ask(hooks, "/in", "POST", data=b"body").ran == ["b'<BODY>'"] * 2

    def test_handlers_talk_through_notes(self) -> None:
        hooks = self.chain()
        hooks.trans(lambda req: req.notes.update(word="said"))

        @hooks.fixup
        async def hear(req: Request) -> None:
            note(req, req.notes["word"])

        hooks.content(lambda req: "content")
        assert self.ask(hooks).ran == ["said"]

    def test_cleanups_run_after_log_last_in_first_out(self) -> None:
        hooks = self.chain()

        async def acleanup(req: Request, word: str) -> None:
            note(req, word)

        @hooks.access
        async def register(req: Request) -> None:
            req.register_cleanup(note, req, "first registered")
            req.register_cleanup(acleanup, req, "last registered")

        hooks.content(lambda req: "content")
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        assert self.ask(hooks).ran == ["log", "last registered", "first registered", "cleanup"]


class Subrequests(Case):
    """DESIGN 6, lookup."""

    def looking(self, target: str, *, is_async: bool = False) -> HookChain:
        """Return a chain that looks a path up, and notes its status."""
        hooks = self.chain()
        hooks.content(lambda req: f"content of {req.path}")
        hooks.authen("/in")(by_password)
        hooks.access("/no")(says("access", 403))

        def look(req: Request) -> None:
            note(req, f"status {req.lookup(target).status}")

        async def alook(req: Request) -> None:
            note(req, f"status {(await req.alookup(target)).status}")

        hooks.fixup("/ask", name="look")(alook if is_async else look)
        return hooks

    @pytest.mark.parametrize("is_async", [False, True], ids=["lookup", "alookup"])
    @pytest.mark.parametrize(("target", "status"), [("/out", 200), ("/in", 401), ("/no", 403), ("/../x", 400)])
    def test_the_status_of_a_subrequest_tells_what_the_client_would_get(
        self, target: str, status: int, is_async: Any
    ) -> None:
        answer = self.ask(self.looking(target, is_async=is_async), "/ask")
        assert answer.ran[-1] == f"status {status}"
        assert answer.text == "content of /ask"

    def test_a_subrequest_has_the_user_s_credentials(self) -> None:
        assert self.ask(self.looking("/in"), "/ask", **ANN).ran == ["authen", "status 200"]

    def test_a_subrequest_runs_the_phases_from_trans_to_fixup_without_header_parser(self) -> None:
        hooks = self.chain()
        for phase in (
            "post_read_request",
            "trans",
            "map_to_storage",
            "header_parser",
            "access",
            "type",
            "fixup",
            "log",
        ):
            hooks.register(phase, says(phase), "/sub")
        hooks.content(lambda req: "content")
        hooks.access("/ask")(lambda req: note(req, str(req.lookup("/sub").status)))
        assert self.ask(hooks, "/ask").ran == ["trans", "map_to_storage", "access", "type", "fixup", "200"]

    @pytest.mark.parametrize("is_async", [False, True], ids=["run", "arun"])
    def test_running_a_subrequest_gives_its_response_or_the_refusal(self, is_async: Any) -> None:
        hooks = self.looking("/out")

        @hooks.content("/sync")
        def run(req: Request) -> bytes:
            return req.lookup("/out").run().get_data() + b" " + req.lookup("/no").run().status.encode()

        @hooks.content("/async")
        async def arun(req: Request) -> bytes:
            passed, refused = await (await req.alookup("/out")).arun(), await (await req.alookup("/no")).arun()
            return passed.get_data() + b" " + refused.status.encode()

        assert self.ask(hooks, "/async" if is_async else "/sync").text == "content of /out 403 FORBIDDEN"

    def test_a_sync_lookup_that_meets_an_async_handler_fails_and_names_its_twin(self) -> None:
        hooks = self.chain()
        hooks.access("/sub")(asays("never"))
        hooks.fixup("/ask")(lambda req: req.lookup("/sub") and None)
        hooks.content(lambda req: DECLINED)
        answer = self.ask(hooks, "/ask")
        assert answer.status == 500
        assert "alookup" in str(answer.req.exception)

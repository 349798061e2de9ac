"""What an app behind the chain gets: the path, the user and the body as the chain has found them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from werkzeug.wrappers import Response

from hookchain.records import current_request
from hookchain.request import Request
from hookchain.results import DECLINED, OK, InternalRedirect
from hookchain.testing.contract.case import Case, needs, note, says
from hookchain.testing.contract.exchanges import Sent
from hookchain.testing.contract.pages import SEEN

from .guarding import ANN, by_password

BODY: dict[str, Any] = {"data": b"0123456789" * 100, "content_type": "application/octet-stream"}


class Apps(Case):
    """DESIGN 5, 6 and 8, as far as they concern what stands behind."""

    @needs("has_app")
    def test_the_app_learns_of_the_user(self) -> None:
        hooks = self.chain()
        hooks.authen(by_password)
        assert self.ask(hooks, "/x", **ANN).text == "GET /x? for ann"

    @needs("has_app")
    def test_where_authen_ran_and_found_nobody_the_app_sees_no_user_that_came_in(self) -> None:
        hooks = self.chain(authentication="optional")
        hooks.authen(lambda req: DECLINED)
        assert self.ask(hooks, "/x", environ_base={"REMOTE_USER": "root"}).text == "GET /x? for None"

    @needs("has_app")
    def test_what_handlers_read_is_replayed_to_the_app(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: note(req, f"read {len(req.get_data())}"))
        hooks.fixup(lambda req: note(req, f"read {len(req.get_data())}"))
        answer = self.ask(hooks, "/x", "POST", **BODY)
        assert answer.ran == ["read 1000", "read 1000"]
        assert answer.body == b"POST /x? for None" + BODY["data"]

    @needs("has_app")
    def test_what_handlers_read_in_part_is_replayed_whole(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: note(req, req.stream.read(10).decode()))
        answer = self.ask(hooks, "/x", "POST", **BODY)
        assert answer.ran == ["0123456789"]
        assert answer.body == b"POST /x? for None" + BODY["data"]

    @needs("has_app")
    def test_what_async_handlers_read_is_replayed_to_the_app(self) -> None:
        hooks = self.chain()

        @hooks.access
        async def read(req: Request) -> None:
            note(req, f"read {len(await req.aget_data())}")

        answer = self.ask(hooks, "/x", "POST", **BODY)
        assert answer.ran == ["read 1000"]
        assert answer.body.endswith(BODY["data"])

    @needs("has_app")
    def test_input_filters_change_what_the_app_reads(self) -> None:
        hooks = self.chain()
        hooks.input_filter("/loud")(lambda req, stream: io.BytesIO(stream.read().upper()))
        assert self.ask(hooks, "/loud", "POST", data=b"body").text == "POST /loud? for NoneBODY"
        assert self.ask(hooks, "/calm", "POST", data=b"body").text == "POST /calm? for Nonebody"

    @needs("has_app")
    def test_a_body_over_max_body_is_refused_before_the_app_is_asked(self) -> None:
        hooks = self.chain(max_body=999)
        answer = self.ask(hooks, "/x", "POST", **BODY)
        assert answer.status == 413
        assert "X-App" not in answer.headers
        assert self.ask(self.chain(max_body=1000), "/x", "POST", **BODY).status == 200

    @needs("has_app")
    @pytest.mark.parametrize("path", ["/a/b", "//a/./b", "/a/x/../b", "/%61/b", "/a%2Fb", "/a/b?x=/../y", "/a//b"])
    def test_the_app_routes_the_one_path_that_the_sections_saw(self, path: str) -> None:
        hooks = self.chain()
        hooks.access("/a/b")(lambda req: note(req, req.path))
        answer = self.ask(hooks, path)
        assert answer.ran == ["/a/b"]
        assert answer.text.startswith("GET /a/b?")

    @needs("has_app")
    @pytest.mark.parametrize(
        "path", ["/a\\b", "/a;b/c", "/A/b", "/a%20b", "/%C3%A9t%C3%A9", "/e%CC%81t", "/a/", "/a%2525"]
    )
    def test_nothing_else_of_a_path_is_translated_on_its_way_to_the_app(self, path: str) -> None:
        hooks = self.chain()
        hooks.access(lambda req: note(req, req.path))
        answer = self.ask(hooks, path)
        assert answer.text == f"GET {answer.ran[0]}? for None"

    @needs("has_app")
    @pytest.mark.parametrize("phase", ["post_read_request", "trans"])
    def test_the_app_routes_the_path_that_it_was_rewritten_to(self, phase: str) -> None:
        hooks = self.chain()
        hooks.register(phase, lambda req: setattr(req, "uri", "/new//path"), "/old", name="rewrite")
        assert self.ask(hooks, "/old?x=1").text == "GET /new/path?x=1 for None"

    @needs("has_app")
    def test_the_app_is_called_with_what_handlers_set(self) -> None:
        hooks = self.chain()
        hooks.access(lambda req: SEEN.set("by a handler") and None)
        assert self.ask(hooks, "/x?seen").text == "GET /x?seen for None seen by a handler"

    @needs("has_app")
    def test_the_app_is_called_with_what_async_handlers_set(self) -> None:
        hooks = self.chain()

        @hooks.access
        async def set_it(req: Request) -> None:
            SEEN.set("by an async handler")

        assert self.ask(hooks, "/x?seen").text.endswith(" seen by an async handler")

    @needs("has_app")
    def test_headers_of_handlers_go_with_what_the_app_answers_whatever_its_status(self) -> None:
        hooks = self.chain()
        hooks.fixup(lambda req: req.headers_out.set("X-Out", "1"))
        hooks.fixup(lambda req: req.err_headers_out.add("Set-Cookie", "chain=1"))
        answer = self.ask(hooks, "/x?status=404&cookies")
        assert (answer.status, answer.headers["X-Out"]) == (404, "1")
        assert answer.headers.getlist("Set-Cookie") == ["one=1; Path=/", "two=2; Path=/", "chain=1"]

    @needs("has_app")
    def test_a_stream_of_the_app_stays_one(self) -> None:
        answer = self.ask(self.chain(), "/x?stream=3")
        assert [chunk for chunk in answer.chunks if chunk] == [b"chunk 0 ", b"chunk 1 ", b"chunk 2 "]
        assert "Content-Length" not in answer.headers
        assert answer.req.bytes_sent == 24

    @needs("has_app")
    def test_a_stream_of_the_app_that_fails_ends_the_request(self) -> None:
        hooks = self.chain()
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        assert self.send(hooks, Sent("/x?stream=3&fail=1")).ran == ["log", "cleanup"]

    @needs("has_app")
    def test_an_output_filter_changes_what_the_app_answers_and_its_length_is_put_right(self) -> None:
        hooks = self.chain()
        hooks.output_filter(lambda req, response: response.set_data(b"<" + response.get_data() + b">"))
        answer = self.ask(hooks, "/x")
        assert answer.text == "<GET /x? for None>"
        assert answer.headers["Content-Length"] == str(len(answer.body))

    @needs("has_app")
    def test_log_sees_what_the_app_answered(self) -> None:
        hooks = self.chain()
        hooks.log(lambda req: note(req, f"{req.status} {req.bytes_sent}"))
        answer = self.ask(hooks, "/x?status=418")
        assert answer.ran == [f"418 {len(answer.body)}"]

    @needs("has_app")
    def test_a_subrequest_may_ask_the_app(self) -> None:
        hooks = self.chain()
        hooks.content("/part")(lambda req: DECLINED)

        @hooks.content("/whole")
        async def include(req: Request) -> Response:
            return await (await req.alookup("/part?x=1")).arun()

        assert self.ask(hooks, "/whole").text == "GET /part?x=1 for None"

    @needs("has_app")
    def test_an_internal_redirect_may_lead_to_the_app(self) -> None:
        hooks = self.chain()
        hooks.content("/from")(lambda req: InternalRedirect("/to/it?y=2"))
        assert self.ask(hooks, "/from?x=1").text == "GET /to/it?y=2 for None"

    @needs("has_app")
    def test_content_that_declines_leaves_the_app_to_answer(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: OK if "mine" in req.args else DECLINED)
        assert self.ask(hooks, "/x").headers["X-App"] == "contract"
        assert "X-App" not in self.ask(hooks, "/x?mine").headers

    def test_the_current_request_is_found_in_every_phase(self) -> None:
        hooks = self.chain()
        for phase in ("trans", "access", "fixup", "log", "cleanup"):
            hooks.register(phase, lambda req: note(req, str(current_request() is req)), name=phase)
        hooks.content(lambda req: "content")
        assert self.ask(hooks).ran == ["True"] * 5

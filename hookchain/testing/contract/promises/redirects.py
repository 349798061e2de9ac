"""Internal redirects and error documents."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from hookchain.chain import HookChain
from hookchain.request import Request
from hookchain.results import DECLINED, OK, InternalRedirect
from hookchain.testing.contract.case import Case, asays, needs, note, says

from .guarding import ANN, by_password


class Redirects(Case):
    """DESIGN 7, internal redirects."""

    def redirecting(self, target: str = "/to") -> HookChain:
        """Return a chain that redirects from /from."""
        hooks = self.chain()
        hooks.content("/from")(lambda req: InternalRedirect(target))
        hooks.content("/to")(lambda req: f"{req.path}?{req.query_string.decode()} for {req.user}")
        return hooks

    def test_a_redirect_runs_all_phases_again_log_once_and_cleanup_once_per_record(self) -> None:
        hooks = self.redirecting()
        phases = ["post_read_request", "trans", "map_to_storage", "header_parser", "access", "type", "fixup"]
        for phase in (*phases, "log", "cleanup"):
            hooks.register(phase, says(phase))
        again = [phase for phase in phases if phase != "access"]  # for both, the same sections apply
        assert self.ask(hooks, "/from").ran == [*phases, *again, "log", "cleanup", "cleanup"]

    def test_log_sees_the_first_record_with_the_outcome_of_the_last(self) -> None:
        hooks = self.redirecting("/to?x=1")
        hooks.log(
            lambda req: note(req, f"{req.path} {req.next.path} {req.next.prev is req} {req.status} {req.bytes_sent}")
        )
        answer = self.ask(hooks, "/from")
        assert answer.text == "/to?x=1 for None"
        assert answer.ran == [f"/from /to True 200 {len(answer.body)}"]
        assert '"GET /from HTTP/1.1" 200' in answer.line

    @pytest.mark.parametrize(
        ("target", "path"), [("/to%2520?a=%20", "/to%20"), ("to/x/../y", "/to/y"), ("//to", "/to")]
    )
    def test_the_argument_is_a_url_decoded_once_and_split_at_the_question_mark(self, target: str, path: str) -> None:
        hooks = self.redirecting(target)
        hooks.fixup(lambda req: note(req, req.path))
        assert self.ask(hooks, "/from").ran == ["/from", path]

    def test_a_redirect_to_what_can_be_no_path_is_500(self) -> None:
        assert self.ask(self.redirecting("/../x"), "/from").status == 500

    def test_guards_run_where_other_sections_apply(self) -> None:
        hooks = self.redirecting("/to/guarded")
        hooks.authen("/to/guarded")(by_password)
        assert self.ask(hooks, "/from").status == 401
        assert self.ask(hooks, "/from", **ANN).text == "/to/guarded? for ann"

    def test_guards_are_skipped_and_the_user_kept_where_exactly_the_same_sections_apply(self) -> None:
        self.is_traced = True
        hooks = self.chain()
        hooks.authen(by_password)
        hooks.content(lambda req: InternalRedirect("/to") if req.path == "/from" else f"for {req.user}")
        answer = self.ask(hooks, "/from", **ANN)
        assert (answer.text, answer.ran) == ("for ann", ["authen"])
        left_out = [entry.answer for entry in answer.req.trace or () if not entry.handler]
        assert left_out == ["the same sections applied before"] * 3

    def test_ten_redirects_in_a_row_are_followed_and_eleven_are_500(self) -> None:
        hooks = self.chain()

        @hooks.content
        def count(req: Request) -> object:
            left = int(req.path[1:])
            return InternalRedirect(f"/{left - 1}") if left else "arrived"

        assert self.ask(hooks, "/10").text == "arrived"
        assert self.ask(hooks, "/11").status == 500

    def test_a_redirected_request_reads_the_same_body(self) -> None:
        hooks = self.redirecting()
        hooks.access(lambda req: note(req, req.get_data().decode()))
        hooks.fixup("/to")(lambda req: note(req, req.get_data().decode()))
        assert self.ask(hooks, "/from", "POST", data=b"body").ran[-1] == "body"

    def test_headers_out_of_the_first_record_stay_behind_and_err_headers_out_go_on(self) -> None:
        hooks = self.redirecting()

        @hooks.fixup("/from")
        def mark(req: Request) -> None:
            req.headers_out["X-Out"] = req.err_headers_out["X-All"] = "1"

        answer = self.ask(hooks, "/from")
        assert "X-Out" not in answer.headers
        assert answer.headers["X-All"] == "1"


class ErrorDocuments(Case):
    """DESIGN 7, error documents."""

    def refusing(self, status: Any = 403) -> HookChain:
        """Return a chain that refuses everything but /page."""
        hooks = self.chain()
        hooks.access(lambda req: None if req.path == "/page" else status)
        hooks.content("/page")(lambda req: f"{req.method} page for {req.prev.path if req.prev else None}")
        return hooks

    def test_text_is_the_body(self) -> None:
        hooks = self.refusing()
        hooks.error_document(403, "sorry")
        answer = self.ask(hooks, "/x")
        assert (answer.status, answer.text) == (403, "sorry")
        assert answer.req.decided_by

    def test_a_uri_runs_as_a_redirect_with_method_get_and_the_status_stays(self) -> None:
        hooks = self.refusing()
        hooks.error_document(403, "/page")
        answer = self.ask(hooks, "/x", "POST", data=b"body")
        assert (answer.status, answer.text) == (403, "GET page for /x")

    @pytest.mark.parametrize("make", [says, asays], ids=["sync", "async"])
    def test_a_handler_answers_like_content_and_the_status_stays(self, make: Any) -> None:
        hooks = self.refusing()
        hooks.error_document(403)(make("document", {"error": "no"}))
        answer = self.ask(hooks, "/x")
        assert (answer.status, answer.text, answer.ran) == (403, '{"error": "no"}', ["document"])

    def test_the_status_stays_whatever_a_document_answers(self) -> None:
        hooks = self.refusing()
        hooks.error_document(403)(lambda req: ("sorry", 200))
        answer = self.ask(hooks, "/x")
        assert (answer.status, answer.text) == (403, "sorry")

    @pytest.mark.parametrize("status", [400, 404, 500, 599])
    def test_without_statuses_it_covers_400_to_599(self, status: int) -> None:
        hooks = self.refusing(status)
        hooks.error_document(lambda req: f"document for {req.status}")
        assert self.ask(hooks, "/x").text == f"document for {status}"

    def test_it_covers_exceptions_and_http_exceptions(self) -> None:
        for error, status in ((LookupError("fault"), 500), (Forbidden(), 403)):
            hooks = self.chain()
            hooks.access(says("fails", error))
            hooks.error_document(status, "sorry")
            answer = self.ask(hooks)
            assert (answer.status, answer.text) == (status, "sorry")

    def test_the_innermost_section_wins(self) -> None:
        hooks = self.refusing()
        hooks.error_document(403, "outer")
        hooks.section("/in", error_document={403: "inner"})
        assert self.ask(hooks, "/in").text == "inner"
        assert self.ask(hooks, "/out").text == "outer"

    @pytest.mark.parametrize(
        "document",
        ["/nowhere/..//../x", lambda req: 1 / 0, lambda req: DECLINED, lambda req: InternalRedirect("/loop")],
    )
    def test_one_that_fails_gives_the_original_error_and_never_a_loop(self, document: Any) -> None:
        hooks = self.refusing()
        hooks.error_document(403, document if callable(document) else "/loop")
        hooks.log(says("log"))
        answer = self.ask(hooks, "/x")
        assert (answer.status, answer.ran) == (403, ["log"])

    def test_a_document_that_redirects_never_skips_guards(self) -> None:
        hooks = self.chain()
        hooks.fixup(lambda req: 403 if req.prev is None else None)
        hooks.authen(by_password)
        hooks.content(lambda req: "secret")
        hooks.error_document(403, lambda req: InternalRedirect("/page"))
        hooks.section("/page", authentication="required")
        assert self.ask(hooks, "/x", **ANN).ran[:2] == ["authen", "authen"]

    def test_it_does_not_replace_what_a_handler_made(self) -> None:
        hooks = self.chain()
        hooks.error_document(403, "sorry")
        hooks.access(lambda req: Response("made", 403))
        assert self.ask(hooks).text == "made"

    @needs("has_app")
    def test_it_does_not_replace_what_the_app_answered(self) -> None:
        hooks = self.chain()
        hooks.error_document(lambda req: "sorry")
        answer = self.ask(hooks, "/x?status=404")
        assert (answer.status, answer.headers["X-App"]) == (404, "contract")

    def test_headers_of_the_error_go_with_its_document(self) -> None:
        hooks = self.chain(challenge="Bearer", error_document={401: "who are you?"})
        hooks.authen(lambda req: DECLINED)
        hooks.post_read_request(lambda req: req.err_headers_out.set("X-All", "1"))
        answer = self.ask(hooks)
        assert (answer.text, answer.headers["WWW-Authenticate"], answer.headers["X-All"]) == (
            "who are you?",
            "Bearer",
            "1",
        )

    def test_log_runs_once_and_cleanup_once_per_record(self) -> None:
        hooks = self.refusing()
        hooks.error_document(403, "/page")
        hooks.log(says("log"))
        hooks.cleanup(says("cleanup"))
        assert self.ask(hooks, "/x").ran == ["log", "cleanup", "cleanup"]

    def test_the_user_is_known_to_a_document_s_handler(self) -> None:
        hooks = self.chain()
        hooks.authen(by_password)
        hooks.authz(lambda req: OK if req.user == "root" else None)
        hooks.error_document(403)(lambda req: f"not for {req.user}")
        assert self.ask(hooks, **ANN).text == "not for ann"

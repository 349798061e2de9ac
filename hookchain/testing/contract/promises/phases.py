"""The phases: their order, who is called in each, and what stands behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookchain.phases import CYCLE_PHASES, Phase, Policy
from hookchain.request import Request
from hookchain.results import DECLINED, DONE, OK
from hookchain.testing.contract.case import Case, needs, note, says
from hookchain.testing.contract.exchanges import Sent

RUN_ALL = [phase for phase in CYCLE_PHASES if phase.policy is Policy.RUN_ALL]
SETTLED = [Phase.TRANS, Phase.MAP_TO_STORAGE, Phase.AUTHZ, Phase.TYPE, Phase.CONTENT]


def sets_user(req: Request) -> object:
    """Be an AUTHEN handler that knows everybody."""
    req.user = "ann"
    return OK


class Phases(Case):
    """DESIGN 2, the table of phases."""

    def test_all_phases_run_in_their_order_and_the_request_tells_which(self) -> None:
        hooks = self.chain()
        for phase in Phase:
            hooks.register(phase, lambda req: note(req, str(getattr(req.phase, "name", None))), name=phase.name)
        hooks.content(says("made", "content"))
        hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
        hooks.register("authz", lambda req: OK, name="passes")
        answer = self.ask(hooks)
        assert answer.ran == [*(phase.name for phase in CYCLE_PHASES), "made", "LOG", "CLEANUP"]
        assert answer.text == "content"

    @pytest.mark.parametrize("phase", RUN_ALL, ids=lambda phase: phase.name)
    def test_in_a_run_all_phase_all_handlers_are_called_as_long_as_they_answer_ok_or_decline(
        self, phase: Phase
    ) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        for name, said in (("a", OK), ("b", DECLINED), ("c", None), ("d", 402), ("e", OK)):
            hooks.register(phase, says(name, said))
        answer = self.ask(hooks)
        assert answer.ran == ["a", "b", "c", "d"]
        assert answer.status == 402
        assert answer.req.decided_by == "contract.d"

    @pytest.mark.parametrize("phase", SETTLED, ids=lambda phase: phase.name)
    def test_in_a_run_first_phase_handlers_are_called_until_one_does_not_decline(self, phase: Phase) -> None:
        hooks = self.chain()
        hooks.authen(sets_user)
        for name, said in (("a", DECLINED), ("b", None), ("c", OK), ("d", 402)):
            hooks.register(phase, says(name, said))
        if phase is not Phase.CONTENT:
            hooks.content(lambda req: "content")
        answer = self.ask(hooks)
        assert answer.ran == ["a", "b", "c"]
        assert answer.status == 200

    def test_init_is_an_early_post_read_request_handler_and_in_a_section_an_early_header_parser_handler(self) -> None:
        hooks = self.chain()
        hooks.post_read_request(says("post_read_request"))
        hooks.header_parser(says("header_parser"))
        hooks.access(says("access"))
        hooks.init(says("init"))
        hooks.section("/in").init(says("init in section"))
        hooks.content(lambda req: "content")
        expected = ["init", "post_read_request", "init in section", "header_parser", "access"]
        assert self.ask(hooks, "/in").ran == expected

    def test_an_empty_chain_hands_over_to_the_app_or_answers_404_where_none_is(self) -> None:
        answer = self.ask(self.chain(), "/somewhere?x=1")
        if self.place.has_app:
            assert answer.text == "GET /somewhere?x=1 for None"
            assert answer.headers["X-App"] == "contract"
        else:
            assert answer.status == 404

    @needs("has_app")
    @pytest.mark.parametrize("query", ["status=200", "status=404", "status=500", "status=204", "cookies", "stream=3"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_what_the_app_answers_leaves_as_it_is(self, query: str, method: str) -> None:
        answer = self.ask(self.chain(), f"/page?{query}", method)
        assert answer.headers["X-App"] == "contract"
        assert answer.headers.getlist("Set-Cookie") == (
            ["one=1; Path=/", "two=2; Path=/"] if query == "cookies" else []
        )
        assert not (method == "HEAD" and answer.body)

    @needs("has_app")
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
    def test_the_app_gets_every_method(self, method: str) -> None:
        assert self.ask(self.chain(), "/x", method).text == f"{method} /x? for None"

    @needs("has_app")
    def test_an_app_that_fails_is_answered_500_without_detail(self) -> None:
        answer = self.ask(self.chain(), "/x?fail")
        assert answer.status == 500
        assert b"asked to fail" not in answer.body

    def test_with_a_document_root_a_file_is_sent_with_its_type_and_all_else_goes_on(self, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text("<p>page</p>")
        hooks = self.chain(document_root=tmp_path)
        answer = self.ask(hooks, "/page.html")
        assert (answer.status, answer.body) == (200, b"<p>page</p>")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.req.filename == str(tmp_path / "page.html")
        assert self.ask(hooks, "/page.html", "HEAD").headers["Content-Length"] == "11"
        missing = self.ask(hooks, "/missing.html")
        assert missing.status == (200 if self.place.has_app else 404)

    def test_a_file_answers_conditions_and_ranges(self, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("0123456789")
        hooks = self.chain(document_root=tmp_path)
        ranged = self.ask(hooks, "/file.txt", headers={"Range": "bytes=2-4"})
        assert (ranged.status, ranged.body, ranged.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
        fresh = self.ask(hooks, "/file.txt", headers={"If-None-Match": ranged.headers["ETag"]})
        assert (fresh.status, fresh.body) == (304, b"")
        beyond = self.ask(hooks, "/file.txt", headers={"Range": "bytes=20-"})
        assert beyond.status == 416

    def test_the_default_of_trans_also_runs_after_a_handler_that_rewrote_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "new.txt").write_text("new")
        hooks = self.chain(document_root=tmp_path)

        @hooks.trans("/old")
        def rewrite(req: Request) -> object:
            req.path = "/new.txt"
            return OK

        assert self.ask(hooks, "/old").text == "new"

    def test_a_trans_handler_may_name_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "there.txt").write_text("there")
        hooks = self.chain(document_root=tmp_path)

        @hooks.trans("/here")
        def name_it(req: Request) -> object:
            req.filename = str(tmp_path / "there.txt")
            return OK

        assert self.ask(hooks, "/here").text == "there"

    def test_path_info_is_what_follows_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "script").write_text("script")
        hooks = self.chain(document_root=tmp_path)
        hooks.content(files="script")(lambda req: f"{req.path_info}")
        assert self.ask(hooks, "/script/more/of/it").text == "/more/of/it"

    def test_the_type_is_what_a_type_handler_says(self, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("text")
        hooks = self.chain(document_root=tmp_path)

        @hooks.type
        def say(req: Request) -> object:
            req.content_type_out = "text/x-own"
            return OK

        assert self.ask(hooks, "/file.txt").headers["Content-Type"] == "text/x-own"

    @pytest.mark.parametrize("phase", [phase for phase in CYCLE_PHASES if phase is not Phase.CONTENT], ids=str)
    def test_done_skips_to_log(self, phase: Phase) -> None:
        hooks = self.chain()
        hooks.post_read_request(lambda req: setattr(req, "user", "ann"))
        hooks.register(phase, says("done", DONE))
        hooks.content(says("content", "content"))
        hooks.log(says("log"))
        answer = self.ask(hooks)
        assert answer.ran == ["done", "log"]
        assert (answer.status, answer.body) == (200, b"")

    @needs("endpoint")
    def test_the_route_is_known_from_header_parser_on(self) -> None:
        hooks = self.chain()
        hooks.trans(lambda req: note(req, f"trans {req.endpoint}"))
        hooks.header_parser(lambda req: note(req, f"header_parser {req.endpoint}"))
        assert self.send(hooks, Sent("/x")).ran == ["trans None", f"header_parser {self.place.endpoint}"]

    @needs("endpoint")
    def test_a_section_by_endpoint_guards_its_route_alone(self) -> None:
        hooks = self.chain()
        hooks.section(endpoint=self.place.endpoint).access(says("guard", 403))
        answer = self.send(hooks, Sent("/x"))
        assert (answer.status, answer.ran) == (403, ["guard"])
        other = self.chain()
        other.section(endpoint="another-route").access(says("guard", 403))
        assert self.send(other, Sent("/x")).status == 200

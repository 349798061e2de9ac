"""Who is let through: ACCESS, AUTHEN and AUTHZ, with the options of chain and section."""

from __future__ import annotations

from typing import Any

import pytest

from hookchain.chain import HookChain
from hookchain.request import Request
from hookchain.results import DECLINED, OK
from hookchain.testing.contract.case import Case, note, says

ANN: dict[str, Any] = {"auth": ("ann", "secret")}


def by_password(req: Request) -> object:
    """Be an AUTHEN handler that believes every name."""
    note(req, "authen")
    given = req.authorization
    if given is None:
        return DECLINED
    req.user, req.auth_type = given.username, "Basic"
    return OK


class Guarding(Case):
    """DESIGN 2, guards."""

    def guarded(self, **options: Any) -> HookChain:
        """Return a chain with content, and a guard below /in."""
        hooks = self.chain(**options)
        hooks.content(lambda req: f"for {req.user}")
        hooks.authen("/in")(by_password)
        return hooks

    def test_authen_that_everybody_declined_is_401(self) -> None:
        answer = self.ask(self.guarded(), "/in/side")
        assert answer.status == 401
        assert answer.req.decided_by == "hookchain.guards.authen"

    def test_who_is_known_passes(self) -> None:
        answer = self.ask(self.guarded(), "/in", **ANN)
        assert (answer.text, answer.req.user, answer.req.auth_type) == ("for ann", "ann", "Basic")

    def test_where_no_guard_applies_nobody_is_asked(self) -> None:
        answer = self.ask(self.guarded(), "/out")
        assert (answer.text, answer.ran) == ("for None", [])

    def test_a_user_that_was_set_before_passes_the_default_of_authen(self) -> None:
        hooks = self.guarded()
        hooks.post_read_request(lambda req: setattr(req, "user", "set before"))
        assert self.ask(hooks, "/in").text == "for set before"

    def test_an_authz_handler_guards_too(self) -> None:
        hooks = self.chain()
        hooks.authz("/in")(says("authz", OK))
        hooks.content(lambda req: "content")
        answer = self.ask(hooks, "/in")
        assert (answer.status, answer.ran) == (401, [])

    @pytest.mark.parametrize(("verdict", "status"), [(OK, 200), (DECLINED, 403), (None, 403), (402, 402)])
    def test_authz_lets_pass_who_has_an_ok_and_403_is_for_those_who_have_none(
        self, verdict: object, status: int
    ) -> None:
        hooks = self.guarded()
        hooks.authz("/in")(says("authz", verdict))
        answer = self.ask(hooks, "/in", **ANN)
        assert (answer.status, answer.ran) == (status, ["authen", "authz"])

    def test_authen_that_says_ok_without_a_user_is_500_and_never_a_pass(self) -> None:
        hooks = self.chain()
        hooks.authen(lambda req: OK)
        hooks.content(lambda req: "content")
        assert self.ask(hooks).status == 500

    def test_optional_authentication_goes_on_without_a_user(self) -> None:
        hooks = self.guarded()
        hooks.section("/in", authentication="optional")
        assert self.ask(hooks, "/in").text == "for None"
        assert self.ask(hooks, "/in", **ANN).text == "for ann"

    def test_optional_authentication_outvotes_no_refusal(self) -> None:
        hooks = self.chain(authentication="optional")
        hooks.authen(lambda req: 401)
        assert self.ask(hooks).status == 401

    def test_the_first_ok_settles_authz_and_the_inner_section_is_asked_first(self) -> None:
        hooks = self.guarded()
        hooks.authz("/in")(says("outer", 403))
        hooks.authz("/in/ner")(says("inner", OK))
        assert self.ask(hooks, "/in/ner", **ANN).ran == ["authen", "inner"]
        assert self.ask(hooks, "/in", **ANN).status == 403

    @pytest.mark.parametrize(("outer", "status"), [(OK, 200), (DECLINED, 403)])
    def test_authorization_all_wants_an_ok_of_every_handler(self, outer: object, status: int) -> None:
        hooks = self.guarded(authorization="all")
        hooks.authz("/in")(says("outer", outer))
        hooks.authz("/in/ner")(says("inner", OK))
        answer = self.ask(hooks, "/in/ner", **ANN)
        assert (answer.status, answer.ran) == (status, ["authen", "inner", "outer"])

    def test_access_refuses_before_anybody_is_asked_for_a_password(self) -> None:
        hooks = self.guarded()
        hooks.access(says("access", 403))
        answer = self.ask(hooks, "/in", **ANN)
        assert (answer.status, answer.ran) == (403, ["access"])

    @pytest.mark.parametrize(
        ("access", "options", "status", "ran"),
        [
            (OK, {}, 200, ["access"]),
            (403, ANN, 200, ["access", "authen"]),
            (403, {}, 401, ["access", "authen"]),
            (LookupError("fault"), ANN, 500, ["access"]),
        ],
    )
    def test_satisfy_any_wants_access_or_a_user_and_outvotes_no_exception(
        self, access: object, options: dict[str, Any], status: int, ran: list[str]
    ) -> None:
        hooks = self.guarded(satisfy="any")
        hooks.access(says("access", access))
        answer = self.ask(hooks, "/in", **options)
        assert (answer.status, answer.ran) == (status, ran)

    def test_satisfy_any_counts_access_only_where_one_of_its_handlers_ran(self) -> None:
        assert self.ask(self.guarded(satisfy="any"), "/in").status == 401

    def test_the_innermost_section_that_gives_an_option_decides(self) -> None:
        hooks = self.guarded()
        outer = hooks.section("/in", authentication="optional")
        outer.section("/a")
        outer.section("/b", authentication="required")
        assert self.ask(hooks, "/in/a").status == 200
        assert self.ask(hooks, "/in/b").status == 401

    def test_a_challenge_goes_with_every_401_and_with_nothing_else(self) -> None:
        hooks = self.guarded(challenge=['Basic realm="ops"', "Bearer"])
        assert self.ask(hooks, "/in").headers.getlist("WWW-Authenticate") == ['Basic realm="ops"', "Bearer"]
        assert "WWW-Authenticate" not in self.ask(hooks, "/in", **ANN).headers

    def test_a_challenge_goes_with_a_401_that_any_handler_answers(self) -> None:
        hooks = self.chain(challenge="Bearer")
        hooks.fixup(lambda req: 401)
        assert self.ask(hooks).headers["WWW-Authenticate"] == "Bearer"

    def test_in_a_public_section_outer_guards_are_not_called_and_access_is(self) -> None:
        hooks = self.guarded()
        hooks.access(says("access"))
        hooks.section("/in/public", public=True)
        answer = self.ask(hooks, "/in/public/x")
        assert (answer.text, answer.ran) == ("for None", ["access"])

    def test_a_public_section_does_not_open_an_inner_one_that_has_guards_of_its_own(self) -> None:
        hooks = self.guarded()
        public = hooks.section("/in/public", public=True)
        public.section("/not").authz(says("authz", OK))
        assert self.ask(hooks, "/in/public/not").status == 401
        assert self.ask(hooks, "/in/public/not", **ANN).ran == ["authen", "authz"]

    def test_a_closed_chain_refuses_what_is_neither_guarded_nor_public(self) -> None:
        hooks = self.guarded(closed=True)
        hooks.section("/open", public=True)
        hooks.access("/in-between")(says("access", OK))
        answer = self.ask(hooks, "/elsewhere")
        assert (answer.status, answer.req.decided_by) == (403, "hookchain.guards.closed")
        assert self.ask(hooks, "/in-between").status == 403
        assert self.ask(hooks, "/open").text == "for None"
        assert self.ask(hooks, "/in", **ANN).text == "for ann"

    def test_a_condition_of_a_guard_that_raises_is_500_and_never_a_pass(self) -> None:
        hooks = self.guarded()
        hooks.section(when=lambda req: bool(1 // 0)).authz(lambda req: OK)
        assert self.ask(hooks, "/out").status == 500

    def test_a_guard_that_was_added_for_this_request_guards(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: "content")
        hooks.trans("/now")(lambda req: req.add_handler("authen", by_password))
        assert self.ask(hooks, "/now").status == 401
        assert self.ask(hooks, "/later").status == 200

    def test_a_user_that_the_server_names_does_not_count(self) -> None:
        answer = self.ask(self.guarded(), "/in", environ_base={"REMOTE_USER": "root"})
        assert (answer.status, answer.req.user) == (401, None)

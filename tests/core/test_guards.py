"""ACCESS, AUTHEN and AUTHZ: who is let through, with the options of chain and section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, Unauthorized

from hookchain import DECLINED, DONE, OK, InternalRedirect, Phase
from tests.asking import Calls, by_handle, quiet


def known(name="ann"):
    """Return an AUTHEN handler that always finds a user."""

    def find(req):
        req.user = name
        return OK

    return find


def content(hooks):
    hooks.content(lambda req: f"for {req.user}")
    return hooks


# --- what guards a request


@pytest.mark.parametrize("phase", ["authen", "authz"])
def test_a_request_is_guarded_where_an_authen_or_authz_handler_applies(ask, phase):
    hooks = content(quiet())
    hooks.section("/in").register(phase, lambda req: None)
    assert ask(hooks, "/in/side").status == 401
    assert ask(hooks, "/out").text == "for None"


def test_authen_runs_before_authz_and_both_run_where_one_is_registered(ask):
    ran = Calls()
    hooks = content(quiet())
    hooks.authz(ran.handler("authz", OK))
    hooks.authen(lambda req: ran.append("authen") or known()(req))
    assert ask(hooks).text == "for ann"
    assert ran == ["authen", "authz"]


def test_without_guards_access_is_allowed_and_neither_authen_nor_authz_runs(ask):
    hooks = content(quiet(debug=True))
    answer = ask(hooks)
    assert answer.status == 200
    assert not {entry.phase for entry in answer.req.trace} & {Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ}


def test_the_default_of_authen_is_401(ask):
    hooks = content(quiet())
    hooks.authen(lambda req: DECLINED)
    answer = ask(hooks)
    assert answer.status == 401
    assert answer.req.decided_by == "hookchain.guards.authen"


def test_the_default_of_authen_passes_where_a_user_was_set_earlier(ask):
    hooks = content(quiet())
    hooks.authen(lambda req: DECLINED)
    hooks.post_read_request(known())
    assert ask(hooks).text == "for ann"


def test_the_default_of_authz_is_403_where_handlers_were_asked_and_none_said_ok(ask):
    hooks = content(quiet())
    hooks.authen(known())
    hooks.authz("/asked")(lambda req: None)
    answer = ask(hooks, "/asked")
    assert answer.status == 403
    assert answer.req.decided_by == "hookchain.guards.authz"
    assert ask(hooks, "/not-asked").text == "for ann"


def test_authen_that_answers_ok_without_a_user_is_a_configuration_error_and_never_a_pass(ask, error_log):
    hooks = content(quiet())
    hooks.authen(lambda req: OK, name="forgetful")
    answer = ask(hooks)
    assert answer.status == 500
    assert answer.req.decided_by == "forgetful"
    assert "forgetful" in error_log()
    assert "without setting req.user" in error_log()


def test_authen_that_answers_ok_where_a_user_was_set_earlier_passes(ask):
    hooks = content(quiet())
    hooks.authen(lambda req: OK)
    assert ask(hooks, user="set before").text == "for set before"


@pytest.mark.parametrize("user", ["", 0, False])
def test_a_user_that_counts_as_false_is_a_user(ask, user):
    hooks = content(quiet())
    hooks.authen(lambda req: setattr(req, "user", user) or OK)
    assert ask(hooks).status == 200


# --- authentication


def test_optional_authentication_goes_on_without_a_user_where_all_declined(ask):
    hooks = content(quiet())
    section = hooks.section("/maybe", authentication="optional")
    section.authen(lambda req: known()(req) if req.args else DECLINED)
    assert ask(hooks, "/maybe").text == "for None"
    assert ask(hooks, "/maybe?x").text == "for ann"


def test_optional_authentication_does_not_outvote_a_refusal(ask):
    hooks = content(quiet(authentication="optional"))
    hooks.authen(lambda req: 401)
    assert ask(hooks).status == 401


def test_optional_authentication_still_asks_authz(ask):
    hooks = content(quiet(authentication="optional"))
    hooks.authen(lambda req: None)
    hooks.authz(lambda req: OK if req.user else None)
    assert ask(hooks).status == 403


def test_the_innermost_section_that_gives_an_option_decides(ask):
    hooks = content(quiet(authentication="required"))
    hooks.authen(lambda req: None)
    outer = hooks.section("/a", authentication="optional")
    outer.section("/b", challenge="Basic")
    outer.section("/c", authentication="required")
    assert ask(hooks, "/").status == 401
    assert ask(hooks, "/a").status == 200
    assert ask(hooks, "/a/b").status == 200
    assert ask(hooks, "/a/c").status == 401


# --- authorization


def test_any_authorization_is_settled_by_the_first_ok_and_the_inner_section_is_asked_first(ask):
    ran = Calls()
    hooks = content(quiet())
    hooks.authen(known())
    hooks.authz(ran.handler("outer", 403))
    hooks.section("/in").authz(ran.handler("inner", OK))
    assert ask(hooks, "/in").status == 200
    assert ran == ["inner"]


def test_all_authorization_wants_an_ok_of_every_handler_that_applies_those_of_inner_sections_included(ask):
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    hooks.authz(lambda req: OK if "outer" in req.args else None, name="outer")
    hooks.section("/in").authz(lambda req: OK if "inner" in req.args else None, name="inner")
    assert ask(hooks, "/in?inner&outer").status == 200
    for query, decided_by in [("inner", "outer"), ("outer", "inner"), ("", "inner")]:
        answer = ask(hooks, "/in?" + query)
        assert (answer.status, answer.req.decided_by) == (403, decided_by)


@pytest.mark.parametrize(
    ("given", "status"), [(403, 403), (404, 404), (Forbidden(), 403), (DONE, 200), (DECLINED, 403)]
)
def test_all_authorization_ends_with_the_first_handler_that_does_not_answer_ok(ask, given, status):
    ran = Calls()
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    hooks.authz(ran.handler("first", given))
    hooks.authz(ran.handler("second", OK))
    answer = ask(hooks)
    assert (answer.status, answer.text == "for ann") == (status, False)
    assert ran == ["first"]


def test_all_authorization_asks_a_handler_that_was_added_for_this_request_alone(ask):
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    hooks.authz(lambda req: OK)
    hooks.access(lambda req: req.add_handler("authz", lambda req: None))
    assert ask(hooks).status == 403


def test_all_authorization_asks_a_handler_that_an_authz_handler_has_added(ask):
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    hooks.authz(lambda req: req.add_handler("authz", lambda req: 404) or OK)
    assert ask(hooks).status == 404


def test_all_authorization_lets_pass_where_no_authz_handler_applies(ask):
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    assert ask(hooks).status == 200


# --- satisfy


def test_satisfy_all_asks_access_and_authen_and_authz(ask):
    ran = Calls()
    hooks = content(quiet())
    hooks.access(ran.handler("access"))
    hooks.authen(lambda req: ran.append("authen") or known()(req))
    assert ask(hooks).status == 200
    assert ran == ["access", "authen"]
    hooks = content(quiet())
    hooks.access(lambda req: 403)
    hooks.authen(known())
    assert ask(hooks).status == 403


def test_satisfy_any_lets_pass_who_passes_access(ask):
    ran = Calls()
    hooks = content(quiet(satisfy="any"))
    hooks.access(ran.handler("access"))
    hooks.authen(ran.handler("authen", 401))
    assert ask(hooks).text == "for None"
    assert ran == ["access"]


def test_satisfy_any_lets_pass_whom_access_refuses_and_authen_and_authz_let_pass(ask):
    hooks = content(quiet(satisfy="any"))
    hooks.access(lambda req: 403)
    hooks.authen(known())
    hooks.authz(lambda req: OK if "yes" in req.args else None)
    assert ask(hooks, "/?yes").text == "for ann"
    answer = ask(hooks, "/?no")
    assert (answer.status, answer.req.decided_by) == (403, "hookchain.guards.authz")


def test_satisfy_any_counts_access_only_where_one_of_its_handlers_ran(ask):
    hooks = content(quiet(satisfy="any"))
    hooks.authen(lambda req: None)
    hooks.access("/elsewhere")(lambda req: None)
    assert ask(hooks, "/").status == 401
    assert ask(hooks, "/elsewhere").status == 200


def test_satisfy_any_counts_an_access_handler_that_was_added_for_this_request(ask):
    hooks = content(quiet(satisfy="any"))
    hooks.authen(lambda req: None)
    hooks.header_parser(lambda req: req.add_handler("access", lambda req: None))
    assert ask(hooks).status == 200


@pytest.mark.parametrize("rubbish", [False, True])
def test_satisfy_any_never_outvotes_an_exception(ask, rubbish):
    hooks = content(quiet(satisfy="any"))
    hooks.access(Calls().handler("broken", "rubbish" if rubbish else LookupError("broken")))
    hooks.authen(known())
    assert ask(hooks).status == 500


def test_satisfy_any_never_outvotes_an_exception_of_authen_or_authz(ask):
    for phase in ("authen", "authz"):
        hooks = content(quiet(satisfy="any"))
        hooks.access(lambda req: 403)
        if phase == "authz":
            hooks.authen(known())
        hooks.register(phase, Calls().handler("broken", LookupError()))
        assert ask(hooks).status == 500


def test_satisfy_any_refuses_with_access_where_nothing_else_guards(ask):
    hooks = content(quiet(satisfy="any"))
    hooks.access(lambda req: 404)
    assert ask(hooks).status == 404


def test_satisfy_any_may_outvote_a_raised_refusal(ask):
    hooks = content(quiet(satisfy="any"))
    hooks.access(Calls().handler("refuses", Forbidden()))
    hooks.authen(known())
    assert ask(hooks).status == 200


# --- challenge


@pytest.mark.parametrize("way", ["declined", "status", "raised", "content", "access"])
def test_a_challenge_is_sent_with_every_401(ask, way):
    hooks = content(quiet(challenge='Basic realm="ops"'))
    if way == "declined":
        hooks.authen(lambda req: None)
    elif way == "raised":
        hooks.authen(Calls().handler("raises", Unauthorized()))
    else:
        hooks.register("authen" if way == "status" else way, lambda req: 401, order="first")
    answer = ask(hooks)
    assert answer.status == 401
    assert answer.headers.getlist("WWW-Authenticate") == ['Basic realm="ops"']


def test_several_challenges_are_sent_each_in_a_header_of_its_own(ask):
    hooks = content(quiet())
    section = hooks.section("/in", challenge=['Basic realm="a"', "Bearer"])
    section.authen(lambda req: None)
    section.authen("/other")(lambda req: (Unauthorized().get_body(), 401))
    assert ask(hooks, "/in").headers.getlist("WWW-Authenticate") == ['Basic realm="a"', "Bearer"]
    assert ask(hooks, "/in/other").headers.getlist("WWW-Authenticate") == ['Basic realm="a"', "Bearer"]


def test_a_401_that_brings_its_own_challenge_keeps_it(ask):
    hooks = content(quiet(challenge="Bearer"))
    hooks.authen(lambda req: ("", 401, {"WWW-Authenticate": "Negotiate"}))
    assert ask(hooks).headers.getlist("WWW-Authenticate") == ["Negotiate"]


def test_a_401_from_an_error_document_has_the_challenge_of_the_place_that_refused(ask):
    hooks = content(quiet(error_document={401: "/login"}))
    hooks.content("/login")(lambda req: "log in")
    hooks.section("/in", challenge="Bearer").authen(lambda req: None)
    answer = ask(hooks, "/in")
    assert (answer.status, answer.text, answer.headers.get("WWW-Authenticate")) == (401, "log in", "Bearer")


def test_no_challenge_goes_with_any_other_status(ask):
    hooks = content(quiet(challenge="Bearer"))
    assert "WWW-Authenticate" not in ask(hooks).headers


# --- public sections


def test_in_a_public_section_guards_of_outer_sections_are_not_called_and_access_is(ask):
    ran = Calls()
    hooks = content(quiet())
    hooks.access(ran.handler("access"))
    hooks.authen(ran.handler("authen", 401))
    hooks.authz(ran.handler("authz", 403))
    hooks.section("/public", public=True)
    assert ask(hooks, "/public/page").text == "for None"
    assert ran == ["access"]
    assert ask(hooks, "/private").status == 401


@pytest.mark.parametrize("phase", ["authen", "authz"])
def test_a_public_section_does_not_open_what_lies_in_an_inner_section_with_guards_of_its_own(ask, phase):
    hooks = content(quiet())
    public = hooks.section("/public", public=True)
    public.section("/not").register(phase, lambda req: None)
    assert ask(hooks, "/public").status == 200
    assert ask(hooks, "/public/not").status == 401
    hooks = content(quiet())
    hooks.section("/public", public=True)
    hooks.section("/public/not").register(phase, lambda req: None)
    assert ask(hooks, "/public/not").status == 401


def test_in_an_inner_section_with_guards_of_its_own_the_outer_guards_are_called_too(ask):
    ran = Calls()
    hooks = content(quiet(authorization="all"))
    hooks.authen(known())
    hooks.authz(ran.handler("outer", OK))
    hooks.section("/public", public=True).section("/not").authz(ran.handler("inner", OK))
    assert ask(hooks, "/public/not").text == "for ann"
    assert ran == ["inner", "outer"]


def test_a_public_section_can_be_open_under_a_condition_alone(ask):
    hooks = content(quiet())
    hooks.authen(lambda req: None)
    hooks.section("/maybe", public=True, when=lambda req: "open" in req.args)
    assert ask(hooks, "/maybe?open").status == 200
    assert ask(hooks, "/maybe").status == 401


# --- closed chains


def test_a_closed_chain_refuses_what_is_neither_guarded_nor_public(ask, error_log):
    hooks = content(quiet(closed=True))
    hooks.section("/public", public=True)
    hooks.section("/in").authen(known())
    answer = ask(hooks, "/")
    assert answer.status == 403
    assert answer.req.decided_by == "hookchain.guards.closed"
    assert "closed" in error_log()
    assert ask(hooks, "/public").status == 200
    assert ask(hooks, "/in").status == 200


def test_access_handlers_open_nothing_in_a_closed_chain(ask):
    hooks = content(quiet(closed=True))
    hooks.access(lambda req: OK)
    assert ask(hooks).status == 403
    hooks = content(quiet(closed=True, satisfy="any"))
    hooks.access(lambda req: OK)
    assert ask(hooks).status == 403


def test_a_refusal_by_access_stays_what_it_is_in_a_closed_chain(ask):
    hooks = content(quiet(closed=True))
    hooks.access(lambda req: 404)
    assert ask(hooks).status == 404


def test_satisfy_any_works_in_a_closed_chain_where_the_request_is_guarded_or_public(ask):
    hooks = content(quiet(closed=True, satisfy="any"))
    hooks.access(lambda req: None)
    hooks.section("/in").authen(lambda req: None)
    hooks.section("/public", public=True)
    assert ask(hooks, "/in").status == 200
    assert ask(hooks, "/public").status == 200


def test_a_closed_chain_counts_guards_that_were_added_for_this_request(ask):
    hooks = content(quiet(closed=True))
    hooks.access(lambda req: req.add_handler("authen", known()))
    assert ask(hooks).text == "for ann"


def test_an_included_closed_chain_is_closed_where_it_stands(ask):
    inner = quiet(closed=True)
    hooks = content(quiet())
    hooks.include(inner, "/inner")
    assert ask(hooks, "/inner/x").status == 403
    assert ask(hooks, "/").status == 200


def test_a_condition_on_guards_that_raises_is_500_and_never_a_pass(ask, error_log):
    hooks = content(quiet(satisfy="any"))
    hooks.access(lambda req: OK)
    hooks.section("/", when=Calls().handler("when", LookupError("broken when"))).authen(known())
    answer = ask(hooks)
    assert answer.status == 500
    assert answer.req.decided_by == "a section's when"
    assert "broken when" in error_log()


def test_a_condition_may_not_refuse_by_an_exception_of_werkzeugs(ask, error_log):
    hooks = content(quiet())
    hooks.section("/", when=Calls().handler("when", Forbidden())).authen(known())
    assert ask(hooks).status == 500
    assert "it answers true or false, to refuse is for handlers" in error_log()


@pytest.mark.parametrize("phase", ["access", "authen", "authz"])
def test_a_condition_of_a_guard_that_raises_later_is_500(ask, phase):
    asked: list[int] = []

    def second_time(req):
        asked.append(1)
        if len(asked) > 1:
            raise LookupError("broken")
        return True

    hooks = content(quiet())
    hooks.authen(known())
    hooks.register(
        phase, lambda req: OK, when=second_time if phase != "access" else Calls().handler("when", LookupError())
    )
    assert ask(hooks).status == 500


# --- guards and internal redirects


def redirecting(ran, **options):
    hooks = quiet(**options)
    hooks.access(lambda req: ran.append("access"))
    hooks.authen(lambda req: ran.append("authen") or known()(req))
    hooks.authz(lambda req: ran.append("authz") or OK)
    hooks.content(lambda req: InternalRedirect(req.args["to"]) if "to" in req.args else f"for {req.user}")
    return hooks


def test_a_redirect_to_where_exactly_the_same_sections_apply_skips_the_guards_and_keeps_the_user(ask):
    ran: list[str] = []
    hooks = redirecting(ran, debug=True)
    answer = ask(hooks, "/a?to=/b")
    assert answer.text == "for ann"
    assert ran == ["access", "authen", "authz"]
    left_out = [entry.phase for entry in answer.req.trace if not entry.handler]
    assert left_out == [Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ]
    assert {entry.answer for entry in answer.req.trace if not entry.handler} == {"the same sections applied before"}


def test_a_redirect_to_where_other_sections_apply_runs_the_guards_again(ask):
    ran: list[str] = []
    hooks = redirecting(ran)
    hooks.section("/b", options={"colour": "red"})
    assert ask(hooks, "/a?to=/b").text == "for ann"
    assert ran == ["access", "authen", "authz"] * 2


def test_a_redirect_to_where_another_condition_holds_runs_the_guards_again(ask):
    for phase in ("access", "authen", "authz"):
        ran: list[str] = []
        hooks = redirecting(ran)
        hooks.section(when=lambda req: req.path == "/b").register(phase, lambda req: 404)
        assert ask(hooks, "/a?to=/b").status == 404, phase


@given(st.sampled_from(["access", "authen", "authz"]), st.sampled_from([None, 403, 404]), st.booleans())
def test_a_redirect_never_gets_anywhere_that_the_same_request_would_not_get_by_itself(phase, answer, conditional):
    hooks = redirecting([])
    inner = hooks.section("/secret") if not conditional else hooks.section(when=lambda req: req.path == "/secret")
    inner.register(phase, lambda req: answer)
    assert by_handle(hooks, "/a?to=/secret").status == by_handle(hooks, "/secret").status


def test_a_redirect_that_an_error_document_answers_with_never_skips_the_guards(ask):
    ran: list[str] = []
    hooks = redirecting(ran)
    hooks.content("/gone")(lambda req: 410)
    hooks.error_document(410)(lambda req: InternalRedirect("/help"))
    answer = ask(hooks, "/gone")
    assert (answer.status, answer.text) == (410, "for ann")
    assert ran.count("authen") == ran.count("access") == 2 or ran == ["access", "authen", "authz"] * 2


# --- against a model


@given(
    access=st.sampled_from([None, "declines", "refuses"]),
    authen=st.sampled_from([None, "declines", "refuses", "knows"]),
    authz=st.sampled_from([None, "declines", "refuses", "ok"]),
    satisfy=st.sampled_from(["all", "any"]),
    authentication=st.sampled_from(["required", "optional"]),
    authorization=st.sampled_from(["any", "all"]),
    closed=st.booleans(),
    public=st.booleans(),
)
def test_guards_let_through_exactly_whom_the_design_lets_through(
    access, authen, authz, satisfy, authentication, authorization, closed, public
):
    hooks = content(quiet(closed=closed, satisfy=satisfy, authentication=authentication, authorization=authorization))
    answers = {"declines": None, "refuses": 404, "ok": OK}
    if access:
        hooks.access(lambda req: answers[access])
    if authen:
        hooks.authen(known() if authen == "knows" else lambda req: answers[authen])
    if authz:
        hooks.authz(lambda req: answers[authz])
    if public:
        hooks.section("/", public=True)
    guarded = bool(authen or authz) and not public
    identified = authen == "knows" or (authen in {None, "declines"} and authentication == "optional")
    authorised = authz in {None, "ok"}
    by_user = guarded and identified and authorised
    if closed and not guarded and not public:
        passes = False
    elif not guarded:
        passes = access != "refuses"
    elif satisfy == "any":
        passes = access == "declines" or by_user
    else:
        passes = access != "refuses" and by_user
    assert (by_handle(hooks).status == 200) is passes


@pytest.mark.parametrize("other", ["when", "files", "on loop"])
def test_guards_are_asked_once_whatever_kind_of_handler_comes_before_them(ask, other):
    hooks, asked = quiet(), []

    @hooks.authen
    def nobody(req):
        asked.append(req.phase)
        if len(asked) > 1:
            raise KeyboardInterrupt  # rather than to ask for ever
        return DECLINED

    place = {"when": {"when": lambda req: True}, "files": {"files": "*"}, "on loop": {}}[other]
    section = hooks.section("/", **place)
    section.register(Phase.HEADER_PARSER, lambda req: None, blocking=other != "on loop")
    hooks.content(lambda req: "content")
    assert ask(hooks).status == 401
    assert asked == [Phase.AUTHEN]


@pytest.mark.parametrize("answer", [403, DONE])
def test_satisfy_any_counts_a_guard_that_an_access_handler_has_added(ask, answer):
    hooks = quiet(satisfy="any")

    @hooks.access
    def asks_for_more(req):
        req.add_handler("authen", lambda req: (setattr(req, "user", "ada"), OK)[1])
        return answer

    hooks.content(lambda req: "content")
    traced = asks_twice(ask, hooks)
    assert traced[0] == traced[1]


def asks_twice(ask, hooks):
    """Ask straight through, and step by step."""
    straight = ask(hooks).status
    hooks.keeps_trace = True
    return straight, ask(hooks).status

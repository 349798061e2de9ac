"""The fixtures that a project gets: on its own chain, with messages that help."""

from __future__ import annotations

import pytest

CHAIN = """
    import pytest
    from hookchain import DECLINED, OK, HookChain

    hooks = HookChain(access_log=False)

    @hooks.access
    def office_only(req):
        return None if req.remote_addr == "192.0.2.1" else 403

    @hooks.authen("/admin")
    def by_token(req):
        req.user = {"secret": "alice"}.get(req.headers.get("X-Token"))
        return OK if req.user else DECLINED

    @hooks.authz("/admin")
    async def alice_only(req):
        return OK if req.user == "alice" else 403

    @hooks.content("/hello")
    def hello(req):
        return f"hello {req.user}"

    @hooks.content("/boom")
    def boom(req):
        raise LookupError("boom")

    @pytest.fixture
    def chain():
        return hooks
"""

OFFICE = '"REMOTE_ADDR": "192.0.2.1"'


@pytest.fixture
def project(pytester):
    """A project with a chain in its conftest.py."""
    pytester.makeconftest(CHAIN)
    return pytester


def run(project, body):
    project.makepyfile(body)
    return project.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")


def test_run_phase_returns_what_settled_the_phase(project):
    run(
        project,
        """
        from hookchain import OK, Phase

        def test_a_stranger_is_refused(run_phase, make_request):
            assert run_phase("access", make_request("/")) == 403

        def test_the_office_is_let_on(run_phase, make_request):
            assert run_phase(Phase.ACCESS, make_request("/", remote_addr="192.0.2.1")) is None

        def test_a_token_names_the_user(run_phase, make_request):
            req = make_request("/admin", headers={"X-Token": "secret"})
            assert run_phase("authen", req) is OK
            assert req.user == "alice"

        def test_async_handlers_run_too(run_phase, make_request):
            assert run_phase("authz", make_request("/admin", user="bob")) == 403
        """,
    ).assert_outcomes(passed=4)


def test_run_phase_raises_what_the_handler_raises(project):
    run(
        project,
        """
        import pytest

        def test_it(run_phase, make_request):
            with pytest.raises(LookupError, match="boom"):
                run_phase("content", make_request("/boom"))
        """,
    ).assert_outcomes(passed=1)


def test_the_client_asks_the_chain(project):
    run(
        project,
        """
        def test_it(hook_client):
            got = hook_client.get("/hello", environ_base={"REMOTE_ADDR": "192.0.2.1"})
            assert (got.status_code, got.text) == (200, "hello None")
            assert hook_client.get("/hello").status_code == 403
        """,
    ).assert_outcomes(passed=1)


def test_the_trace_tells_what_ran_in_which_order_and_with_which_answer(project):
    run(
        project,
        """
        from hookchain import DECLINED, OK, Phase

        HERE = {"REMOTE_ADDR": "192.0.2.1"}

        def test_it(hook_client, phase_trace):
            hook_client.get("/admin", headers={"X-Token": "secret"}, environ_base=HERE)
            phase_trace.assert_ran("office_only", "by_token", "conftest.alice_only")
            assert phase_trace.phases == [Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ]
            assert phase_trace.answers(phase_trace.handlers[1]) == [OK]
            phase_trace.clear()
            hook_client.get("/admin", environ_base=HERE)
            assert phase_trace.answers(phase_trace.handlers[-1]) == [DECLINED]

        def test_nothing_is_kept_from_other_tests(phase_trace, chain):
            assert repr(phase_trace) == "nothing ran"

        def test_without_the_fixture_no_trace_is_kept(chain, make_request):
            req = make_request("/hello")
            chain.handle(req).close()
            assert req.trace is None
        """,
    ).assert_outcomes(passed=3)


def test_a_wrong_expectation_fails_with_the_difference_and_what_ran(project):
    result = run(
        project,
        """
        def test_it(hook_client, phase_trace):
            hook_client.get("/hello", environ_base={"REMOTE_ADDR": "192.0.2.1"})
            phase_trace.assert_ran("office_only", "by_token")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*other handlers ran than expected*",
            "*  office_only",
            "*- by_token",
            "*+ conftest.hello",
            "*CONTENT*conftest.hello -> 'hello None'",
        ]
    )


def test_a_project_without_a_chain_is_told_what_to_define(pytester):
    result = run(pytester, "def test_it(hook_client): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*act on the fixture 'chain': define one in conftest.py*"])

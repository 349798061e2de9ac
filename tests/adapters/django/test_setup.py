"""What is wrong with the setting, the chain or the middleware's place is told at start, with the remedy."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import Error, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_hookchain import session_user
from hookchain import OK, HookChain, Problem
from tests.adapters.django.places import OURS, project
from tests.asking import quiet

ROOT = Path(__file__).parents[3]
ADAPTER = str(ROOT / "adapters" / "django")
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
GOOD = quiet("good")
WRONG = quiet("wrong")
WRONG.register("access", lambda req: OK, name="a", requires="nobody")
NO_CHAIN = "text"


def found():
    return {message.id: message for message in run_checks() if message.id.startswith("hookchain.")}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (None, "HOOKCHAIN is missing; write HOOKCHAIN ="),
        ("hooks", "HOOKCHAIN is no dictionary but 'hooks'"),
        ({"CHAINS": GOOD}, r"HOOKCHAIN\['CHAINS'\]: there is no such key \(did you mean 'CHAIN'\?\)"),
        ({}, "None is no HookChain"),
        ({"CHAIN": f"{__name__}.NO_CHAIN"}, "no HookChain but str"),
        ({"CHAIN": f"{__name__}.GOD"}, "did you mean 'GOOD'"),
        ({"CHAIN": "tests.adapters.djang.x"}, "did you mean 'django'"),
    ],
)
def test_a_wrong_setting_is_told_by_check_and_by_the_server(setting, message):
    with override_settings(HOOKCHAIN=setting, MIDDLEWARE=[OURS]):
        with pytest.raises(ImproperlyConfigured, match=message):
            WSGIHandler()
        errors = found()
    assert list(errors) == ["hookchain.setting"]
    with pytest.raises(ImproperlyConfigured, match=message):
        raise ImproperlyConfigured(errors["hookchain.setting"].msg)
    assert errors["hookchain.setting"].hint


def test_a_dotted_name_finds_the_chain():
    with override_settings(HOOKCHAIN={"CHAIN": f"{__name__}.GOOD"}, MIDDLEWARE=[OURS]):
        WSGIHandler()
        assert found() == {}
    with override_settings(HOOKCHAIN={"CHAIN": f"{__name__}:GOOD"}, MIDDLEWARE=[OURS]):
        assert found() == {}


def test_the_problems_of_a_chain_have_the_codes_of_the_command():
    (problem,) = WRONG.problems()
    with override_settings(HOOKCHAIN={"CHAIN": WRONG}, MIDDLEWARE=[OURS]):
        with pytest.raises(ImproperlyConfigured, match=problem.code):
            WSGIHandler()
        (error,) = found().values()
    assert (error.id, error.hint) == (f"hookchain.{problem.code}", problem.remedy)
    assert all(place in error.msg for place in problem.places)
    assert isinstance(error, Error)


def test_a_chain_that_its_module_compiles_itself_is_told_as_well(tmp_path, monkeypatch):
    text = "from hookchain import HookChain, OK\nhooks = HookChain()\n"
    text += "hooks.register('access', lambda req: OK, requires='nobody')\nhooks.compile()\n"
    (tmp_path / "compiled_hooks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(HOOKCHAIN={"CHAIN": "compiled_hooks.hooks"}, MIDDLEWARE=[OURS]):
        assert "nobody" in next(iter(found().values())).msg
        with pytest.raises(ImproperlyConfigured, match="nobody"):
            WSGIHandler()


def test_advice_is_a_warning(monkeypatch):
    monkeypatch.setattr(HookChain, "advice", lambda self: [Problem("odd", "it is odd", "Make it even.", ("f:1",))])
    with project(quiet()):
        (message,) = found().values()
        out = io.StringIO()
        call_command("hookchain", "check", stdout=out)
    assert (message.id, message.level) == ("hookchain.odd", 30)
    assert "warning [odd] it is odd\n    at f:1\n    -> Make it even.\n0 problems, 1 warning\n" in out.getvalue()


def test_the_place_of_the_middleware_is_checked():
    chain = {"HOOKCHAIN": {"CHAIN": GOOD}}
    for middleware, expected in (
        ([OURS], None),
        ([OURS, SECURITY, AUTHENTICATION], None),
        ([SECURITY, AUTHENTICATION, OURS], None),
        ([SECURITY, OURS], (30, "SecurityMiddleware: what stands before the chain is not guarded")),
        ([SECURITY], (40, "nothing is guarded")),
        ([OURS, OURS], (40, "twice")),
        ([OURS, "django_hookchain.middleware.HookChainMiddleware"], (40, "twice")),
    ):
        with override_settings(MIDDLEWARE=middleware, **chain):
            messages = list(found().values())
        assert [message.level for message in messages] == ([] if expected is None else [expected[0]]), middleware
        assert expected is None or expected[1] in messages[0].msg


def test_the_middleware_twice_is_an_error_at_start():
    with (
        override_settings(MIDDLEWARE=[OURS, OURS], HOOKCHAIN={"CHAIN": GOOD}),
        pytest.raises(ImproperlyConfigured, match="twice"),
    ):
        WSGIHandler()


def test_session_user_before_authentication_middleware_is_an_error():
    hooks = quiet()
    hooks.authen(session_user)
    with project(hooks, behind=(AUTHENTICATION,)):
        (message,) = found().values()
        assert (message.id, message.level) == ("hookchain.middleware-place", 40)
    with project(hooks, before=(AUTHENTICATION,)):
        assert found() == {}


def run(*words):
    out = io.StringIO()
    call_command("hookchain", *words, stdout=out)
    return out.getvalue()


def test_explain_shows_which_handlers_apply():
    hooks = quiet()

    @hooks.section("/admin").access
    def staff(req):
        return OK

    with project(hooks):
        assert "staff" in run("explain", "/admin/x")
        assert run("explain", "/inner/one").startswith("endpoint: inner:one\n")
        assert run("explain", "//none").startswith("endpoint: none\n")
        assert json.loads(run("explain", "/echo/x", "--json"))["endpoint"] == "echo"
        told = json.loads(run("explain", "/admin/", "--method", "POST", "--host", "h", "--json"))
        assert told["method"] == "POST"
        with pytest.raises(CommandError, match="/"):
            run("explain", "admin")
    with override_settings(HOOKCHAIN=None), pytest.raises(CommandError, match="HOOKCHAIN is missing"):
        run("explain", "/")


def test_check_tells_every_problem_and_its_exit_status():
    with project(GOOD):
        assert run("check") == "0 problems, 0 warnings\n"
        assert json.loads(run("check", "--json")) == []
    (problem,) = WRONG.problems()
    with override_settings(HOOKCHAIN={"CHAIN": WRONG}, MIDDLEWARE=[OURS]):
        out = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("hookchain", "check", stdout=out)
        assert ended.value.code == 1
        assert f"error [{problem.code}] {problem.message}" in out.getvalue()
        assert problem.remedy in out.getvalue()


def import_without(package):
    code = f"import sys; sys.modules[{package!r}] = None; sys.path.insert(0, {ADAPTER!r}); import django_hookchain"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    return ran.stderr.splitlines()[-1]


def test_without_django_the_import_says_what_to_install():
    assert "pip install 'hookchain[django]'" in import_without("django")


def test_any_other_module_that_is_missing_is_told_as_it_is():
    said = import_without("asgiref")
    assert "asgiref" in said
    assert "hookchain[django]" not in said


def test_a_section_by_endpoint_is_nothing_to_warn_of_here():
    hooks = quiet()
    hooks.section(endpoint="inner:*").access(lambda req: None)
    with project(hooks):
        assert found() == {}

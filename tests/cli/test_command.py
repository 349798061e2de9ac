"""The command: what it prints, what it says when something is wrong, and how it ends."""

from __future__ import annotations

import importlib
import io
import json
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import hookchain
from hookchain import cli, serving
from hookchain.commands import command
from hookchain.testing import make_request

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "command.md"

HOOKS = """\
from hookchain import OK, HookChain

hooks = HookChain()

@hooks.access
def office_only(req): ...

@hooks.section("/admin").authen
def by_token(req):
    req.user = "ann"
    return OK

@hooks.content("/admin", methods="GET")
def report(req):
    return "all is well"

@hooks.content("/admin", methods="POST")
def save(req): ...

def make(): return hooks
def make_for(site): return hooks
def broken(): return 1 / 0
class Site:
    hooks = hooks
    number = 7
app = hooks.wsgi(lambda environ, start_response: [])
async def asgi_app(scope, receive, send): ...
on_asgi = hooks.asgi(asgi_app)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder whose modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module that is written twice in a second would be stale
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(folder):
    def written(name, text):
        (folder / name).write_text(textwrap.dedent(text))

    return written


@pytest.fixture
def site(write):
    write("site_hooks.py", HOOKS)


def run(*args, **options):
    return CliRunner().invoke(command, args, prog_name="hookchain", **options)


def error_of(*args, status=1):
    """The one line that a failing command writes to standard error."""
    result = run(*args)
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("Error: ").rstrip("\n")


# --- explain


def test_explain_prints_the_table(site, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    result = run("explain", "site_hooks:hooks", "/admin//")
    assert result.exit_code == 0
    assert result.stdout == sys.modules["site_hooks"].hooks.explain("/admin//").text(100) + "\n"
    assert "site_hooks.py:8" in result.stdout


def test_explain_prints_the_code_that_calls_the_handlers(site):
    result = run("explain", "site_hooks:hooks", "/", "--code")
    assert result.exit_code == 0
    assert "# handler0_0: site_hooks.office_only (" in result.stdout
    assert "def call(req):" in result.stdout


def test_explain_lists_exactly_the_handlers_that_run(site):
    result = run("explain", "site_hooks:hooks", "/admin", "--json")
    rows = [row for phase in json.loads(result.stdout)["phases"] for row in phase["rows"]]
    explained = [row["name"] for row in rows if row["called"] and not row["default"]]
    chain, req = sys.modules["site_hooks"].hooks, make_request("/admin")
    chain.keeps_trace = True
    chain.handle(req).close()
    assert [entry.handler for entry in req.trace] == explained
    assert explained == ["site_hooks.office_only", "site_hooks.by_token", "site_hooks.report"]


def test_explain_takes_a_method_and_a_host(site):
    result = run("explain", "site_hooks:hooks", "/admin", "-X", "POST", "--host", "a.org")
    assert result.stdout.startswith("POST /admin\n")
    assert re.search("host +a.org", result.stdout)
    assert re.search("CONTENT +site_hooks.save", result.stdout)


def test_explain_takes_a_url(site):
    assert run("explain", "site_hooks:hooks", "http://a.org:80/admin?x").stdout.startswith("GET /admin\n")


def test_explain_is_coloured_on_a_terminal_alone(site):
    plain = run("explain", "site_hooks:hooks", "/admin", env={"FORCE_COLOR": None})
    coloured = run("explain", "site_hooks:hooks", "/admin", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert "\x1b[" not in plain.stdout
    assert "\x1b[32m" in coloured.stdout
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured.stdout) == plain.stdout


def test_explain_of_what_is_no_path_says_what_to_write(site):
    message = error_of("explain", "site_hooks:hooks", "admin")
    assert message == "'admin' is no path of a URL; give one that starts with '/', such as '/admin'"


# --- check


WRONG = """\
from hookchain import HookChain
hooks = HookChain()
hooks.register("access", lambda req: None, name="a", after="b")
hooks.register("access", lambda req: None, name="b", after="a")
hooks.register("fixup", lambda req: None, requires="nobody")
"""


def test_check_says_when_nothing_is_wrong(site):
    result = run("check", "site_hooks:hooks")
    assert (result.exit_code, result.stdout) == (0, "site_hooks:hooks: 0 problems, 0 warnings\n")


def test_an_asgi_application_stands_for_its_chain(site):
    assert run("check", "site_hooks:on_asgi").exit_code == 0
    assert run("explain", "site_hooks:on_asgi", "/admin").stdout == run("explain", "site_hooks:app", "/admin").stdout


def test_serve_sends_an_asgi_application_to_a_server_for_those(site):
    message = error_of("serve", "--app", "site_hooks:on_asgi", "--port", "0", "--dev")
    assert message.endswith("such a server: uvicorn site_hooks:on_asgi")


def test_check_reports_every_problem_with_its_places_and_fails(write):
    write("wrong.py", WRONG)
    result = run("check", "wrong:hooks")
    assert result.exit_code == 1
    assert result.stdout.endswith("wrong:hooks: 2 problems, 0 warnings\n")
    assert re.search(r"error \[order-cycle\] .*\n    at wrong\.py:3\n    at wrong\.py:4\n    -> ", result.stdout)
    assert "error [requires-unmet]" in result.stdout


def test_check_prints_json_for_programs(write):
    write("wrong.py", WRONG)
    result = run("check", "wrong:hooks", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["target"], told["warnings"]) == (1, "wrong:hooks", [])
    assert {problem["code"] for problem in told["problems"]} == {"order-cycle", "requires-unmet"}
    assert all(set(problem) == {"code", "message", "remedy", "places"} for problem in told["problems"])


def test_check_warns_and_does_not_fail(write):
    write("odd.py", "from hookchain import HookChain\nhooks = HookChain()\n"
          "hooks.register('access', lambda req: None, endpoint='x')\n")  # fmt: skip
    result = run("check", "odd:hooks")
    assert result.exit_code == 0
    assert result.stdout.startswith("warning [endpoint-scope]")
    assert result.stdout.endswith("odd:hooks: 0 problems, 1 warning\n")


def test_check_reports_the_problems_of_a_module_that_compiles_its_chain_itself(write):
    write("wrong.py", WRONG + "app = hooks.wsgi()\n")
    result = run("check", "wrong:app")
    assert result.exit_code == 1
    assert "error [order-cycle]" in result.stdout
    assert result.stdout.endswith("wrong:app: 2 problems, 0 warnings\n")


def test_a_problem_of_a_toml_file_is_placed_there(write, site):
    write("hookchain.toml", 'document_root = "no/such/folder"\n')
    result = run("check", "hookchain.toml")
    assert result.exit_code == 1
    assert "[document-root-missing]" in result.output
    assert "at hookchain.toml\n" in result.output


def test_check_takes_a_toml_file(write, site):
    write("hookchain.toml", 'fixup = "site_hooks.office_only"\n')
    assert run("check", "hookchain.toml").exit_code == 0


def test_a_wrong_chain_is_told_as_a_list_by_the_other_commands(write):
    write("wrong.py", WRONG)
    result = run("explain", "wrong:hooks", "/")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error [order-cycle]")
    assert result.stderr.endswith("Error: the chain has 2 problems\n")


def test_problems_are_coloured_on_a_terminal(write):
    write("wrong.py", WRONG)
    result = run("check", "wrong:hooks", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert "\x1b[1;31merror [order-cycle]" in result.stdout


# --- finding the chain


@pytest.mark.parametrize("name", ["hooks", "make()", "make", "Site.hooks", "app"])
def test_a_chain_can_be_named_in_several_ways(site, name):
    assert run("check", f"site_hooks:{name}").exit_code == 0


def test_the_only_chain_of_a_module_needs_no_name(site):
    assert run("check", "site_hooks").exit_code == 0


def test_of_several_chains_one_has_to_be_named(write):
    write("two.py", "from hookchain import HookChain\none = HookChain()\ntwo = HookChain()\n")
    assert error_of("check", "two").endswith("it has several: two:one, two:two")


def test_a_module_without_a_chain_is_told_how_to_name_one(write):
    write("none.py", "")
    assert error_of("check", "none").endswith("write none:chain, or none:factory()")


def test_a_module_that_is_not_there_is_told_with_the_nearest(site):
    message = error_of("check", "sit_hooks:hooks")
    assert message.startswith("there is no module 'sit_hooks'")
    assert message.endswith("(did you mean 'site_hooks'?)")


def test_a_module_that_another_one_lacks_is_told_with_the_line_that_imports_it(write):
    write("lacking.py", "\nimport nowhere_to_be_found\n")
    message = error_of("check", "lacking:hooks")
    assert re.match(r"importing lacking failed at .*lacking\.py:2: ModuleNotFoundError: No module named", message)


@pytest.mark.parametrize(
    ("name", "dotted"), [("pkg/hooks.py:x", "pkg.hooks"), ("./hooks:x", "hooks"), (":x", "module")]
)
def test_the_path_of_a_module_is_answered_with_its_name(folder, name, dotted):
    assert error_of("check", name).endswith(f"is no name of a module; write {dotted}:chain")


def test_a_name_that_a_module_lacks_is_told_with_the_nearest(site):
    assert error_of("check", "site_hooks:hoks") == "site_hooks has no 'hoks' (did you mean 'hooks'?)"
    assert error_of("check", "site_hooks:Site.hoks") == "site_hooks.Site has no 'hoks' (did you mean 'hooks'?)"


def test_what_is_no_chain_is_told_with_what_it_is(site):
    assert error_of("check", "site_hooks:Site.number") == (
        "site_hooks:Site.number is no HookChain but an int; give a chain, or a function that returns one"
    )
    assert error_of("check", "site_hooks:Site.number()") == "site_hooks.Site.number is an int and can't be called"


def test_a_function_that_needs_arguments_is_no_factory(site):
    message = error_of("check", "site_hooks:make_for")
    assert message.startswith("site_hooks:make_for() can't be called: missing a required argument: 'site'")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import json\n\njson.loads('{')\n", r"broken_module\.py:3: JSONDecodeError: Expecting"),
        ("def x(:\n", r"broken_module\.py:1: SyntaxError: invalid syntax"),
        ("raise SystemExit('not\\nnow')\n", r"broken_module\.py:1: SystemExit: not now"),
        (
            "from hookchain import HookChain\nHookChain().register('acess', print)\n",
            r"broken_module\.py:2: 'acess' is no phase \(did you mean 'access'",
        ),
    ],
)
def test_a_module_that_fails_is_told_with_its_own_last_line(write, text, told):
    write("broken_module.py", text)
    assert re.match(f"importing broken_module failed at .*{told}", error_of("check", "broken_module:hooks"))


def test_a_factory_that_fails_is_told_with_its_line(site):
    message = error_of("check", "site_hooks:broken()")
    assert re.match(r"calling site_hooks\.broken\(\) failed at .*:\d+: ZeroDivisionError: division by zero", message)


def test_a_traceback_is_shown_where_it_is_asked_for(site, write):
    result = run("check", "site_hooks:broken()", "--traceback")
    assert result.exit_code == 1
    assert "return 1 / 0" in result.stderr
    assert result.stderr.split("\n")[-2].startswith("Error: calling site_hooks.broken() failed")
    write("wrong.py", WRONG)
    assert "Traceback" in run("explain", "wrong:hooks", "/", "--traceback").stderr


def test_a_module_of_the_current_folder_is_found_once_on_the_path(site, folder):
    for _ in range(2):
        assert run("check", "site_hooks:hooks").exit_code == 0
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = \n", r"hookchain\.toml: .*line 1"),
        ('acess = "a"', r"hookchain\.toml: acess: .*did you mean 'access'\?"),
        (None, r"hookchain\.toml: .*No such file"),
    ],
)
def test_a_wrong_toml_file_is_told_with_file_and_key(folder, text, told):
    if text is not None:
        (folder / "hookchain.toml").write_text(text)
    assert re.search(told, error_of("check", "hookchain.toml"))


# --- serve: what is refused before anything is served


def test_a_missing_directory_is_told(folder):
    assert error_of("serve", "nowhere") == "there is no directory 'nowhere'"


def test_a_file_is_no_directory(site):
    assert error_of("serve", "site_hooks.py") == "'site_hooks.py' is no directory"


def test_a_directory_without_permission_is_told(folder, monkeypatch):
    monkeypatch.setattr(serving.os, "access", lambda path, mode: False)
    assert error_of("serve", ".") == "no permission to read the directory '.'"


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_told(folder, port):
    message = error_of("serve", "--port", port, status=2)
    assert message.startswith("Invalid value for '--port'")
    assert message.endswith("See 'hookchain serve --help'.")


def test_a_port_in_use_is_told(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = error_of("serve", "--port", str(port))
    assert message == (f"port {port} of 127.0.0.1 is in use; end what listens there, or choose another with --port")


@pytest.mark.parametrize(
    ("port", "end"), [(80, "of 127.0.0.1; choose one above 1023 with --port"), (8000, "of 127.0.0.1")]
)
def test_a_port_that_is_not_allowed_is_told(folder, monkeypatch, port, end):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert error_of("serve", "--port", str(port)) == f"no permission to listen on port {port} {end}"


def test_an_address_of_another_machine_is_told(folder):
    message = error_of("serve", "--host", "192.0.2.1", "--port", "0")
    assert message.startswith("can't listen on port 0 of 192.0.2.1: ")


def test_a_host_that_does_not_exist_is_told(folder):
    assert error_of("serve", "--host", "a..b").startswith("there is no host 'a..b'")


def test_a_wrong_access_log_is_told(folder):
    assert "'comon' is no access log format (did you mean 'common'?)" in error_of(
        "serve", "--access-log", "comon", "--port", "0"
    )


def test_a_chain_that_is_not_there_is_told_before_anything_is_served(site):
    for server in ("granian", "werkzeug"):
        assert "has no 'hoks'" in error_of("serve", "--app", "site_hooks:hoks", "--port", "0", "--server", server)
    assert "has no 'hoks'" in error_of("serve", "--app", "site_hooks:hoks", "--port", "0", "--dev")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((".", "--app", "site_hooks:hooks"), "Give DIR or --app, not both"),
        (("--app", "site_hooks:hooks", "--listing"), "--listing goes with DIR"),
        (("--dev", "--server", "granian"), "--dev is for Werkzeug's server"),
        (("--dev", "--workers", "2"), "--workers goes with granian"),
        (("--server", "werkzeug", "--workers", "2"), "--workers goes with granian"),
        (("--workers", "0"), "Invalid value for '--workers'"),
        (("--sever", "granian"), "No such option"),
    ],
)
def test_options_that_do_not_go_together_are_told(site, args, told):
    assert error_of("serve", *args, status=2).startswith(told)


def test_granian_that_is_not_installed_is_told_with_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "granian", None)
    message = error_of("serve", "--server", "granian", "--port", "0")
    assert message == "granian is not installed; install it with: pip install 'hookchain[serve]'"


# --- the command as such


def test_an_unknown_command_is_told_with_the_nearest():
    message = error_of("serv", status=2)
    assert "No such command 'serv'" in message
    assert message.endswith("See 'hookchain --help'.")


def test_a_missing_argument_is_told():
    assert error_of("explain", "a:b", status=2) == "Missing argument 'PATH'. See 'hookchain explain --help'."


def test_without_arguments_it_shows_what_there_is():
    result = run()
    assert result.exit_code == 2
    for name in ("serve", "explain", "check"):
        assert re.search(rf"^  {name} ", result.output, re.MULTILINE)


def test_it_tells_its_version():
    assert run("--version").stdout == f"hookchain, version {hookchain.__version__}\n"


def python(*args, code=None):
    words = [sys.executable, *(("-c", textwrap.dedent(code)) if code else ()), *args]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_python_runs_the_package_as_the_command():
    ran = python("-m", "hookchain", "--version")
    assert (ran.returncode, ran.stdout) == (0, f"hookchain, version {hookchain.__version__}\n")


def test_importing_the_package_imports_neither_click_nor_rich():
    ran = python(code="import hookchain, hookchain.cli, sys; print({'click', 'rich', 'granian'} & set(sys.modules))")
    assert ran.stdout == "set()\n", ran.stderr


@pytest.mark.parametrize("package", ["click", "rich"])
def test_a_missing_extra_is_told_on_one_line(package):
    ran = python(code=f"import sys; sys.modules['{package}'] = None; from hookchain.cli import main; main()")
    assert ran.returncode == 1
    assert ran.stderr == (f"Error: {package} is not installed; install it with: pip install 'hookchain[cli]'\n")


def test_another_missing_module_is_no_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hookchain.commands", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_main_runs_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hookchain", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hookchain, version {hookchain.__version__}\n"


def test_main_writes_to_streams_that_have_no_encoding(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["hookchain", "--version"])
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit):
        cli.main()
    assert stream.getvalue() == f"hookchain, version {hookchain.__version__}\n"


def test_a_worker_that_imports_the_main_module_does_not_run_the_command():
    assert importlib.import_module("hookchain.__main__").main is cli.main


def test_a_name_that_the_terminal_cannot_show_is_escaped(write):
    write("named.py", "from hookchain import HookChain\nhooks = HookChain()\n"
          "hooks.register('access', lambda req: None, name='tür')\n")  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "hookchain", "explain", "named:hooks", "/"],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": "ascii"},
        timeout=60,
    )
    assert b"t\\xfcr" in ran.stdout


# --- the reference


def documented(heading):
    """The options in the tables of a part of the reference."""
    text = REFERENCE.read_text(encoding="utf-8")
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert part is not None
    rows = re.findall(r"^\| (`-.*?) \|", part[1].replace("\\|", "/"), re.MULTILINE)
    return {option for row in rows for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*|-X", row)}


@pytest.mark.parametrize("name", ["serve", "explain", "audit", "check"])
def test_the_reference_documents_every_option(name):
    subcommand = command.commands[name]
    options = {opt for param in subcommand.params if isinstance(param, click.Option) for opt in param.opts}
    assert documented(f"hookchain {name}") == options
    assert all(param.help for param in subcommand.params if isinstance(param, click.Option))


def test_the_reference_documents_every_subcommand_and_what_all_have():
    headings = re.findall(r"^## hookchain (\w+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(headings) == set(command.commands)
    assert documented("Every subcommand") == {"-h", "--help", "--version"}

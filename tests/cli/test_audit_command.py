"""``hookchain audit``: what it prints, and how it ends."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from hookchain.commands import command

SHOP = """\
from flask import Flask
from flask_hookchain import FlaskHookChain
from hookchain import HookChain

hooks = HookChain()

@hooks.section("/admin").authen
def nobody(req): ...

def make():
    app = Flask(__name__, static_folder=None)

    @app.get("/admin")
    def admin(): ...

    @app.get("/open")
    def opened(): ...

    FlaskHookChain(app, hooks)
    return app

app = make()
number = 7

def application(environ, start_response): ...

guarded = hooks.section("/x") and HookChain()
guarded.authen(nobody)
guarded.content("/page")(nobody)
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A current folder with the module shop, which is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "shop.py").write_text(SHOP)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def run(*args, **options):
    return CliRunner().invoke(command, ["audit", *args], **options)


@pytest.mark.parametrize("target", ["shop:app", "shop:make", "shop:make()"])
def test_a_route_that_is_neither_guarded_nor_public_fails(shop, target):
    shown = run(target)
    assert shown.exit_code == 1
    assert shown.output.startswith("Flask app 'shop', guarded by the chain 'hooks'\n\nunguarded  GET,HEAD  /open ")
    assert shown.output.endswith("2 routes: 1 unguarded, 1 guarded\n")


def test_where_everything_is_guarded_it_succeeds(shop):
    shown = run("shop:guarded")
    assert (shown.exit_code, shown.output.splitlines()[-1]) == (0, "1 route: 1 guarded")


def test_what_is_unguarded_is_red_on_a_terminal(shop, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31munguarded" in run("shop:app").output


def test_it_prints_json_for_programs(shop):
    shown = run("shop:app", "--json")
    assert shown.exit_code == 1
    told = json.loads(shown.output)
    assert list(told) == ["target", "name", "ok", "counts", "notes", "routes"]
    assert (told["target"], told["ok"]) == ("shop:app", False)


def test_it_prints_annotations_for_github_before_the_table(shop):
    shown = run("shop:app", "--github")
    first, second = shown.output.splitlines()[:2]
    assert first.startswith("::error file=shop.py,line=16,title=hookchain audit%3A unguarded::GET,HEAD /open: ")
    assert second == "Flask app 'shop', guarded by the chain 'hooks'"
    assert run("shop:guarded", "--github").output.startswith("the chain")


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["nothere:app"], 1, "Error: there is no module 'nothere'"),
        (["shop:ap"], 1, "Error: shop has no 'ap' (did you mean 'app'?)"),
        (["shop:number"], 1, "Error: there is no chain in 7, and its routes are not known"),
        (["shop:application"], 1, "Error: there is no chain in <function application"),
        (["shop"], 1, "Error: which chain of module shop is meant?"),
        (["shop:app", "--json", "--github"], 2, "Error: Give --json or --github, not both."),
        ([], 2, "Error: Missing argument 'TARGET'."),
    ],
)
def test_what_can_not_be_audited_is_told_on_one_line(shop, args, status, said):
    shown = run(*args)
    assert shown.exit_code == status
    assert shown.output.startswith(said)
    assert len(shown.output.splitlines()) == 1


def test_a_chain_that_is_wrong_is_told_with_its_problems(shop):
    (shop / "shop.py").write_text(
        'from hookchain import HookChain\nhooks = HookChain()\nhooks.access(print, requires="x")\n'
    )
    shown = run("shop:hooks")
    assert shown.exit_code == 1
    assert "Error: the chain has 1 problem" in shown.output


def test_a_toml_file_is_a_chain(shop):
    (shop / "hooks.toml").write_text('closed = true\n[[section]]\nlocation = "/x"\npublic = true\n')
    shown = run("hooks.toml")
    assert (shown.exit_code, shown.output.splitlines()[-1]) == (0, "2 routes: 2 public")

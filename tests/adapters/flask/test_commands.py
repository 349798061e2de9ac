"""``flask hookchain``: what applies to a path of the app, and what is wrong with its chain."""

from __future__ import annotations

import json

import pytest

from tests.adapters.flask.flask_sites import make_site
from tests.asking import quiet


@pytest.fixture
def site():
    return make_site(hooks=quiet("shop"))


def run(site, *args):
    return site.app.test_cli_runner().invoke(args=["hookchain", *args])


def test_explain_shows_the_endpoint_and_what_applies(site):
    @site.hooks.access("/admin", methods=["POST"])
    def nobody(req):
        return 403

    @site.app.post("/admin/<name>")
    def admin(name):
        return name

    shown = run(site, "explain", "/admin/x?y=1", "-X", "POST")
    assert shown.exit_code == 0
    assert "endpoint: admin\n" in shown.output
    assert "nobody" in shown.output
    assert "endpoint: none\n" in run(site, "explain", "/admin/x").output


def test_explain_gives_json_for_programs(site):
    told = json.loads(run(site, "explain", "/", "--json").output)
    assert (told["endpoint"], told["path"], told["method"]) == ("index", "/", "GET")


def test_explain_looks_at_the_host_that_it_is_given(site):
    @site.hooks.access(hosts="shop.example")
    def of_host(req):
        return None

    assert json.dumps("of_host")[1:-1] in run(site, "explain", "/", "--host", "shop.example").output
    assert run(site, "explain", "/", "--host", "shop.example").exit_code == 0


def test_explain_refuses_what_is_no_path(site):
    refused = run(site, "explain", "admin")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: ")
    assert len(refused.output.splitlines()) == 1


def test_explain_tells_the_problems_of_a_wrong_chain(site):
    site.hooks.register("access", lambda req: None, name="a", requires="nobody")
    refused = run(site, "explain", "/")
    assert refused.exit_code == 1
    assert "nobody" in refused.output
    assert refused.output.endswith("Error: the chain has 1 problem\n")


def test_check_is_silent_about_a_chain_that_is_right(site):
    checked = run(site, "check")
    assert (checked.exit_code, checked.output) == (0, "shop: 0 problems, 0 warnings\n")


def test_check_tells_problems_with_their_places_and_fails(site):
    site.hooks.register("access", lambda req: None, name="a", requires="nobody")
    site.hooks.register("fixup", lambda req: None, name="b", requires="nobody")
    checked = run(site, "check")
    assert checked.exit_code == 1
    assert checked.output.count("error [") == 2
    assert checked.output.count(f"at {__file__}:") == 2
    assert checked.output.count("    -> ") == 2
    assert checked.output.endswith("shop: 2 problems, 0 warnings\n")


def test_check_tells_warnings_and_passes(site):
    site.hooks.section(endpoint="admin.*").register("access", lambda req: None, name="of endpoints")
    outer = site.hooks.section("/only", methods=["GET"])
    outer.register("access", lambda req: None, methods=["POST"], name="never")
    checked = run(site, "check")
    assert checked.exit_code == 0
    assert "warning [unreachable]" in checked.output
    assert checked.output.endswith("shop: 0 problems, 1 warning\n")

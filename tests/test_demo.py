"""The demo site: what it promises on its front page, and that the command that serves it does so."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.security import check_password_hash

from examples.site.hooks import SITE, USERS, hooks
from hookchain import handler_called
from hookchain.testing import make_request

ROOT = Path(__file__).parents[1]
DEMO = [sys.executable, str(ROOT / "examples" / "site" / "demo.py")]


def run(*arguments):
    return subprocess.run([*DEMO, *arguments], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("server", ["granian", "werkzeug"])
def test_every_request_that_the_demo_suggests_is_answered_and_logged_as_it_says(server):
    ran = run("--check", "--server", server)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 requests answered and logged as they should be" in ran.stdout


def test_a_port_in_use_is_told_in_one_line_after_what_would_have_been_there_to_try():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("--port", str(port))
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr
    assert re.fullmatch(rf"Error: port {port} .*in use.*\n", ran.stderr)
    assert f"curl -i -u bob:builder http://127.0.0.1:{port}/members/" in ran.stdout


@pytest.mark.parametrize(
    ("path", "ran"),
    [
        ("/members/board/", ["harden", "by_password", "board_only"]),
        ("/members/", ["harden", "by_password"]),
        ("/app/lamp", ["harden", "by_password", "hello"]),
        ("/images/", ["harden"]),
    ],
)
def test_the_handlers_that_run_are_those_that_explain_lists_in_that_order(path, ran):
    called = []

    def note(chain, handler, request, **rest):
        if request.prev is None:
            called.append(handler)

    with handler_called.connected_to(note, sender=hooks):
        request = make_request(path, headers={"Authorization": "Basic YWxpY2U6d29uZGVybGFuZA=="})
        with hooks.handle(request) as response:
            response.get_data()
    explained = [row.name for row in hooks.explain(path).rows if row.called and not row.default]
    assert response.status_code == 200
    assert called == explained == [f"examples.site.hooks.{name}" for name in ran]


def test_the_passwords_stand_in_the_file_as_hashes_only():
    users = dict(line.split(":", 1) for line in USERS.read_text(encoding="utf-8").splitlines())
    assert sorted(users) == ["alice", "bob"]
    assert check_password_hash(users["alice"], "wonderland")
    assert check_password_hash(users["bob"], "builder")
    assert not any(word in USERS.read_text(encoding="utf-8") for word in ("wonderland", "builder"))


def test_no_url_leads_to_the_passwords():
    assert not USERS.is_relative_to(SITE / "htdocs")
    for path in ("/users.htpasswd", "/../users.htpasswd", "/%2e%2e/users.htpasswd", "/pages/..%2f..%2fusers.htpasswd"):
        with hooks.handle(make_request(path)) as response:
            assert response.status_code in {400, 404}


def test_every_link_of_every_page_leads_somewhere():
    for page in (SITE / "htdocs").rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8")):
            with hooks.handle(make_request(link)) as response:
                missing = {404} if link != "/no/such/page" else set()
                assert response.status_code in {200, 401, 404} - missing, f"{link} in {page}"


def test_the_chain_has_neither_problems_nor_advice():
    assert not hooks.problems()
    assert not hooks.advice()


def test_the_explain_command_that_the_demo_prints_works():
    line = next(line for line in run_banner().splitlines() if " explain " in line)
    words = line[line.index("hookchain explain") :].split()
    shown = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert shown.returncode == 0, shown.stderr
    assert "examples.site.hooks.board_only" in shown.stdout


def run_banner():
    """Return what the demo prints, where its port is in use so that it ends by itself."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return run("--port", str(taken.getsockname()[1])).stdout

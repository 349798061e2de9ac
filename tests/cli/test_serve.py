"""``hookchain serve`` as a process: it answers, writes its access log, and ends when it is told to."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from hookchain import serving
from hookchain.commands import command

PATIENCE = 60
OPENER = urllib.request.build_opener()
SERVERS = ["granian", "werkzeug"]

HOOKS = """\
from hookchain import HookChain

hooks = HookChain()

@hooks.content("/hello")
def hello(req):
    return "one\\n"

@hooks.content("/broken")
def broken(req):
    return 1 / 0

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app\\n"]

behind = hooks.wsgi(app)
"""


class Served:
    """A running ``hookchain serve``."""

    def __init__(self, process):
        self.process = process
        self.errors = []
        self._url = None
        self._announced = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.errors.append(line)
            found = re.search(r"^Serving .* at (http://\S+)/ ", line)
            if found:
                self._url = found[1]
                self._announced.set()
        self._announced.set()

    @property
    def url(self):
        assert self._announced.wait(PATIENCE)
        assert self._url is not None, self.errors
        return self._url

    def get(self, path):
        """Status and body, once the server answers."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with OPENER.open(self.url + path, timeout=PATIENCE) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def wait_for(self, path, body):
        """Ask until the answer holds a text; what is loaded anew may break an answer off."""
        end = time.monotonic() + PATIENCE
        answer = ""
        while body not in answer:
            assert time.monotonic() < end, answer
            time.sleep(0.1)
            with contextlib.suppress(http.client.IncompleteRead):
                answer = self.get(path)[1]

    def log_line(self):
        """The next line of the access log."""
        return self.process.stdout.readline()

    def end(self, number=signal.SIGTERM):
        """Send a signal; return the exit status and the rest of standard output."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self.process.returncode, self.process.stdout.read()


@pytest.fixture
def serve(tmp_path):
    """Start ``hookchain serve`` in an empty folder."""
    with contextlib.ExitStack() as stack:

        def served(*args):
            process = subprocess.Popen(
                [sys.executable, "-m", "hookchain", "serve", "--port", "0", *args],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
            )
            stack.callback(end, process)
            return Served(process)

        yield served


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("server", SERVERS)
def test_a_folder_is_served_logged_and_ended_by_a_signal(serve, tmp_path, server, number):
    (tmp_path / "index.html").write_text("<p>hello")
    served = serve("--server", server)
    assert served.get("/?x=1") == (200, "<p>hello")
    line = r'127\.0\.0\.1 - - \[.*\] "GET /\?x=1 HTTP/1\.1" 200 8 "-" "Python-urllib/.*"\n'
    assert re.fullmatch(line, served.log_line())
    assert served.get("/nowhere")[0] == 404
    assert '"GET /nowhere HTTP/1.1" 404 ' in served.log_line()
    assert served.end(number) == (0, ""), served.errors
    assert len(served.errors) == 1
    assert str(tmp_path) in served.errors[0]


@pytest.mark.parametrize("server", SERVERS)
def test_a_chain_is_served_with_another_access_log(serve, tmp_path, server):
    (tmp_path / "hooks.py").write_text(HOOKS)
    served = serve("--app", "hooks:hooks", "--server", server, "--access-log", "%m %U %>s %B")
    assert served.get("/hello") == (200, "one\n")
    assert served.log_line() == "GET /hello 200 4\n"
    assert served.get("/broken")[0] == 500
    assert served.log_line().startswith("GET /broken 500 ")
    assert served.end() == (0, "")
    errors = "".join(served.errors)
    assert "ERROR: hooks.broken" in errors
    assert "ZeroDivisionError" in errors


def test_the_access_log_can_be_switched_off(serve):
    served = serve("--access-log", "off", "--server", "werkzeug")
    assert served.get("/")[0] in {403, 404}
    assert served.end() == (0, "")


def test_a_chain_made_into_an_application_is_served_with_the_app_behind(serve, tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    served = serve("--app", "hooks:behind")
    assert served.get("/hello") == (200, "one\n")
    assert served.get("/else") == (200, "the app\n")
    assert served.end()[0] == 0


def test_a_toml_file_is_served(serve, tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "site.toml").write_text('content = "hooks.hello"\n')
    served = serve("--app", "site.toml")
    assert served.get("/x") == (200, "one\n")


def test_several_workers_serve_one_port(serve, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    served = serve("--workers", "2", "--listing")
    assert "a.txt" in served.get("/")[1]
    assert '"GET / HTTP/1.1" 200 ' in served.log_line()
    assert served.end() == (0, "")
    assert "2 workers" in served.errors[0]


def test_code_that_changes_is_loaded_anew_and_errors_are_shown_in_the_debugger(serve, tmp_path):
    source = tmp_path / "hooks.py"
    source.write_text(HOOKS)
    served = serve("--app", "hooks:hooks", "--dev")
    assert served.get("/hello") == (200, "one\n")
    assert '"GET /hello HTTP/1.1" 200 4 ' in served.log_line()
    status, page = served.get("/broken")
    assert status == 500
    assert "ZeroDivisionError" in page
    assert "Werkzeug" in page
    source.write_text(HOOKS.replace("one", "two and"))
    served.wait_for("/hello", "two and")
    source.write_text(HOOKS.replace("hooks = HookChain()", "hooks = HookChain(", 1))
    served.wait_for("/hello", "SyntaxError")
    source.write_text(HOOKS.replace("one", "three"))
    served.wait_for("/hello", "three")
    assert served.end(signal.SIGINT)[0] == 0, served.errors
    assert any("Error: importing hooks failed" in line for line in served.errors)


def test_a_toml_file_that_changes_is_read_anew(serve, tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    toml = tmp_path / "site.toml"
    toml.write_text('content = "hooks.hello"\n')
    served = serve("--app", "site.toml", "--dev")
    assert served.get("/x") == (200, "one\n")
    toml.write_text('content = "hooks.broken"\n')
    served.wait_for("/x", "ZeroDivisionError")
    assert served.end()[0] == 0


# --- without a process


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("localhost", "http://localhost:8000/"),
        (str(ipaddress.IPv4Address(0)), "http://127.0.0.1:8000/"),
        ("::", "http://[::1]:8000/"),
        ("::1", "http://[::1]:8000/"),
    ],
)
def test_the_url_can_be_typed_into_a_browser(host, url):
    assert serving.Address(host, host, 8000).url == url


def test_a_free_port_is_chosen_for_port_0():
    where = serving.listening_address("localhost", 0)
    assert where.port > 0
    assert where.address in {"127.0.0.1", "::1"}


def test_a_process_that_the_reloader_started_does_not_ask_for_the_port_again(monkeypatch):
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
    assert serving.listening_address("nowhere.invalid", 0) == serving.Address("nowhere.invalid", "nowhere.invalid", 0)


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """Which server the command chooses."""
    monkeypatch.chdir(tmp_path)
    found = []
    monkeypatch.setattr("hookchain.commands.serve_granian", lambda site, where, workers: found.append("granian"))
    monkeypatch.setattr("hookchain.commands.serve_werkzeug", lambda site, where: found.append("werkzeug"))
    monkeypatch.setattr("hookchain.commands.log_to_terminal", lambda: None)

    def choose(*args, installed):
        monkeypatch.setattr("hookchain.commands.has_granian", lambda: installed)
        found.clear()
        with contextlib.suppress(SystemExit):
            command(["serve", "--port", "0", *args], prog_name="hookchain")
        return found

    return choose


def test_granian_serves_where_it_is_installed_and_werkzeug_elsewhere(chosen):
    assert chosen(installed=True) == ["granian"]
    assert chosen(installed=False) == ["werkzeug"]
    assert chosen("--server", "werkzeug", installed=True) == ["werkzeug"]
    assert chosen("--workers", "2", installed=False) == ["granian"]

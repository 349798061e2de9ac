"""Real servers, load and slow clients of the benchmarks: that they do what they say, not how fast."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from benchmarks import clients, garbage, load, served, slow
from benchmarks.servers import LeftOutError, check_installed, serving
from benchmarks.work import TALLY

APPS = {
    "wsgi": (clients.wsgi, 6),
    "flask": (clients.wsgi, 8),
    "asgi": (clients.asgi, 6),
    "starlette": (clients.asgi, 6),
}


@pytest.mark.parametrize("app", APPS)
def test_the_hooks_of_a_chain_are_as_many_as_those_by_hand(app):
    client, hooks = APPS[app]
    for subject, expected in (("bare", 0), ("by_hand", hooks), ("hookchain", hooks)):
        make = getattr(served, f"{app}_{subject}")
        before = TALLY.n
        client(make())  # asks twice, and checks the answers
        assert TALLY.n - before == 2 * expected, subject


def test_every_group_has_its_apps():
    for name, group in load.GROUPS.items():
        app = name.partition("/")[2]
        assert all(callable(getattr(served, f"{app}_{subject}")) for subject in group.subjects)


def measured(match):
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--match", match]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_real_servers_are_measured_where_wrk_is_installed():
    said = measured("served/gthread/wsgi,soak")
    if shutil.which("wrk") is None:
        assert "left out: soak/uvicorn (wrk is not installed)" in said
    else:
        assert "gunicorn gthread, WSGI, p99, against hooks by hand" in said
        assert "gunicorn sync, soak, growth of the process" in said
        assert "uvicorn, soak, growth of the process" in said


def test_what_a_request_leaves_to_the_garbage_collector_is_counted(monkeypatch):
    def leaving_cycles():
        def app(environ, start_response):
            cycle = []
            cycle.append(cycle)
            return served.wsgi_bare()(environ, start_response)

        return app

    monkeypatch.setattr(served, "wsgi_hookchain", leaving_cycles)
    monkeypatch.delitem(garbage.APPS, "django")  # whose settings are those of the whole process
    left = garbage.garbage()
    assert left["garbage/wsgi"] == [1]
    assert len(left) == len(garbage.APPS)
    said = measured("garbage")
    assert "objects left to the collector, WSGI" in said
    assert "objects left to the collector, Django" in said


def test_slow_clients_are_all_answered_and_a_quick_request_meanwhile():
    said = measured("slow")
    assert "slow clients, memory of a connection" in said
    assert "a quick request among slow clients, p99" in said


@pytest.mark.parametrize(
    ("effort", "missing", "reason"),
    [(0, None, "only a full run"), (1, "wrk", "wrk is not installed"), (1, "gunicorn", "gunicorn not installed")],
)
def test_what_cannot_be_measured_is_left_out_with_the_reason(effort, missing, reason, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else f"/bin/{name}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(LeftOutError, match=reason):
        load.throughput("sync/wsgi", effort)


def test_a_module_that_is_there_is_not_reported_as_missing():
    check_installed("json", "werkzeug")


@pytest.mark.parametrize("kind", ["sync", "uvicorn"])
def test_a_server_tells_its_memory_and_ends_with_its_workers(kind):
    with serving(kind, "wsgi_bare" if kind == "sync" else "asgi_bare") as server:
        assert server.resident() > 1000
    with pytest.raises(ProcessLookupError):
        os.killpg(server.pid, 0)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_server_that_does_not_start_is_reported(capfd):
    with pytest.raises(RuntimeError, match="does not answer"), serving("uvicorn", "no_such_app"):
        pass
    assert "no_such_app" in capfd.readouterr().err


@contextlib.contextmanager
def answering(data):
    """Answer whoever comes with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    with listening.accept()[0] as sock:
                        sock.recv(10_000)
                        sock.sendall(data)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 524288\r\n"]
)
def test_a_slow_client_that_is_not_answered_completely_fails(data):
    with answering(data) as port, pytest.raises((RuntimeError, EOFError, OSError)):
        slow.come(port, 1)

"""The chain under real WSGI servers: what no call from Python can show."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import struct
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import real_servers, served

SECONDS = 15.0
PIECE = b"0123456789abcdef" * 65_536
REQUESTS = 2_000
CLIENTS = 16
_ids = itertools.count()


class Site:
    """A server that runs, and what its finishers wrote down."""

    def __init__(self, server, folder):
        self.name = server.name
        self.address = server.address
        self.folder = folder
        self.output = server.output

    def ask(self, path, method="GET", body=None, **headers):
        """Return status, headers and body; the id under which the finishers write is a part of the path."""
        connection = http.client.HTTPConnection(self.address[0], self.address[1], timeout=SECONDS)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def raw(self, data):
        """Send bytes and return everything that comes back."""
        with socket.create_connection(self.address, timeout=SECONDS) as sock:
            sock.sendall(data)
            try:
                return b"".join(iter(lambda: sock.recv(65_536), b""))
            except ConnectionResetError:
                return b""

    def finished(self, key):
        """Wait for what LOG and CLEANUP wrote about a request, and a little longer: it must not become more."""
        patience = time.monotonic() + SECONDS
        while len(found := self.notes(key)) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        time.sleep(0.1)
        log, cleanup = self.notes(key)
        assert (log["phase"], cleanup["phase"]) == ("log", "cleanup"), found
        return log

    def notes(self, key):
        file = self.folder / served.FINISHED
        # The server may be in the middle of a line.
        lines = file.read_text().rpartition("\n")[0].splitlines() if file.exists() else []
        return [note for note in map(json.loads, lines) if note["id"] == key]

    def access_lines(self):
        log = self.folder / served.ACCESS_LOG
        return log.read_text().splitlines() if log.exists() else []  # it is made with its first line


@pytest.fixture(scope="module", params=[*real_servers.NAMES, *real_servers.ASGI_NAMES])
def site(request):
    with tempfile.TemporaryDirectory(prefix="served-") as name:
        folder = Path(name)
        (folder / served.ROOT).mkdir()
        (folder / served.ROOT / "small.txt").write_bytes(b"small\n")
        with (folder / served.ROOT / "large.bin").open("wb") as file:
            for _ in range(64):
                file.write(PIECE)
        variables = {served.FOLDER: name}
        module = "served_asgi" if request.param in real_servers.ASGI_NAMES else "served"
        with real_servers.running(
            request.param, f"tests.servers.{module}:application", folder / "output", variables
        ) as server:
            yield Site(server, folder)


@pytest.fixture
def key():
    return f"{os.getpid()}-{next(_ids)}"


def test_the_app_behind_is_told_the_one_path_and_the_user(site, key):
    status, _, body = site.ask(f"/x/..//guarded/%2e/a%20b%2Fc?user=ann&id={key}")
    told = json.loads(body)
    assert status == 200
    assert told["PATH_INFO"] == "/guarded/a b/c"
    assert told["REMOTE_USER"] == "ann"
    for name in ("RAW_URI", "REQUEST_URI"):
        assert told[name] in {None, f"/guarded/a%20b/c?user=ann&id={key}"}
    assert site.finished(key)["bytes_sent"] == len(body)


@pytest.mark.parametrize(
    "target", ["/guarded/x", "//guarded", "/%67uarded", "http://localhost/guarded/", "/x/%2e%2E/guarded"]
)
def test_a_guarded_place_is_refused_however_it_is_asked_for(site, target):
    answer = site.raw(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert b" 401 " in answer.partition(b"\r\n")[0]
    assert b"PATH_INFO" not in answer


def test_a_file_is_sent_by_the_server_and_counted(site, key):
    status, headers, body = site.ask(f"/large.bin?id={key}")
    assert (status, headers["Content-Length"]) == (200, str(64 * len(PIECE)))
    assert body == PIECE * 64
    log = site.finished(key)
    assert (log["bytes_sent"], log["aborted"], log["status"]) == (len(body), False, 200)
    assert [line for line in site.access_lines() if line.startswith(f"200 {len(body)} GET /large.bin?id={key} ")]


def test_a_range_a_head_and_a_condition_send_no_more_than_was_asked_for(site, key):
    status, headers, body = site.ask(f"/large.bin?id={key}", Range="bytes=16777210-16777225")
    assert (status, body) == (206, b"abcdef0123456789"[0:16])
    status, _, body = site.ask("/large.bin", "HEAD")
    assert (status, body) == (200, b"")
    status, _, body = site.ask("/large.bin", **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    assert site.finished(key)["bytes_sent"] == 16


@pytest.mark.parametrize("path", ["/echo", "/echo/all", "/echo/part", "/echo/json"])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_app_gets_the_body_that_handlers_have_read(site, key, path, chunked):
    body = json.dumps(["x" * 70_000]).encode()
    sent = iter([body[:5], body[5:40_000], body[40_000:]]) if chunked else body
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    connection = http.client.HTTPConnection(site.address[0], site.address[1], timeout=SECONDS)
    connection.request("POST", f"{path}?id={key}", sent, headers, encode_chunked=chunked)
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, body)
    connection.close()
    assert site.finished(key)["status"] == 200


@pytest.mark.parametrize("path", ["/echo", "/echo/all"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_413(site, key, path, chunked):
    body = b"x" * (served.MAX_BODY + 1)
    framing = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n%b"
    head = f"POST {path}?id={key} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        try:
            sock.sendall(head + framing % (len(body), body))
            assert b" 413 " in sock.recv(100).partition(b"\r\n")[0]
        except ConnectionError:
            pass  # the server hung up on what nobody wanted to read; the log tells what it answered
    assert site.finished(key)["status"] == 413


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_finished_once_and_told(site, key):
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        sock.sendall(f"GET /stream?id={key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert sock.recv(1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    log = site.finished(key)
    if site.name in real_servers.HOLDS_NOBODY_BACK:
        assert (log["bytes_sent"] < served.CHUNKS * len(served.CHUNK)) is log["aborted"]
    else:
        assert log["aborted"] is True
        assert 0 < log["bytes_sent"] < served.CHUNKS * len(served.CHUNK)
    assert log["exception"] == "NoneType"


def test_a_client_that_leaves_in_the_middle_of_a_file_is_finished_once(site, key):
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        sock.sendall(f"GET /large.bin?id={key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert sock.recv(1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert site.finished(key)["status"] == 200


@pytest.mark.parametrize("path", ["/echo", "/echo/all", "/echo/json"])
def test_a_client_that_leaves_before_its_body_is_complete_is_finished_once(site, key, path):
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        sock.sendall(f"POST {path}?id={key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc".encode())
        time.sleep(0.2)
    assert site.finished(key)["status"] == 400


def test_an_app_that_raises_is_500_without_detail(site, key):
    status, _, body = site.ask(f"/raise?id={key}")
    assert status == 500
    assert b"secret" not in body
    assert b"Traceback" not in body
    assert site.finished(key)["exception"] == "ZeroDivisionError"


def test_an_app_that_raises_after_its_first_chunk_breaks_the_response_off(site, key):
    answer = site.raw(f"GET /raise-late?id={key} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert b"secret" not in answer
    is_whole = b"\r\n0\r\n\r\n" in answer
    assert is_whole == (site.name in real_servers.ENDS_A_BROKEN_STREAM_AS_A_WHOLE_ONE)
    log = site.finished(key)
    assert log["exception"] == "ZeroDivisionError"
    assert log["bytes_sent"] == 5


@pytest.mark.parametrize("target", ["/..", "/%00", "/x/../../y", "/%2e%2e/etc/passwd", "/..%2f..", "*"])
def test_a_malformed_target_is_a_bad_request_without_a_traceback(site, target):
    answer = site.raw(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"Traceback" not in answer
    assert b"PATH_INFO" not in answer


@pytest.mark.parametrize("target", ["/%ff", "/\xff", "/%c0%ae/"], ids=ascii)
def test_bytes_that_are_no_text_are_a_bad_request_where_the_server_tells_of_them(site, target):
    answer = site.raw(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
    is_hidden = site.name in real_servers.REPLACES_WHAT_IS_NO_TEXT
    assert (b" 400 " in answer.partition(b"\r\n")[0]) != is_hidden
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "data", [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G\xc3\x89T / HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_gets_no_traceback(site, data):
    answer = site.raw(data)
    assert b"Traceback" not in answer
    is_taken = b"HTTP/9.9" in data and site.name in real_servers.TAKES_ANY_VERSION
    assert answer.startswith(b"HTTP/1.1 200") == is_taken


def test_thousands_of_requests_at_a_time_never_see_a_value_of_another(site, key):
    def ask(client):
        connection = http.client.HTTPConnection(site.address[0], site.address[1], timeout=SECONDS)
        wrong = []
        for number in range(REQUESTS // CLIENTS):
            sent = f"{key}-{client}-{number}"
            connection.request("GET", f"/who?id={sent}", headers={"X-Token": sent})
            seen = json.loads(connection.getresponse().read())
            if seen != ["unset", sent, f"{sent}+", f"{sent}+", True]:
                wrong.append((sent, seen))
        connection.close()
        return wrong

    before = len(site.access_lines())
    with ThreadPoolExecutor(CLIENTS) as clients:
        assert [wrong for found in clients.map(ask, range(CLIENTS)) for wrong in found] == []
    time.sleep(0.3)
    lines = (site.folder / served.FINISHED).read_text().splitlines()
    notes = [note for note in map(json.loads, lines) if (note["id"] or "").startswith(f"{key}-")]
    assert {note["token"] for note in notes} == {note["id"] + "+" for note in notes}
    assert set(Counter((note["id"], note["phase"]) for note in notes).values()) == {1}
    assert len(notes) == 2 * REQUESTS
    assert len(site.access_lines()) - before >= REQUESTS


def test_each_request_has_its_line_in_the_access_log(site, key):
    for number in range(20):
        site.ask(f"/small.txt?id={key}-{number}")
        site.ask(f"/echo?id={key}-{number}", "POST", b"body")
        site.ask(f"/nothing/..%2f..%2f..?id={key}-{number}")
    time.sleep(0.2)
    mine = Counter(line.partition("?")[0] for line in site.access_lines() if key in line)
    assert mine["200 6 GET /small.txt"] == 20
    assert mine["200 4 POST /echo"] == 20
    assert sum(mine.values()) == 60

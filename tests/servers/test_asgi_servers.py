"""The chain under real ASGI servers: sockets, streams that wait, and clients that leave them."""

from __future__ import annotations

import itertools
import json
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.servers import real_servers, served

SECONDS = 15.0
_ids = itertools.count()


class Site:
    """A server that runs, and what its finishers wrote down."""

    def __init__(self, server, folder):
        self.name = server.name
        self.address = server.address
        self.folder = folder

    def url(self, target):
        return f"ws://{self.address[0]}:{self.address[1]}{target}"

    def finished(self, key):
        """Wait for what LOG and CLEANUP wrote about a request, and a little longer: it must not become more."""
        patience = time.monotonic() + SECONDS
        while len(found := self.notes(key)) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        time.sleep(0.1)
        assert [note["phase"] for note in self.notes(key)] == ["log", "cleanup"], found
        return self.notes(key)[0]

    def notes(self, key):
        lines = (self.folder / served.FINISHED).read_text().splitlines()
        return [note for note in map(json.loads, lines) if note["id"] == key]


@pytest.fixture(scope="module", params=real_servers.ASGI_NAMES)
def site(request):
    with tempfile.TemporaryDirectory(prefix="served-") as name:
        folder = Path(name)
        (folder / served.ROOT).mkdir()
        target = "tests.servers.served_asgi:application"
        with real_servers.running(request.param, target, folder / "output", {served.FOLDER: name}) as server:
            yield Site(server, folder)


@pytest.fixture
def key():
    return f"{os.getpid()}-{next(_ids)}"


def test_a_socket_that_passes_talks_and_is_finished_when_it_closes(site, key):
    with connect(site.url(f"//guarded/chat?user=ann&id={key}")) as talk:
        talk.send("hello")
        assert talk.recv(SECONDS) == "HELLO"
        assert site.notes(key) == []
    log = site.finished(key)
    assert (log["status"], log["bytes_sent"], log["exception"]) == (101, 5, "NoneType")


@pytest.mark.parametrize("target", ["/guarded", "//guarded/x", "/x/../guarded", "/%67uarded"])
def test_a_guarded_socket_is_refused_however_it_is_asked_for(site, key, target):
    with pytest.raises(InvalidStatus) as caught, connect(site.url(f"{target}?id={key}")):
        pass
    status = caught.value.response.status_code
    assert status in {401, 403}
    assert site.finished(key)["status"] == status


def test_a_client_that_vanishes_from_its_socket_is_finished_once(site, key):
    with connect(site.url(f"/chat?id={key}")) as talk:
        talk.send("hello")
        assert talk.recv(SECONDS) == "HELLO"
        talk.socket.shutdown(socket.SHUT_RDWR)
    assert site.finished(key)["status"] == 101


def test_an_event_arrives_while_the_app_waits_and_the_clients_leaving_is_noticed(site, key):
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        sock.sendall(f"GET /events?id={key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = b""
        while b"data: hello" not in got:
            got += sock.recv(1000)
        assert site.notes(key) == []
    log = site.finished(key)
    assert (log["status"], log["bytes_sent"], log["aborted"], log["exception"]) == (200, 13, True, "NoneType")


def test_a_stream_of_the_chains_own_ends_when_the_client_leaves(site, key):
    with socket.create_connection(site.address, timeout=SECONDS) as sock:
        sock.sendall(f"GET /news?id={key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = b""
        while b"data: news" not in got:
            got += sock.recv(1000)
    log = site.finished(key)
    assert (log["status"], log["bytes_sent"], log["aborted"], log["exception"]) == (200, 12, True, "NoneType")

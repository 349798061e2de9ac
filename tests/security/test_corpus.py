"""The attack requests of corpus.jsonl against real servers: README.md has the contract, RULES.md what they enforce."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.security import contract_server, make_docroot, run_corpus
from tests.servers import real_servers

HERE = Path(__file__).parent
CLIENTS = 6

# Failures that a busy machine can cause: such an entry is sent once more, alone.
_OF_TIME = ("must_respond (timeout", "must_respond (refused", "max_seconds", "server_alive_after")

DECIDED_BY_THE_SERVER: Mapping[str, frozenset[str]] = {
    "werkzeug": frozenset(
        {
            # Of several Content-Length headers, only the last gets into the environ.
            "framing.cl-twice-other",
            # The header's name ends with a blank: http.client, which reads the headers, takes that line for their end,
            # so that the environ tells of no body.
            "framing.te-blank-before-colon",
        }
    ),
    # It hands every method over in upper case.
    "hypercorn": frozenset({"auth-method.lowercase-public-file"}),
}
"""Entries of the layer "server" that fail under a server: decided by the server, not by hookchain."""


PLACES = [
    *((name, "tests.security.contract_server:application") for name in real_servers.NAMES),
    *((name, "tests.security.asgi_contract:application") for name in real_servers.ASGI_NAMES),
    ("gunicorn gthread", "tests.security.flask_contract:mounted"),
    ("gunicorn gthread", "tests.security.flask_contract:routed"),
    ("gunicorn gthread", "tests.security.django_contract:application"),
    ("uvicorn", "tests.security.django_contract:asgi_application"),
]
"""Servers, and what they serve: the chain around the applications, in a Flask app, or in a Django site."""


class Contract(NamedTuple):
    """A contract server that runs.

    Attributes:
        server: where it listens.
        logs: the folder with its logs.
    """

    server: real_servers.Server
    logs: Path


def entries() -> list[dict[str, Any]]:
    with (HERE / "corpus.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """A folder that others can read, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="contract-") as top:
        Path(top).chmod(0o755)
        make_docroot.build(top)
        yield Path(top)
        (Path(top) / make_docroot.ROOT_NAME / "unreadable-dir").chmod(0o755)


@contextlib.contextmanager
def contract(name: str, target: str, site: Path) -> Iterator[Contract]:
    with tempfile.TemporaryDirectory(prefix="logs-") as logs:
        Path(logs).chmod(0o777)
        variables = {contract_server.ROOT: str(site / make_docroot.ROOT_NAME), contract_server.LOGS: logs}
        with real_servers.running(name, target, Path(logs) / "output", variables) as server:
            yield Contract(server, Path(logs))


def tried(address: tuple[str, int], entry: dict[str, Any]) -> list[str]:
    """Send an entry's request, and return the invariants that do not hold."""
    got = run_corpus.exchange(address, run_corpus.request_bytes(entry["raw"]), entry.get("timeout", 5.0))
    fails, answer = run_corpus.check(entry, got)
    if entry["expect"].get("server_alive_after") and not run_corpus.alive(address):
        fails.append("server_alive_after")
    return [f"status {answer['status']}: {fail}" for fail in fails]


def is_of_time(fail: str) -> bool:
    """Tell whether a loaded machine may be to blame: it took too long, or no answer came at all to hold it against."""
    status, _, invariant = fail.partition(": ")
    return status == "status 0" or invariant.startswith(_OF_TIME)


def failures(address: tuple[str, int], corpus: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Send all entries, some at a time, and return what failed by id."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(lambda entry: tried(address, entry), corpus))
    for number, entry in enumerate(corpus):
        if found[number] and all(is_of_time(fail) for fail in found[number]):
            found[number] = tried(address, entry)
    return {entry["id"]: fails for entry, fails in zip(corpus, found, strict=True) if fails}


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


def logged_lines(log: Path, wanted: int) -> int:
    """Count the lines of the access log; a server may hold on for a while to a client that does not read."""
    patience = time.monotonic() + 20
    while (count := lines(log)) < wanted and time.monotonic() < patience:
        time.sleep(0.1)
    return count


@pytest.mark.parametrize(("name", "target"), PLACES)
def test_every_attack_request_is_answered_as_its_invariant_says(name, target, site):
    with contract(name, target, site) as running:
        corpus = entries()
        failed = failures(running.server.address, corpus)
        excused = DECIDED_BY_THE_SERVER.get(name, frozenset())
        unexplained = [f"{key}: {'; '.join(fails)}" for key, fails in failed.items() if key not in excused]
        assert not unexplained, f"{len(unexplained)} of {len(corpus)} failed under {name}:\n" + "\n".join(unexplained)
        handed_over = lines(running.logs / contract_server.HANDED_OVER)
        logged = logged_lines(running.logs / contract_server.ACCESS_LOG, handed_over)
        assert logged == handed_over > len(corpus), "each request that reached the chain has its line in the log"
        assert excused <= failed.keys(), "what no longer fails needs no excuse"


def test_only_entries_of_the_server_layer_are_excused():
    layers = {entry["id"]: entry["layer"] for entry in entries()}
    assert {layers[key] for ids in DECIDED_BY_THE_SERVER.values() for key in ids} <= {"server"}
    assert DECIDED_BY_THE_SERVER.keys() <= {*real_servers.NAMES, *real_servers.ASGI_NAMES}

"""What the command writes to a terminal while it serves."""

from __future__ import annotations

import io
import logging
from multiprocessing.reduction import ForkingPickler

import pytest
from werkzeug.test import Client

from hookchain import HookChain
from hookchain.serving import Site, _load_in_worker
from hookchain.terminal import log_to_terminal
from hookchain.testing import make_request


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def start(monkeypatch):
    """Set up logging as in a process of its own, where nobody listens yet, and write to the given streams."""

    def started(out=None, err=None, times=1, own=()):
        for name in ("hookchain", "hookchain.access"):
            logger = logging.getLogger(name)
            monkeypatch.setattr(logger, "handlers", list(own))
            monkeypatch.setattr(logger, "propagate", False)
            monkeypatch.setattr(logger, "level", logger.level)
            logger.setLevel(logging.INFO if own else logging.NOTSET)
        monkeypatch.setattr("sys.stdout", out or io.StringIO())
        monkeypatch.setattr("sys.stderr", err or io.StringIO())
        for _ in range(times):
            log_to_terminal()

    yield started
    monkeypatch.undo()
    logging.getLogger().setLevel(logging.getLogger().level)  # forget which loggers were found to be enabled


def serve(status):
    chain = HookChain(access_log="%U %>s")
    chain.content(lambda req: status)
    chain.handle(make_request("/x")).close()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (204, "/x 204\x1b[0m\n"),
        (304, "\x1b[36m/x 304\x1b[0m\n"),
        (404, "\x1b[33m/x 404\x1b[0m\n"),
        (503, "\x1b[31m/x 503\x1b[0m\n"),
    ],
)
def test_the_access_log_is_coloured_by_status_on_a_terminal(start, status, line):
    terminal = Terminal()
    start(terminal)
    serve(status)
    assert terminal.getvalue() == line


def test_the_access_log_is_plain_elsewhere(start):
    stream = io.StringIO()
    start(stream)
    serve(404)
    assert stream.getvalue() == "/x 404\n"


def test_errors_go_to_standard_error(start):
    stream = io.StringIO()
    start(err=stream)
    logging.getLogger("hookchain").warning("beware")
    assert stream.getvalue() == "WARNING: beware\n"


def test_setting_up_twice_writes_lines_once(start):
    stream = io.StringIO()
    start(stream, times=2)
    serve(200)
    assert stream.getvalue() == "/x 200\n"


def test_loggers_that_go_elsewhere_already_are_left_alone(start):
    own, ours = io.StringIO(), io.StringIO()
    start(ours, ours, own=[logging.StreamHandler(own)])
    serve(200)
    logging.getLogger("hookchain").error("bad")
    assert (own.getvalue(), ours.getvalue()) == ("/x 200\nbad\n", "")


def test_each_worker_sets_up_its_own_logging_and_application(start, monkeypatch, tmp_path):
    stream = io.StringIO()
    start(stream, times=0)
    app = _load_in_worker(Site(folder=str(tmp_path), access_log="%U %>s"))
    Client(app).get("/nowhere").close()
    assert stream.getvalue() == "/nowhere 404\n"


def test_what_is_served_can_be_handed_to_a_worker(tmp_path):
    site = Site(folder=str(tmp_path), listing=True, debug=True)
    assert ForkingPickler.loads(ForkingPickler.dumps(site)) == site

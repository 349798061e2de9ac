"""What is remembered from one request to the next: never more than there is room for, and never in place of a look."""

from __future__ import annotations

import pytest

from hookchain import header_pairs, plain_response, signals
from hookchain.header_pairs import said_of_body
from hookchain.plain_response import PlainResponse, status_code
from tests.asking import by_wsgi, quiet

TEXT = ("Content-Type", "text/plain")


@pytest.fixture(autouse=True)
def forgotten():
    """What other tests had remembered is forgotten."""
    header_pairs._known.clear()
    plain_response._codes.clear()


@pytest.mark.parametrize("length", [5, None])
def test_headers_say_the_same_when_they_are_seen_again(length):
    pairs = [TEXT, ("Content-Length", "5")]
    assert said_of_body(pairs, length) == said_of_body([*pairs], length) == ("5", True)
    assert said_of_body([TEXT], length) == said_of_body([TEXT], length) == (None, True)


def test_headers_seen_before_are_compared_with_the_body_that_goes_with_them_now():
    pairs = [TEXT, ("Content-Length", "5")]
    assert said_of_body(pairs, 5) == ("5", True)
    assert said_of_body(pairs, 6) is None


@pytest.mark.parametrize(
    "pair",
    [
        ("X-Bad", "a\r\nb"),
        ("X-Bad", "caf\xe9"),
        ("X Bad", "a"),
        ("X-Bad", 5),
        ("X-Bad", b"a"),
        (5, "a"),
        ["X-Bad", "a"],
        ("X-Bad",),
        5,
        ("Location", "/not here"),
        ("content-type", "text/html", "text/plain"),
    ],
    ids=repr,
)
def test_headers_that_need_a_closer_look_need_it_each_time(pair):
    assert said_of_body([TEXT, pair], 5) is None
    assert said_of_body([TEXT, pair], 5) is None
    assert not header_pairs._known


def test_of_headers_no_more_is_remembered_than_there_is_room_for():
    for number in range(header_pairs._MOST_KNOWN + 2):
        assert said_of_body([TEXT, ("X-Number", str(number))], None) == (None, True)
    assert 0 < len(header_pairs._known) <= header_pairs._MOST_KNOWN


def test_long_headers_are_looked_at_and_not_remembered():
    cookie = ("Set-Cookie", "x" * header_pairs._LONGEST_KNOWN)
    assert said_of_body([TEXT, cookie], None) == (None, True)
    assert not header_pairs._known


def test_of_status_lines_no_more_is_remembered_than_there_is_room_for():
    for number in range(plain_response._MOST_CODES + 2):
        assert status_code(f"299 Number {number}") == status_code(f"299 Number {number}") == 299
    assert 0 < len(plain_response._codes) <= plain_response._MOST_CODES


@pytest.mark.parametrize("line", ["", "200", "2000 OK", "OK", "200 O\nK", "200 Caf\xe9", "\u0662\u0660\u0660 OK"])
def test_a_status_line_that_is_not_sent_as_it_is_has_no_code(line):
    assert status_code(line) == 0


def test_what_a_response_is_closed_with_is_made_when_asked_for():
    assert PlainResponse._on_close is vars(PlainResponse)["_on_close"]
    response, other = (PlainResponse([b"x"], [TEXT]) for _ in range(2))
    closed: list[str] = []
    response.call_on_close(lambda: closed.append("closed"))
    other.close()
    response.close()
    assert closed == ["closed"]


def test_a_listener_that_comes_just_when_none_was_left_is_heard(monkeypatch):
    told: list[object] = []

    def receiver(sender, **arguments):
        told.append(arguments["phase"])

    class Late(set):
        def discard(self, signal):
            super().discard(signal)
            signals.phase_started.connect(receiver)

    late = Late({signals.phase_started})
    monkeypatch.setattr(signals, "heard", late)
    assert signals.somebody_observes()
    assert signals.phase_started in late
    signals.phase_started.disconnect(receiver)


def test_when_the_last_listener_has_gone_requests_keep_no_trace_any_more():
    hooks, traces = quiet(), []
    hooks.content(lambda req: "x")
    hooks.log(lambda req: traces.append(req.trace is None))

    def receiver(sender, **arguments):
        pass

    with signals.phase_started.connected_to(receiver):
        by_wsgi(hooks)
    by_wsgi(hooks)
    assert traces == [False, True]
    assert not signals.heard

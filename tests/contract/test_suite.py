"""The contract suite finds what is wrong with a place, and says what."""

from __future__ import annotations

import contextvars

import pytest

BROKEN = """
from hookchain.testing.contract import Contract, WSGIPlace, wsgi_app
from hookchain.testing.contract.pages import SEEN


class Broken(WSGIPlace):
    name = "broken"
    {traits}

    def application(self, chain):
        app = chain.wsgi({behind})

        def broken(environ, start_response):
            {body}

        return broken


class TestBroken(Contract):
    place = Broken()
"""

NAMED = """
            def named(status, headers, exc_info=None):
                return start_response(status, [*headers, ("X-Server", "broken")], exc_info)

            return app(environ, named)
"""
CUT_SHORT = "return iter([b''.join(app(environ, start_response))[:-1]])"
NOT_CLOSED = "return iter([next(iter(app(environ, start_response)))])"
LEAVING = "SEEN.set('left'); return app(environ, start_response)"


@pytest.fixture
def run(pytester):
    """Run tests of the suite in a broken place; returns what they say."""

    def run(body, promise, traits="", behind="wsgi_app"):
        source = BROKEN.format(body=body, traits=traits, behind=behind)
        pytester.makepyfile(test_broken=source)
        # In a context of its own, as a broken place leaves values behind.
        result = contextvars.copy_context().run(
            pytester.runpytest_inprocess, "-p", "no:randomly", "-p", "no:cacheprovider", "-k", promise, "-W", "ignore"
        )
        return result.stdout.str()

    return run


def test_a_place_that_answers_otherwise_is_told_in_what(run):
    said = run(NAMED, "test_a_header_value_that_would_break or test_text_is_the_body")
    assert "header x-server" in said
    assert "without server: None" in said


def test_a_body_that_is_cut_short_is_found(run):
    said = run(CUT_SHORT, "test_text_is_the_body")
    assert "there:          b'sorr'" in said


def test_a_request_that_is_not_finished_is_found(run):
    assert "the access log was asked 0 times" in run(NOT_CLOSED, "test_text_is_the_body")
    assert "--- an exception: the access log was asked 0 times" in run(NOT_CLOSED, "async_handlers and chunk")


def test_a_value_that_is_left_behind_is_found(run):
    assert "contract.seen" in run(LEAVING, "test_text_is_the_body")
    said = run(
        LEAVING,
        "test_no_value_of_a_request_is_ever_seen_in_another and sync",
        "leaves = ('hookchain.testing.contract.seen',)",
    )
    assert "a value of left at the start of" in said


def test_answers_that_are_another_s_are_found(run):
    said = run(CUT_SHORT, "test_no_value_of_a_request_is_ever_seen_in_another and sync")
    assert "request 0 was answered 200" in said


def test_tests_that_need_what_a_place_has_not_are_left_out_and_none_is_skipped(run):
    said = run("return app(environ, start_response)", "app or cancel", "has_app = False", "None")
    assert " failed" not in said
    assert " skipped" not in said
    assert "test_the_app_learns_of_the_user" not in said

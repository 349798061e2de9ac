"""Delivery and drivers: what is closed, and what happens where nothing may happen any more."""

from __future__ import annotations

import asyncio

import pytest
from werkzeug.exceptions import NotFound

from hookchain import InternalRedirect, Response
from hookchain.cycle import _status_of
from hookchain.drivers import Here, adrive_to_end, drive_to_end
from hookchain.going_on import SEND
from hookchain.handlers import Handler, check_callable
from hookchain.settings import make_settings
from hookchain.testing import make_request
from hookchain.threads import Threads
from tests.asking import Calls, by_ahandle, by_handle, by_wsgi, quiet


def sending():
    yield SEND, (Response(),)


def test_steps_that_send_nothing_must_not_want_a_response_to_be_sent():
    with pytest.raises(RuntimeError, match=r"sends? nothing"):
        drive_to_end(sending(), Here())
    with pytest.raises(RuntimeError, match=r"sends? nothing"):
        asyncio.run(adrive_to_end(sending(), Threads()))


class Broken:
    """A body whose closing fails."""

    def __iter__(self):
        return iter(["a", b"b"])

    def close(self):
        raise LookupError("in close()")


@pytest.mark.parametrize("way", [by_handle, by_ahandle, by_wsgi])
def test_a_body_whose_close_fails_is_logged_and_the_request_is_finished(way, error_log):
    ran = Calls()
    hooks = quiet()
    hooks.content(lambda req: Response(Broken()))
    hooks.log(ran.handler("LOG"))
    assert way(hooks).body == b"ab"
    assert ran == ["LOG"]
    assert "in close()" in error_log()


class BrokenAsync:
    """An async body whose closing fails."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration

    async def aclose(self):
        raise LookupError("in aclose()")


class Unclosable:
    """An async body that has nothing to close."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration


@pytest.mark.parametrize("way", [by_ahandle, by_wsgi])
@pytest.mark.parametrize("body", [BrokenAsync, Unclosable])
def test_an_async_body_may_fail_to_close_or_have_nothing_to_close(way, body, error_log):
    ran = Calls()
    hooks = quiet()
    hooks.content(lambda req: body())
    hooks.log(ran.handler("LOG"))
    assert way(hooks).status == 200
    assert ran == ["LOG"]
    assert ("in aclose()" in error_log()) is (body is BrokenAsync)


def test_a_body_that_fails_while_it_is_read_without_await_ends_the_request():
    seen: list[str] = []
    hooks = quiet()

    @hooks.content
    def body(req):
        yield "a"
        raise LookupError("in the body")

    hooks.log(lambda req: seen.append(repr(req.exception)))
    response = asyncio.run(hooks.ahandle(make_request()))
    with pytest.raises(LookupError):
        response.get_data()
    assert seen == ["LookupError('in the body')"]


def test_a_reader_that_goes_away_in_the_middle_leaves_the_rest_to_close():
    seen: list[bool] = []
    hooks = quiet()
    hooks.content(lambda req: iter(["a", "b"]))
    hooks.log(lambda req: seen.append(req.aborted))
    response = asyncio.run(hooks.ahandle(make_request()))
    chunks = iter(response.response)
    next(chunks)
    chunks.close()
    assert seen == []
    response.close()
    assert seen == [True]


def test_the_location_that_was_set_goes_on_to_the_record_of_an_error_document_with_a_redirecting_status(ask):
    hooks = quiet()

    @hooks.content("/from")
    def moved(req):
        req.status = 302
        req.headers_out["Location"] = "/there"
        return InternalRedirect("/page")

    hooks.content("/page")(lambda req: "moved")
    answer = ask(hooks, "/from")
    assert (answer.status, answer.headers["Location"], answer.text) == (302, "/there", "moved")


def test_the_status_of_an_outcome_is_that_of_its_exception():
    assert _status_of(NotFound()) == 404
    assert _status_of(LookupError()) == 500


def test_a_builtin_that_does_not_tell_its_signature_is_taken_at_its_word():
    check_callable(min, "access handler", 1)
    assert "Handler builtins.min" in repr(Handler(min, None))


def test_a_setting_that_there_is_not_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="did you mean 'debug'"):
        make_settings({"debg": True})

"""One way out: headers, output filters and input filters, for every response there is."""

from __future__ import annotations

import io

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response

from hookchain import DONE, OK, InternalRedirect
from hookchain.header_pairs import BadHeaderError, check
from hookchain.responses import drop_bad_headers
from hookchain.testing import make_request
from tests.asking import Calls, by_handle, by_wsgi, quiet


def app_with(status, *headers):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [b"app"]

    return app


def setting(hooks):
    """Let a handler set headers of both kinds as early as it can."""

    @hooks.post_read_request
    def headers(req):
        req.headers_out["X-Out"] = "out"
        req.err_headers_out["X-Err"] = "err"

    return hooks


WAYS_TO_END = {
    "OK": (lambda: OK, True),
    "DONE": (lambda: DONE, True),
    "text": (lambda: "text", True),
    "status": (lambda: 404, False),
    "exception": (lambda: Calls().handler("a", Forbidden())(None), False),
    "crash": (lambda: Calls().handler("a", LookupError())(None), False),
    "rubbish": (lambda: 1.5, False),
    "declined": (lambda: None, False),
}


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_err_headers_out_goes_with_every_response_and_headers_out_with_ok_and_done_alone(ask, way):
    answer, success = WAYS_TO_END[way]
    hooks = setting(quiet())
    hooks.content(lambda req: answer())
    headers = ask(hooks).headers
    assert headers.getlist("X-Err") == ["err"]
    assert headers.getlist("X-Out") == (["out"] if success else [])


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oh"])
def test_headers_out_goes_with_the_apps_answer_whatever_its_status(status):
    headers = by_wsgi(setting(quiet()), app=app_with(status)).headers
    assert (headers["X-Out"], headers["X-Err"]) == ("out", "err")


@pytest.mark.parametrize("status", [403, 404])
def test_headers_out_does_not_go_with_a_refusal(ask, status):
    hooks = setting(quiet())
    hooks.access(lambda req: status)
    headers = ask(hooks).headers
    assert ("X-Out" in headers, headers["X-Err"]) == (False, "err")


def test_the_last_resort_gets_err_headers_out_and_passes_the_filters_too(ask):
    hooks = setting(quiet())
    hooks.content(lambda req: Response("x", headers={"X-Bad": "a\x00b"}))
    hooks.output_filter(lambda req, response: response.headers.add("X-Filter", str(response.status_code)))
    answer = ask(hooks)
    assert answer.status == 500
    assert (answer.headers["X-Err"], answer.headers["X-Filter"]) == ("err", "500")
    assert "X-Bad" not in answer.headers


def test_what_a_response_says_itself_stays_and_lists_grow(ask):
    hooks = quiet()

    @hooks.fixup
    def headers(req):
        for out in (req.headers_out, req.err_headers_out):
            out.add("Set-Cookie", f"{out is req.headers_out}=1")
            out.add("Cache-Control", "no-store")
            out["X-A"] = "from the handler"

    hooks.content(lambda req: ("x", {"X-A": "own", "Set-Cookie": "own=1"}))
    answer = ask(hooks)
    assert answer.headers.getlist("X-A") == ["own"]
    assert answer.headers.getlist("Set-Cookie") == ["own=1", "True=1", "False=1"]
    assert answer.headers.getlist("Cache-Control") == ["no-store"], "nothing is said twice"


def test_a_response_object_can_be_answered_with_again_and_again(ask):
    same = Response("same", 200)
    hooks = quiet()
    hooks.fixup(lambda req: req.headers_out.add("Set-Cookie", "a=1"))
    hooks.content(lambda req: same)
    hooks.output_filter(lambda req, response: Response(response.get_data() + b"!", headers=response.headers))
    for _ in range(3):
        assert ask(hooks).headers.getlist("Set-Cookie") == ["a=1"]
    assert "Set-Cookie" not in same.headers
    assert same._on_close == []


@pytest.mark.parametrize("sign", ["\x00", "\r", "\n", "\r\nX-Injected: 1", "\x1f", "\x7f", "€"])
def test_a_header_value_that_would_break_the_response_apart_never_leaves(ask, sign, error_log):
    for where in ("response", "headers_out", "err_headers_out", "filter"):
        hooks = quiet()
        bad = Headers()
        bad._list.append(("X-Bad", f"a{sign}b"))

        def content(req, where=where, bad=bad):
            if where.endswith("out"):
                getattr(req, where)._list.extend(bad)
            response = Response("x")
            if where == "response":
                response.headers._list.extend(bad)
            return response

        def spoil(req, response, where=where, bad=bad):
            if where == "filter":
                response.headers._list.extend(bad)

        hooks.content(content)
        hooks.output_filter(spoil)
        answer = ask(hooks)
        assert answer.status == 500
        assert "X-Bad" not in answer.headers
        assert "X-Injected" not in answer.headers
        assert "X-Bad" in error_log() or "newline" in error_log()


def test_a_header_name_that_is_no_token_never_leaves(ask):
    hooks = quiet()

    @hooks.content
    def content(req):
        response = Response("x")
        response.headers._list.append(("X Bad:", "1"))
        return response

    assert ask(hooks).status == 500


@pytest.mark.parametrize("sign", ["\x00", "\r", "\n", "\r\nX-Injected: 1", "€"])
def test_a_status_line_that_would_break_the_response_apart_never_leaves(ask, sign, error_log):
    for answer in (("x", f"200 O{sign}K"), Response("x", f"200 O{sign}K")):
        hooks = quiet()
        hooks.content(lambda req, answer=answer: answer)
        assert ask(hooks).status == 500
        assert "status line" in error_log()
    assert by_wsgi(quiet(), app=app_with(f"200 O{sign}K")).status == 500


def test_bad_headers_are_told_from_good_ones():
    response = Response()
    response.headers = headers = Headers([("X-Good", "tab\tand ä")])
    check(headers)
    headers._list += [("X-Bad", "a\x00b"), ("X-Broken", "a\nb"), ("X-Good", "again"), ("Bad Name", "x")]
    with pytest.raises(BadHeaderError, match="X-Bad"):
        check(headers)
    drop_bad_headers(response)
    assert list(headers) == [("X-Good", "tab\tand ä"), ("X-Good", "again")]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_leaves_without_one(ask, status):
    hooks = quiet()
    hooks.content(lambda req: ("a body", status))
    answer = ask(hooks)
    assert (answer.status, answer.body) == (status, b"")
    assert "Content-Length" not in answer.headers or status == 304


def test_a_location_leaves_encoded(ask):
    hooks = quiet()
    hooks.content(lambda req: ("", 302, {"Location": "/ä b"}))
    assert ask(hooks).headers["Location"] == "/%C3%A4%20b"


@pytest.mark.parametrize("status", [201, 301, 302, 303, 307, 308])
def test_a_redirect_that_is_answered_as_a_status_takes_the_location_that_was_set(ask, status):
    hooks = quiet()
    hooks.fixup(lambda req: req.headers_out.update(Location="/there"))
    hooks.content(lambda req: status)
    answer = ask(hooks)
    assert (answer.status, answer.headers["Location"]) == (status, "/there")


@pytest.mark.parametrize(
    "mess",
    [
        lambda req: setattr(req, "status", "404"),
        lambda req: setattr(req, "status", None),
        lambda req: setattr(req, "headers_out", {"X-A": "1"}),
        lambda req: setattr(req, "err_headers_out", {"X-A": "1"}),
        lambda req: setattr(req, "content_type_out", "a\r\nb"),
        lambda req: setattr(req, "notes", None),
    ],
)
def test_whatever_a_handler_leaves_in_the_request_the_client_gets_an_answer_and_log_its_line(ask, mess):
    lines: list[int] = []
    hooks = quiet()
    hooks.fixup(mess)
    hooks.content(lambda req: "x")
    hooks.log(lambda req: lines.append(req.status))
    status = ask(hooks).status
    assert status in {200, 500}
    assert lines == [status]


def test_a_mess_is_raised_with_debug():
    hooks = quiet(debug=True)
    hooks.fixup(lambda req: setattr(req, "status", "404"))
    hooks.content(lambda req: "x")
    with pytest.raises(TypeError):
        by_handle(hooks)


def test_a_status_that_is_none_to_be_sent_becomes_500(ask):
    hooks = quiet()
    hooks.content(lambda req: setattr(req, "status", 1000) or "x")
    assert ask(hooks).status == 500


# --- output filters


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_every_response_passes_the_output_filters(ask, way):
    hooks = quiet()
    hooks.content(lambda req: WAYS_TO_END[way][0]())
    hooks.output_filter(lambda req, response: response.headers.add("X-Seen", str(response.status_code)))
    answer = ask(hooks)
    assert answer.headers["X-Seen"] == str(answer.status)


def test_filters_are_scoped_and_ordered_like_handlers(ask):
    hooks = quiet()
    hooks.content(lambda req: "x")
    ran: list[str] = []
    hooks.section("/in").output_filter(lambda req, response: ran.append("inner"))
    hooks.output_filter(lambda req, response: ran.append("outer"))
    hooks.output_filter(order="first", methods=["GET"])(lambda req, response: ran.append("first"))
    hooks.output_filter(when=lambda req: False)(lambda req, response: ran.append("never"))
    ask(hooks, "/in")
    assert ran == ["first", "outer", "inner"]


def test_an_async_filter_works_where_there_is_an_event_loop(ask_async):
    hooks = quiet()
    hooks.content(lambda req: "x")

    @hooks.output_filter
    async def upper(req, response):
        response.headers["X-Async"] = "yes"

    assert ask_async(hooks).headers["X-Async"] == "yes"


def test_a_filter_may_wrap_the_body_and_streaming_stays_streaming():
    made: list[int] = []

    def chunks():
        for number in range(3):
            made.append(number)
            yield f"{number}"

    hooks = quiet()
    hooks.content(lambda req: chunks())

    @hooks.output_filter
    def double(req, response):
        body = response.response
        response.response = (chunk * 2 for chunk in body)

    response = hooks.handle(make_request())
    parts = iter(response.response)
    assert (next(parts), made) == (b"00", [0])
    assert b"".join(parts) == b"1122"


def test_what_was_said_of_the_body_is_put_right_when_a_filter_replaces_it(ask):
    hooks = quiet()
    said = {
        "Content-Length": "1",
        "ETag": '"a"',
        "Accept-Ranges": "bytes",
        "Last-Modified": "Sun, 22 Nov 2026 00:00:00 GMT",
    }
    hooks.content(lambda req: ("x", said))

    @hooks.output_filter
    def longer(req, response):
        response.response = [b"longer"]

    headers = ask(hooks).headers
    assert headers["Content-Length"] == "6"
    assert not {"ETag", "Accept-Ranges", "Last-Modified"} & set(headers.keys())


def test_what_a_filter_says_itself_of_the_new_body_stays(ask):
    hooks = quiet()
    hooks.content(lambda req: ("x", {"ETag": '"old"'}))

    @hooks.output_filter
    def other(req, response):
        response.response = [b"new"]
        response.headers["ETag"] = '"new"'

    assert ask(hooks).headers["ETag"] == '"new"'


def test_a_filtered_file_is_sent_whole_and_ranges_are_answered_by_the_unfiltered_one(ask, tmp_path):
    (tmp_path / "a.txt").write_text("0123456789")
    hooks = quiet(document_root=tmp_path)
    hooks.section("/a.txt", when=lambda req: "filter" in req.args).output_filter(
        lambda req, response: setattr(response, "response", [b"filtered text"])
    )
    part = ask(hooks, "/a.txt", headers={"Range": "bytes=2-4"})
    assert (part.status, part.text) == (206, "234")
    whole = ask(hooks, "/a.txt?filter", headers={"Range": "bytes=2-4"})
    assert (whole.status, whole.text, "Content-Range" in whole.headers) == (200, "filtered text", False)


@pytest.mark.parametrize("made", [lambda: Response("other", 418), lambda: SansIOResponse(status=418)])
def test_a_filter_may_return_another_response_which_gets_what_every_response_gets(ask, made):
    hooks = setting(quiet(challenge="Bearer"))
    hooks.content(lambda req: "x")
    hooks.output_filter(lambda req, response: made())
    answer = ask(hooks)
    assert (answer.status, answer.headers["X-Err"]) == (418, "err")
    assert answer.req.response.status_code == 418
    hooks = quiet(challenge="Bearer")
    hooks.content(lambda req: "x")
    hooks.output_filter(lambda req, response: Response("who?", 401))
    assert ask(hooks).headers["WWW-Authenticate"] == "Bearer"


def test_a_filter_that_raises_is_answered_with_500_which_passes_the_other_filters(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: "x")
    seen: list[int] = []
    hooks.output_filter(lambda req, response: seen.append(response.status_code))
    hooks.output_filter(_broken)
    hooks.output_filter(lambda req, response: seen.append(response.status_code))
    answer = ask(hooks)
    assert answer.status == 500
    assert seen == [200, 500, 500]
    assert "_broken" in error_log()
    assert isinstance(answer.req.exception, LookupError)


def _broken(req, response):
    raise LookupError("broken filter")


def test_a_filter_may_refuse_by_an_http_exception(ask):
    for error, expected in ((Forbidden(), (403, True)), (HTTPException(response=Response("own", 402)), (402, False))):
        hooks = setting(quiet())
        hooks.content(lambda req: "secret")

        def refuse(req, response, error=error):
            raise error

        hooks.output_filter(refuse)
        answer = ask(hooks)
        assert (answer.status, "Forbidden" in answer.text) == expected
        assert answer.headers["X-Err"] == "err"


@pytest.mark.parametrize("answer", ["text", 404, 1.5, True])
def test_a_filter_that_returns_anything_else_is_a_programming_error(ask, answer, error_log):
    hooks = quiet()
    hooks.content(lambda req: "x")
    hooks.output_filter(lambda req, response: answer)
    assert ask(hooks).status == 500
    assert "an output filter returns None or a Response" in error_log()
    assert repr(answer) in error_log()


def test_with_debug_a_broken_filter_raises_to_the_server(ask):
    hooks = quiet(debug=True)
    hooks.content(lambda req: "x")
    hooks.output_filter(_broken)
    with pytest.raises(LookupError, match="broken filter"):
        ask(hooks)


def test_after_a_redirect_the_filters_of_both_urls_apply_each_once(ask):
    ran: list[str] = []
    hooks = quiet()
    hooks.output_filter(lambda req, response: ran.append("both"))
    hooks.output_filter("/from")(lambda req, response: ran.append("from"))
    hooks.output_filter("/to")(lambda req, response: ran.append("to"))
    hooks.content("/from")(lambda req: InternalRedirect("/to"))
    hooks.content("/to")(lambda req: "to")
    ask(hooks, "/from")
    assert sorted(ran) == ["both", "from", "to"]


def test_the_filters_whose_condition_raises_apply_rather_than_not(ask, error_log):
    hooks = quiet()
    hooks.content(lambda req: "x")
    hooks.output_filter(when=Calls().handler("when", LookupError("broken when")))(
        lambda req, response: response.headers.add("X-Filter", "1")
    )
    assert ask(hooks).headers["X-Filter"] == "1"
    assert "broken when" in error_log()


def test_a_response_that_is_not_sent_after_all_is_closed(ask):
    closed: list[str] = []

    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            closed.append("closed")

    hooks = quiet()
    hooks.content(lambda req: Response(Body()))
    hooks.output_filter(_broken)
    assert ask(hooks).status == 500
    assert closed == ["closed"]


# --- input filters


def test_an_input_filter_returns_the_stream_to_read_instead(ask):
    hooks = quiet()
    hooks.input_filter("/upper")(lambda req, stream: io.BytesIO(stream.read().upper()))
    hooks.content(lambda req: req.get_data())
    assert ask(hooks, "/upper", "POST", data="body").text == "BODY"
    assert ask(hooks, "/other", "POST", data="body").text == "body"


def test_an_app_behind_reads_what_input_filters_made_of_the_body():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]

    hooks = quiet()
    hooks.input_filter(lambda req, stream: io.BytesIO(stream.read() * 2))
    assert by_wsgi(hooks, "/", "POST", data="body", app=app).text == "bodybody"

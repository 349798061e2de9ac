"""What is answered at once, without generator and driver, is what the long way round would have answered."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Unauthorized
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from hookchain import OK, Phase, current_request, header_pairs, leaving_at_once
from hookchain.plain_response import PlainResponse, text_response
from hookchain.stretches import ENTER
from hookchain.testing import make_request
from hookchain.wsgi import WSGIChain
from tests.asking import by_asgi, by_handle, by_wsgi, quiet
from tests.core.test_framework import Recorded


def asked(app, path="/", method="GET"):
    """Call an application as a server does; returns its status, headers and iterable."""
    started = []
    body = app(create_environ(path, method=method), lambda status, headers, *_: started.extend([status, headers]))
    return started[0], started[1], body


def refuses(*_):
    raise OSError("the client has gone")


def stops(*_):
    raise StopIteration


# --- text


def test_a_text_that_nobody_has_a_say_in_is_one_piece_without_anything_behind_it():
    hooks = quiet()
    hooks.content(lambda req: "text")
    status, headers, body = asked(hooks.wsgi())
    assert (status, body) == ("200 OK", [b"text"])
    assert headers == [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "4")]


def test_the_response_of_a_text_is_there_for_whoever_asks_for_it():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.log(lambda req: seen.append((req.response, req.response, req.status)))
    answer = by_wsgi(hooks)
    (first, again, status) = seen[0]
    assert first is again
    assert (first.get_data(), first.headers["Content-Length"], status) == (b"text", "4", 200)
    assert answer.headers.to_wsgi_list() == first.headers.to_wsgi_list()


@pytest.mark.parametrize("way", [by_handle, by_wsgi, by_asgi])
@pytest.mark.parametrize("kind", [str, Response, lambda text: iter([text])], ids=["text", "response", "stream"])
def test_the_response_that_log_sees_is_the_one_that_was_sent_whatever_was_set_before(way, kind):
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: setattr(req, "response", Response("mine", 418, headers={"X-Mine": "1"})))
    hooks.content(lambda req: kind("text"))
    hooks.log(lambda req: seen.append((req.response, req.response)))
    assert way(hooks).body == b"text"
    ((first, again),) = seen
    assert first is again
    assert (first.status_code, "X-Mine" in first.headers) == (200, False)


def test_a_response_that_is_set_when_a_text_has_been_sent_is_there_from_then_on():
    hooks, seen = quiet(), []
    later = Response("later")
    hooks.log(lambda req: setattr(req, "response", later))
    hooks.log(lambda req: seen.append(req.response))
    hooks.content(lambda req: "text")
    assert by_wsgi(hooks).body == b"text"
    assert seen == [later]


@pytest.mark.parametrize("answer", ["\ud800", ("\ud800", 201)], ids=["text", "tuple"])
@pytest.mark.parametrize("has_status", [False, True], ids=["as it is", "with a status"])
def test_a_text_that_utf8_cannot_say_is_the_handlers_mistake(answer, has_status, caplog):
    hooks, seen = quiet(), []
    if has_status:
        hooks.fixup(lambda req: setattr(req, "status", 202))
    hooks.content(lambda req: answer, name="surrogate")
    hooks.log(lambda req: seen.append((req.status, req.decided_by)))
    assert by_wsgi(hooks).status == 500
    assert seen == [(500, "surrogate")]
    assert "surrogate (" in caplog.text
    assert "lone surrogates" in caplog.text


def test_a_request_has_no_response_before_it_is_answered():
    assert make_request("/").response is None
    assert type(make_request("/")).response is not None  # what makes it, seen in the class


@pytest.mark.parametrize("change", ["status", "type", "headers_out", "err_headers_out"])
def test_a_handler_that_had_a_say_is_heard(change):
    hooks = quiet()

    @hooks.fixup
    def says(req):
        match change:
            case "status":
                req.status = 404
            case "type":
                req.content_type_out = "text/x-own"
            case _:
                getattr(req, change)["X-Own"] = "1"

    hooks.content(lambda req: "text")
    answer = by_wsgi(hooks)
    said = {
        "status": answer.status == 404,
        "type": answer.headers["Content-Type"] == "text/x-own",
        "headers_out": answer.headers.get("X-Own") == "1",
        "err_headers_out": answer.headers.get("X-Own") == "1",
    }
    assert [name for name, is_said in said.items() if is_said] == (
        [change] if "headers" not in change else ["headers_out", "err_headers_out"]
    )


# --- the end


@pytest.mark.parametrize("answer", ["text", Response("text", headers={"X-Own": "1"})])
def test_a_server_that_refuses_the_response_has_the_request_finished_once(answer):
    hooks, seen = quiet(), []
    hooks.content(lambda req: answer)
    hooks.log(lambda req: seen.append(str(req.exception)))
    with pytest.raises(OSError, match="gone"):
        hooks.wsgi()(create_environ("/"), refuses)
    with pytest.raises(StopIteration):  # which must not end a generator in silence
        hooks.wsgi()(create_environ("/"), stops)
    assert seen == ["the client has gone", ""]


def test_a_server_that_is_interrupted_at_the_start_has_the_request_finished():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.log(lambda req: seen.append((req.aborted, type(req.exception))))

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hooks.wsgi()(create_environ("/"), interrupted)
    assert seen == [(True, KeyboardInterrupt)]


def test_a_whole_body_can_be_iterated_over_and_closed_again_without_a_second_end():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.log(lambda req: seen.append((req.bytes_sent, req.aborted)))
    _, _, body = asked(hooks.wsgi())
    assert [*body, *body] == [b"text"]
    body.close()
    body.close()
    assert seen == [(4, False)]


def test_a_whole_body_that_is_closed_in_its_middle_was_broken_off():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.log(lambda req: seen.append((req.bytes_sent, req.aborted)))
    _, _, body = asked(hooks.wsgi())
    assert next(iter(body)) == b"text"
    body.close()
    assert seen == [(4, True)]


@pytest.mark.parametrize("phase", [Phase.LOG, Phase.CLEANUP])
@pytest.mark.parametrize("place", range(3))
def test_behind_a_finisher_that_fails_the_others_run(phase, place):
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    for number in range(3):

        def finisher(req, number=number):
            seen.append(number)
            return 1 / 0 if number == place else OK

        hooks.register(phase, finisher, allow_duplicate=True)
    hooks.cleanup(lambda req: seen.append("cleanup"))
    by_wsgi(hooks)
    assert seen == [0, 1, 2, "cleanup"]


@pytest.mark.parametrize("phase", ["log", "cleanup"])
def test_what_finishers_add_runs_in_its_turn(phase):
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")

    @getattr(hooks, phase)
    def adds(req):
        req.add_handler(phase, lambda req: seen.append(f"added to {phase}"))
        req.register_cleanup(seen.append, "registered")

    hooks.cleanup(lambda req: seen.append("cleanup"))
    by_wsgi(hooks)
    expected = {
        "log": ["added to log", "registered", "cleanup"],
        "cleanup": ["cleanup", "added to cleanup", "registered"],
    }
    assert seen == expected[phase]


def test_a_finisher_that_only_leaves_something_behind_has_it_run_behind_it():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.cleanup(lambda req: req.register_cleanup(seen.append, "registered in cleanup"))
    hooks.cleanup(lambda req: seen.append("cleanup"))
    by_wsgi(hooks)
    assert seen == ["cleanup", "registered in cleanup"]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_finisher_that_is_async_or_was_added_to_the_request_runs(is_async):
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")

    async def later(req):
        seen.append("async")

    if is_async:
        hooks.log(later)
    else:
        hooks.fixup(lambda req: req.add_handler("log", lambda req: seen.append("added")))
    by_wsgi(hooks)
    assert seen == ["async" if is_async else "added"]


# --- responses and filters


def test_a_401_passes_filters_with_its_challenge():
    hooks, seen = quiet(challenge="Basic"), []
    hooks.content(lambda req: Response("no", 401))
    hooks.output_filter(lambda req, response: seen.append(response.headers["WWW-Authenticate"]))
    assert (by_wsgi(hooks).status, seen) == (401, ["Basic"])


def test_a_filter_may_set_a_status_that_has_no_body():
    hooks = quiet()
    hooks.content(lambda req: "text")

    @hooks.output_filter
    def empties(req, response):
        response.status_code = 204

    answer = by_wsgi(hooks)
    assert (answer.status, answer.body, answer.headers.get("Content-Length")) == (204, b"", None)


def test_filters_behind_one_that_fails_see_the_page_that_takes_its_place():
    hooks, seen = quiet(), []
    hooks.content(lambda req: "text")
    hooks.output_filter(lambda req, response: seen.append(("first", response.status_code)))

    @hooks.output_filter
    def fails(req, response):
        raise Unauthorized

    hooks.output_filter(lambda req, response: seen.append(("last", response.status_code)))
    assert by_wsgi(hooks).status == 401
    assert seen == [("first", 200), ("first", 401), ("last", 401)]


def test_an_answer_that_is_kept_is_never_changed():
    hooks = quiet()
    kept = Response("text", headers={"X-Own": "1"})
    before = kept.headers.to_wsgi_list()
    hooks.content(lambda req: kept)
    hooks.output_filter("/filtered")(lambda req, response: response.headers.set("X-Filter", "1"))
    for path in ("/", "/filtered", "/"):
        assert by_wsgi(hooks, path).headers.get("X-Filter") == ("1" if path == "/filtered" else None)
    assert kept.headers.to_wsgi_list() == before


def test_a_response_passed_through_keeps_what_it_is_closed_with():
    hooks, seen = quiet(), []

    @hooks.content
    def passed(req):
        response = Response(iter([b"te", b"xt"]), direct_passthrough=True)
        response.call_on_close(lambda: seen.append("closed"))
        return response

    assert (by_wsgi(hooks).body, seen) == (b"text", ["closed"])


@pytest.mark.parametrize("lengths", [["3"], ["3", "3"], ["99"], []])
def test_a_length_that_is_not_the_bodys_is_put_right(lengths):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", length) for length in lengths])
        return [b"text"]

    assert by_wsgi(quiet(), app=app).headers.getlist("Content-Length") == ["4"]


@pytest.mark.parametrize("headers", [[], [("content-type", "text/x-own")]])
def test_a_status_line_without_a_reason_is_given_one(headers):
    def app(environ, start_response):
        start_response("200", headers)
        return [b"text"]

    answer = by_wsgi(quiet(), app=app)
    assert (answer.status, answer.headers.get("Content-Type")) == (200, dict(headers).get("content-type"))


@pytest.mark.parametrize("keys", [[], ["RAW_URI"], ["REQUEST_URI"], ["RAW_URI", "REQUEST_URI"]])
def test_the_app_gets_the_one_path_in_each_key_that_the_server_has_set(keys):
    seen = []

    def app(environ, start_response):
        seen.append({key: environ[key] for key in ("RAW_URI", "REQUEST_URI") if key in environ})
        start_response("200 OK", [])
        return []

    environ = create_environ("/a")
    for key in ("RAW_URI", "REQUEST_URI"):
        del environ[key]
    environ |= {"PATH_INFO": "//a/./b"} | dict.fromkeys(keys, "//a/%2e/b")
    quiet().wsgi(app)(environ, lambda *_: None)
    assert seen == [dict.fromkeys(keys, "/a/b")]


def test_an_app_that_says_unusual_things_is_understood():
    def app(environ, start_response):
        start_response("299 Own", [("content-type", "text/x-own"), ("X-Latin", "\xe9")])
        return (b"te", b"xt")

    answer = by_wsgi(quiet(), app=app)
    assert (answer.status, answer.body) == (299, b"text")
    assert (answer.headers["Content-Type"], answer.headers["X-Latin"]) == ("text/x-own", "\xe9")


# --- places


def test_one_chain_around_many_apps_answers_with_each_of_them():
    hooks = quiet()

    def app_named(name):
        def app(environ, start_response):
            start_response("200 OK", [])
            return [name.encode()]

        return app

    apps = [hooks.wsgi(app_named(f"app {number}")) for number in range(70)]
    for number, app in [*enumerate(apps), (0, apps[0])]:
        assert b"".join(asked(app)[2]) == f"app {number}".encode()


def test_one_chain_alone_and_inside_a_framework_asks_the_framework_where_there_is_one():
    hooks, framework = quiet(), Recorded()
    hooks.content(lambda req: f"{req.endpoint}")
    assert by_wsgi(hooks, "/a").text == "None"
    assert hooks.handle(make_request("/a")).get_data() == b"None"
    assert b"".join(asked(WSGIChain(hooks, None, lambda req: framework), "/a")[2]) == b"a"
    in_no_place = make_request("/a")
    in_no_place.framework = framework
    assert hooks.handle(in_no_place).get_data() == b"a"


def test_a_framework_whose_contexts_do_not_close_answers_500_and_the_response_is_closed():
    hooks, closed = quiet(), []

    @hooks.content
    def content(req):
        response = Response("text")
        response.call_on_close(lambda: closed.append(True))
        return response

    def breaks(error):
        raise LookupError("open")

    framework = Recorded(has_finalised=lambda req: True, exit=breaks)
    assert asked(WSGIChain(hooks, None, lambda req: framework))[0].startswith("500")
    assert closed == [True]


def test_without_a_framework_there_is_no_route_to_look_for():
    assert ENTER[True].call(make_request("/")) is None


def test_the_record_is_that_of_the_request_while_it_is_answered_at_once():
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: seen.append(current_request() is req))
    hooks.content(lambda req: "text")
    by_wsgi(hooks)
    assert seen == [True]


@pytest.mark.parametrize("method", ["TRACE", "BREW", "B\xe4d"])
@pytest.mark.parametrize("phase", [Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE])
@pytest.mark.parametrize("answer", [None, OK])
def test_a_handler_that_gives_a_request_another_method_has_it_asked_about(ask, phase, method, answer):
    hooks = quiet()

    def rename(req):
        req.method = method
        return answer

    hooks.register(phase, rename)
    hooks.content(lambda req: f"{req.method} {req.unparsed_method}")
    status = ask(hooks).status
    if method == "B\xe4d" and phase is Phase.POST_READ_REQUEST:
        assert status == 400
    elif method == "TRACE" and not (phase is Phase.MAP_TO_STORAGE and answer is OK):
        assert status == 405
    else:
        assert status == 200


@pytest.mark.parametrize("where", [None, "/"])
def test_finishers_of_which_some_depend_on_a_condition_are_called_one_by_one(where):
    hooks, called = quiet(), []
    hooks.log(lambda req: called.append("log"))
    hooks.section("/", when=lambda req: where is None).cleanup(lambda req: called.append("cleanup"))
    hooks.content(lambda req: "x")
    by_wsgi(hooks)
    assert called == (["log", "cleanup"] if where is None else ["log"])


@pytest.mark.parametrize("name", ["headers_out", "err_headers_out"])
@pytest.mark.parametrize("answer", ["text", Response("response"), 404])
def test_headers_that_were_set_as_a_whole_are_sent(name, answer):
    hooks = quiet()
    hooks.fixup(lambda req: setattr(req, name, Headers({"X-Own": "1"})))
    hooks.content(lambda req: answer)
    assert by_wsgi(hooks).headers.get("X-Own") == (None if (name, answer) == ("headers_out", 404) else "1")


def test_variables_that_were_set_as_a_whole_are_told_to_the_app():
    hooks, seen = quiet(), []
    hooks.fixup(lambda req: setattr(req, "env", {"COLOUR": "red"}))

    def app(environ, start_response):
        seen.append(environ.get("COLOUR"))
        start_response("200 OK", [])
        return [b""]

    by_wsgi(hooks, app=app)
    assert seen == ["red"]


def test_what_a_filter_adds_to_the_page_of_a_status_goes_with_that_one_page():
    hooks = quiet()
    hooks.output_filter(lambda req, response: response.response.append(b"for " + req.path.encode()))
    bodies = [by_wsgi(hooks, path).body for path in ("/ann", "/bob")]
    assert [(b"for /ann" in body, b"for /bob" in body) for body in bodies] == [(True, False), (False, True)]


@pytest.mark.parametrize("phase", [Phase.POST_READ_REQUEST, Phase.TRANS])
def test_a_method_that_was_given_under_a_condition_is_refused_like_any_other(phase):
    hooks = quiet()
    hooks.section("/", when=lambda req: True).register(phase, lambda req: setattr(req, "method", "TRACE"))
    hooks.content(lambda req: "text")
    assert by_wsgi(hooks).status == 405


def test_a_text_takes_the_place_of_a_response_that_was_set_before():
    hooks = quiet()
    hooks.fixup(lambda req: setattr(req, "response", Response("mine", 404)))
    hooks.content(lambda req: "text")
    assert (by_handle(hooks).text, by_wsgi(hooks).text) == ("text", "text")


def test_cookies_are_not_remembered():
    hooks = quiet()
    hooks.content(lambda req: Response("text", headers={"Set-Cookie": "session=secret"}))
    assert by_wsgi(hooks).headers["Set-Cookie"] == "session=secret"
    assert "secret" not in repr(header_pairs._known)


def test_a_filter_may_put_headers_of_its_own_kind_on_a_response():
    hooks = quiet()

    class OwnHeaders(Headers):
        pass

    hooks.output_filter(lambda req, response: setattr(response, "headers", OwnHeaders({"X-Own": "1"})))
    hooks.content(lambda req: "text")
    answer = by_wsgi(hooks)
    assert (answer.headers["X-Own"], answer.headers["Content-Length"], answer.text) == ("1", "4", "text")


def test_what_classes_of_responses_are_like_is_remembered_of_so_many(monkeypatch):
    monkeypatch.setattr(leaving_at_once, "_MOST_KINDS", 3)
    hooks, kinds = quiet(), [type(f"Response{number}", (Response,), {}) for number in range(5)]
    for kind in kinds:
        hooks.content(f"/{kind.__name__}")(lambda req, kind=kind: kind("text"))
        assert len(leaving_at_once._says) <= 512
    assert [by_wsgi(hooks, f"/{kind.__name__}").text for kind in kinds] == ["text"] * 5
    assert len(leaving_at_once._says) <= 3


def test_a_copy_of_a_response_closes_what_the_response_would_close():
    response, closed = text_response(b"text"), []
    response.call_on_close(lambda: closed.append("closed"))
    copy = PlainResponse.copied(response)
    assert copy.whole is None
    copy.close()
    assert closed == ["closed"]


def test_a_default_that_fails_is_a_failure_where_a_trace_is_kept_too(tmp_path):
    hooks = quiet(document_root=tmp_path, debug=False)
    hooks.keeps_trace = True
    hooks.compile()

    def fails(req):
        raise OSError("the disk is gone")

    hooks.files.map_to_storage.call = fails
    assert by_wsgi(hooks, "/file").status == 500

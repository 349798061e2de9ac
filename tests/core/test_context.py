"""Context variables: one set of values for handlers, view, body and finishers, and for no other request."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from hookchain import OK, InternalRedirect, Response, current_request
from hookchain.testing import make_request
from tests.asking import by_ahandle, by_handle, by_wsgi, quiet

var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
bare: contextvars.ContextVar[str] = contextvars.ContextVar("bare")


def writing(hooks, kinds):
    """Register a handler for each phase, sync or async in turn, that adds a letter to the variable."""
    phases = ["post_read_request", "trans", "header_parser", "access", "type", "fixup", "content", "log", "cleanup"]
    for number, phase in enumerate(phases):
        letter = "abcdefghi"[number]
        if kinds[number % len(kinds)] == "s":
            hooks.register(phase, lambda req, letter=letter: var.set(var.get() + letter) and None)
        else:

            async def add(req, letter=letter):
                var.set(var.get() + letter)

            hooks.register(phase, add)
    return hooks


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as", "ssa", "aas"])
def test_what_one_handler_sets_the_next_sees_on_whichever_side_it_runs(ask_async, kinds):
    seen: list[str] = []
    hooks = writing(quiet(), kinds)

    @hooks.content(order="last")
    def body(req):
        seen.append("body " + var.get())
        var.set(var.get() + "B")
        yield "x"
        seen.append("body again " + var.get())

    hooks.cleanup(lambda req: seen.append("cleanup " + var.get()), order="last")
    var_before = var.get()
    ask_async(hooks)
    assert seen == ["body unsetabcdefg", "body again unsetabcdefgB", "cleanup unsetabcdefgBhi"]
    assert var.get() == var_before


@pytest.mark.parametrize("kinds", ["s", "a", "sa"])
def test_an_async_body_has_the_values_too(ask_async, kinds):
    seen: list[str] = []
    hooks = writing(quiet(), kinds)

    @hooks.content(order="last")
    async def body(req):
        var.set(var.get() + "1")
        yield "x"
        await asyncio.sleep(0)
        seen.append(var.get())
        var.set(var.get() + "2")

    hooks.log(lambda req: seen.append(var.get()), order="first")
    ask_async(hooks)
    assert seen == ["unsetabcdefg1", "unsetabcdefg12"]


def test_close_of_a_body_has_the_values(ask):
    seen: list[str] = []

    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            seen.append(var.get())

    hooks = quiet()
    hooks.access(lambda req: var.set("set") and None)
    hooks.content(lambda req: Response(Body()))
    ask(hooks)
    assert seen == ["set"]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_token_is_reset_in_the_second_half_of_a_pair(ask_async, is_async, error_log):
    seen: list[str] = []
    hooks = quiet()

    if is_async:

        @hooks.access
        async def pair(req):
            token = var.set("inside")
            other = bare.set("inside")
            yield
            var.reset(token)
            bare.reset(other)

        hooks.cleanup(lambda req: seen.append((var.get(), bare.get("missing"))))
    else:

        @hooks.access
        def pair(req):
            token = var.set("inside")
            other = bare.set("inside")
            yield
            var.reset(token)
            bare.reset(other)

        @hooks.cleanup
        async def look(req):
            seen.append((var.get(), bare.get("missing")))

        hooks.cleanup(lambda req: seen.append((var.get(), bare.get("missing"))))

    @hooks.content
    async def content(req):
        return var.get() + bare.get()

    assert ask_async(hooks).text == "insideinside"
    assert error_log() == ""
    assert set(seen) == {("unset", "missing")}


def test_a_token_is_reset_under_handle():
    seen: list[str] = []
    hooks = quiet()

    @hooks.access
    def pair(req):
        token = bare.set("inside")
        yield
        bare.reset(token)

    hooks.content(lambda req: bare.get())
    hooks.cleanup(lambda req: seen.append(bare.get("missing")))
    assert by_handle(hooks).text == "inside"
    assert seen == ["missing"]


def test_values_of_the_caller_are_seen_and_none_leaks_to_it_or_to_the_next_request_on_the_thread(ask):
    seen: list[str] = []
    hooks = quiet()
    hooks.access(lambda req: seen.append(var.get()) or (var.set("leaked?") and None))
    hooks.log(lambda req: var.set("from LOG") and None)
    token = var.set("caller")
    try:
        ask(hooks)
        ask(hooks)
        assert var.get() == "caller"
    finally:
        var.reset(token)
    assert seen == ["caller", "caller"]


def test_none_leaks_between_requests_on_one_event_loop():
    hooks = quiet()

    @hooks.access
    async def mark(req):
        var.set(req.args["name"])
        await asyncio.sleep(0)

    hooks.fixup(lambda req: req.notes.update(sync=var.get()))

    @hooks.content
    async def content(req):
        await asyncio.sleep(0)
        yield req.notes["sync"]
        await asyncio.sleep(0)
        yield var.get()

    async def ask(name):
        response = await hooks.ahandle(make_request(f"/?name={name}"))
        return (await response.aget_data()).decode()

    async def many():
        return await asyncio.gather(*(ask(f"{number:02}") for number in range(20)))

    assert asyncio.run(many()) == [f"{number:02}" * 2 for number in range(20)]


def test_none_leaks_between_requests_on_threads_with_an_event_loop_each():
    hooks = quiet()

    @hooks.access
    async def mark(req):
        assert var.get() == "unset"
        var.set(req.args["name"])

    hooks.content(lambda req: var.get())
    found: dict[str, list[str]] = {}

    def serve(name):
        found[name] = [by_handle_wsgi(hooks, f"/?name={name}{number}") for number in range(5)]

    def by_handle_wsgi(chain, path):
        started = []
        body = chain.wsgi()(make_request(path).environ, lambda status, headers, exc_info=None: started.append(status))
        try:
            return b"".join(body).decode()
        finally:
            body.close()

    threads = [threading.Thread(target=serve, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [f"{name}{number}" for number in range(5)] for name in "abcd"}


def test_the_current_request_is_found_in_handlers_filters_bodies_and_finishers(ask):
    seen: list[object] = []
    hooks = quiet()

    def look(req, *rest):
        seen.append(current_request() is req)

    hooks.access(look)
    hooks.output_filter(look)

    @hooks.content
    def body(req):
        look(req)
        yield "x"
        look(req)

    hooks.log(look)
    hooks.cleanup(look)
    ask(hooks)
    assert seen == [True] * 6


def test_after_an_internal_redirect_the_current_request_is_the_one_it_led_to(ask):
    hooks = quiet()
    hooks.content("/from")(lambda req: InternalRedirect("/to"))
    hooks.content("/to")(lambda req: str(current_request() is req))
    assert ask(hooks, "/from").text == "True"


def test_without_a_request_there_is_no_current_one():
    with pytest.raises(RuntimeError, match="no chain is handling a request"):
        contextvars.Context().run(current_request)


def test_a_view_finds_the_record_in_the_environ_and_as_the_current_one():
    seen: list[object] = []

    def app(environ, start_response):
        seen.extend([environ["hookchain.request"].user, current_request() is environ["hookchain.request"], var.get()])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    hooks = quiet()
    hooks.authen(lambda req: setattr(req, "user", "ann") or (var.set("for the view") and OK))
    by_wsgi(hooks, app=app)
    assert seen == ["ann", True, "for the view"]


def test_a_subrequest_sees_the_values(ask):
    hooks = quiet()
    hooks.access("/sub")(lambda req: None if var.get() == "set" else 403)
    hooks.fixup("/main")(lambda req: var.set("set") and None)
    hooks.content("/sub")(lambda req: "sub")
    hooks.content("/main")(lambda req: str(req.lookup("/sub").status))
    assert ask(hooks, "/main").text == "200"


def test_a_thread_never_enters_the_context_of_the_running_task():
    """What is blocking runs elsewhere; what is declared not to be runs on the loop, in the task's own context."""
    names: dict[str, str] = {}
    hooks = quiet()
    hooks.access(lambda req: names.update(blocking=threading.current_thread().name) or (var.set("1") and None))
    hooks.access(lambda req: names.update(quick=threading.current_thread().name, value=var.get()), blocking=False)

    @hooks.fixup
    async def on_loop(req):
        names["async"] = threading.current_thread().name

    by_ahandle(hooks)
    here = threading.current_thread().name
    assert names["async"] == here
    assert names["blocking"] != here
    assert names["value"] == "1"

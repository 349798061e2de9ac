"""Turns a recorded scenario into a chain, runs it in the ways that hookchain offers, and tells what happened."""

from __future__ import annotations

import asyncio
import itertools
import re
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, HookChain, InternalRedirect, Order, Request
from hookchain.testing import make_request
from tests.conformance.scenarios import Answer, Scenario, Script

WAYS = ("handle", "ahandle", "wsgi")

RECORDED_HEADERS = frozenset(
    "content-type content-length location allow www-authenticate content-range last-modified retry-after "
    "set-cookie".split()
)
RESULTS = {"OK": OK, "DECLINED": DECLINED, "DONE": DONE}
SLOTS = {1: Order.FIRST, 2: Order.MIDDLE, 3: Order.LAST}
PAGE_TITLE = re.compile(r"<!doctype html>\n<html lang=en>\n<title>(?:(\d{3}) |Redirecting)")
PAGE_TYPE = "text/html; charset=utf-8"
ENVIRONMENT = ("MARK", "REDIRECT_MARK", "REDIRECT_REQUEST_METHOD", "REDIRECT_STATUS")

Wish = tuple[str, Any]
"""What a script asks of its caller, who may wait for it: a subrequest to look up, or one to run."""


def wants_user(config: dict[str, Any]) -> bool:
    """Tell whether a ``Require`` line asks for a user: httpd asks AUTHEN and AUTHZ handlers nowhere else."""
    return (config.get("require") or "all granted").startswith(("user ", "valid-user"))


def first_of(req: Request) -> Request:
    """Return the record that internal redirects started from; the one whose response is being written."""
    while req.prev is not None:
        req = req.prev
    return req


def kind_of(req: Request) -> str:
    """Return "main", "redirect" or "sub", as the scenarios say in which request a handler acts."""
    if req.prev is not None:
        return "redirect"
    return "main" if req.main is None else "sub"


def prefix_of(req: Request) -> str:
    """Return what is put in front of names in the trace, outermost first."""
    if req.prev is not None:
        return f"{prefix_of(req.prev)}redirect:"
    return "" if req.main is None else f"{prefix_of(req.main)}sub:"


def page_status(text: str, status: int) -> int | None:
    """Return the status that one of the library's own pages names, or is sent with; None for any other text."""
    title = PAGE_TITLE.match(text)
    return None if title is None else int(title[1] or status)


class Performance:
    """One run of a scenario: what its handlers did and saw."""

    def __init__(self, scenario: Scenario, docroot: str) -> None:
        self.scenario = scenario
        self.docroot = docroot
        self.trace: list[str] = []
        self.observed: list[dict[str, Any]] = []
        self.written: dict[Request, list[str]] = {}

    # --- the chain

    def chain(self, *, with_async: bool) -> HookChain:
        """Build the chain through the public interface; with async handlers in every other slot, or without."""
        config = self.scenario.config
        hooks = HookChain(
            document_root=self.docroot,
            access_log=False,
            index=("index.html",) if "mod_dir" in config["modules"] else (),
            satisfy=config["satisfy"],
            challenge=f'Basic realm="{config["realm"]}"' if config.get("realm") else None,
        )
        for location in config.get("sections") or ():
            section = hooks.section(location, options={"section": location})
            for status, target in config.get("error_documents_in_section", {}).get(location, {}).items():
                section.error_document(int(status), target)
        for status, target in self.scenario.error_documents.items():
            hooks.error_document(status, target)
        for number, script in enumerate(self.scenario.handlers):
            is_async = with_async and ((number + script.slot) % 2 == 0 or script.does(*SUBREQUESTS))
            play = self.async_handler(script) if is_async else self.handler(script)
            hooks.register(script.phase, play, name=script.name, order=SLOTS[script.slot])
        self.add_modules(hooks)
        return hooks

    def add_modules(self, hooks: HookChain) -> None:
        """Register what Apache's own modules did where a scenario has them configured."""
        config = self.scenario.config
        if "all denied" in (config.get("require"), config.get("access_rule")) or config.get("access_rule"):
            hooks.register("access", lambda req: 403, name="denied", order=Order.REALLY_LAST)
        if config["server"] == "stock" and not wants_user(config):
            hooks.section("/", public=True)
        if config.get("users"):
            hooks.register("authen", self.check_password, name="basic", order=Order.REALLY_LAST)
        if config.get("require") == "valid-user":
            hooks.register("authz", lambda req: OK if req.user else 401, name="valid-user", order=Order.REALLY_LAST)
        elif (config.get("require") or "").startswith("user "):
            wanted = config["require"].removeprefix("user ")
            hooks.register("authz", lambda req: OK if req.user == wanted else 401, name="user", order=Order.REALLY_LAST)

    def check_password(self, req: Request) -> Any:
        """Do what mod_auth_basic does."""
        given = req.authorization
        if given is None:
            return 401
        req.user = given.username
        return OK if self.scenario.config["users"].get(given.username) == given.password else 401

    # --- the handlers

    def handler(self, script: Script) -> Callable[[Request], Any]:
        def play(req: Request) -> Any:
            return answer_of(self.steps(script, req), lambda verb, value: SYNC[verb](req, value))

        return play

    def async_handler(self, script: Script) -> Callable[[Request], Any]:
        async def play(req: Request) -> Any:
            steps = self.steps(script, req)
            given: Any = None
            while True:
                try:
                    verb, value = steps.send(given)
                except StopIteration as end:
                    return end.value
                given = await ASYNC[verb](req, value)

        return play

    def steps(self, script: Script, req: Request) -> Generator[Wish, Any, Any]:
        """Do what the script says; returns the handler's answer."""
        if not script.acts_in(kind_of(req)):
            return DECLINED
        at = prefix_of(req) + script.name
        self.trace.append(at)
        for verb, *values in script.actions:
            if verb == "redirect":
                return InternalRedirect(*values)
            if verb in SUBREQUESTS:
                yield from self.subrequest(req, at, verb, values)
            else:
                getattr(self, f"do_{verb}")(req, at, *values)
        return self.result(script, req)

    def result(self, script: Script, req: Request) -> Any:
        """Return the scripted result, with what was written as the body where handlers can answer with one."""
        answer = RESULTS.get(script.result, script.result) if isinstance(script.result, str) else script.result
        if isinstance(answer, int):
            self.written.pop(first_of(req), None)  # a status is the whole answer
        written = self.written.get(first_of(req))
        if written is None or answer not in {OK, DONE}:
            return answer
        body: Any = iter(list(written)) if script.does("flush") else "".join(written)
        if answer is DONE:
            req.response = Response(body, req.status, content_type=req.content_type_out)
        return body if answer is OK and script.phase == "content" else answer

    def subrequest(self, req: Request, at: str, verb: str, values: list[str]) -> Generator[Wish, Any, None]:
        sub: Request = yield "lookup", values[-1]
        seen: dict[str, Any] = {"at": at, "verb": verb, "sub_uri": sub.uri, "sub_status": sub.status, "sub_ran": 0}
        if sub.status == 200 and verb.endswith("_run"):
            text: str = yield "run", sub
            failed = page_status(text, sub.status)
            seen |= {"sub_ran": 1, "sub_status": sub.status, "sub_run_result": failed or 0}
            if failed is None and text:
                self.do_write(req, at, text)
        if sub.filename is not None:
            seen["sub_filename"] = self.shown(sub.filename)
        if sub.user is not None:
            seen["sub_user"] = sub.user
        self.observed.append(seen)

    # --- the other actions

    def do_user(self, req: Request, at: str, name: str) -> None:
        req.user = name

    def do_nouser(self, req: Request, at: str) -> None:
        req.user = None

    def do_write(self, req: Request, at: str, text: str) -> None:
        self.written.setdefault(first_of(req), []).append(text)

    def do_flush(self, req: Request, at: str) -> None:
        """Nothing to do: a body that was flushed is answered as a stream."""

    def do_type(self, req: Request, at: str, value: str) -> None:
        req.content_type_out = value

    def do_status(self, req: Request, at: str, value: int) -> None:
        req.status = value

    def do_out(self, req: Request, at: str, name: str, value: str) -> None:
        req.headers_out[name] = value

    def do_err(self, req: Request, at: str, name: str, value: str) -> None:
        req.err_headers_out[name] = value

    def do_note(self, req: Request, at: str, name: str, value: str) -> None:
        req.notes[name] = value

    def do_env(self, req: Request, at: str, name: str, value: str) -> None:
        req.env[name] = value

    def do_handler(self, req: Request, at: str, name: str) -> None:
        req.handler = name

    def do_uri(self, req: Request, at: str, value: str) -> None:
        req.uri = value

    def do_filename(self, req: Request, at: str, value: str) -> None:
        req.filename = self.docroot + value

    def do_allow(self, req: Request, at: str, method: str) -> None:
        req.allowed_methods.add(method)

    def do_cleanup(self, req: Request, at: str, label: str, result: Any = None) -> None:
        req.register_cleanup(self.trace.append, f"{prefix_of(req)}cleanup:{label}")

    def do_discard(self, req: Request, at: str) -> None:
        req.get_data()

    def do_see(self, req: Request, at: str) -> None:
        response = req.response
        first = first_of(req)
        seen: dict[str, Any] = {
            "at": at,
            "method": req.unparsed_method,
            "uri": req.uri,
            "status": req.status,
            "header_only": int(first.main is None and first.method == "HEAD"),
            "args": req.query_string.decode() or None,
            "user": req.user,
            "path_info": req.path_info or None,
            "filename": req.filename and self.shown(req.filename),
            "handler": req.handler or ("" if "content" in at else None),
            "content_type": req.content_type_out if response is None else response.headers.get("Content-Type"),
            "main_uri": req.main and req.main.uri,
            "note_mark": req.notes.get("mark"),
            **{f"env_{name}": req.env.get(name) for name in ENVIRONMENT},
            **seen_of_others(req),
        }
        self.observed.append({key: value for key, value in seen.items() if value is not None})

    def shown(self, filename: str) -> str:
        return filename.replace(self.docroot, "$ROOT", 1)

    # --- running

    def request(self) -> Request:
        """Make the request as a WSGI server does that has read it from the wire."""
        return make_request(self.scenario.path, **self.environ_options())

    def environ_options(self) -> dict[str, Any]:
        path, _, query = self.scenario.path.partition("?")
        return {
            "method": self.scenario.method,
            "headers": self.scenario.headers,
            "data": self.scenario.body,
            "environ_overrides": {
                "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.scenario.method,
                "REQUEST_URI": self.scenario.path,
                "RAW_URI": self.scenario.path,
            },
        }

    def answer(self, status: int, headers: Any, text: str) -> Answer:
        subset = {
            name.lower(): value
            for name, value in headers
            if name.lower() in RECORDED_HEADERS or name.lower().startswith("x-")
        }
        if "allow" in subset:
            subset["allow"] = ",".join(sorted(re.split(r",\s*", subset["allow"])))
        page = page_status(text, status)
        if page is not None or (self.scenario.method == "HEAD" and subset.get("content-type") == PAGE_TYPE):
            subset.pop("content-length", None)  # it would be that of the page
        return Answer(
            trace=self.trace,
            observed=[described(seen) for seen in self.observed],
            status=status,
            headers=subset,
            body=text if page is None else "",
            error_page=page,
        )


def described(seen: dict[str, Any]) -> dict[str, Any]:
    """Give an observation the types of the recorded ones."""
    status = seen.get("env_REDIRECT_STATUS")
    return seen if status is None else {**seen, "env_REDIRECT_STATUS": int(status)}


def seen_of_others(req: Request) -> dict[str, Any]:
    """What a handler sees of the records that its own is linked with."""
    seen: dict[str, Any] = {}
    if req.prev is not None:
        seen |= {"prev_method": req.prev.unparsed_method, "prev_uri": req.prev.uri, "prev_status": req.prev.status}
    if req.next is not None:
        last = req.next
        while last.next is not None:
            last = last.next
        seen |= {"next_uri": req.next.uri, "next_status": req.next.status}
        seen |= {"last_uri": last.uri, "last_status": last.status}
    return seen


SUBREQUESTS = ("sub_lookup", "sub_run", "sub_method", "sub_file", "sub_file_run")


def run_sub(req: Request, sub: Request) -> str:
    return sub.run().get_data(as_text=True)


async def arun_sub(req: Request, sub: Request) -> str:
    response = await sub.arun()
    return response.get_data(as_text=True)


SYNC: dict[str, Callable[[Request, Any], Any]] = {"lookup": lambda req, uri: req.lookup(uri), "run": run_sub}
ASYNC: dict[str, Callable[[Request, Any], Any]] = {"lookup": lambda req, uri: req.alookup(uri), "run": arun_sub}


def answer_of(steps: Generator[Wish, Any, Any], fulfil: Callable[..., Any]) -> Any:
    given: Any = None
    while True:
        try:
            wish = steps.send(given)
        except StopIteration as end:
            return end.value
        given = fulfil(*wish)


def run_handle(performance: Performance) -> Answer:
    """Run through ``handle``, with plain functions."""
    response = performance.chain(with_async=False).handle(performance.request())
    text = response.get_data(as_text=True)
    response.close()
    return performance.answer(response.status_code, response.headers, text)


def run_ahandle(performance: Performance) -> Answer:
    """Run through ``ahandle``; every other handler is async."""

    async def run() -> tuple[Any, str]:
        response = await performance.chain(with_async=True).ahandle(performance.request())
        text = b"".join([chunk async for chunk in response.response]).decode()  # type: ignore[union-attr]
        await response.aclose()  # type: ignore[attr-defined]
        return response, text

    response, text = asyncio.run(run())
    return performance.answer(response.status_code, response.headers, text)


def run_wsgi(performance: Performance) -> Answer:
    """Run through the WSGI application, between two checkers of the protocol."""
    builder = EnvironBuilder("/", **performance.environ_options())
    environ = builder.get_environ()
    builder.close()
    app: Any = performance.chain(with_async=False).wsgi()
    if environ["PATH_INFO"].startswith("/"):  # the checkers refuse "OPTIONS *"
        app = validator(LintMiddleware(app))
    with warnings.catch_warnings():
        for outdated in OUTDATED:
            warnings.filterwarnings("ignore", outdated)
        if performance.scenario.method == "HEAD":
            warnings.filterwarnings("ignore", "Content-Length and the number of bytes sent")
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
    return performance.answer(int(status[:3]), headers, b"".join(chunks).decode())


# What the checkers hold against RFC 9110: 9.1 (any method), 8.6 (204 has no length, HEAD has the length of GET),
# 15.4.5 (304 tells Last-Modified) and 10.2.2 (Location may be relative).
OUTDATED = (
    "Unknown REQUEST_METHOD",
    "204 responses must have an empty content length",
    "Entity header 'last-modified' found in 304",
    "Absolute URLs required for location",
)


RUNNERS = {"handle": run_handle, "ahandle": run_ahandle, "wsgi": run_wsgi}


def run(scenario: Scenario, docroot: str, way: str) -> Answer:
    """Run a scenario in one of the ``WAYS``."""
    return RUNNERS[way](Performance(scenario, docroot))

"""One run of a scenario: its scripted handlers as hookchain handlers, and what they did and saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Any

from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, InternalRedirect, Request
from tests.conformance.scenarios import Scenario, Script

RESULTS = {"OK": OK, "DECLINED": DECLINED, "DONE": DONE}
PAGE_TITLE = re.compile(r"<!doctype html>\n<html lang=en>\n<title>(?:(\d{3}) |Redirecting)")
ENVIRONMENT = ("MARK", "REDIRECT_MARK", "REDIRECT_REQUEST_METHOD")
SUBREQUESTS = ("sub_lookup", "sub_run", "sub_method", "sub_file", "sub_file_run")

Wish = tuple[str, Any]
"""What a script asks of its caller, who may wait for it: a subrequest to look up, or one to run."""


def run_sub(req: Request, sub: Request) -> str:
    return sub.run().get_data(as_text=True)


async def arun_sub(req: Request, sub: Request) -> str:
    response = await sub.arun()
    return response.get_data(as_text=True)


SYNC: dict[str, Callable[[Request, Any], Any]] = {"lookup": lambda req, uri: req.lookup(uri), "run": run_sub}
ASYNC: dict[str, Callable[[Request, Any], Any]] = {"lookup": lambda req, uri: req.alookup(uri), "run": arun_sub}


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


class Performance:
    """One run of a scenario: what its handlers did and saw."""

    def __init__(self, scenario: Scenario, docroot: str) -> None:
        self.scenario = scenario
        self.docroot = docroot
        self.trace: list[str] = []
        self.observed: list[dict[str, Any]] = []
        self.written: dict[Request, list[str]] = {}

    # --- the handlers

    def handler(self, script: Script) -> Callable[[Request], Any]:
        def play(req: Request) -> Any:
            steps = self.steps(script, req)
            given: Any = None
            while True:
                try:
                    verb, value = steps.send(given)
                except StopIteration as end:
                    return end.value
                given = SYNC[verb](req, value)

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
            "env_REDIRECT_STATUS": req.env.get("REDIRECT_STATUS") and int(req.env["REDIRECT_STATUS"]),
            **{f"env_{name}": req.env.get(name) for name in ENVIRONMENT},
            **seen_of_others(req),
        }
        self.observed.append({key: value for key, value in seen.items() if value is not None})

    def shown(self, filename: str) -> str:
        return filename.replace(self.docroot, "$ROOT", 1)

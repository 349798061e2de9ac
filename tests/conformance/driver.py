"""Turns a recorded scenario into a chain, runs it in the ways that hookchain offers, and tells what happened."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import EnvironBuilder, run_wsgi_app

from hookchain import OK, HookChain, Order, Request
from hookchain.testing import make_request
from tests.conformance.performance import SUBREQUESTS, Performance, page_status
from tests.conformance.scenarios import Answer, Scenario

WAYS = ("handle", "ahandle", "wsgi")

RECORDED_HEADERS = frozenset(
    {
        "allow",
        "content-length",
        "content-range",
        "content-type",
        "last-modified",
        "location",
        "retry-after",
        "set-cookie",
        "www-authenticate",
    }
)
SLOTS = {1: Order.FIRST, 2: Order.MIDDLE, 3: Order.LAST}
PAGE_TYPE = "text/html; charset=utf-8"


# --- the chain


def chain_of(play: Performance, *, with_async: bool) -> HookChain:
    """Build the chain through the public interface; with async handlers in every other slot, or without."""
    config = play.scenario.config
    hooks = HookChain(
        document_root=play.docroot,
        access_log=False,
        index=("index.html",) if "mod_dir" in config["modules"] else (),
        satisfy=config["satisfy"],
        challenge=f'Basic realm="{config["realm"]}"' if config.get("realm") else None,
    )
    for location in config.get("sections") or ():
        section = hooks.section(location, options={"section": location})
        for status, target in config.get("error_documents_in_section", {}).get(location, {}).items():
            section.error_document(int(status), target)
    for status, target in play.scenario.error_documents.items():
        hooks.error_document(status, target)
    for number, script in enumerate(play.scenario.handlers):
        is_async = with_async and ((number + script.slot) % 2 == 0 or script.does(*SUBREQUESTS))
        handler = play.async_handler(script) if is_async else play.handler(script)
        hooks.register(script.phase, handler, name=script.name, order=SLOTS[script.slot])
    add_modules(hooks, config)
    return hooks


def add_modules(hooks: HookChain, config: dict[str, Any]) -> None:
    """Register what Apache's own modules did where a scenario has them configured."""
    if config.get("require") == "all denied" or config.get("access_rule") == "deny from all":
        hooks.register("access", lambda req: 403, name="denied", order=Order.REALLY_LAST)
    if config["server"] == "stock" and not wants_user(config):
        hooks.section("/", public=True)
    if config.get("users"):
        hooks.register("authen", password_check(config["users"]), name="basic", order=Order.REALLY_LAST)
    if config.get("require") == "valid-user":
        hooks.register("authz", lambda req: OK if req.user else 401, name="valid-user", order=Order.REALLY_LAST)
    elif (config.get("require") or "").startswith("user "):
        wanted = config["require"].removeprefix("user ")
        hooks.register("authz", lambda req: OK if req.user == wanted else 401, name="user", order=Order.REALLY_LAST)


def wants_user(config: dict[str, Any]) -> bool:
    """Tell whether a ``Require`` line asks for a user: httpd asks AUTHEN and AUTHZ handlers nowhere else."""
    return (config.get("require") or "all granted").startswith(("user ", "valid-user"))


def password_check(users: dict[str, str]) -> Callable[[Request], Any]:
    """Return a handler that does what mod_auth_basic does."""

    def basic(req: Request) -> Any:
        given = req.authorization
        if given is None or given.username is None:
            return 401
        req.user = given.username
        return OK if users.get(given.username) == given.password else 401

    return basic


# --- running it


def request_of(scenario: Scenario) -> Request:
    """Make the request as a WSGI server does that has read it from the wire."""
    return make_request(scenario.path, **environ_options(scenario))


def environ_options(scenario: Scenario) -> dict[str, Any]:
    path, _, query = scenario.path.partition("?")
    return {
        "method": scenario.method,
        "headers": scenario.headers,
        "data": scenario.body,
        "environ_overrides": {
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_METHOD": scenario.method,
            "REQUEST_URI": scenario.path,
            "RAW_URI": scenario.path,
        },
    }


def answer_of(play: Performance, status: int, headers: Any, text: str) -> Answer:
    subset = {
        name.lower(): value
        for name, value in headers
        if name.lower() in RECORDED_HEADERS or name.lower().startswith("x-")
    }
    if "allow" in subset:
        subset["allow"] = ",".join(sorted(re.split(r",\s*", subset["allow"])))
    page = page_status(text, status)
    if page is not None or (play.scenario.method == "HEAD" and subset.get("content-type") == PAGE_TYPE):
        subset.pop("content-length", None)  # it would be that of the page
    return Answer(
        trace=play.trace,
        observed=play.observed,
        status=status,
        headers=subset,
        body=text if page is None else "",
        error_page=page,
    )


def run_handle(play: Performance) -> Answer:
    """Run through ``handle``, with plain functions."""
    response = chain_of(play, with_async=False).handle(request_of(play.scenario))
    text = response.get_data(as_text=True)
    response.close()
    return answer_of(play, response.status_code, response.headers, text)


def run_ahandle(play: Performance) -> Answer:
    """Run through ``ahandle``; every other handler is async."""

    async def run() -> Answer:
        response: Any = await chain_of(play, with_async=True).ahandle(request_of(play.scenario))
        data = await response.aget_data()
        await response.aclose()
        return answer_of(play, response.status_code, response.headers, data.decode())

    return asyncio.run(run())


def run_wsgi(play: Performance) -> Answer:
    """Run through the WSGI application, between two checkers of the protocol."""
    builder = EnvironBuilder("/", **environ_options(play.scenario))
    environ = builder.get_environ()
    builder.close()
    app: Any = chain_of(play, with_async=False).wsgi()
    if environ["PATH_INFO"].startswith("/"):  # the checkers refuse "OPTIONS *"
        app = validator(LintMiddleware(app))
    with warnings.catch_warnings():
        for outdated in OUTDATED:
            warnings.filterwarnings("ignore", outdated)
        if play.scenario.method == "HEAD":
            warnings.filterwarnings("ignore", "Content-Length and the number of bytes sent")
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
    return answer_of(play, int(status[:3]), headers, b"".join(chunks).decode())


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

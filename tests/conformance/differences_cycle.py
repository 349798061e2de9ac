"""Differences: how a request goes through the phases."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tests.conformance.model import Model
from tests.conformance.reading import (
    all_declined,
    finishers_of,
    in_trace,
    is_finisher,
    phase_of,
    play,
    prefix_of,
    replace,
)
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario

difference = Rules()


@difference(
    "request-line",
    httpd="refuses a request line that is no HTTP before any handler runs: a target without a slash at its "
    "beginning, a control character in it.",
    here="leaves that to the server, as every WSGI or ASGI application does. What reaches the chain all the same "
    "is answered by its own rules: 400 after POST_READ_REQUEST where the path does not start with a slash; a "
    "control character other than NUL is part of a name like any other, of which there is no file.",
    why="The library starts where the server has read the request, and refuses what would make one path two.",
)
def _request_line(scenario: Scenario, answer: Answer) -> None:
    if answer.trace is not None:
        return
    if scenario.path.startswith("/"):
        play(scenario, answer)
    else:
        _refuse_after_post_read_request(scenario, answer, 400)


def _refuse_after_post_read_request(scenario: Scenario, answer: Answer, status: int) -> None:
    model = Model(scenario)
    model.phase("post_read_request", model.first)
    page = model.page(status)
    model.first.status = status
    model.finish(page)
    replace(answer, page)


@difference(
    "percent-encoding",
    httpd="answers 400 to a percent sign that no two hexadecimal digits follow.",
    here="takes the path as the server decoded it; there the percent sign stands for itself, and no file is called so.",
    why="The path is percent-decoded once, by the server where it does that.",
)
def _percent_encoding(scenario: Scenario, answer: Answer) -> None:
    if re.search(r"%(?![0-9A-Fa-f]{2})", scenario.url_path) and answer.status == 400:
        play(scenario, answer)


@difference(
    "encoded-bytes",
    httpd="answers 404 to a path with an encoded slash (`AllowEncodedSlashes Off`) or an encoded NUL, and takes all "
    "other bytes as they come.",
    here="counts an encoded slash as a slash, and answers 400 to NUL and to what is no UTF-8.",
    why="One path: it is decoded once, and is the same for sections, handlers, files and an app behind the chain.",
)
def _encoded_bytes(scenario: Scenario, answer: Answer) -> None:
    raw = unquote_to_bytes(scenario.url_path)
    if b"\0" in raw or raw.decode("utf-8", "ignore").encode() != raw:
        _refuse_after_post_read_request(scenario, answer, 400)
    elif "%2f" in scenario.url_path.lower():
        play(scenario, answer)


@difference(
    "trace-method",
    httpd="echoes a TRACE request, in its own MAP_TO_STORAGE handler, which stands behind the first of the others.",
    here="answers 405 when the MAP_TO_STORAGE handlers have declined, unless the chain enables TRACE.",
    why="TRACE shows scripts what browsers hide from them; it is refused unless enabled. A default runs when all "
    "handlers have declined.",
)
def _trace_method(scenario: Scenario, answer: Answer) -> None:
    if scenario.method == "TRACE" and answer.headers.get("content-type") == "message/http":
        play(scenario, answer)
        answer.headers["allow"] = ""


@difference(
    "status-before-the-request-ran",
    httpd="takes a status other than 200 that a POST_READ_REQUEST handler set, without answering with it, for a "
    "request that was dealt with: it closes the connection without a response.",
    here="goes on; the status is that of the response, as when any later handler sets it.",
    why="Every request gets a response.",
)
def _early_status(scenario: Scenario, answer: Answer) -> None:
    if answer.status is None:
        play(scenario, answer)


@difference(
    "redirect-outside-content",
    httpd="lets a handler of any phase run an internal redirect on the spot, and then goes on with the phases of "
    "the first request.",
    here="takes an `InternalRedirect` for an answer in CONTENT and in error documents. In any other phase it is a "
    "programming error: 500, logged with the handler's name, file and line.",
    why="The phases before CONTENT decide about one request; a second one in the middle of them would run past "
    "guards that are still to be asked. A rewrite of the path does in POST_READ_REQUEST and TRANS what such "
    "redirects are for.",
)
def _redirect_outside_content(scenario: Scenario, answer: Answer) -> None:
    for at, script in in_trace(scenario, answer):
        if script.does("redirect") and script.phase != "content" and not prefix_of(at):
            play(scenario, answer)
            return


@difference(
    "redirect-is-the-answer",
    httpd="runs an internal redirect in the middle of the handler, which goes on behind it: what it does then still "
    "happens, and what it answers is appended to the finished response.",
    here="has `return InternalRedirect(uri)` for the handler's answer, so nothing follows it in the handler.",
    why="A handler answers once.",
)
def _redirect_is_the_answer(scenario: Scenario, answer: Answer) -> None:
    for script in scenario.handlers:
        verbs = [action[0] for action in script.actions]
        if "redirect" not in verbs or answer.trace is None:
            continue
        behind = script.actions[verbs.index("redirect") + 1 :]
        for verb, *values in behind:
            if verb == "cleanup" and f"cleanup:{values[0]}" in answer.trace:
                answer.trace.remove(f"cleanup:{values[0]}")
            if verb == "redirect":
                _leave_out_second_redirect(answer, script.actions[verbs.index("redirect")][1])


def _leave_out_second_redirect(answer: Answer, first: str) -> None:
    trace = answer.trace or []
    starts = [n for n, at in enumerate(trace) if at == "redirect:post_read_request1"]
    end = next(n for n, at in enumerate(trace) if is_finisher(at))
    del trace[starts[1] : end]
    second = [seen for seen in answer.observed if seen["at"].startswith("redirect:")][1:]
    answer.observed = [seen for seen in answer.observed if seen not in second]
    for seen in finishers_of(answer):
        seen |= {"next_uri": first, "last_uri": first}


@difference(
    "recursion-limit",
    httpd="lets `LimitInternalRecursion` set how many internal redirects, and how many subrequests inside one "
    "another, a request may take.",
    here="always takes 10 of each.",
    why="At most 10 in a row, then 500: httpd's default, with nothing to be set.",
)
def _recursion_limit(scenario: Scenario, answer: Answer) -> None:
    limits = scenario.config.get("limit_internal_recursion", (0, 0))
    trace = answer.trace or []
    kind = "sub:" if any("sub:" in at for at in trace) else "redirect:"
    limit: int = limits[kind == "sub:"]
    deepest = [at for at in trace if limit and at.startswith(kind * limit)]
    if not deepest:
        return
    at = trace.index(deepest[-1]) + 1
    trace[at:at] = [kind * more + name for more in range(1, 11 - limit) for name in deepest]
    if kind == "sub:":
        _go_deeper(answer, limit)
        answer.body = "x" * len([name for name in trace if phase_of(name) == "content"])


def _go_deeper(answer: Answer, limit: int) -> None:
    refused, ran = [seen for seen in answer.observed if "sub_status" in seen][:2]
    others = [seen for seen in answer.observed if seen not in (refused, ran)]
    deeper = [{**ran, "at": "sub:" * depth + ran["at"].rpartition(":")[2]} for depth in range(9, limit - 2, -1)]
    answer.observed = [{**refused, "at": "sub:" * 10 + ran["at"].rpartition(":")[2]}, *deeper, *others]


@difference(
    "guards-without-decision",
    httpd="on its own, without mod_auth_basic and mod_authz_core, answers 500 when all handlers of AUTHEN or of "
    "AUTHZ declined, or when there is none.",
    here="answers 401 after AUTHEN unless `req.user` is set already, and then goes on; and 403 after AUTHZ where "
    "handlers were asked, and nothing where there are none.",
    why="The defaults stand where httpd has those two modules. A chain without AUTHZ handlers lets every user in.",
)
def _guards_without_decision(scenario: Scenario, answer: Answer) -> None:
    if answer.status != 500 or not (answer.trace or scenario.config.get("require") == "valid-user"):
        return
    if scenario.config.get("require") == "valid-user" and not scenario.config.get("users"):
        play(scenario, answer)
        return
    reached = [phase_of(at) for at in answer.trace or () if not is_finisher(at) and phase_of(at)]
    last = reached[-1] if reached else ""
    stopped_at_authz = last == "authen" and not scenario.scripts("authz") and not all_declined(scenario, "authen")
    if stopped_at_authz or (last in {"authen", "authz"} and all_declined(scenario, last)):
        play(scenario, answer)

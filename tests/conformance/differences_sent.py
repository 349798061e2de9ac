"""Differences: what is sent with every response: pages, media types, lengths."""

from __future__ import annotations

from typing import Any

from tests.conformance.model import HTTPD_PAGE, PHASES
from tests.conformance.reading import in_trace, is_finisher, named_file, phase_of, targets
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario, site

difference = Rules()


PAGE = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
TYPES = {".txt": TEXT, ".html": PAGE, ".py": TEXT}


@difference(
    "error-pages",
    httpd="makes pages in ISO 8859-1.",
    here="makes Werkzeug's pages, in UTF-8.",
    why="The plain page is Werkzeug's, as its users expect.",
)
def _error_pages(scenario: Scenario, answer: Answer) -> None:
    if answer.headers.get("content-type") == HTTPD_PAGE:
        answer.headers["content-type"] = PAGE
    for seen in answer.observed:
        if seen.get("content_type") == HTTPD_PAGE:
            seen["content_type"] = PAGE


@difference(
    "media-types",
    httpd="has no media types without mod_mime, and sends a response without Content-Type where nobody set one; "
    "with mod_mime it names no charset.",
    here="finds type and charset by the file's name in TYPE; a response for which neither it nor a handler says "
    "more is text in UTF-8, or `application/octet-stream` for a file. 204 and 304 have no Content-Type.",
    why="The default of TYPE stands where httpd has mod_mime; `wsgiref.validate` wants a type with everything "
    "that may have a body.",
)
def _media_types(scenario: Scenario, answer: Answer) -> None:
    sent = _sent_type(scenario, answer)
    answer.headers.pop("content-type", None)
    if sent is not None:
        answer.headers["content-type"] = sent
    for seen in answer.observed:
        if "sub_status" in seen:
            continue
        seen.pop("content_type", None)
        told = sent if is_finisher(seen["at"]) else _type_before_sending(scenario, seen)
        if told is not None:
            seen["content_type"] = told


def _sent_type(scenario: Scenario, answer: Answer) -> str | None:
    recorded = answer.headers.get("content-type")
    if answer.status in {204, 304}:
        return None
    if recorded in {PAGE, TEXT, *_types_set(scenario)} and answer.headers.get("content-length") != "0":
        return recorded
    if recorded in _types_set(scenario):
        return recorded
    if recorded == "" or not _has_passed_type(scenario, answer):
        return TEXT
    unknown = "application/octet-stream" if "last-modified" in answer.headers else TEXT
    if any(script.result == "OK" for script in scenario.scripts("type", _kind_at_end(answer))):
        return unknown
    return TYPES.get(_suffix(_last_path(scenario, answer)), unknown)


def _types_set(scenario: Scenario) -> set[str]:
    return {values[0] for script in scenario.handlers for verb, *values in script.actions if verb == "type"}


def _kind_at_end(answer: Answer) -> str:
    return "redirect" if any(at.startswith("redirect:") for at in answer.trace or ()) else "main"


def _has_passed_type(scenario: Scenario, answer: Answer) -> bool:
    """Tell whether the record that was answered went beyond TYPE."""
    reached = [(at, s) for at, s in in_trace(scenario, answer) if not is_finisher(at) and "sub:" not in at]
    if not reached:
        return True
    at, script = reached[-1]
    return script.result != "DONE" or PHASES.index(phase_of(at)) > PHASES.index("type")


def _last_path(scenario: Scenario, answer: Answer) -> str:
    """Return the path of the file that the record which was answered stands for."""
    for seen in reversed(answer.observed):
        if is_finisher(seen["at"]) and "last_uri" in seen:
            return str(seen["last_uri"])
    if _kind_at_end(answer) == "redirect":
        return targets(scenario)[0]
    path = named_file(scenario)
    return f"{path}index.html" if path.endswith("/") and "mod_dir" in scenario.config["modules"] else path


def _suffix(path: str) -> str:
    """Return the suffix of the file that a path leads to, with or without something behind it."""
    file = next((name for name in site() if path.startswith(f"/{name}/")), path.partition("?")[0])
    return file[file.rindex(".") :].lower() if "." in file.rpartition("/")[2] else ""


def _type_before_sending(scenario: Scenario, seen: dict[str, Any]) -> str | None:
    if phase_of(seen["at"]) not in {"fixup", "content"}:
        return None
    before = PHASES[: PHASES.index(phase_of(seen["at"]))]
    for script in scenario.handlers:
        for verb, *values in script.actions:
            if verb == "type" and script.phase in before:
                return str(values[0])
    kind = "redirect" if "redirect:" in seen["at"] else "sub" if "sub:" in seen["at"] else "main"
    if any(script.result == "OK" for script in scenario.scripts("type", kind)):
        return None
    return TYPES.get(_suffix(seen.get("filename", "").removeprefix("$ROOT")))


@difference(
    "content-length",
    httpd="sends no Content-Length where part of a body has left before the rest was made: after a flush or a "
    "subrequest's output.",
    here="sends it with every body that is there as a whole; only streams are without.",
    why="RFC 9110, section 8.6. A handler that wants to stream answers with an iterator.",
)
def _content_length(scenario: Scenario, answer: Answer) -> None:
    is_streamed = any(
        script.does("flush") and script.result in {"OK", "DONE"} and not script.does("redirect")
        for script in scenario.handlers
    )
    if answer.error_page is not None or answer.status in {204, 304} or is_streamed or answer.status is None:
        return
    if scenario.method != "HEAD" and answer.headers.get("content-type") != PAGE:
        answer.headers["content-length"] = str(len(answer.body))
    elif any(script.does("sub_run") for script in scenario.handlers):
        answer.headers["content-length"] = str(len(_body_of_get(scenario)))


def _body_of_get(scenario: Scenario) -> str:
    """Return what a HEAD request's handlers would have sent to GET: what subrequests sent, and what was written."""
    body = ""
    for script in scenario.scripts("content"):
        for verb, *values in script.actions:
            if verb == "sub_run":
                body += site()[values[0].lstrip("/")]
            if verb == "write":
                body += values[0]
    return body

"""Differences: files and folders."""

from __future__ import annotations

from tests.conformance.model import HTTPD_PAGE, LAST_MODIFIED
from tests.conformance.reading import answered_by_default, finishers_of, in_trace, is_folder, named_file, play
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario, site

difference = Rules()


@difference(
    "methods-of-files",
    httpd="sends a file to POST as to GET, and answers 501 to a method that it does not know.",
    here="answers 405 with Allow to everything but GET, HEAD and OPTIONS.",
    why="Static files: GET and HEAD, else 405 with Allow (security rule 13).",
)
def _methods_of_files(scenario: Scenario, answer: Answer) -> None:
    if not _reached_the_file_handler(scenario, answer) or (scenario.method != "POST" and answer.status != 501):
        return
    if scenario.error_documents:
        play(scenario, answer)
        return
    answer.headers = {"content-type": HTTPD_PAGE, "allow": "GET,HEAD,OPTIONS,POST,TRACE"}
    answer.status, answer.body, answer.error_page = 405, "", 405
    for seen in finishers_of(answer):
        seen |= {"content_type": HTTPD_PAGE}
        for key in {"status", "next_status", "last_status"} & set(seen):
            seen[key] = 405


def _reached_the_file_handler(scenario: Scenario, answer: Answer) -> bool:
    """Tell whether the file handler was asked with the method of the request; an error document's is GET."""
    is_redirected = any(script.does("redirect") for script in scenario.handlers)
    asked = [
        script
        for at, script in in_trace(scenario, answer)
        if script.phase == "content" and "sub:" not in at and ("redirect:" in at) == is_redirected
    ]
    return bool(asked) and asked[-1].result == "DECLINED"


@difference(
    "folders",
    httpd="has mod_dir deal with folders in FIXUP, before content handlers are asked: it looks up each index file "
    "with a subrequest, puts it in the request's place, uri included, and redirects to the slash for any "
    "method.",
    here="finds the index file in MAP_TO_STORAGE, without a subrequest, where the same guards stand before it; "
    "`req.uri` stays what was asked for. The redirect to the slash is CONTENT's, behind the handlers, and for "
    "GET and HEAD.",
    why="The default of MAP_TO_STORAGE finds the file, that of CONTENT sends it.",
)
def _folders(scenario: Scenario, answer: Answer) -> None:
    if "mod_dir" in scenario.config["modules"] and is_folder(scenario.url_path):
        play(scenario, answer)


@difference(
    "folder-without-slash",
    httpd="answers 404 to a folder asked for without a slash at its end, where mod_dir is not there.",
    here="always redirects to the slash, with the path alone as Location.",
    why="Browsers resolve relative links by the slash. A Location that the library makes starts with exactly one "
    "slash (security rule 15), and never repeats a Host that the client made up.",
)
def _folder_without_slash(scenario: Scenario, answer: Answer) -> None:
    path = named_file(scenario)
    if path.endswith("/") or not is_folder(path) or scenario.method not in {"GET", "HEAD"}:
        return
    if answer.status != 404 or not answered_by_default(scenario, answer):
        return
    answer.status, answer.error_page, answer.body = 301, None if scenario.method == "HEAD" else 301, ""
    answer.headers |= {"location": f"{scenario.url_path}/", "content-type": HTTPD_PAGE}
    for seen in finishers_of(answer):
        seen["status"] = 301


@difference(
    "conditions-not-met",
    httpd="tells the file's length with the 412 to a HEAD request; drops Content-Range and Last-Modified from a 416.",
    here="sends 412 without a body, so that its length is 0 for every method; a 416 tells the file's length in "
    "Content-Range, and its Last-Modified.",
    why="RFC 9110, sections 9.3.2 (HEAD has the headers of GET) and 15.5.17.",
)
def _conditions_not_met(scenario: Scenario, answer: Answer) -> None:
    if scenario.headers and answered_by_default(scenario, answer):
        if answer.status == 412:
            answer.headers["content-length"] = "0"
        if answer.status == 416:
            length = len(site()[scenario.url_path.lstrip("/")])
            answer.headers |= {"content-range": f"bytes */{length}", "last-modified": LAST_MODIFIED}

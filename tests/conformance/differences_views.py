"""Differences: what handlers see."""

from __future__ import annotations

from tests.conformance.reading import finishers_of, phase_of
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario

difference = Rules()


@difference(
    "refused-path-as-sent",
    httpd="shows LOG handlers the part of a path that is left when what climbs above the root is cut off.",
    here="shows them the path as it was sent.",
    why="A path that climbs is refused, not clamped (security rule 3); the log tells what was tried.",
)
def _refused_path_as_sent(scenario: Scenario, answer: Answer) -> None:
    if answer.status == 400 and ".." in scenario.url_path.split("/"):
        for seen in finishers_of(answer):
            seen["uri"] = scenario.url_path


@difference(
    "log-sees-the-outcome",
    httpd="shows LOG and CLEANUP handlers the first record with the status that it had when it was left; what came "
    "in the end, `%>s` in a log format, is that of the last record.",
    here="runs LOG for the first record with the outcome of the last: status and response are what was sent. A "
    "failed error document is shown with the status that was sent, too.",
    why="A log line tells what the client got. LOG runs once, for the first record.",
)
def _log_sees_the_outcome(scenario: Scenario, answer: Answer) -> None:
    if any(script.does("status") for script in scenario.scripts("log")):
        return
    for seen in finishers_of(answer):
        seen["status"] = answer.status
        if "next_status" in seen and not any("redirect:redirect:" in at for at in answer.trace or ()):
            seen["next_status"] = answer.status
        if "last_status" in seen:
            seen["last_status"] = answer.status


@difference(
    "method-of-the-failed-request",
    httpd="sets the method of a request that failed to GET before its error document runs.",
    here="gives GET to the error document's own record; `req.prev.method` is what the client sent.",
    why="The method becomes GET in a new request record; the one before it stays true.",
)
def _method_of_the_failed_request(scenario: Scenario, answer: Answer) -> None:
    for seen in answer.observed:
        if "env_REDIRECT_REQUEST_METHOD" in seen and seen["at"].count("redirect:") == 1:
            seen["prev_method"] = seen["env_REDIRECT_REQUEST_METHOD"]


@difference(
    "handler-name",
    httpd="with mod_mime and mod_dir, fills the handler's name in CONTENT with the media type where it has none, "
    "and for folders with `httpd/unix-directory`.",
    here="leaves `req.handler` to the handlers.",
    why="The field is free for handlers to use; no default reads it.",
)
def _handler_name(scenario: Scenario, answer: Answer) -> None:
    names = {values[0] for script in scenario.handlers for verb, *values in script.actions if verb == "handler"}
    for seen in answer.observed:
        if seen.get("handler") and seen["handler"] not in names:
            if phase_of(seen["at"]) == "content":
                seen["handler"] = ""
            else:
                del seen["handler"]

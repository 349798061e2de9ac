"""Differences: subrequests, and what guards them and internal redirects."""

from __future__ import annotations

from tests.conformance.reading import GUARDS, passes_later, sections_of, targets
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario

difference = Rules()


@difference(
    "same-sections",
    httpd="runs the guards of an internal redirect or subrequest again unless its configuration is the very same "
    "object, which it is not for two paths in one `Location` (only modules that ask for it are compared by "
    "content).",
    here="leaves them out whenever exactly the same sections apply as to the record it came from.",
    why="Two paths to which the same sections apply have the same guards: asking them twice decides nothing.",
)
def _same_sections(scenario: Scenario, answer: Answer) -> None:
    for target in targets(scenario):
        if sections_of(scenario, target) == sections_of(scenario, scenario.url_path) and not passes_later(scenario):
            kinds = ("sub:", "redirect:")
            guards = [kind + f"{phase}{slot}" for kind in kinds for phase in GUARDS for slot in (1, 2, 3)]
            answer.trace = [at for at in answer.trace or () if at not in guards]


@difference(
    "lookup-before-the-guards",
    httpd="skips the guards of a subrequest in the same configuration even when the request itself has not passed "
    "them yet.",
    here="skips them only for a request that has passed; until then the subrequest runs them.",
    why="A lookup tells what a path would pass, so that it must not take for granted what is still to be decided.",
)
def _lookup_before_the_guards(scenario: Scenario, answer: Answer) -> None:
    trace = answer.trace or []
    if not passes_later(scenario) or "sub:access1" in trace:
        return
    at = next((n for n, name in enumerate(trace) if name == "sub:type1"), None)
    if at is None:
        return
    users: list[str] = []
    guards = []
    for phase in GUARDS:
        for script in scenario.scripts(phase, "sub") or [s for s in scenario.scripts(phase) if phase == "access"]:
            guards.append(f"sub:{script.name}") if script.acts_in("sub") else None
            users += [values[0] for verb, *values in script.actions if verb == "user" and script.acts_in("sub")]
    trace[at:at] = guards
    for seen in answer.observed:
        if "sub_status" in seen and users:
            seen["sub_user"] = users[-1]


@difference(
    "subrequest-of-a-file",
    httpd="has `ap_sub_req_lookup_file`, a subrequest for a file name, which has no URI and no TRANS phase.",
    here="makes subrequests for URIs; these scenarios look up the URI that leads to the file.",
    why="`lookup(uri)` is the one way to make a subrequest: a file that has no URI has no guards.",
)
def _subrequest_of_a_file(scenario: Scenario, answer: Answer) -> None:
    for script in scenario.handlers:
        for verb, *values in script.actions:
            if verb not in {"sub_file", "sub_file_run"} or answer.trace is None:
                continue
            at = answer.trace.index("sub:map_to_storage1")
            answer.trace.insert(at, "sub:trans1")
            if sections_of(scenario, values[0]) != sections_of(scenario, scenario.url_path):
                answer.trace[at + 2 : at + 2] = [f"sub:{phase}1" for phase in GUARDS]
            for seen in answer.observed:
                if "sub_uri" in seen:
                    seen["sub_uri"] = values[0]
                elif seen["at"].startswith("sub:"):
                    seen["uri"] = values[0]


@difference(
    "lookup-status",
    httpd="gives a subrequest the status -2 (`DONE`) where a handler completed it during the lookup, so that it "
    "can't be run; and leaves its status at 200 when its content fails.",
    here="tells in `.status` what the client would get, and gives that response with `.run()`.",
    why="A subrequest is made to learn what would come of a path: a status that a client could get.",
)
def _lookup_status(scenario: Scenario, answer: Answer) -> None:
    for seen in answer.observed:
        if seen.get("sub_status") == -2:
            seen["sub_status"] = 200
            if seen["verb"].endswith("_run"):
                seen |= {"sub_ran": 1, "sub_run_result": 0}
        elif seen.get("sub_run_result"):
            seen["sub_status"] = seen["sub_run_result"]


@difference(
    "subrequest-cleanups",
    httpd="runs the cleanups that were registered in a subrequest when the subrequest is destroyed.",
    here="runs them with those of the request, last in first out.",
    why="What `register_cleanup` was given runs when the request is finished; a subrequest's response may still "
    "be in use until then.",
)
def _subrequest_cleanups(scenario: Scenario, answer: Answer) -> None:
    trace = answer.trace or []
    for at in [at for at in trace if at.startswith("sub:cleanup:")]:
        after = f"cleanup:{_registered_behind_subrequest(scenario)}"
        trace.remove(at)
        trace.insert(trace.index(after) + 1, at)


def _registered_behind_subrequest(scenario: Scenario) -> str:
    for script in scenario.handlers:
        verbs = [action[0] for action in script.actions]
        if "sub_run" in verbs:
            behind = script.actions[verbs.index("sub_run") :]
            return next(str(action[1]) for action in behind if action[0] == "cleanup")
    raise AssertionError(scenario.id)

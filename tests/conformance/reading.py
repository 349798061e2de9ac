"""Questions that differences ask of a scenario and of an answer."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from tests.conformance.model import PHASES, Model
from tests.conformance.scenarios import Answer, Scenario, Script, site

HANDLER = re.compile(r"((?:redirect:|sub:)*)([a-z_]+)(\d)")
GUARDS = ("access", "authen", "authz")


def phase_of(at: str) -> str:
    """Return the phase of a name in the trace; "" for a registered cleanup."""
    match = HANDLER.fullmatch(at)
    return match[2] if match else ""


def prefix_of(at: str) -> str:
    """Return what stands before the handler's own name."""
    return at[: at.rindex(":") + 1] if ":" in at else ""


def is_finisher(at: str) -> bool:
    """Tell whether it ran in LOG or CLEANUP."""
    return phase_of(at) in {"log", "cleanup"}


def finishers_of(answer: Answer) -> list[dict[str, Any]]:
    """Return what was observed in LOG and CLEANUP."""
    return [seen for seen in answer.observed if is_finisher(seen["at"])]


def in_trace(scenario: Scenario, answer: Answer) -> Iterator[tuple[str, Script]]:
    """Yield the names of the trace with their scripts, registered cleanups apart."""
    for at in answer.trace or ():
        kind = "redirect" if "redirect:" in at else "sub" if "sub:" in at else "main"
        for script in scenario.handlers:
            if at.rpartition(":")[2] == script.name and script.acts_in(kind) and phase_of(at):
                yield at, script


def all_declined(scenario: Scenario, phase: str) -> bool:
    """Tell whether no handler of a phase decides anything in the request itself."""
    return all(script.result == "DECLINED" for script in scenario.scripts(phase))


def answered_by_default(scenario: Scenario, answer: Answer) -> bool:
    """Tell whether CONTENT was reached and no handler answered."""
    reached = [(at, script) for at, script in in_trace(scenario, answer) if script.phase == "content"]
    return bool(reached) and reached[-1][1].result == "DECLINED"


def named_file(scenario: Scenario) -> str:
    """Return the path of the file that the request comes to stand for, below the document root."""
    for wanted in ("filename", "uri"):
        for script in scenario.handlers:
            for verb, *values in script.actions:
                if verb == wanted and script.phase in {"post_read_request", "trans", "map_to_storage"}:
                    return str(values[0])
    return scenario.url_path


def is_folder(path: str) -> bool:
    """Tell whether a path names a folder of the site."""
    return path != "/" and any(name.startswith(f"{path.strip('/')}/") for name in site())


def targets(scenario: Scenario) -> list[str]:
    """Return the paths that the first request leads to, by redirects, subrequests or error documents."""
    verbs = ("redirect", "sub_run", "sub_lookup", "sub_method")
    found = [action[-1] for script in scenario.handlers for action in script.actions if action[0] in verbs]
    answered = {script.result for script in scenario.handlers if script.acts_in("main")}
    found += [target for status, target in scenario.error_documents.items() if status in answered]
    return [target for target in found if target.startswith("/")]


def sections_of(scenario: Scenario, path: str) -> list[str]:
    """Return the sections that cover a path."""
    path = path.partition("?")[0]
    sections = scenario.config.get("sections") or ()
    return [name for name in sections if name in {"/", path} or path.startswith(f"{name}/")]


def passes_later(scenario: Scenario) -> bool:
    """Tell whether a subrequest is made by a request that has not passed its own guards."""
    verbs = ("sub_run", "sub_lookup", "sub_method", "sub_file", "sub_file_run")
    early = PHASES[: PHASES.index("authz") + 1]
    return any(script.phase in early and script.does(*verbs) for script in scenario.handlers)


def replace(answer: Answer, other: Answer) -> None:
    """Take another answer over, as a whole."""
    vars(answer).update(vars(copy.deepcopy(other)))


def play(scenario: Scenario, answer: Answer) -> None:
    """Take over what the model of hookchain's phases answers."""
    replace(answer, Model(scenario).answer())

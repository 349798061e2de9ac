"""Where hookchain deliberately answers otherwise than httpd did, by rule.

A rule says of any scenario what is expected in place of the recorded answer: it rewrites that answer, and leaves
alone what it does not speak of. ``expected`` applies all of them in the order in which they stand here: first how the
request goes, then what handlers see, then what is sent.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance.model import HTTPD_PAGE, LAST_MODIFIED, PHASES, Model
from tests.conformance.scenarios import Answer, Scenario, Script, site

Rewrite = Callable[[Scenario, Answer], None]


@dataclasses.dataclass(frozen=True)
class Difference:
    """A rule.

    Attributes:
        name: stable; the heading in the documentation.
        httpd: what Apache httpd does.
        here: what hookchain does.
        why: the reason.
        rewrite: turns httpd's answer into the expected one, in place.
    """

    name: str
    httpd: str
    here: str
    why: str
    rewrite: Rewrite


DIFFERENCES: list[Difference] = []


def difference(name: str, *, httpd: str, here: str, why: str) -> Callable[[Rewrite], Rewrite]:
    """Add a rule to the list."""

    def add(rewrite: Rewrite) -> Rewrite:
        DIFFERENCES.append(Difference(name, httpd, here, why, rewrite))
        return rewrite

    return add


def expected(scenario: Scenario) -> tuple[Answer, list[str]]:
    """Return what hookchain is expected to answer, and the names of the rules that changed something."""
    answer, used = scenario.recorded(), []
    for rule in DIFFERENCES:
        before = copy.deepcopy(answer)
        rule.rewrite(scenario, answer)
        if answer != before:
            used.append(rule.name)
    return answer, used


# --- reading scenarios

HANDLER = re.compile(r"((?:redirect:|sub:)*)([a-z_]+)(\d)")


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


def replace(answer: Answer, other: Answer) -> None:
    """Take another answer over, as a whole."""
    vars(answer).update(vars(copy.deepcopy(other)))


def play(scenario: Scenario, answer: Answer) -> None:
    """Take over what the model of hookchain's phases answers."""
    replace(answer, Model(scenario).answer())


def all_declined(scenario: Scenario, phase: str) -> bool:
    """Tell whether no handler of a phase decides anything in the request itself."""
    return all(script.result == "DECLINED" for script in scenario.scripts(phase))


# --- how a request goes


@difference(
    "request-line",
    httpd="refuses a request line that is no HTTP before any handler runs: a target without a slash at its beginning, "
    "a control character in it.",
    here="that is the server's business, as under every WSGI or ASGI server. What reaches the chain all the same is "
    "answered by its own rules: 400 after POST_READ_REQUEST where the path does not start with a slash; a control "
    "character other than NUL is part of a name like any other, of which there is no file.",
    why="The library starts where the server has read the request (DESIGN 9); DESIGN 5 names what is refused.",
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
    why="The path is percent-decoded once, by the server where it does that (DESIGN 5).",
)
def _percent_encoding(scenario: Scenario, answer: Answer) -> None:
    if re.search(r"%(?![0-9A-Fa-f]{2})", scenario.url_path) and answer.status == 400:
        play(scenario, answer)


@difference(
    "encoded-slash",
    httpd="answers 404 to a path with an encoded slash (`AllowEncodedSlashes Off`).",
    here="counts it as a slash.",
    why="One path: it is decoded once, and an encoded slash counts as a slash, for sections, handlers and files alike "
    "(DESIGN 5).",
)
def _encoded_slash(scenario: Scenario, answer: Answer) -> None:
    if "%2f" in scenario.url_path.lower():
        play(scenario, answer)


@difference(
    "trace-method",
    httpd="echoes a TRACE request, in its own MAP_TO_STORAGE handler, which stands behind the first of the others.",
    here="answers 405 when the MAP_TO_STORAGE handlers have declined, unless the chain enables TRACE.",
    why="TRACE shows scripts what browsers hide from them; it is refused unless enabled. A default runs when all "
    "handlers have declined (DESIGN 2).",
)
def _trace_method(scenario: Scenario, answer: Answer) -> None:
    if scenario.method == "TRACE" and answer.headers.get("content-type") == "message/http":
        play(scenario, answer)
        answer.headers["allow"] = ""


@difference(
    "status-before-the-request-ran",
    httpd="takes a status other than 200 that a POST_READ_REQUEST handler set, without answering with it, for a request "
    "that was dealt with: it closes the connection without a response.",
    here="goes on; the status is that of the response, as when any later handler sets it.",
    why="Every request gets a response (DESIGN 2, one way out).",
)
def _early_status(scenario: Scenario, answer: Answer) -> None:
    if answer.status is None:
        play(scenario, answer)


@difference(
    "redirect-outside-content",
    httpd="lets a handler of any phase run an internal redirect on the spot, and then goes on with the phases of the "
    "first request.",
    here="an `InternalRedirect` is an answer in CONTENT and in error documents. In any other phase it is a programming "
    "error: 500, logged with the handler's name, file and line.",
    why="DESIGN 3. A rewrite of the path does in POST_READ_REQUEST and TRANS what such redirects are for.",
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
    here="`return InternalRedirect(uri)` is the handler's answer, so nothing follows it in the handler.",
    why="A handler answers once (DESIGN 3).",
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
    httpd="lets `LimitInternalRecursion` set how many internal redirects, and how many subrequests inside one another, "
    "a request may take.",
    here="always takes 10 of each.",
    why="At most 10 in a row, then 500 (DESIGN 7): httpd's default, with nothing to be set.",
)
def _recursion_limit(scenario: Scenario, answer: Answer) -> None:
    limits = scenario.config.get("limit_internal_recursion")
    trace = answer.trace or []
    kind = "sub:" if any("sub:" in at for at in trace) else "redirect:"
    limit = limits and limits[kind == "sub:"]
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
    httpd="on its own, without mod_auth_basic and mod_authz_core, answers 500 when all handlers of AUTHEN or of AUTHZ "
    "declined, or when there is none.",
    here="AUTHEN: 401 unless `req.user` is set already, and then the request goes on. AUTHZ: 403 where handlers were "
    "asked, and nothing where there are none.",
    why="The defaults stand where httpd has those two modules (DESIGN 2). A chain without AUTHZ handlers lets every user in.",
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


@difference(
    "same-sections",
    httpd="runs the guards of an internal redirect or subrequest again unless its configuration is the very same object, "
    "which it is not for two paths in one `Location` (only modules that ask for it are compared by content).",
    here="leaves them out whenever exactly the same sections apply as to the record it came from.",
    why="DESIGN 7.",
)
def _same_sections(scenario: Scenario, answer: Answer) -> None:
    for target in targets(scenario):
        if sections_of(scenario, target) == sections_of(scenario, scenario.url_path) and not passes_later(scenario):
            kinds = ("sub:", "redirect:")
            guards = [kind + f"{phase}{slot}" for kind in kinds for phase in GUARDS for slot in (1, 2, 3)]
            answer.trace = [at for at in answer.trace or () if at not in guards]


GUARDS = ("access", "authen", "authz")


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
    return [name for name in sections if name == "/" or path == name or path.startswith(f"{name}/")]


def passes_later(scenario: Scenario) -> bool:
    """Tell whether a subrequest is made by a request that has not passed its own guards."""
    verbs = ("sub_run", "sub_lookup", "sub_method", "sub_file", "sub_file_run")
    early = PHASES[: PHASES.index("authz") + 1]
    return any(script.phase in early and script.does(*verbs) for script in scenario.handlers)


@difference(
    "lookup-before-the-guards",
    httpd="skips the guards of a subrequest in the same configuration even when the request itself has not passed them "
    "yet.",
    here="skips them only for a request that has passed; until then the subrequest runs them.",
    why="A lookup tells what a path would pass (DESIGN 6), so that it must not take for granted what is still to be decided.",
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
    here="a subrequest is for a URI; these scenarios look up the URI that leads to the file.",
    why="`lookup(uri)` is the one way to make a subrequest (DESIGN 6): a file that has no URI has no guards.",
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
    httpd="gives a subrequest the status -2 (`DONE`) where a handler completed it during the lookup, so that it can't be "
    "run; and leaves its status at 200 when its content fails.",
    here="`.status` tells what the client would get, and `.run()` gives that response.",
    why="DESIGN 6.",
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
    why="What `register_cleanup` was given runs when the request is finished (DESIGN 3); a subrequest's response may still "
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


@difference(
    "log-handler-in-error",
    httpd="stops asking LOG handlers after one that answers with a number that is no status.",
    here="goes on: the number is a programming error, logged with the handler's name, and counts as an exception does.",
    why="A finisher that fails does not stop the next one (DESIGN 2).",
)
def _log_handler_in_error(scenario: Scenario, answer: Answer) -> None:
    trace = answer.trace or []
    names = [script.name for script in scenario.scripts("log")]
    for script in scenario.scripts("log"):
        if not (isinstance(script.result, int) and not 200 <= script.result <= 599) or script.name not in trace:
            continue
        missing = [name for name in names[names.index(script.name) + 1 :] if name not in trace]
        at = trace.index(script.name) + 1
        trace[at:at] = missing


@difference(
    "order-of-cleanup",
    httpd="runs CLEANUP handlers last in, first out, as pool cleanups.",
    here="runs them in their declared order; what was registered with `register_cleanup` runs before them, last in, first "
    "out, as in httpd.",
    why="Handlers of a phase are called in the order that is declared and printed (DESIGN 4); DESIGN 3 for what comes first.",
)
def _order_of_cleanup(scenario: Scenario, answer: Answer) -> None:
    trace = answer.trace or []
    places = [n for n, at in enumerate(trace) if phase_of(at) == "cleanup"]
    for place, at in zip(places, sorted(trace[place] for place in places), strict=True):
        trace[place] = at


# --- files


@difference(
    "methods-of-files",
    httpd="sends a file to POST as to GET, and answers 501 to a method that it does not know.",
    here="answers 405 with Allow to everything but GET, HEAD and OPTIONS.",
    why="Static files: GET and HEAD, else 405 with Allow (security rule 13).",
)
def _methods_of_files(scenario: Scenario, answer: Answer) -> None:
    is_default = all(not at.startswith("sub:") for at in answer.trace or ())
    sent_to_post = scenario.method == "POST" and answered_by_default(scenario, answer)
    unknown = answer.status == 501 and answered_by_default(scenario, answer)
    if not is_default or not (sent_to_post or unknown):
        return
    if unknown and scenario.error_documents:
        play(scenario, answer)
        return
    answer.headers = {"content-type": HTTPD_PAGE, "allow": "GET,HEAD,OPTIONS,POST,TRACE"}
    answer.status, answer.body, answer.error_page = 405, "", 405
    for seen in finishers_of(answer):
        seen |= {"content_type": HTTPD_PAGE}
        for key in {"status", "next_status", "last_status"} & set(seen):
            seen[key] = 405


def answered_by_default(scenario: Scenario, answer: Answer) -> bool:
    """Tell whether CONTENT was reached and no handler answered."""
    reached = [(at, script) for at, script in in_trace(scenario, answer) if script.phase == "content"]
    return bool(reached) and reached[-1][1].result == "DECLINED"


def is_folder(path: str) -> bool:
    """Tell whether a path names a folder of the site."""
    return path != "/" and any(name.startswith(f"{path.strip('/')}/") for name in site())


@difference(
    "folders",
    httpd="has mod_dir deal with folders in FIXUP, before content handlers are asked: it looks up each index file with a "
    "subrequest, puts it in the request's place, uri included, and redirects to the slash for any method.",
    here="finds the index file in MAP_TO_STORAGE, without a subrequest, where the same guards stand before it; `req.uri` "
    "stays what was asked for. The redirect to the slash is CONTENT's, behind the handlers, and for GET and HEAD.",
    why="The default of MAP_TO_STORAGE finds the file, that of CONTENT sends it (DESIGN 2).",
)
def _folders(scenario: Scenario, answer: Answer) -> None:
    if "mod_dir" in scenario.config["modules"] and is_folder(scenario.url_path):
        play(scenario, answer)


@difference(
    "folder-without-slash",
    httpd="answers 404 to a folder asked for without a slash at its end, where mod_dir is not there.",
    here="always redirects to the slash, with the path alone as Location.",
    why="Browsers resolve relative links by the slash. A Location that the library makes starts with exactly one slash "
    "(security rule 15), and never repeats a Host that the client made up.",
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


def named_file(scenario: Scenario) -> str:
    """Return the path of the file that the request comes to stand for, below the document root."""
    for wanted in ("filename", "uri"):
        for script in scenario.handlers:
            for verb, *values in script.actions:
                if verb == wanted and script.phase in {"post_read_request", "trans", "map_to_storage"}:
                    return str(values[0])
    return scenario.url_path


@difference(
    "conditions-not-met",
    httpd="tells the file's length with the 412 to a HEAD request; drops Content-Range and Last-Modified from a 416.",
    here="412 has no body, so its length is 0 for every method; 416 tells the file's length in Content-Range, and its "
    "Last-Modified.",
    why="RFC 9110, sections 9.3.2 (HEAD has the headers of GET) and 15.5.17.",
)
def _conditions_not_met(scenario: Scenario, answer: Answer) -> None:
    if scenario.headers and answered_by_default(scenario, answer):
        if answer.status == 412:
            answer.headers["content-length"] = "0"
        if answer.status == 416:
            length = len(site()[scenario.url_path.lstrip("/")])
            answer.headers |= {"content-range": f"bytes */{length}", "last-modified": LAST_MODIFIED}


# --- bodies and statuses of handlers


@difference(
    "answer-after-flush",
    httpd="sends what a handler flushes at once, with the status and headers of that moment; a status that the handler "
    "answers then comes too late, and its page is appended.",
    here="a handler streams by answering with an iterator, and answers once: a status is the whole answer and nothing "
    "of the body leaves; headers that it sets while it runs are sent.",
    why="DESIGN 3.",
)
def _answer_after_flush(scenario: Scenario, answer: Answer) -> None:
    for at, script in in_trace(scenario, answer):
        if not script.does("flush") or phase_of(at) != "content":
            continue
        if isinstance(script.result, int):
            replace(answer, Model(scenario).page(script.result))
            _again(scenario, answer)
        for verb, *values in script.actions:
            if verb in {"out", "err"} and values[0].lower() not in answer.headers:
                answer.headers[values[0].lower()] = values[1]


def _again(scenario: Scenario, answer: Answer) -> None:
    """Take trace and observations back from the record; the response is another, what ran is not."""
    recorded = scenario.recorded()
    answer.trace, answer.observed = recorded.trace, recorded.observed
    if answer.status in {204, 304}:
        answer.headers.pop("content-type", None)
    for seen in finishers_of(answer):
        if answer.status not in {204, 304}:
            seen["content_type"] = HTTPD_PAGE


@difference(
    "declined-after-writing",
    httpd="keeps what a handler has written when it then declines, or fails in a subrequest, and sends it in front of "
    "what others make.",
    here="a body is an answer: who declines gives none, and an error page stands alone.",
    why="DESIGN 3.",
)
def _declined_after_writing(scenario: Scenario, answer: Answer) -> None:
    for at, script in in_trace(scenario, answer):
        if phase_of(at) != "content" or not script.does("write") or "redirect:" in at:
            continue
        written = "".join(values[0] for verb, *values in script.actions if verb == "write")
        declined = script.result == "DECLINED" and answered_by_default(scenario, answer)
        failed_sub = at.startswith("sub:") and isinstance(script.result, int)
        if (declined or failed_sub) and answer.body.startswith(written):
            answer.body = answer.body.removeprefix(written)
            if "content-length" in answer.headers:
                answer.headers["content-length"] = str(len(answer.body))


@difference(
    "success-has-no-page",
    httpd="makes a page that looks like an error's when a handler answers with a success status such as 200 or 206.",
    here="sends an empty response with that status.",
    why="An accident of httpd's (the recorded answers call it `error-page-on-success`); the answer means: end the request "
    "with this status (DESIGN 3).",
)
def _success_has_no_page(scenario: Scenario, answer: Answer) -> None:
    if answer.error_page is not None and answer.error_page < 300:
        answer.error_page = None
        answer.headers |= {"content-type": "", "content-length": "0"}


@difference(
    "unknown-statuses",
    httpd="sends 500 for a status that it has no reason phrase for, and logs the one that was set.",
    here="sends every status from 200 to 599 as it is; one outside that range, set in `req.status`, is sent and logged as 500.",
    why="DESIGN 3: statuses from 200 to 599 are answers.",
)
def _unknown_statuses(scenario: Scenario, answer: Answer) -> None:
    for script in scenario.scripts("content"):
        if script.result == 599 and answer.status == 500:
            answer.status = answer.error_page = 599
        for verb, *values in script.actions:
            if verb == "status" and not 200 <= values[0] <= 599:
                for seen in finishers_of(answer):
                    seen["status"] = answer.status


# --- error documents


@difference(
    "error-document-url",
    httpd="answers 302 to the URL when an `ErrorDocument` is a full URL.",
    here="a target that starts with a slash is a URI of this site; any other text is the body, and the status stays.",
    why="DESIGN 7. A redirect to another site would turn an error into a success for everything that is no browser.",
)
def _error_document_url(scenario: Scenario, answer: Answer) -> None:
    if answer.status != 302 or answer.error_page != 302:
        return
    for status, target in scenario.error_documents.items():
        if target == answer.headers.get("location"):
            answer.status, answer.error_page, answer.body = status, None, target
            del answer.headers["location"]
            answer.headers |= {"content-type": "text/plain; charset=utf-8", "content-length": str(len(target))}


@difference(
    "error-document-status",
    httpd="lets what stands for an error document set another status.",
    here="the status stays that of the error.",
    why="DESIGN 7.",
)
def _error_document_status(scenario: Scenario, answer: Answer) -> None:
    results = {script.result for script in scenario.handlers if script.acts_in("main")}
    for at, script in in_trace(scenario, answer):
        if "redirect:" in at and script.does("status") and not answer.error_page:
            for status in set(scenario.error_documents) & results:
                answer.status = int(status)


@difference(
    "allow",
    httpd="names POST and TRACE in Allow, as its file handler takes POST and the server TRACE; and drops the header "
    "where an error document stands for a 405.",
    here="names what handlers added to `req.allowed_methods`, for files GET, HEAD and OPTIONS too; every 405 has the header.",
    why="Security rule 13; RFC 9110, section 15.5.6.",
)
def _allow(scenario: Scenario, answer: Answer) -> None:
    if answer.status in {405, 501}:
        by_default = not any(script.result in {405, 501} for _, script in in_trace(scenario, answer))
        answer.headers.setdefault("allow", "GET,HEAD,OPTIONS" if by_default else "")
    if "allow" in answer.headers:
        methods = set(answer.headers["allow"].split(",")) - {"POST", "TRACE"}
        answer.headers["allow"] = ",".join(sorted(methods))


# --- what handlers see


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
    httpd="shows LOG and CLEANUP handlers the first record with the status that it had when it was left; what came in "
    "the end, `%>s` in a log format, is that of the last record.",
    here="LOG runs for the first record with the outcome of the last: status and response are what was sent. A failed "
    "error document is shown with the status that was sent, too.",
    why="DESIGN 7.",
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
    why="The method becomes GET in a new request record (DESIGN 7); the one before it stays true.",
)
def _method_of_the_failed_request(scenario: Scenario, answer: Answer) -> None:
    for seen in answer.observed:
        if "env_REDIRECT_REQUEST_METHOD" in seen and seen["at"].count("redirect:") == 1:
            seen["prev_method"] = seen["env_REDIRECT_REQUEST_METHOD"]


@difference(
    "handler-name",
    httpd="with mod_mime and mod_dir, fills the handler's name in CONTENT with the media type where it has none, and for "
    "folders with `httpd/unix-directory`.",
    here="`req.handler` is what handlers set it to, and nothing else.",
    why="The field is free for handlers to use; no default reads it (DESIGN 6).",
)
def _handler_name(scenario: Scenario, answer: Answer) -> None:
    names = {values[0] for script in scenario.handlers for verb, *values in script.actions if verb == "handler"}
    for seen in answer.observed:
        if seen.get("handler") and seen["handler"] not in names:
            if phase_of(seen["at"]) == "content":
                seen["handler"] = ""
            else:
                del seen["handler"]


# --- what is sent


@difference(
    "error-pages",
    httpd="makes pages in ISO 8859-1.",
    here="makes Werkzeug's pages, in UTF-8.",
    why="The plain page is Werkzeug's, as its users expect (DESIGN 3).",
)
def _error_pages(scenario: Scenario, answer: Answer) -> None:
    if answer.headers.get("content-type") == HTTPD_PAGE:
        answer.headers["content-type"] = PAGE
    for seen in answer.observed:
        if seen.get("content_type") == HTTPD_PAGE:
            seen["content_type"] = PAGE


PAGE = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
TYPES = {".txt": TEXT, ".html": PAGE, ".py": TEXT}


@difference(
    "media-types",
    httpd="has no media types without mod_mime, and sends a response without Content-Type where nobody set one; with "
    "mod_mime it names no charset.",
    here="TYPE finds type and charset by the file's name; a response for which neither it nor a handler says more is "
    "text in UTF-8, or `application/octet-stream` for a file. 204 and 304 have no Content-Type.",
    why="The default of TYPE stands where httpd has mod_mime (DESIGN 2); `wsgiref.validate` wants a type with everything "
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
    if any(script.result == "OK" for script in scenario.scripts("type", _kind_at_end(answer))):
        return "application/octet-stream" if "last-modified" in answer.headers else TEXT
    return TYPES.get(_suffix(_last_path(scenario, answer)), TEXT)


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
    return named_file(scenario)


def _suffix(path: str) -> str:
    """Return the suffix of the file that a path leads to, with or without something behind it."""
    file = next((name for name in site() if path.startswith(f"/{name}/")), path.partition("?")[0])
    if file.endswith("/") and f"{file.lstrip('/')}index.html" in site():
        return ".html"
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
    httpd="sends no Content-Length where part of a body has left before the rest was made: after a flush or a subrequest's "
    "output.",
    here="sends it with every body that is there as a whole; only streams are without.",
    why="RFC 9110, section 8.6. A handler that wants to stream answers with an iterator (DESIGN 3).",
)
def _content_length(scenario: Scenario, answer: Answer) -> None:
    is_streamed = any(script.does("flush") and script.result in {"OK", "DONE"} and not script.does("redirect")
                      for script in scenario.handlers)
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

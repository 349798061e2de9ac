"""Differences: what handlers and error documents answer, and how a request is finished."""

from __future__ import annotations

from tests.conformance.model import HTTPD_PAGE, Model
from tests.conformance.reading import answered_by_default, finishers_of, in_trace, phase_of
from tests.conformance.rule import Rules
from tests.conformance.scenarios import Answer, Scenario

difference = Rules()


@difference(
    "answer-after-flush",
    httpd="sends what a handler flushes at once, with the status and headers of that moment; a status that the "
    "handler answers then comes too late, and its page is appended.",
    here="has a handler stream by answering with an iterator, once: a status is the whole answer and nothing of "
    "the body leaves; headers that it sets while it runs are sent.",
    why="What a handler returns is its answer, and there is one: either a body or a status. A client never gets "
    "half of each.",
)
def _answer_after_flush(scenario: Scenario, answer: Answer) -> None:
    for at, script in in_trace(scenario, answer):
        if not script.does("flush") or phase_of(at) != "content":
            continue
        if isinstance(script.result, int):
            _answer_with_status(scenario, answer, script.result)
        for verb, *values in script.actions:
            if verb in {"out", "err"} and values[0].lower() not in answer.headers:
                answer.headers[values[0].lower()] = values[1]


def _answer_with_status(scenario: Scenario, answer: Answer, status: int) -> None:
    status = status if 200 <= status <= 599 else 500
    page = Model(scenario).page(status)
    answer.status, answer.headers, answer.body, answer.error_page = status, page.headers, "", page.error_page
    for seen in finishers_of(answer):
        seen["content_type"] = HTTPD_PAGE


@difference(
    "declined-after-writing",
    httpd="keeps what a handler has written when it then declines, or fails in a subrequest, and sends it in front "
    "of what others make.",
    here="takes a body for an answer: who declines gives none, and an error page stands alone.",
    why="A handler that declines says: not mine. What it had begun must not stand in front of what another makes.",
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
    why="An accident of httpd's (the recorded answers call it `error-page-on-success`); the answer means: end the "
    "request with this status.",
)
def _success_has_no_page(scenario: Scenario, answer: Answer) -> None:
    if answer.error_page is not None and answer.error_page < 300:
        answer.error_page = None
        answer.headers |= {"content-type": "", "content-length": "0"}


@difference(
    "unknown-statuses",
    httpd="sends 500 for a status that it has no reason phrase for, and logs the one that was set.",
    here="sends every status from 200 to 599 as it is; one outside that range, set in `req.status`, is sent and "
    "logged as 500.",
    why="Statuses from 200 to 599 are answers, whether the library knows a name for them or not.",
)
def _unknown_statuses(scenario: Scenario, answer: Answer) -> None:
    for script in scenario.scripts("content"):
        if script.result == 599 and answer.status == 500:
            answer.status = answer.error_page = 599
        for verb, *values in script.actions:
            if verb == "status" and not 200 <= values[0] <= 599:
                for seen in finishers_of(answer):
                    seen["status"] = answer.status


@difference(
    "error-document-url",
    httpd="answers 302 to the URL when an `ErrorDocument` is a full URL.",
    here="takes a target that starts with a slash for a URI of this site; any other text is the body, and the "
    "status stays.",
    why="A redirect to another site would turn an error into a success for everything that is no browser.",
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
    here="keeps the status of the error.",
    why="A page about an error is no success, whatever made it: clients and logs go by the status.",
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
    here="names what handlers added to `req.allowed_methods`, for files GET, HEAD and OPTIONS too; every 405 has "
    "the header.",
    why="Security rule 13; RFC 9110, section 15.5.6.",
)
def _allow(scenario: Scenario, answer: Answer) -> None:
    if answer.status in {405, 501}:
        by_default = not any(script.result in {405, 501} for _, script in in_trace(scenario, answer))
        answer.headers.setdefault("allow", "GET,HEAD,OPTIONS" if by_default else "")
    if "allow" in answer.headers:
        methods = set(answer.headers["allow"].split(",")) - {"POST", "TRACE"}
        answer.headers["allow"] = ",".join(sorted(methods))


@difference(
    "log-handler-in-error",
    httpd="stops asking LOG handlers after one that answers with a number that is no status.",
    here="goes on: the number is a programming error, logged with the handler's name, and counts as an exception does.",
    why="A finisher that fails does not stop the next one.",
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
    here="runs them in their declared order; what was registered with `register_cleanup` runs before them, last "
    "in, first out, as in httpd.",
    why="Handlers of a phase are called in the order that is declared and printed, CLEANUP handlers too.",
)
def _order_of_cleanup(scenario: Scenario, answer: Answer) -> None:
    trace = answer.trace or []
    places = [n for n, at in enumerate(trace) if phase_of(at) == "cleanup"]
    for place, at in zip(places, sorted(trace[place] for place in places), strict=True):
        trace[place] = at

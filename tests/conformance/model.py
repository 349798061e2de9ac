"""A simple model of one request, for what hookchain answers where httpd's own answer can't be taken over.

It knows the phase table, the guards, redirects from CONTENT and error documents, and speaks httpd's language: what
differs in every response (types, lengths, the order of CLEANUP) is left to the differences that say so.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import unquote

from tests.conformance.scenarios import Answer, Scenario, Script, site

RUN_ALL = frozenset({"post_read_request", "header_parser", "access", "fixup", "log"})
PHASES = [
    "post_read_request",
    "trans",
    "map_to_storage",
    "header_parser",
    "access",
    "authen",
    "authz",
    "type",
    "fixup",
    "content",
    "log",
    "cleanup",
]
HTTPD_PAGE = "text/html; charset=iso-8859-1"
LAST_MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"


class EndedError(Exception):
    """A record came to its end: with a status, or with "DONE"."""

    def __init__(self, outcome: int | str) -> None:
        self.outcome = outcome


@dataclasses.dataclass
class Record:
    """A request, or what an internal redirect made of it."""

    path: str
    method: str
    prefix: str = ""
    prev: Record | None = None
    status: int = 200
    user: str | None = None
    is_mapped: bool = False
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "redirect" if self.prev else "main"


class Model:
    """Plays a scenario; ``answer()`` is what comes of it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.first = Record(unquote(scenario.url_path), scenario.method)
        self.trace: list[str] = []
        self.observed: list[dict[str, Any]] = []
        self.err_headers: dict[str, str] = {}
        self.written = ""
        self.is_let_in = False
        self.location = ""

    def answer(self) -> Answer:
        """Play the scenario from the first phase to the last."""
        outcome = self.outcome_of(self.first)
        answer = self.page_or_document(outcome) if isinstance(outcome, int) else self.success(self.first)
        self.first.status = answer.status or 0
        self.finish(answer)
        return answer

    def success(self, record: Record) -> Answer:
        headers = {**record.headers, **self.err_headers}
        if record.status in {204, 304}:
            self.written = ""
        else:
            headers["content-length"] = str(len(self.written))
        body = "" if self.first.method == "HEAD" else self.written
        return Answer(self.trace, self.observed, record.status, headers, body, None)

    def page(self, status: int) -> Answer:
        headers = {"content-type": HTTPD_PAGE, **self.err_headers}
        if status == 301 and self.location:
            headers["location"] = self.location
        if status == 405:
            headers["allow"] = "GET,HEAD,OPTIONS,POST,TRACE"
        realm = self.scenario.config.get("realm")
        if status == 401 and realm:
            headers.setdefault("www-authenticate", f'Basic realm="{realm}"')
        shown = None if status in {204, 304} or self.first.method == "HEAD" else status
        return Answer(self.trace, self.observed, status, headers, "", shown)

    def page_or_document(self, status: int) -> Answer:
        target = self.scenario.error_documents.get(status)
        if target is None or not target.startswith("/"):
            return self.page(status)
        self.first.status = status
        record = Record(target, "GET", "redirect:", self.first, status, self.first.user)
        self.written = ""
        outcome = self.outcome_of(record)
        return self.page(status) if isinstance(outcome, int) else self.success(record)

    # --- the phases

    def outcome_of(self, record: Record) -> int | str:
        try:
            for phase in PHASES[: PHASES.index("content") + 1]:
                self.phase(phase, record)
        except EndedError as end:
            return end.outcome
        return "OK"

    def phase(self, phase: str, record: Record) -> None:
        if phase in {"access", "authen", "authz"} and record.prev:
            return  # error documents lie in the same sections as what they stand for
        if phase in {"authen", "authz"} and self.is_let_in:
            return
        settled = self.ask_access(record) if phase == "access" else self.ask(phase, record)
        if phase == "map_to_storage" and settled is None and record.method == "TRACE":
            raise EndedError(405)
        record.is_mapped = record.is_mapped or (phase == "trans" and settled is None)
        if settled is None:
            self.default(phase, record)

    def ask(self, phase: str, record: Record) -> str | None:
        scripts = self.scenario.scripts(phase, record.kind)
        if phase in {"authen", "authz"} and not self.asks_for_users():
            return "OK"
        for script in scripts:
            result = self.act(script, record)
            if result == "DECLINED" or (result == "OK" and phase in RUN_ALL):
                continue
            if result == "OK":
                return "OK"
            raise EndedError(result)
        return None

    def ask_access(self, record: Record) -> str | None:
        """With ``satisfy="any"``, ACCESS alone lets in, and a refusal of it alone does not keep out."""
        if self.scenario.config["satisfy"] == "all":
            return self.ask("access", record)
        try:
            self.ask("access", record)
        except EndedError:
            return "OK"
        self.is_let_in = True
        return "OK"

    def asks_for_users(self) -> bool:
        config = self.scenario.config
        return config["server"] != "stock" or bool(config.get("users")) or config.get("require") == "valid-user"

    def default(self, phase: str, record: Record) -> None:
        has_authz = self.scenario.scripts("authz") or self.scenario.config.get("require") == "valid-user"
        if phase == "authen" and record.user is None and (self.scenario.scripts("authen") or has_authz):
            raise EndedError(401)
        if phase == "authz" and has_authz:
            raise EndedError(403)
        if phase == "content":
            self.send_file(record)

    def send_file(self, record: Record) -> None:
        if record.method not in {"GET", "HEAD"}:
            raise EndedError(405)
        if self.is_folder(record) and not record.path.endswith("/"):
            query = self.scenario.path.partition("?")[1:]
            self.location = "".join([record.path, "/", *query])
            raise EndedError(301)
        text = site().get(self.file_of(record).lstrip("/")) if record.is_mapped else None
        if text is None:
            raise EndedError(404)
        record.headers["last-modified"] = LAST_MODIFIED
        self.written = text

    def is_folder(self, record: Record) -> bool:
        return any(name.startswith(f"{record.path.strip('/')}/") for name in site())

    def file_of(self, record: Record) -> str:
        index = f"{record.path}index.html"
        has_index = "mod_dir" in self.scenario.config["modules"] and index.lstrip("/") in site()
        return index if has_index and record.path.endswith("/") else record.path

    def finish(self, answer: Answer) -> None:
        for script in self.scenario.scripts("log"):
            if self.act(script, self.first, answer) not in {"OK", "DECLINED"}:
                break
        for script in reversed(self.scenario.scripts("cleanup")):
            self.act(script, self.first, answer)

    # --- a handler

    def act(self, script: Script, record: Record, answer: Answer | None = None) -> Any:
        self.trace.append(record.prefix + script.name)
        for verb, *values in script.actions:
            if verb == "redirect":
                return 500 if script.phase != "content" else script.result
            if verb == "see":
                self.observed.append(self.seen(script, record, answer))
            else:
                self.do(verb, values, record)
        if isinstance(script.result, int) and not 200 <= script.result <= 599:
            return 500
        return script.result

    def do(self, verb: str, values: list[Any], record: Record) -> None:
        if verb in {"user", "nouser"}:
            record.user = values[0] if values else None
        elif verb == "write":
            self.written += values[0]
        elif verb == "status":
            record.status = values[0]
        elif verb in {"err", "out"}:
            (self.err_headers if verb == "err" else record.headers)[values[0].lower()] = values[1]

    def seen(self, script: Script, record: Record, answer: Answer | None) -> dict[str, Any]:
        seen: dict[str, Any] = {
            "at": record.prefix + script.name,
            "method": record.method,
            "header_only": int(self.first.method == "HEAD"),
            "status": record.status,
            "uri": record.path,
            "user": record.user,
            "filename": f"$ROOT{self.file_of(record)}" if record.is_mapped else None,
            "handler": "" if script.phase == "content" else None,
            "args": self.scenario.path.partition("?")[2] or None,
            "content_type": answer and answer.headers.get("content-type"),
        }
        if record.prev:
            seen |= {
                "prev_method": "GET",
                "prev_status": record.prev.status,
                "prev_uri": record.prev.path,
                "env_REDIRECT_STATUS": record.prev.status,
                "env_REDIRECT_REQUEST_METHOD": record.prev.method,
            }
        elif answer and any(name.startswith("redirect:") for name in self.trace):
            target = self.scenario.error_documents[answer.status or 0]
            seen |= {
                f"{which}_{what}": value
                for which in ("next", "last")
                for what, value in (("status", answer.status), ("uri", target))
            }
        return {key: value for key, value in seen.items() if value is not None}

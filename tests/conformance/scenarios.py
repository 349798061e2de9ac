"""The recorded scenarios, read from ``httpd-phases.jsonl``; ``FORMAT.md`` says what each key means."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Script:
    """One scripted handler."""

    phase: str
    name: str
    slot: int
    scope: str
    actions: tuple[list[Any], ...]
    result: str | int

    def does(self, *verbs: str) -> bool:
        """Tell whether one of these actions is in the script."""
        return any(action[0] in verbs for action in self.actions)

    def acts_in(self, kind: str) -> bool:
        """Tell whether it does something in "main", "redirect" or "sub"."""
        return self.scope in {"any", kind}


@dataclasses.dataclass
class Answer:
    """What a request led to: recorded from httpd, or observed in hookchain.

    Attributes:
        trace: the names of the scripted handlers in the order in which they ran; None where nothing could be seen.
        observed: what the ``see`` actions reported, in order.
        status: of the response; None where there was none.
        headers: the recorded subset, with lower-case names.
        body: the text, without the server's own error page.
        error_page: the status that the server's own error page names; None where there was no such page.
    """

    trace: list[str] | None
    observed: list[dict[str, Any]]
    status: int | None
    headers: dict[str, str]
    body: str
    error_page: int | None


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A request, the handlers and the configuration that it met, and what httpd answered."""

    id: str
    area: str
    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    handlers: tuple[Script, ...]
    config: dict[str, Any]
    expect: dict[str, Any]
    quirks: tuple[str, ...]

    def recorded(self) -> Answer:
        """Return httpd's answer, as a copy that may be changed."""
        expect = json.loads(json.dumps(self.expect))
        page = expect["error_page"]
        return Answer(
            trace=expect["trace"],
            observed=expect["observed"] or [],
            status=expect["status"],
            headers=expect["headers"],
            body=expect["body"],
            error_page=page and page["title_status"],
        )

    @property
    def url_path(self) -> str:
        """The path of the request target, without the query."""
        return self.path.partition("?")[0]

    @property
    def error_documents(self) -> dict[int, str]:
        """Statuses and what is configured for them."""
        return {int(status): target for status, target in self.config.get("error_documents", {}).items()}

    def scripts(self, phase: str, kind: str = "main") -> list[Script]:
        """Return the handlers of a phase that act in a kind of request, in the order of calling."""
        found = [script for script in self.handlers if script.phase == phase and script.acts_in(kind)]
        return sorted(found, key=lambda script: script.slot)


def _scenario(line: str) -> Scenario:
    entry = json.loads(line)
    request = entry["request"]
    scripts = (
        Script(h["phase"], h["name"], h["slot"], h["scope"], tuple(h["actions"]), h["result"])
        for h in entry["handlers"]
    )
    return Scenario(
        id=entry["id"],
        area=entry["area"],
        method=request["method"],
        path=request["path"],
        headers=request["headers"],
        body=request.get("body"),
        handlers=tuple(scripts),
        config=entry["config"],
        expect=entry["expect"],
        quirks=tuple(entry["quirks"]),
    )


@functools.cache
def scenarios() -> tuple[Scenario, ...]:
    """Return all scenarios, in the order of the file."""
    lines = (HERE / "httpd-phases.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_scenario(line) for line in lines)


@functools.cache
def site() -> dict[str, str]:
    """Return the static files: path below the document root, text."""
    files: dict[str, str] = json.loads((HERE / "docroot.json").read_text(encoding="utf-8"))["files"]
    return files


def build_site(root: Path) -> Path:
    """Write the static files, all with the recorded time of change."""
    mtime = json.loads((HERE / "docroot.json").read_text(encoding="utf-8"))["mtime"]
    for name, text in site().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (root, *root.rglob("*")):
        os.utime(path, (mtime, mtime))
    return root

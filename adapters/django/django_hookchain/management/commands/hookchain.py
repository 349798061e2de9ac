"""``manage.py hookchain explain|audit|check``."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_hookchain.audit import site_name, surface_of
from django_hookchain.record import endpoint_of
from django_hookchain.settings import Finding, findings, load_chain
from hookchain import HookChainError
from hookchain.audit import audit

_FAILING = frozenset({"unguarded", "partial", "closed"})
_FALLBACK_WIDTH = 100


class Command(BaseCommand):
    """Explains and checks the chain that HOOKCHAIN names, and audits the site."""

    help = "Explain or check the chain of the setting HOOKCHAIN, or list every route with what guards it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Describe the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        explain = actions.add_parser("explain", help="Show which handlers apply to a path.")
        explain.add_argument("path", help='a path as a client sends it, starting with "/"')
        explain.add_argument("--method", "-X", default="GET", help="the request's method")
        explain.add_argument("--host", help="the request's Host; sections with hosts apply only where it is given")
        audit = actions.add_parser("audit", help="List every route with what guards it.")
        audit.add_argument("--github", action="store_true", help="print annotations for GitHub's workflows, too")
        check = actions.add_parser("check", help="Report everything that is wrong.")
        for action in (explain, audit, check):
            action.add_argument("--json", action="store_true", dest="as_json", help="print JSON, for programs")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Run one of them."""
        if action == "explain":
            self._explain(**options)
        elif action == "audit":
            self._audit(as_json=options["as_json"], github=options["github"])
        else:
            self._check(as_json=options["as_json"])

    def _explain(self, *, path: str, method: str, host: str | None, as_json: bool, **_: Any) -> None:
        try:
            explanation = load_chain().explain(path, method, host)
        except (HookChainError, ValueError) as error:
            raise CommandError(str(error)) from error
        endpoint = endpoint_of(explanation.path)
        if as_json:
            self.stdout.write(json.dumps({"endpoint": endpoint, **explanation.as_dict()}, indent=2))
        else:
            self.stdout.write(f"endpoint: {endpoint or 'none'}\n{explanation}")

    def _audit(self, *, as_json: bool, github: bool) -> None:
        try:
            found = audit(surface_of())
        except HookChainError as error:
            raise CommandError(str(error)) from error
        if as_json:
            self.stdout.write(json.dumps({"target": site_name(), **found.as_dict()}, indent=2))
        else:
            width = shutil.get_terminal_size((_FALLBACK_WIDTH, 0)).columns
            lines = ("".join(map(self._coloured, line)) for line in found.lines(width))
            self.stdout.write("\n".join([*(found.annotations() if github else ()), *lines]))
        if found.failing:
            raise SystemExit(1)

    def _coloured(self, piece: Any) -> str:
        return self.style.ERROR(piece.text) if piece.role in _FAILING else str(piece.text)

    def _check(self, *, as_json: bool) -> None:
        found = list(findings())
        errors = [finding for finding in found if finding.is_error]
        if as_json:
            self.stdout.write(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2))
        else:
            for finding in found:
                self._tell(finding)
            self.stdout.write(f"{_counted(len(errors), 'problem')}, {_counted(len(found) - len(errors), 'warning')}")
        if errors:
            raise SystemExit(1)

    def _tell(self, finding: Finding) -> None:
        kind = self.style.ERROR("error") if finding.is_error else self.style.WARNING("warning")
        lines = [f"{kind} [{finding.code}] {finding.message}", *(f"    at {place}" for place in finding.places)]
        self.stdout.write("\n".join([*lines, f"    -> {finding.remedy}"]))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s'[: number != 1]}"

"""``manage.py hookchain explain|check``."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_hookchain.settings import Finding, findings, load_chain
from django_hookchain.surroundings import endpoint_of
from hookchain import HookChainError


class Command(BaseCommand):
    """Explains and checks the chain that HOOKCHAIN names."""

    help = "Explain or check the chain of the setting HOOKCHAIN."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Describe the two subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        explain = actions.add_parser("explain", help="Show which handlers apply to a path.")
        explain.add_argument("path", help='a path as a client sends it, starting with "/"')
        explain.add_argument("--method", "-X", default="GET", help="the request's method")
        explain.add_argument("--host", help="the request's Host; sections with hosts apply only where it is given")
        check = actions.add_parser("check", help="Report everything that is wrong.")
        for action in (explain, check):
            action.add_argument("--json", action="store_true", dest="as_json", help="print JSON, for programs")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Run one of them."""
        if action == "explain":
            self._explain(**options)
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

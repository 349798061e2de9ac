"""``flask hookchain``: what applies to a path of the app, what guards its routes, and what is wrong with its chain."""

from __future__ import annotations

import json
import operator
import shutil
from collections.abc import Iterable, Iterator, Sequence

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from hookchain import CompileError, HookChain, Problem
from hookchain.audit import Audit
from hookchain.audit import audit as audit_app

_FAILING = frozenset({"unguarded", "partial", "closed"})
_FALLBACK_WIDTH = 100


def group(hooks: HookChain) -> AppGroup:
    """Make the commands for a chain."""
    commands = AppGroup("hookchain", help="Explain, audit and check the chain of request handlers.")

    @commands.command("explain", short_help="Show which handlers apply to a path.")
    @click.argument("path")
    @click.option("--method", "-X", default="GET", show_default=True, help="The request's method.")
    @click.option("--host", help="The request's Host; sections with hosts apply only where it is given.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    def explain(path: str, method: str, host: str | None, *, as_json: bool) -> None:
        """Show the endpoint of PATH and which handlers apply, phase by phase, and which do not and why."""
        try:
            explanation = hooks.explain(path, method, host)
        except CompileError as error:
            raise _failure(error) from error
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        endpoint = _endpoint_of(current_app, path, method)
        if as_json:
            click.echo(json.dumps({"endpoint": endpoint, **explanation.as_dict()}, indent=2))
        else:
            click.echo(f"endpoint: {endpoint or 'none'}\n{explanation}")

    _add_audit(commands)

    @commands.command("check", short_help="Report everything that is wrong with the chain.")
    def check() -> None:
        """Report every problem with the places of all declarations involved; the exit status is 1 if there are any."""
        problems = hooks.problems()
        warnings = [problem for problem in hooks.advice() if problem.code != "endpoint-scope"]  # here it does apply
        _tell(problems, "error")
        _tell(warnings, "warning")
        click.echo(f"{hooks.name}: {_counted(problems, 'problem')}, {_counted(warnings, 'warning')}")
        if problems:
            raise SystemExit(1)

    return commands


def _add_audit(commands: AppGroup) -> None:
    @commands.command("audit", short_help="List every route with what guards it.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @click.option("--github", is_flag=True, help="Print annotations for GitHub's workflows, too.")
    def audit(*, as_json: bool, github: bool) -> None:
        """List every route with its guards; the exit status is 1 if one is neither guarded nor public."""
        try:
            found = audit_app(_current_app())
        except CompileError as error:
            raise _failure(error) from error
        if as_json:
            click.echo(json.dumps({"target": current_app.name, **found.as_dict()}, indent=2))
        else:
            click.echo("\n".join([*(found.annotations() if github else ()), *_coloured(found)]))
        if found.failing:
            raise SystemExit(1)


def _failure(error: CompileError) -> click.ClickException:
    _tell(error.problems, "error", stderr=True)
    return click.ClickException(f"the chain has {_counted(error.problems, 'problem')}")


def _current_app() -> Flask:
    app: Flask = operator.methodcaller("_get_current_object")(current_app)
    return app


def _coloured(found: Audit) -> Iterator[str]:
    for line in found.lines(shutil.get_terminal_size((_FALLBACK_WIDTH, 0)).columns):
        yield "".join(click.style(piece.text, fg="red") if piece.role in _FAILING else piece.text for piece in line)


def _tell(problems: Iterable[Problem], kind: str, *, stderr: bool = False) -> None:
    for problem in problems:
        click.echo(f"{kind} {problem}", err=stderr)


def _counted(several: Sequence[Problem], what: str) -> str:
    return f"{len(several)} {what}{'s'[: len(several) != 1]}"


def _endpoint_of(app: Flask, path: str, method: str) -> str | None:
    with app.test_request_context(path, method=method) as context:
        return context.request.endpoint

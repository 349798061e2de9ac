"""The subcommands of ``hookchain``: serve, explain, audit, check."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import traceback as tracebacks
from collections.abc import Callable, Generator
from typing import Any

import click

from . import __version__
from .audit import audit as audit_app
from .exceptions import CompileError, HookChainError
from .serving import (
    Address,
    Site,
    folder_to_serve,
    has_granian,
    listening_address,
    serve_dev,
    serve_granian,
    serve_werkzeug,
)
from .targets import find_app, find_target
from .terminal import log_to_terminal, show_problems, show_table


class UsageLine(click.ClickException):
    """A mistake on the command line, told on one line."""

    exit_code = 2


class OneLineGroup(click.Group):
    """A group that tells mistakes on one line."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the group's own arguments."""
        with _on_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Read a subcommand's arguments, and run it."""
        with _on_one_line():
            return super().invoke(ctx)


@contextlib.contextmanager
def _on_one_line() -> Generator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "hookchain"
        raise UsageLine(f"{error.format_message()} See '{path} --help'.") from error


def _traceback_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--traceback", is_flag=True, help="Show where an error came from, with all that was called.")(
        command
    )


@contextlib.contextmanager
def _readable(*, traceback: bool) -> Generator[None]:
    """Tell errors of chains and servers so that people can read them."""
    try:
        yield
    except CompileError as error:
        if traceback:
            tracebacks.print_exception(error)
        show_problems(error.problems, kind="error", stderr=True)
        raise click.ClickException(f"the chain has {_counted(len(error.problems), 'problem')}") from error
    except HookChainError as error:
        if traceback:
            tracebacks.print_exception(error)
        raise click.ClickException(str(error)) from error


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hookchain")
def command() -> None:
    """Serve, explain, audit and check chains of request handlers."""


@command.command(short_help="Serve a folder or a chain.")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--app", metavar="TARGET", help="Serve this chain: module:chain, module:factory() or a TOML file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here; 0.0.0.0 is every address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Listen here; 0 is any free port."
)
@click.option("--dev", is_flag=True, help="Reload when code changes, and show exceptions in a debugger.")
@click.option(
    "--server",
    type=click.Choice(["granian", "werkzeug"]),
    help="Which server; granian where it is installed, unless given.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes of granian.")
@click.option("--listing", is_flag=True, help="List folders that have no index file.")
@click.option("--access-log", metavar="FORMAT", help='"common", "combined", "json", a format of Apache\'s, or "off".')
@_traceback_option
def serve(folder: str | None, app: str | None, host: str, port: int, *, traceback: bool, **options: Any) -> None:
    """Serve the files of DIR, or a chain, and show the access log.

    DIR is the current folder unless given. Ctrl-C ends it.
    """
    _check_options(folder, app, **options)
    with _readable(traceback=traceback), contextlib.suppress(KeyboardInterrupt):
        site = Site(
            target=app,
            folder=None if app is not None else folder_to_serve(folder or "."),
            listing=options["listing"],
            access_log=options["access_log"],
            debug=options["dev"],
        )
        where = listening_address(host, port)
        log_to_terminal()
        _serve(site, where, **options)


def _check_options(folder: str | None, app: str | None, **options: Any) -> None:
    if folder is not None and app is not None:
        raise click.UsageError(
            "Give DIR or --app, not both: a chain says itself which files it serves.", click.get_current_context()
        )
    if app is not None and options["listing"]:
        raise click.UsageError(
            "--listing goes with DIR; a chain says it itself, with listing=True.", click.get_current_context()
        )
    if options["dev"] and options["server"] == "granian":
        raise click.UsageError("--dev is for Werkzeug's server; leave --server out.", click.get_current_context())
    if options["workers"] > 1 and (options["dev"] or options["server"] == "werkzeug"):
        raise click.UsageError("--workers goes with granian.", click.get_current_context())


def _serve(site: Site, where: Address, *, dev: bool, server: str | None, workers: int, **_: Any) -> None:
    if dev:
        watched = [site.target] if site.target is not None and site.target.endswith(".toml") else []
        serve_dev(site, where, watched)
    elif server == "granian" or workers > 1 or (server is None and has_granian()):
        site.load()  # what is wrong is told here, once, and not by each worker
        serve_granian(site, where, workers)
    else:
        serve_werkzeug(site, where)


@command.command(short_help="Show which handlers apply to a path.")
@click.argument("target")
@click.argument("path")
@click.option("--method", "-X", default="GET", show_default=True, help="The request's method.")
@click.option("--host", help="The request's Host; sections with hosts apply only where it is given.")
@click.option("--code", is_flag=True, help="Print the straight-line code by which the handlers are called.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@_traceback_option
def explain(target: str, path: str, *, code: bool, as_json: bool, traceback: bool, **asked: Any) -> None:
    """Show which handlers apply to PATH, phase by phase, and which do not and why.

    TARGET is module:chain, module:factory() or a TOML file, as found from the current folder. PATH is a path as a
    client sends it, or a whole URL. No request is sent.
    """
    with _readable(traceback=traceback):
        chain = find_target(target).chain
        chain.compile()
    try:
        explanation = chain.explain(path, asked["method"], asked["host"])
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if code:
        click.echo(explanation.code, nl=False)
    elif as_json:
        click.echo(json.dumps(explanation.as_dict(), indent=2))
    else:
        show_table(explanation)


@command.command(short_help="List every route with what guards it.")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub's workflows, too.")
@_traceback_option
def audit(target: str, *, as_json: bool, github: bool, traceback: bool) -> None:
    """List every route and method of an app with the ACCESS, AUTHEN and AUTHZ handlers that guard it.

    TARGET is module:app, module:chain, module:factory() or a TOML file, as found from the current folder; an app is a
    Flask, Starlette or FastAPI app, a Django site's application object, or what hooks.wsgi(app) or hooks.asgi(app)
    returned. The exit status is 1 if a route is neither guarded nor public. No request is sent.
    """
    if as_json and github:
        raise click.UsageError("Give --json or --github, not both.", click.get_current_context())
    with _readable(traceback=traceback):
        found = audit_app(find_app(target))
    if as_json:
        click.echo(json.dumps({"target": target, **found.as_dict()}, indent=2))
    else:
        for line in found.annotations() if github else ():
            click.echo(line)
        show_table(found)
    if found.failing:
        raise SystemExit(1)


@command.command(short_help="Report everything that is wrong with a chain.")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@_traceback_option
def check(target: str, *, as_json: bool, traceback: bool) -> None:
    """Compile a chain, and report every problem with the places of all declarations involved.

    TARGET is module:chain, module:factory() or a TOML file, as found from the current folder. Warnings tell what is
    probably not meant. The exit status is 1 if there are problems.
    """
    with _readable(traceback=traceback):
        try:
            chain = find_target(target).chain
            problems, warnings = chain.problems(), chain.advice()
        except CompileError as error:  # the module compiles its chain itself
            problems, warnings = list(error.problems), []
    if as_json:
        found = {"problems": problems, "warnings": warnings}
        told = {name: [dataclasses.asdict(problem) for problem in several] for name, several in found.items()}
        click.echo(json.dumps({"target": target, **told}, indent=2))
    else:
        show_problems(problems, kind="error")
        show_problems(warnings, kind="warning")
        click.echo(f"{target}: {_counted(len(problems), 'problem')}, {_counted(len(warnings), 'warning')}")
    if problems:
        raise SystemExit(1)

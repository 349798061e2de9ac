"""The command ``hookchain``; what it needs besides hookchain comes with the extra ``cli``."""

from __future__ import annotations

import io
import sys

from .exceptions import MissingExtraError

_PACKAGES = ("click", "rich")


def main() -> None:
    """Run the command, or say what to install for it."""
    try:
        from .commands import command  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        sys.exit(f"Error: {MissingExtraError('cli', package)}")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal can't show is no reason to fail
    command(prog_name="hookchain")

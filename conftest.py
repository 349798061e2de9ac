"""Runs the README's and the documentation's snippets as tests: one test a document, its snippets in their order.

- A ``python`` block is executed, or is a doctest where it starts with ``>>>``. All blocks of a document share one
  namespace.
- A ``python`` or ``toml`` block whose first line is a comment with a file name (``# hooks.py``) is also saved under it,
  in the empty folder in which the document's snippets run.
- A ``console`` block is a transcript: each ``$ hookchain ...`` or ``$ python ...`` must print what follows it, where
  ``...`` stands for anything.
- Commands that are only shown, because they install something or start a server, stand in ``sh`` blocks.
"""

from __future__ import annotations

import contextlib
import contextvars
import doctest
import logging
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from sybil import Document, Example
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

from tests.asking import own_receivers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# A loaded machine is not a failed property.
hypothesis.settings.register_profile("hookchain", deadline=None)
hypothesis.settings.load_profile("hookchain")

DOCTEST_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FILE_NAME = re.compile(r"# ([\w-]+\.(?:py|toml))\n")
TRANSCRIPT_COMMANDS = ("cat", "hookchain", "ls", "python")
PLAIN_TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def save(example: Example) -> None:
    """Save a block that starts with a file's name in the current folder, where modules and commands find it."""
    named = FILE_NAME.match(example.parsed)
    if named:
        Path(named[1]).write_text(example.parsed, encoding="utf-8")


def replay(example: Example) -> str | None:
    """Run the commands of a transcript; say what one of them printed instead of what the document shows."""
    for entry in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, shown = entry.partition("\n")
        words = shlex.split(command)
        if words[0] not in TRANSCRIPT_COMMANDS:
            return f"'{words[0]}' is no command for a transcript: show it in an sh block"
        ran = subprocess.run(
            words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=terminal()
        )
        if not doctest.OutputChecker().check_output(shown.strip(), ran.stdout.strip(), DOCTEST_OPTIONS):
            return f"$ {command}\nprinted:\n{ran.stdout}\nthe document shows:\n{shown}"
    return None


def terminal() -> dict[str, str]:
    """Return the environment of a plain terminal that finds this Python's commands and the current folder's modules."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, **PLAIN_TERMINAL, "PATH": path}


def snippets(path: Path) -> list[Example]:
    """Return a document's blocks in their order: what is saved before what is run."""
    saved = Document.parse(str(path), *(CodeBlockParser(language, save) for language in ("python", "toml")))
    run = Document.parse(
        str(path), PythonCodeBlockParser(doctest_optionflags=DOCTEST_OPTIONS), CodeBlockParser("console", replay)
    )
    return sorted([*saved, *run], key=lambda example: example.start)


@contextlib.contextmanager
def empty_folder() -> Generator[None]:
    """Work in an empty folder whose modules can be imported, and forget those that were."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
            for name in set(sys.modules) - before:
                if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                    del sys.modules[name]


@contextlib.contextmanager
def own_loggers() -> Generator[None]:
    """Leave the loggers as they were: a document may show how to set them up, or silence them."""
    loggers = [logging.getLogger(name) for name in (None, "hookchain", "hookchain.access")]
    before = [(logger, logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    try:
        yield
    finally:
        for logger, level, handlers, propagate in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)


class Snippets(pytest.Item):
    """The snippets of one document: one test, so that neither random order nor parallel runs part them."""

    def runtest(self) -> None:
        """Run them in a context of their own."""
        contextvars.copy_context().run(self.run_all)

    def run_all(self) -> None:
        """Run them one after the other."""
        with empty_folder(), own_loggers(), own_receivers():
            for example in snippets(self.path):
                example.evaluate()

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the document in reports."""
        return self.path, 0, f"snippets of {self.path.name}"


class DocumentFile(pytest.File):
    """A document with snippets."""

    def collect(self) -> Iterator[Snippets]:
        """Yield the one test, or nothing for a document without snippets."""
        if snippets(self.path):
            yield Snippets.from_parent(self, name="snippets")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DocumentFile | None:
    """Collect the README and the documents of the documentation."""
    root = parent.config.rootpath
    documented = file_path.parent == root or root / "docs" in file_path.parents
    if file_path.suffix == ".md" and documented and "_build" not in file_path.parts:
        return DocumentFile.from_parent(parent, path=file_path)
    return None

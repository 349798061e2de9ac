"""What type checkers say about code that uses hookchain: they accept what is right, and refuse what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOUND = re.compile(r"^[^:]+:(\d+): error: .*\[([\w-]+)\]$", re.MULTILINE)
EXPECTED = re.compile(r"# error: ([\w-]+)$")


def errors_in(name, cache):
    """Return the line and code of every error that mypy finds in a file, as users' own strict settings show them."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"),
            *("--config-file=", f"--cache-dir={cache}", str(HERE / name)),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert not ran.stderr, ran.stderr
    return {(int(line), code) for line, code in FOUND.findall(ran.stdout)}, ran.stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


def test_right_code_is_accepted_and_its_types_are_inferred(cache):
    errors, output = errors_in("accepted.py", cache)
    assert not errors, output


def test_wrong_code_is_refused_on_its_line_and_for_its_reason(cache):
    lines = (HERE / "refused.py").read_text(encoding="utf-8").splitlines()
    expected = {(number, found[1]) for number, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    errors, output = errors_in("refused.py", cache)
    assert errors == expected, output

"""Writes ``docs/explanation/differences-from-httpd.md``: ``python -m tests.conformance.differences_page``."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.differences import DIFFERENCES, uses
from tests.conformance.scenarios import scenarios

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "differences-from-httpd.md"

HEAD = """\
# Differences from httpd

A chain does with a request what Apache httpd 2.4 does, down to the order in which handlers run. The tests hold it to
that: {total:,} scripted requests were sent to a live Apache httpd 2.4.71, with scripted handlers in its hooks, and
what it answered was recorded. Each is run through `handle`, `ahandle` and the WSGI application, and the trace of
handlers, what they saw, status, headers and body are compared.

Some answers are different on purpose. This page lists all of them, and the tests accept no others: a rule says what
is expected in place of the recorded answer, an answer that no rule explains is a failure, and so is a rule that no
scenario needs. The page is made from those rules (`tests/conformance/differences.py`).

## How a scenario becomes a chain

- A hook's three places, first, middle and last, are `Order.FIRST`, `Order.MIDDLE` and `Order.LAST`.
- What a handler writes is the body that it answers with in CONTENT, or the response that it leaves in `req.response`
  and answers `DONE` to, in an earlier phase. What it flushes is answered as a stream.
- A `Location` is a `section()`, `ErrorDocument` is `error_document()`, `Satisfy` is `satisfy=`, `AuthName` is
  `challenge=`. mod_auth_basic and the lines `Require` and `Deny` are handlers, as they are in httpd. httpd asks AUTHEN
  and AUTHZ handlers where a `Require` wants a user; a chain asks them wherever they apply, so that a server with
  those modules and without such a line becomes `public=True`.

## The rules

"""

RULE = """\
### {name}

**Apache httpd** {httpd}

**hookchain** {here}

**Why:** {why}

{count}
"""


def page() -> str:
    """Return the page as it has to be."""
    rules = [
        RULE.format(name=rule.name, httpd=rule.httpd, here=rule.here, why=rule.why, count=counted(uses()[rule.name]))
        for rule in DIFFERENCES
    ]
    return HEAD.format(total=len(scenarios())) + "\n".join(rules)


def counted(number: int) -> str:
    """Return how many scenarios a rule changes, in words."""
    return f"*{number:,} scenario{'' if number == 1 else 's'}.*"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")

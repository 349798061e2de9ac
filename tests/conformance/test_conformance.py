"""Every recorded scenario, in every way that hookchain offers: answered as httpd did, or as a difference says."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from tests.conformance import driver
from tests.conformance.differences import DIFFERENCES, expected, uses
from tests.conformance.differences_page import PAGE, page
from tests.conformance.scenarios import Answer, scenarios


@pytest.fixture(autouse=True)
def _no_log_on_the_terminal(caplog):
    caplog.set_level(logging.CRITICAL, logger="hookchain")


def explain(wanted: Answer, got: Answer) -> list[str]:
    """Return where an answer is not the expected one, a line for each part."""
    lines = []
    for field in dataclasses.fields(Answer):
        one, other = getattr(wanted, field.name), getattr(got, field.name)
        if one != other:
            lines.append(f"  {field.name}:\n    expected {one}\n    got      {other}")
    return lines


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.id)
def test_hookchain_answers_as_httpd_did_or_as_a_difference_says(scenario, docroot):
    wanted, rules = expected(scenario)
    problems = []
    for way in driver.WAYS:
        lines = explain(wanted, driver.run(scenario, docroot, way))
        if lines:
            problems += [f" {way}:", *lines]
    assert not problems, "\n".join([f"{scenario.id} (differences applied: {', '.join(rules)})", *problems])


def test_every_difference_is_needed_by_some_scenario():
    assert [rule.name for rule in DIFFERENCES if not uses()[rule.name]] == []


def test_the_names_of_differences_are_unique():
    names = [rule.name for rule in DIFFERENCES]
    assert len(names) == len(set(names))


def test_the_documentation_lists_the_differences_as_they_are():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.conformance.differences_page"

"""Where hookchain deliberately answers otherwise than httpd did, by rule.

A rule says of any scenario what is expected in place of the recorded answer. All of them are applied, in the order in
which they stand here: first how the request goes, then what handlers answer and see, then what is sent.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter

from tests.conformance import (
    differences_answers,
    differences_cycle,
    differences_files,
    differences_sent,
    differences_subrequests,
    differences_views,
)
from tests.conformance.rule import Difference
from tests.conformance.scenarios import Answer, Scenario, scenarios

DIFFERENCES: list[Difference] = [
    *differences_cycle.difference,
    *differences_subrequests.difference,
    *differences_files.difference,
    *differences_answers.difference,
    *differences_views.difference,
    *differences_sent.difference,
]


def expected(scenario: Scenario) -> tuple[Answer, list[str]]:
    """Return what hookchain is expected to answer, and the names of the rules that changed something."""
    answer, used = scenario.recorded(), []
    for rule in DIFFERENCES:
        before = copy.deepcopy(answer)
        rule.rewrite(scenario, answer)
        if answer != before:
            used.append(rule.name)
    return answer, used


@functools.cache
def uses() -> Counter[str]:
    """Return how many of the recorded scenarios each rule changes."""
    return Counter(rule for scenario in scenarios() for rule in expected(scenario)[1])

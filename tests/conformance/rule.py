"""Difference: a rule that says where, why and how hookchain answers otherwise than httpd."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.conformance.scenarios import Answer, Scenario

Rewrite = Callable[[Scenario, Answer], None]


@dataclasses.dataclass(frozen=True)
class Difference:
    """A rule.

    Attributes:
        name: stable; the heading in the documentation.
        httpd: what Apache httpd does.
        here: what hookchain does.
        why: the reason.
        rewrite: turns httpd's answer into the expected one, in place; leaves alone what it does not speak of.
    """

    name: str
    httpd: str
    here: str
    why: str
    rewrite: Rewrite


class Rules(list[Difference]):
    """A list of rules, in the order in which they are applied; called, it is a decorator that adds one."""

    def __call__(self, name: str, *, httpd: str, here: str, why: str) -> Callable[[Rewrite], Rewrite]:
        def add(rewrite: Rewrite) -> Rewrite:
            self.append(Difference(name, httpd, here, why, rewrite))
            return rewrite

        return add

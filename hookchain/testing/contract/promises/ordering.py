"""Registering handlers, and the order in which they are called."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from hookchain import mark
from hookchain.chain import HookChain
from hookchain.exceptions import AlreadyCompiledError
from hookchain.order import Order
from hookchain.phases import Phase
from hookchain.request import Request
from hookchain.results import OK
from hookchain.testing.contract.case import Case, asays, named, note, says
from hookchain.testing.contract.exchanges import Sent


class Ordering(Case):
    """DESIGN 4, registering and order."""

    def ran(self, hooks: Any, path: str = "/in/ner", **options: Any) -> list[str]:
        """Return who ran for a request."""
        return self.ask(hooks, path, **options).ran

    def test_handlers_run_in_the_order_of_their_ranks_and_then_as_they_were_registered(self) -> None:
        hooks = self.chain()
        for rank in reversed(Order):
            for number in (1, 2):
                hooks.register("access", says(f"{rank.name} {number}"), order=rank)
        assert self.ran(hooks) == [f"{rank.name} {number}" for rank in Order for number in (1, 2)]

    @pytest.mark.parametrize(("phase", "inner_first"), [("access", False), ("fixup", False), ("type", True)])
    def test_outer_sections_go_first_in_run_all_phases_and_inner_ones_in_run_first_phases(
        self, phase: str, inner_first: Any
    ) -> None:
        hooks = self.chain()
        for location in ("/in/ner", "/", "/in"):
            hooks.register(phase, says(location), location)
        order = ["/", "/in", "/in/ner"]
        assert self.ran(hooks) == (order[::-1] if inner_first else order)

    def test_a_regular_expression_is_inner_to_prefixes_and_a_nested_section_to_what_is_around_it(self) -> None:
        hooks = self.chain()
        hooks.access(re.compile("^/in"))(says("pattern"))
        outer = hooks.section("/in/ner")
        outer.section(methods=["GET"]).access(says("nested"))
        outer.access(says("prefix"))
        assert self.ran(hooks) == ["prefix", "nested", "pattern"]

    def test_the_later_declared_of_equal_sections_is_the_inner_one(self) -> None:
        hooks = self.chain()
        hooks.section("/in").type(says("earlier"))
        hooks.section("/in").type(says("later"))
        assert self.ran(hooks) == ["later", "earlier"]

    def test_what_comes_after_another_pulls_it_forward(self) -> None:
        hooks = self.chain()
        for name in "abcde":
            hooks.register("access", says(name), name=name, after="e" if name == "a" else ())
        assert self.ran(hooks) == ["e", "a", "b", "c", "d"]

    def test_before_is_honoured_above_rank(self) -> None:
        hooks = self.chain()
        hooks.register("access", says("first"), name="first", order=Order.REALLY_FIRST)
        hooks.register("access", says("last"), order=Order.REALLY_LAST, before="first")
        assert self.ran(hooks) == ["last", "first"]

    def test_an_order_counts_only_where_both_are_present(self) -> None:
        hooks = self.chain()
        hooks.register("access", says("a"), after="only below")
        hooks.register("access", says("b"), "/in", name="only below")
        assert self.ran(hooks) == ["b", "a"]
        assert self.ran(hooks, "/out") == ["a"]

    def test_what_is_required_runs_before(self) -> None:
        hooks = self.chain()
        hooks.register("access", says("needs"), requires="needed")
        hooks.register("access", says("needed"), name="needed")
        assert self.ran(hooks) == ["needed", "needs"]

    def test_marked_handlers_of_an_object_are_loaded_with_their_options(self) -> None:
        class Kept:
            def __init__(self, word: str) -> None:
                self.word = word

            @mark.access(order=Order.LAST)
            def late(self, req: Request) -> None:
                note(req, f"late {self.word}")

            @mark.access
            async def early(self, req: Request) -> None:
                note(req, f"early {self.word}")

        hooks = self.chain()
        hooks.section("/in").load(Kept("in"))
        hooks.load(SimpleNamespace(handler=mark.access(says("marked"))))
        assert self.ran(hooks) == ["marked", "early in", "late in"]
        assert self.ran(hooks, "/out") == ["marked"]

    def test_an_included_chain_applies_below_its_location(self) -> None:
        other = HookChain("the other", options={"of": "the other"})
        other.access("/ner")(lambda req: note(req, f"{req.options['of']} {req.path}"))
        hooks = self.chain()
        hooks.include(other, location="/in")
        assert self.ran(hooks) == ["the other /in/ner"]
        assert self.ran(hooks, "/ner") == []

    def test_a_chain_can_be_configured_from_a_mapping(self) -> None:
        hooks = self.chain()
        hooks.configure({"challenge": "Bearer", "section": [{"location": "/in", "error_document": {"401": "who?"}}]})
        hooks.authen(says("authen"))
        answer = self.ask(hooks, "/in")
        assert (answer.status, answer.text, answer.headers["WWW-Authenticate"]) == (401, "who?", "Bearer")

    def test_a_handler_is_replaced_for_a_while(self) -> None:
        hooks = self.chain()
        original = says("original")
        hooks.access(original)
        assert self.ran(hooks) == ["original"]
        with hooks.replaced(original, asays("fake")):
            assert self.ran(hooks) == ["fake"]
        assert self.ran(hooks) == ["original"]

    def test_an_added_handler_runs_last_in_its_phase_for_this_request_alone(self) -> None:
        hooks = self.chain()

        @hooks.trans("/in")
        def add(req: Request) -> None:
            for phase in ("trans", "access", "log", "cleanup"):
                req.add_handler(phase, says(f"added {phase}"))

        for phase in ("trans", "access", "log", "cleanup"):
            hooks.register(phase, says(phase), order=Order.LAST)
        expected = [word for phase in ("trans", "access", "log", "cleanup") for word in (phase, f"added {phase}")]
        assert self.ran(hooks) == expected
        assert self.ran(hooks, "/out") == ["trans", "access", "log", "cleanup"]

    def test_an_added_handler_may_be_async(self) -> None:
        hooks = self.chain()
        hooks.trans(named(self._adds_async, "adds"))
        hooks.content(asays("content", "content"))
        assert self.ran(hooks) == ["added", "content"]

    @staticmethod
    def _adds_async(req: Request) -> None:
        req.add_handler(Phase.ACCESS, asays("added"))

    def test_registering_after_the_first_request_is_an_error(self) -> None:
        hooks = self.chain()
        self.send(hooks, Sent())
        with pytest.raises(AlreadyCompiledError):
            hooks.access(lambda req: OK)

    def test_a_wrong_chain_answers_nothing(self) -> None:
        hooks = self.chain()
        hooks.register("access", says("a"), name="a", before="b")
        hooks.register("access", says("b"), name="b", before="a")
        with pytest.raises(Exception, match="order-cycle"):
            self.ask_wrong(hooks)

    def ask_wrong(self, hooks: HookChain) -> None:
        """Ask a chain that is wrong, and raise what it raises."""
        answer = self.server(hooks).ask(Sent())
        raise answer.raised or AssertionError(f"it answered {answer.status}")

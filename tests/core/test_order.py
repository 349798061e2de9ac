"""The order of handlers inside a phase: declared ranks and constraints, and the pulling forward that httpd does."""

from __future__ import annotations

import pytest
from hypothesis import given

from hookchain import Order
from hookchain.order import OrderCycleError, arrange
from tests.strategies import orderings


def names(ranked, **earlier):
    return "".join(arrange(ranked, lambda item: earlier.get(item, "")))


def test_ranks_have_aprs_numbers():
    assert [(order.name, order.value) for order in Order] == [
        ("REALLY_FIRST", -10),
        ("FIRST", 0),
        ("MIDDLE", 10),
        ("LAST", 20),
        ("REALLY_LAST", 30),
    ]


def test_what_is_needed_is_pulled_forward_as_httpd_does_it():
    assert names("abcde", a="e") == "eabcd"


def test_what_several_need_comes_before_the_first_of_them():
    assert names("abcde", b="e", d="e") == "aebcd"


def test_several_that_are_needed_keep_their_rank_order_among_themselves():
    assert names("abcde", a="ec") == "cedab"[:2] + "abd"


def test_a_cycle_is_named_from_its_first_item_back_to_it():
    with pytest.raises(OrderCycleError) as caught:
        arrange("abcd", lambda item: {"b": "c", "c": "d", "d": "b"}.get(item, ""))
    assert caught.value.cycle == ("b", "c", "d", "b")
    assert str(caught.value) == "b -> c -> d -> b"


def test_an_item_that_must_come_before_itself_is_a_cycle():
    with pytest.raises(OrderCycleError, match="a -> a"):
        arrange("a", lambda _: "a")


@given(orderings())
def test_the_order_is_a_permutation_that_keeps_every_constraint(ordering):
    ranked, earlier = ordering
    found = arrange(ranked, lambda item: earlier.get(item, ()))
    assert sorted(found) == sorted(ranked)
    for item, needed in earlier.items():
        assert all(found.index(other) < found.index(item) for other in needed)


@given(orderings(constrained=False))
def test_where_nothing_is_said_the_rank_order_stays(ordering):
    ranked, _ = ordering
    assert arrange(ranked, lambda _: ()) == ranked


@given(orderings())
def test_items_that_no_other_one_needs_keep_their_rank_order(ordering):
    ranked, earlier = ordering
    needed = {item for items in earlier.values() for item in items}
    found = arrange(ranked, lambda item: earlier.get(item, ()))
    assert [item for item in found if item not in needed] == [item for item in ranked if item not in needed]


@given(orderings())
def test_the_order_is_that_of_placing_each_item_behind_all_that_it_needs(ordering):
    """A model of its own: for each item of the rank order, whatever it needs (however far) and is not placed yet."""
    ranked, earlier = ordering

    def all_needed(item):
        return {item}.union(*(all_needed(other) for other in earlier.get(item, ())))

    expected: list[int] = []
    for item in ranked:
        missing = all_needed(item) - set(expected)
        while missing:
            # the one that depth first search reaches: follow the first needed by rank that is still missing
            current = item
            while ready := [other for other in ranked if other in earlier.get(current, ()) and other in missing]:
                current = ready[0]
            expected.append(current)
            missing.discard(current)
    assert arrange(ranked, lambda item: earlier.get(item, ())) == expected

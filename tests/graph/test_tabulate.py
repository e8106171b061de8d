"""Arrays give what calling a function for each combination of values gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tracr.rasp import rasp

from rinject.graph.lanes import NotAnArray, evaluate, numbered
from rinject.graph.tabulate import WORTH, selection, tabulate
from rinject.lang.elementwise import (
    BINARY,
    COMPARISONS,
    Always,
    Binary,
    Compare,
    Conditional,
    Constant,
    Elementwise,
    KeepIf,
    KeptOr,
    Member,
    Slot,
    Term,
    Unary,
)

WHOLE = st.integers(-4, 9) | st.sampled_from([2**53, 2**53 + 1, -(2**60), 10**400])
REAL = st.sampled_from([0.0, -0.0, 0.1, 0.5, -2.0, 3.0, 1e308, 2.0**53])
TEXT = st.sampled_from(["", "a", "b", "ab", "a\0", "é"])
ANY = WHOLE | REAL | TEXT | st.booleans()
SETS = st.one_of(
    [
        st.lists(kind, min_size=1, max_size=5, unique_by=lambda value: (type(value), repr(value)))
        for kind in (st.integers(-4, 9), WHOLE, REAL, TEXT, st.booleans(), WHOLE | REAL, ANY)
    ]
)


def extended(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    constants = st.lists(ANY.map(Constant), max_size=3).map(tuple)
    return st.one_of(
        st.builds(Binary, st.sampled_from(sorted(BINARY)), inner, inner),
        st.builds(Unary, st.sampled_from(["not", "-", "+", "round", "indicator"]), inner),
        st.builds(Conditional, inner, inner, inner),
        st.builds(Member, inner, constants),
        st.builds(lambda a, b, c: KeptOr(KeepIf(a, b), c), inner, inner, inner),
    )


SLOTS: st.SearchStrategy[Term] = st.sampled_from([Slot(0), Slot(1)])
TERMS = st.recursive(SLOTS | SLOTS | ANY.map(Constant), extended, max_leaves=5)


def free(calls: int) -> None:
    """Any loop may run."""


def refuse(calls: int) -> None:
    """No loop may run."""
    raise AssertionError(f"{calls} calls")


def typed(values: Sequence[Any]) -> list[tuple[type, str]]:
    return [(type(value), repr(value)) for value in values]


@given(TERMS, SETS, SETS)
def test_terms(term: Term, first: list[Any], second: list[Any]) -> None:
    function = Elementwise(term)
    try:
        values, indices = numbered(evaluate(term, (first, second)), (len(first), len(second)))
    except NotAnArray:
        assume(False)
    expected, places = tabulate(lambda x, y: function(x, y), (first, second), rasp.tokens, free)
    assert typed(values) == typed(expected)
    np.testing.assert_array_equal(indices, places)


@given(st.sampled_from(sorted(COMPARISONS)), st.data())
def test_comparisons_of_many_values(symbol: str, data: st.DataObject) -> None:
    kinds = st.sampled_from([st.integers(), st.floats(allow_nan=False), st.text(), ANY])
    some = kinds.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=4))
    keys, queries = (data.draw(some) * 25 for _ in range(2))
    predicate = Compare(symbol)
    found = selection(predicate, keys, queries, free)
    np.testing.assert_array_equal(
        found, selection(lambda k, q: predicate(k, q), keys, queries, free)
    )


MANY = range(WORTH // 10)
TREES = {
    "difference": Binary("-", Slot(0), Slot(1)),
    "comparison": Binary("<", Slot(0), Slot(1)),
    "quotient": Binary("/", Slot(0), Slot(1)),
    "condition": Conditional(Binary("==", Slot(0), Constant(3)), Slot(1), Constant(0)),
    "half of a condition": KeptOr(KeepIf(Binary("==", Slot(0), Constant(3)), Slot(0)), Slot(1)),
    "strings": Conditional(Binary("<", Slot(0), Slot(1)), Constant("less"), Constant("more")),
    "one argument only": Binary("*", Slot(1), Constant(2)),
}


@pytest.mark.parametrize("term", TREES.values(), ids=TREES)
def test_large_tables_take_no_loop(term: Term) -> None:
    function = Elementwise(term)
    values, indices = tabulate(function, (MANY, MANY), rasp.tokens, refuse)
    expected, places = tabulate(lambda x, y: function(x, y), (MANY, MANY), rasp.tokens, free)
    assert typed(values) == typed(expected)
    np.testing.assert_array_equal(indices, places)


@pytest.mark.parametrize("predicate", [Compare("<"), rasp.Comparison.LT, Always()], ids=repr)
def test_large_selectors_take_no_loop(predicate: Any) -> None:
    found = selection(predicate, MANY, MANY, refuse)
    np.testing.assert_array_equal(found, selection(lambda k, q: predicate(k, q), MANY, MANY, free))


def test_a_selector_of_nothing() -> None:
    assert selection(Compare("=="), (), (1, 2), free).tolist() == [[False] * 3]


def test_what_cannot_be_computed_has_no_value() -> None:
    values, indices = tabulate(lambda x: 6 / x, ([0, 2, 3, "a"],), rasp.tokens, free)
    assert (values, indices.tolist()) == ((2.0, 3.0), [-1, 1, 0, -1])

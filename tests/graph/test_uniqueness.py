"""What is called unique is, and an aggregate that copies never has two positions to copy from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracr.compiler import lib
from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison

from rinject.compiler.verify import same
from rinject.errors import InputError
from rinject.graph import Aggregate, Node, build_graph
from rinject.graph.build import Builder
from rinject.lang import interpret, load_program
from rinject.lang.interpreter import dependencies

T, I = rasp.tokens, rasp.indices  # noqa: E741
VOCAB, LONGEST = (0, 1, 2), 4
INPUTS = [tokens for size in (1, 2, 3, 4) for tokens in product(VOCAB[:2], repeat=size)]


def built(output: rasp.SOp, *, causal: bool) -> Builder:
    """The builder after all expressions below an s-op."""
    exprs = list(dependencies([output]))
    builder = Builder(exprs, VOCAB, LONGEST, causal=causal)
    for expr in exprs:
        builder.add(expr)
    return builder


def is_unique(output: rasp.SOp, *, causal: bool = False) -> bool:
    builder = built(output, causal=causal)
    return builder.built[id(output)] in builder._unique


def copies(output: rasp.SOp, *, causal: bool = False, longest: int = LONGEST) -> bool:
    """Whether an aggregate copies, so that there are no means among its values."""
    return is_copy(build_graph(output, VOCAB, longest, causal=causal).output_node)


def is_copy(node: Node) -> bool:
    assert isinstance(node, Aggregate)
    return node.numbers is None


def rank(keys: rasp.SOp, comparison: Comparison = Comparison.LT) -> rasp.SOp:
    return rasp.SelectorWidth(rasp.Select(keys, keys, comparison))


def at(positions: rasp.SOp, queries: rasp.SOp = I) -> rasp.SOp:
    """The tokens at the positions that a variable says."""
    return rasp.Aggregate(rasp.Select(positions, queries, Comparison.EQ), T, default=0)


UNTIED = rasp.SequenceMap(lambda x, i: x + i / 10, T, I)
BY_KEY_THEN_PLACE = rasp.SelectorOr(
    rasp.Select(T, T, Comparison.LT),
    rasp.SelectorAnd(rasp.Select(T, T, Comparison.EQ), rasp.Select(I, I, Comparison.LT)),
)

UNIQUE = {
    "positions": I,
    "positions from one": I + 1,
    "positions backwards": rasp.Map(lambda i: -i, I),
    "positions and what is there": rasp.SequenceMap(lambda x, i: (x, i), T, I),
    "tokens without ties": UNTIED,
    "rank": rank(UNTIED),
    "rank from one": rank(UNTIED, Comparison.LEQ),
    "rank downwards": rank(UNTIED, Comparison.GT),
    "rank of a rank": rank(rank(UNTIED)),
    "rank of joint keys": rasp.SelectorWidth(BY_KEY_THEN_PLACE),
}
NOT_UNIQUE = {
    "tokens": T,
    "half of the positions": rasp.Map(lambda i: i // 2, I),
    "sum with the positions": rasp.SequenceMap(lambda x, i: x + i, T, I),
    "rank with ties": rank(T),
    "count": rasp.SelectorWidth(rasp.Select(T, T, Comparison.EQ)),
    "length": rasp.length,
    "half of a rank": rasp.Map(lambda i: i // 2, rank(UNTIED)),
    "keys other than the queries": rasp.SelectorWidth(
        rasp.Select(UNTIED, rasp.Map(lambda x: -x, UNTIED), Comparison.LT)
    ),
    "a circle": rasp.SelectorWidth(
        rasp.Select(UNTIED, UNTIED, lambda k, q: (round(10 * (q - k))) % 3 == 1)
    ),
    "no value twice": rasp.Map(lambda i: i if i > 1 else None, I),
}


@pytest.mark.parametrize("keys", UNIQUE.values(), ids=UNIQUE)
def test_a_unique_key_selects_one_position(keys: rasp.SOp) -> None:
    assert is_unique(keys)
    assert copies(at(keys))


@pytest.mark.parametrize("keys", NOT_UNIQUE.values(), ids=NOT_UNIQUE)
def test_other_keys_may_select_several(keys: rasp.SOp) -> None:
    assert not is_unique(keys)
    assert not copies(at(keys))


def test_ranks_among_what_came_before_are_not_unique() -> None:
    assert is_unique(UNTIED, causal=True)
    assert not is_unique(rank(UNTIED), causal=True)


def test_several_values_of_a_unique_key_are_several_positions() -> None:
    assert not copies(rasp.Aggregate(rasp.Select(I, I, Comparison.LEQ), T))
    assert copies(
        rasp.Aggregate(rasp.Select(I, I, Comparison.LEQ) & rasp.Select(I, T, Comparison.EQ), T)
    )


def test_sorting_copies_only_where_there_are_no_ties() -> None:
    """No mean of the values is among those of the output, however long the input may be."""
    untied = lib.make_sort(T, T, max_seq_len=30, min_key=1)
    assert build_graph(untied, VOCAB, 30, causal=False).output_node.values == VOCAB
    tied = build_graph(lib.make_sort_unique(T, T), VOCAB, 30, causal=False).output_node
    assert len(tied.values) > 100
    source = "place = selector_width(select(tokens + indices / 10, tokens + indices / 10, <));"
    program = load_program(text=f"{source} out = aggregate(select(place, indices, ==), tokens, 0);")
    assert copies(program.output)


# --- keys that may have no value ---

LATER = rasp.Map(lambda i: i or None, I)
"""The positions, but the first has no value."""


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "selector",
    [
        rasp.Select(LATER, I, lambda k, q: k is None or k == q),
        rasp.SelectorNot(rasp.Select(LATER, I, lambda k, q: k is not None and k != q)),
        rasp.Select(
            rasp.SelectorWidth(
                rasp.Select(
                    LATER, LATER, lambda k, q: k is not None and q is not None and bool(k < q)
                )
            ),
            I,
            Comparison.EQ,
        ),
    ],
    ids=["beside None", "not", "rank"],
)
def test_a_position_without_a_key_can_be_selected_too(
    selector: rasp.Selector, causal: bool
) -> None:
    output = rasp.Aggregate(selector, T, default=0)
    assert_means_the_same(output, causal=causal)


def assert_means_the_same(output: rasp.SOp, *, causal: bool) -> None:
    """Graph and interpreter agree on all short inputs on which there is a meaning."""
    graph = build_graph(output, VOCAB, LONGEST, causal=causal)
    for tokens, answer in zip(INPUTS, graph.run(INPUTS), strict=True):
        try:
            expected = interpret(output, tokens, causal=causal)
        except InputError:
            continue
        assert same(expected, answer), f"{tokens}: {expected} expected, not {answer}"


# --- whatever may be written ---

PLACES = 7


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., Any]:
    """Of a number, which most of them can be told from, and perhaps of a second one."""
    results = draw(st.permutations(range(PLACES)))
    lost = draw(st.sets(st.integers(0, PLACES - 1), max_size=2))
    modulus = draw(st.sampled_from([PLACES, PLACES, 3]))
    other = draw(st.sampled_from([0, PLACES, 1]))

    def function(first: int, second: int = 0) -> int | None:
        result = results[first % PLACES]
        return None if result in lost else result % modulus + other * second

    return function


def holds(predicate: Callable[[Any, Any], bool], none: bool) -> Callable[[Any, Any], bool]:
    """A predicate that also has an answer where there is no value."""
    return lambda k, q: none if k is None or q is None else bool(predicate(k, q))


PREDICATES: tuple[Callable[[Any, Any], bool], ...] = (
    lambda k, q: k == q,
    lambda k, q: k == q + 1,
    lambda k, q: k < q,
    lambda k, q: k >= q,
    lambda k, q: (k - q) % 3 == 1,
)


@st.composite
def selectors(draw: st.DrawFn, keys: rasp.SOp, queries: rasp.SOp) -> rasp.Selector:
    predicate = holds(draw(st.sampled_from(PREDICATES)), draw(st.booleans()))
    found: rasp.Selector = rasp.Select(keys, queries, predicate)
    match draw(st.sampled_from(["", "", "", "and", "or", "not"])):
        case "and":
            found = rasp.SelectorAnd(found, rasp.Select(T, T, Comparison.EQ))
        case "or":
            found = rasp.SelectorOr(rasp.Select(I, I, Comparison.LT), found)
        case "not":
            found = rasp.SelectorNot(found)
    return found


@st.composite
def aggregates(draw: st.DrawFn) -> rasp.SOp:
    """The mean of the tokens where keys are selected that are often unique."""
    keys: rasp.SOp = I
    for step in draw(st.lists(st.sampled_from(["map", "join", "rank", "width"]), max_size=3)):
        match step:
            case "map":
                keys = rasp.Map(draw(functions()), keys, simplify=False)
            case "join":
                keys = rasp.SequenceMap(draw(functions()), keys, T)
            case "rank":
                keys = rasp.SelectorWidth(rasp.Select(keys, keys, holds(PREDICATES[2], False)))
            case "width":
                keys = rasp.SelectorWidth(draw(selectors(keys, keys)))
    queries = draw(st.sampled_from([I, T, keys]))
    return rasp.Aggregate(draw(selectors(keys, queries)), T, default=draw(st.integers(0, 2)))


def test_what_is_called_unique_is() -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=200)
    @given(aggregates(), st.booleans())
    def try_one(output: rasp.SOp, causal: bool) -> None:
        builder = built(output, causal=causal)
        tally["copies"] += is_copy(builder.built[id(output)])
        tally["programs"] += 1
        assert_unique(builder, output)

    try_one()
    assert tally["copies"] > tally["programs"] / 10, tally


def assert_unique(builder: Builder, output: rasp.SOp) -> None:
    """No two positions of an input have the same value."""
    graph = builder.graph(output)
    known = graph.evaluate(graph.encode(INPUTS))
    for node in builder._unique:
        for row, tokens in zip(known[node], INPUTS, strict=True):
            found = row[: len(tokens)][row[: len(tokens)] >= 0]
            assert len(np.unique(found)) == len(found), f"{node.formula} on {tokens}: {found}"


@settings(max_examples=200)
@given(aggregates(), st.booleans())
def test_aggregates_mean_what_the_interpreter_says(output: rasp.SOp, causal: bool) -> None:
    assert_means_the_same(output, causal=causal)

"""What is estimated is what is compiled, and what is too large is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs_table import CASES, Case
from small_programs import program_of, programs
from tracr.rasp import rasp

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.graph import build_graph
from rinject.graph.bounds import Size, bound
from rinject.graph.build import Builder
from rinject.graph.estimate import (
    AFFORDABLE_CALLS,
    MOST_EXPRESSIONS,
    Cause,
    Estimate,
    describe,
    domain_of,
    estimate_cost,
)
from rinject.graph.limits import LARGEST_SET, LARGEST_TABLE, MANY, Budget
from rinject.graph.nodes import Selector
from rinject.lang import Program, load_program
from rinject.lang.interpreter import dependencies

SHUFFLE_DYCK = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
COUNT = "selector_width(select(tokens, tokens, ==))"


def figure(cause: Cause) -> tuple[str, int, str]:
    return cause.name, cause.size, cause.unit


def explosions(estimate: Estimate) -> list[tuple[str, int, str]]:
    return [figure(cause) for cause in estimate.explosions]


# --- programs that fit --------------------------------------------------------------------------


def assert_is_what_is_compiled(
    output: rasp.SOp, vocab: Sequence[Any], longest: int, *, causal: bool
) -> None:
    estimate = estimate_cost(output, vocab, longest, causal=causal)
    model = compile_program(output, vocab=vocab, max_seq_len=longest, causal=causal)
    assert (estimate.exact, estimate.explosions) == (True, ())
    assert (estimate.layers, estimate.width) == (model.num_layers, model.residual_width)
    assert estimate.deepest.size == estimate.layers
    assert estimate.widest.size == max(variable.size for variable in model.graph.variables)
    for cause in (estimate.deepest, estimate.widest):
        if cause.name in model.variables:
            variable = model.graph.variable(cause.name)
            assert cause.size == {"layers": variable.layer, "values": variable.size}[cause.unit]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_table_of_programs(case: Case) -> None:
    output = load_program(text=case.source).output
    assert_is_what_is_compiled(output, case.vocab, case.max_seq_len, causal=case.causal)


@settings(max_examples=60)
@given(programs(), st.booleans())
def test_any_small_program(program: Program, causal: bool) -> None:
    assert_is_what_is_compiled(program.output, (0, 1, 2), 3, causal=causal)


def test_shuffle_dyck() -> None:
    program = load_program(SHUFFLE_DYCK)
    estimate = estimate_cost(program.output, program.header.vocabulary, 48, causal=True)
    assert (estimate.layers, estimate.largest_table) == (4, 50 * 50)
    assert estimate.deepest.expr is program.output
    assert estimate.widest.expr is estimate.largest.expr is program.sops["()_diffs"]
    assert (estimate.widest.size, estimate.largest.size) == (97, 2500)


def test_a_program_without_layers() -> None:
    estimate = estimate_cost(rasp.tokens, "abc", 5, causal=True)
    assert (estimate.layers, estimate.width, estimate.largest_table) == (0, 3 + 1, 0)
    assert {estimate.deepest.name, estimate.widest.name, estimate.largest.name} == {"tokens"}


def test_extra_variables_are_counted() -> None:
    program = program_of(f"unused = {COUNT} * 1000", "out = tokens")
    alone = estimate_cost(program.output, "ab", 4, causal=True)
    both = estimate_cost(program.output, "ab", 4, causal=True, extra=[program.sops["unused"]])
    assert (alone.layers, alone.widest.size) == (0, 2)
    assert (both.layers, both.widest.name, both.widest.size) == (1, "unused", 4)


# --- programs that do not -----------------------------------------------------------------------


def assert_does_not_build(output: rasp.SOp, vocab: Sequence[Any], longest: int) -> None:
    with pytest.raises(InputError):
        build_graph(output, vocab, longest, causal=True)


def test_exploding_mean() -> None:
    program = program_of(
        "cubes = indices ^ 3",
        "m = aggregate(select(indices, indices, <=), cubes)",
        "out = m * 2 + indices",
    )
    estimate = estimate_cost(program.output, "a", 48, causal=True)
    assert_does_not_build(program.output, "a", 48)
    (explosion,) = estimate.explosions
    assert explosion.expr is program.sops["m"]
    assert figure(explosion) == figure(estimate.widest)
    assert LARGEST_SET < explosion.size < estimate.width
    assert not estimate.exact


def test_exploding_mean_of_fractions_without_a_common_grid() -> None:
    program = program_of("m = aggregate(select(tokens, tokens, ==), tokens)", "out = m > 0.5")
    vocab = [1 / prime for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23)]
    estimate = estimate_cost(program.output, vocab, 48, causal=True)
    assert [cause.name for cause in estimate.explosions] == ["m"]


def test_exploding_map_names_the_first_of_its_chain() -> None:
    program = program_of(
        f"a = indices * 1000 + {COUNT}", "b = a * 1000 + indices", "c = b + a", "out = c > 7"
    )
    estimate = estimate_cost(program.output, "ab", 300, causal=True)
    assert_does_not_build(program.output, "ab", 300)
    assert explosions(estimate) == [("a", 300 * 300, "values")]
    assert estimate.explosions[0].expr is program.sops["a"]
    assert (estimate.widest.name, estimate.largest.name) == ("a", "a")
    assert estimate.largest_table > LARGEST_TABLE


def test_huge_tables_in_selectors_have_no_name() -> None:
    program = program_of(f"a = indices * 51 + {COUNT}", "w = selector_width(select(a, a, <))")
    selector = next(iter(program.output.children))
    estimate = estimate_cost(program.output, "ab", 50, causal=True)
    assert_does_not_build(program.output, "ab", 50)
    assert explosions(estimate) == [
        ("select key < query of `a` and `a`", (50 * 50 + 1) ** 2, "cells")
    ]
    assert estimate.explosions[0].expr is estimate.largest.expr is selector
    assert (estimate.layers, estimate.deepest.name) == (2, "w")


def test_huge_tables_of_two_inputs() -> None:
    program = program_of(f"a = indices * 51 + {COUNT}", "b = indices - a", "out = a * b")
    estimate = estimate_cost(program.output, "ab", 50, causal=True)
    assert [(cause.name, cause.unit) for cause in estimate.explosions] == [("out", "cells")]
    assert figure(estimate.largest) == explosions(estimate)[0]


def test_pairs_of_keys_and_queries() -> None:
    program = program_of(
        f"a = {COUNT}",
        "out = selector_width(select(indices, a, <) or select(a, indices, ==))",
    )
    estimate = estimate_cost(program.output, "ab", 80, causal=True)
    assert_does_not_build(program.output, "ab", 80)
    assert explosions(estimate) == [
        ("selector or of a select and a select", (80 * 80 + 1) ** 2, "cells")
    ]


def test_independent_explosions_are_all_named() -> None:
    program = program_of(
        f"a = indices * 1000 + {COUNT}",
        f"b = indices * 1000 - {COUNT}",
        "out = a + b",
    )
    estimate = estimate_cost(program.output, "ab", 200, causal=True)
    assert [cause.name for cause in estimate.explosions] == ["a", "b"]


def wide(offset: int) -> rasp.SOp:
    return rasp.Map(lambda x: x * 7 + offset, rasp.indices)


def remainder(modulus: int) -> rasp.SOp:
    return rasp.SequenceMap(lambda x, y: (x + y) % modulus, wide(modulus), wide(0))


def test_what_only_python_can_compute_is_given_up_when_it_takes_long() -> None:
    output = rasp.Map(lambda x: x > 3, remainder(5), simplify=False)
    estimate = estimate_cost(output, "a", 600, causal=True)
    assert AFFORDABLE_CALLS < 601**2
    assert explosions(estimate) == [("sequence map of a map and a map", 600**2, "cells")]


def test_the_budget_is_for_all_tables_together() -> None:
    long = [remainder(modulus).named(f"r{modulus}") for modulus in (3, 4, 5)]
    short = (rasp.indices + 1).named("short")
    estimate = estimate_cost(short, "a", 400, causal=True, extra=long)
    assert [cause.name for cause in estimate.explosions] == ["r4", "r5"]
    assert estimate_cost(short, "a", 400, causal=True, extra=long[:1]).exact


def test_a_very_long_program_is_only_bounded() -> None:
    lines = [f"x = 1 if x == {number % 5} else x" for number in range(MOST_EXPRESSIONS // 2)]
    program = program_of("x = tokens", *lines, f"out = x + {COUNT}")
    estimate = estimate_cost(program.output, (0, 1), 3, causal=True)
    assert (estimate.exact, estimate.explosions, estimate.layers) == (False, (), 1)
    assert figure(estimate.widest) == ("out", 4, "values")  # 0 + 1, …, 1 + 3
    assert estimate.width > len(lines)


def test_other_mistakes_are_errors() -> None:
    everything = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)
    for output, vocab, words in (
        (rasp.length, "a", "looks ahead"),
        (rasp.Aggregate(everything, rasp.tokens), [1, "a"], "mixed with other values"),
        (rasp.tokens, "", "vocabulary is empty"),
    ):
        with pytest.raises(InputError, match=words):
            estimate_cost(output, vocab, 3, causal=True)


# --- bounds and names ---------------------------------------------------------------------------


@settings(max_examples=60)
@given(programs())
def test_bounds_hold(program: Program) -> None:
    exprs = list(dependencies([program.output]))
    budget = Budget()
    builder = Builder(exprs, (0, 1, 2), 3, causal=True, budget=budget)
    sizes: dict[int, Size] = {}
    for expr in exprs:
        before = len(builder.nodes)
        builder.add(expr)
        built = builder.built[id(expr)]
        domain = domain_of(built) if isinstance(built, Selector) else (len(built.values),)
        slots = tuple(len(node.values) for node in builder.nodes[before:])
        size = Size(domain, slots, budget.tables.get(id(expr), 0))
        sizes[id(expr)] = size
        if expr.children:
            most = bound(expr, [sizes[id(child)] for child in expr.children], 3)
            assert all(x <= y for x, y in zip(size.domain, most.domain, strict=True))
            assert (sum(size.slots) <= sum(most.slots), size.cells <= most.cells) == (True, True)


def test_bounds_stop_growing() -> None:
    mean = rasp.Aggregate(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ), rasp.tokens)
    huge = Size((MANY,), (MANY,), MANY)
    assert bound(mean, [huge, huge], 300).domain == (MANY,)
    assert bound(rasp.tokens + rasp.indices, [huge, huge], 300).cells == MANY
    assert huge.at_most(7) == Size((7,), (7,), MANY)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: program_of("out = tokens + 1").output, "out"),
        (
            lambda: program_of("out = tokens * 2 + indices").output.children[0],
            "map (x * 2) of `tokens`",
        ),
        (lambda: rasp.tokens + rasp.indices, "sequence map of `tokens` and `indices`"),
        (lambda: rasp.Full(3), "full"),
    ],
)
def test_descriptions(make: Callable[[], rasp.RASPExpr], words: str) -> None:
    assert describe(make()) == words

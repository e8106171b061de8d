"""What the nodes of a graph say they compute."""

from __future__ import annotations

from typing import Any

import pytest
from tracr.compiler import lib
from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison

from rinject.graph import Aggregate, Width, build_graph
from rinject.graph.formulas import LONGEST
from rinject.graph.graph import Graph
from rinject.lang import load_program

T, I = rasp.tokens, rasp.indices  # noqa: E741


def graph_of(output: rasp.SOp, vocab: Any = (0, 1)) -> Graph:
    return build_graph(output, vocab, 4, causal=False)


def formulas(output: rasp.SOp, vocab: Any = (0, 1)) -> dict[str, str]:
    """The formula of each node by its name."""
    return {node.name: node.formula for node in graph_of(output, vocab).nodes}


def of_text(text: str, vocab: Any = "()") -> dict[str, str]:
    return formulas(load_program(text=text).output, vocab)


def test_named_variables_stand_for_themselves() -> None:
    found = of_text("""
        def count(symbol) { return selector_width(select(tokens, symbol, ==)); }
        depth = count("(") - count(")");
        negatives = selector_width(select(depth, 0, <));
        balanced = depth == 0 and negatives == 0;
    """)
    opened, closed = (f"selector_width(select(tokens, {s!r}, ==))" for s in "()")
    assert found == {
        "tokens": "tokens",
        "full_1": "'('",
        "full_2": "')'",
        "full_3": "0",
        "selector_width_1": opened,
        "selector_width_2": closed,
        "depth": f"({opened} - {closed})",
        "map_1": "(depth == 0)",
        "negatives": "selector_width(select(depth, 0, <))",
        "map_2": "(negatives == 0)",
        "balanced": "((depth == 0) and (negatives == 0))",
    }


@pytest.mark.parametrize(
    ("expression", "formula"),
    [
        ("indices + 1", "(indices + 1)"),
        ("3 - indices", "(3 - indices)"),
        ("-indices", "(-indices)"),
        ("indices % 2 ^ 2", "(indices % 4)"),
        ("tokens in [0, 1]", "(tokens in [0, 1])"),
        ("tokens == 0 or not indices > 2", "((tokens == 0) or (not (indices > 2)))"),
        ("1 if tokens == indices else 2", "(1 if (tokens == indices) else 2)"),
        ("tokens * indices / 2", "((tokens * indices) / 2)"),
        ("aggregate(full_s, tokens)", "aggregate(select(tokens, tokens, always), tokens)"),
        ("aggregate(full_s, indices)", "aggregate(select(tokens, tokens, always), indices, 0)"),
        ('aggregate(select(indices, 0, ==), "a")', "aggregate(select(indices, 0, ==), 'a')"),
    ],
)
def test_expressions_read_as_in_the_language(expression: str, formula: str) -> None:
    assert of_text(f"out = {expression};", (0, 1))["out"] == formula


def test_formulas_can_be_read_again() -> None:
    """What is written in the words of the language means the same there."""
    given = load_program(text="out = 1 if tokens == indices and tokens > 0 else -indices % 3;")
    again = load_program(text=f"out = {formulas(given.output)['out']};")
    inputs = [(0, 1, 1), (1, 1, 0, 1)]
    assert graph_of(again.output).run(inputs) == graph_of(given.output).run(inputs)
    assert formulas(again.output)["out"] == formulas(given.output)["out"]


def test_a_conditional_on_three_variables_is_in_two_steps() -> None:
    found = of_text("x = tokens == 0; out = indices if x else tokens * 2;", (0, 1))
    assert found["sequence_map_1"] == "(indices kept if x)"
    assert found["out"] == "((indices kept if x) or else (tokens * 2))"


def test_selectors_have_formulas_too() -> None:
    same, earlier = "select(tokens, tokens, ==)", "select(indices, indices, <)"
    text = f"out = selector_width({same} and not {earlier} or select(tokens, 1, ==));"
    node = graph_of(load_program(text=text).output).output_node
    assert isinstance(node, Width)
    assert node.selector.formula == f"(({same} and not {earlier}) or select(tokens, 1, ==))"
    assert node.formula == f"selector_width({node.selector.formula})"


# --- objects of tracr ---


def double(value: int) -> int:
    return 2 * value


class Scale:
    """A function that is an object."""

    def __call__(self, value: int) -> int:
        return 10 * value


def near(key: int, query: int) -> bool:
    return abs(key - query) < 2


@pytest.mark.parametrize(
    ("output", "formula"),
    [
        (rasp.Map(lambda x: x + 1, T), "function(tokens)"),
        (rasp.Map(double, T), "double(tokens)"),
        (rasp.Map(Scale(), T), "Scale(tokens)"),
        (rasp.SequenceMap(max, I, T), "max(indices, tokens)"),
        (rasp.SequenceMap(lambda x, y: x, I, T), "function(indices, tokens)"),
        (rasp.Map(double, rasp.Map(double, T), simplify=False), "double(double(tokens))"),
        (rasp.Map(double, rasp.Map(double, T).named("twice"), simplify=False), "double(twice)"),
        (rasp.Full("a"), "'a'"),
        (rasp.ConstantSOp([1, 2]), "constant_sop"),
        (rasp.length, "length"),
        (
            rasp.SelectorWidth(rasp.Select(T, I, Comparison.LEQ)),
            "selector_width(select(tokens, indices, <=))",
        ),
        (
            rasp.Aggregate(rasp.Select(I, I, near), T, default=None),
            "aggregate(select(indices, indices, near), tokens)",
        ),
        (
            rasp.Aggregate(rasp.Select(I, I, lambda k, q: k < q), T, default=7),
            "aggregate(select(indices, indices, predicate), tokens, 7)",
        ),
        (
            rasp.SelectorWidth(rasp.ConstantSelector([[True]]).named("first")),
            "selector_width(first)",
        ),
    ],
)
def test_objects_of_tracr(output: rasp.SOp, formula: str) -> None:
    assert graph_of(output).output_node.formula == formula


def test_programs_of_tracr() -> None:
    assert formulas(lib.make_reverse(T)) == {
        "tokens": "tokens",
        "indices": "indices",
        "length": "selector_width(all_true_selector)",
        "opp_idx": "function(length, indices)",
        "opp_idx-1": "function(opp_idx)",
        "reverse": "aggregate(reverse_selector, tokens)",
    }
    node = graph_of(lib.make_frac_prevs(T == 0)).output_node
    assert isinstance(node, Aggregate)
    assert node.selector.formula == "select(indices, indices, <=)"


def test_joint_variables_name_what_they_hold() -> None:
    either = rasp.SelectorOr(
        rasp.Select(T, T, Comparison.EQ),
        rasp.Select(I, I.named("place"), Comparison.LT),
    )
    found = formulas(rasp.SelectorWidth(either))
    assert (found["pair_1"], found["pair_2"]) == ("(tokens, indices)", "(tokens, place)")


def test_long_formulas_are_cut() -> None:
    long = formulas(load_program(text=f"out = {' + '.join(['indices * tokens'] * 20)};").output)
    assert len(long["out"]) == LONGEST
    assert long["out"].startswith("((((")
    assert long["out"].endswith("…")
    short = formulas(load_program(text="out = indices + tokens + indices;").output)["out"]
    assert short == "((indices + tokens) + indices)"

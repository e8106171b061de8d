"""The finite-domain graph against tracr's interpreter, and its record."""

import json

import numpy as np
import pytest
from programs_table import CASES, Case
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph import Graph, build_graph
from rinject.lang import interpret, load_program


def build(case: Case) -> Graph:
    output = load_program(text=case.source).output
    return build_graph(output, case.vocab, case.max_seq_len, causal=case.causal)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_expected_outputs(case: Case) -> None:
    graph = build(case)
    assert graph.run([given for given, _ in case.examples]) == [
        list(expected) for _, expected in case.examples
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_record_gives_the_same_graph(case: Case) -> None:
    graph = build(case)
    record, arrays = graph.to_record()
    again = Graph.from_record(json.loads(json.dumps(record)), arrays)
    inputs = [given for given, _ in case.examples]
    assert again.run(inputs) == graph.run(inputs)
    assert [n.values for n in again.nodes] == [n.values for n in graph.nodes]
    assert [list(map(type, n.values)) for n in again.nodes] == [
        list(map(type, n.values)) for n in graph.nodes
    ]


def test_padding_is_never_selected() -> None:
    width = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE))
    graph = build_graph(width, ["a", "b"], 5, causal=False)
    assert graph.run(["ab", "ababa"]) == [[2, 2], [5, 5, 5, 5, 5]]


def test_means_are_exact() -> None:
    first = rasp.Select(rasp.tokens, rasp.Full(1), rasp.Comparison.LEQ)
    mean = rasp.Aggregate(first, rasp.tokens, default=None)
    graph = build_graph(mean, [0, 1, 2, 5], 6, causal=True)
    tokens = (0, 1, 5, 1, 1, 2)
    assert graph.run([tokens]) == [interpret(mean, tokens, causal=True)]
    assert graph.run([(5, 5)]) == [[None, None]]


def test_selectors_combine_over_different_inputs() -> None:
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LT)
    either = rasp.SelectorOr(rasp.SelectorAnd(same, before), rasp.SelectorNot(same))
    width = rasp.SelectorWidth(either)
    graph = build_graph(width, ["a", "b"], 5, causal=False)
    assert graph.run(["abaab"]) == [interpret(width, "abaab", causal=False)]


def test_a_division_that_never_happens_is_no_obstacle() -> None:
    quotient = rasp.Map(lambda x: 6 / x if x else 0, rasp.indices)
    risky = rasp.Map(lambda x: 6 / x, rasp.Map(lambda x: x + 1, rasp.indices, simplify=False))
    assert build_graph(quotient, ["a"], 3, causal=False).run(["aaa"]) == [[0, 6.0, 3.0]]
    assert build_graph(risky, ["a"], 3, causal=False).run(["aaa"]) == [[6.0, 3.0, 2.0]]


def test_causal_length_is_refused() -> None:
    with pytest.raises(InputError, match="looks ahead"):
        build_graph(rasp.length, ["a"], 3, causal=True)
    assert build_graph(rasp.length, ["a"], 3, causal=False).run(["aa"]) == [[2, 2]]


@pytest.mark.parametrize(
    ("tokens", "words"), [("abc", "not in the vocabulary"), ("aaaaaa", "6 tokens")]
)
def test_inputs_outside_the_domain(tokens: str, words: str) -> None:
    graph = build_graph(rasp.tokens, ["a", "b"], 5, causal=True)
    with pytest.raises(InputError, match=words):
        graph.encode([tokens])


def test_values_without_a_tag_are_not_saved() -> None:
    graph = build_graph(rasp.Map(lambda _: frozenset(), rasp.tokens), ["a"], 2, causal=True)
    with pytest.raises(InputError, match="frozenset"):
        graph.to_record()


def test_damaged_records() -> None:
    record, arrays = build_graph(rasp.tokens == "a", ["a", "b"], 2, causal=True).to_record()
    with pytest.raises(InputError, match="damaged"):
        Graph.from_record(record | {"output": 99}, arrays)
    with pytest.raises(InputError, match="damaged"):
        Graph.from_record(record, {name: np.zeros(0) for name in ()})

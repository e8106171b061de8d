"""Means over the same positions, and what they can be together."""

from __future__ import annotations

from itertools import product

import numpy as np
from tracr.compiler import lib
from tracr.rasp import rasp

from rinject.compiler import compile_program, verify
from rinject.graph import Elementwise, Graph, build_graph
from rinject.graph.tables import NONE
from rinject.graph.together import possible_pairs, restrict

LONGEST = 6
EARLIER = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
SAME = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)


def two_means(first: rasp.Select, second: rasp.Select) -> Graph:
    a = rasp.numerical(rasp.Map(lambda t: t == "a", rasp.tokens))
    b = rasp.numerical(rasp.Map(lambda t: 3 if t == "b" else 0.5, rasp.tokens))
    pair = rasp.SequenceMap(
        lambda x, y: (x, y), rasp.Aggregate(first, a, default=0), rasp.Aggregate(second, b)
    )
    return build_graph(pair, "abc", LONGEST, causal=True)


def test_every_pair_that_occurs_is_possible() -> None:
    graph = two_means(EARLIER, rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ))
    pair = graph.output_node
    assert isinstance(pair, Elementwise)
    possible = possible_pairs(*pair.arguments, LONGEST)  # type: ignore[call-arg]
    assert possible is not None
    inputs = list(product("abc", repeat=LONGEST))
    known = graph.evaluate(graph.encode(inputs))
    first, second = (known[argument] for argument in pair.arguments)
    assert possible[first, second].all()
    assert possible.mean() < 0.8
    assert len(pair.values) == possible.sum()
    assert (known[pair] >= 0).all()


def test_different_positions_have_nothing_to_do_with_each_other() -> None:
    pair = two_means(EARLIER, SAME).output_node
    first, second = pair.inputs
    assert possible_pairs(first, second, LONGEST) is None
    assert len(pair.values) == len(first.values) * len(second.values)


def test_impossible_pairs_look_like_their_neighbours() -> None:
    inside = np.array([[0, 1, 2], [3, NONE, 4], [5, 5, 5]])
    possible = np.array([[True, False, True], [False, True, True], [False, False, False]])
    left, places = restrict(inside, possible)
    assert left.tolist() == [0, 2, 4]
    assert places.tolist() == [[0, 0, 1], [NONE, NONE, 2], [0, 0, 0]]


def test_a_balance_of_brackets_stays_narrow() -> None:
    balance = lib.make_pair_balance(rasp.tokens, "(", ")")
    model = compile_program(balance, vocab="()a", max_seq_len=10, causal=False)
    assert model.residual_width < 250
    assert verify(model, output=balance, random_inputs=60).mismatches == 0

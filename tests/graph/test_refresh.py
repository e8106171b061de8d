"""Fresh copies change who reads what, and nothing else."""

from __future__ import annotations

from itertools import product

from rinject.graph import Aggregate, Graph, Node, build_graph
from rinject.graph.fuse import fuse
from rinject.graph.nodes import Refreshed, Width
from rinject.graph.refresh import refresh
from rinject.lang import load_program

SOURCE = """
    hist = selector_width(select(tokens, tokens, ==));
    twice = hist * 2;
    same = selector_width(select(hist, hist, ==));
    more = selector_width(select(hist, twice, <));
    mean = aggregate(select(hist, 1, >), twice);
    out = same + more + mean;
"""
INPUTS = [tokens for size in (1, 2, 3, 4) for tokens in product("ab", repeat=size)]


def graph() -> Graph:
    return build_graph(load_program(text=SOURCE).output, "ab", 4, causal=True)


def node(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph.nodes if node.name == name]
    return found


def reads(graph: Graph, name: str) -> set[str]:
    """The names of what a node reads."""
    return {source.name for source in node(graph, name).inputs}


def fresh(graph: Graph) -> list[Refreshed]:
    return [node for node in graph.nodes if isinstance(node, Refreshed)]


def test_a_reader_takes_a_fresh_copy_and_others_do_not() -> None:
    plain = graph()
    again = refresh(plain, {"same": ["hist"]})
    assert reads(again, "same") == {"fresh_1"}
    assert reads(again, "twice") == {"hist"}
    assert reads(again, "more") == reads(plain, "more") == {"hist", "twice"}
    (copy,) = fresh(again)
    assert (copy.arguments, copy.values) == ((node(again, "hist"),), node(again, "hist").values)
    assert copy.formula == "hist"
    assert not copy.named


def test_readers_of_the_same_variable_share_its_copy() -> None:
    again = refresh(graph(), {"same": ["hist"], "mean": ["hist"]})
    (_, doubled) = fresh(again)  # `twice` is a function of hist
    assert reads(again, "same") == {"fresh_1"}
    assert {"fresh_1", doubled.name} <= reads(again, "mean")
    assert doubled.arguments == (node(again, "twice"),)


def test_functions_of_what_is_blurred_are_copied_too() -> None:
    """They are read off the same number, so they are as blurred."""
    again = refresh(graph(), {"more": ["hist"]})
    assert sorted(copy.arguments[0].name for copy in fresh(again)) == ["hist", "twice"]


def test_inputs_come_before_their_readers() -> None:
    again = refresh(graph(), {"same": ["hist"], "more": ["hist"], "out": ["same", "mean"]})
    known: set[Node] = set()
    for found in again.nodes:
        assert known.issuperset(found.inputs), found.name
        known.add(found)
    assert again.output_node in known


def test_a_refreshed_graph_computes_the_same() -> None:
    plain = graph()
    again = refresh(plain, {"same": ["hist"], "more": ["twice"], "out": ["mean", "same"]})
    assert len(fresh(again)) == 4
    assert again.run(INPUTS) == plain.run(INPUTS)
    assert fuse(again).run(INPUTS) == plain.run(INPUTS)


def test_a_copy_takes_a_layer() -> None:
    plain = graph()
    before, after = fuse(plain), fuse(refresh(plain, {"same": ["hist"]}))
    depth = {name: before.variable(name).layer for name in ("hist", "same")}
    assert depth == {"hist": 1, "same": 2}
    layers = {name: after.variable(name).layer for name in ("hist", "fresh_1", "same")}
    assert layers == {"hist": 1, "fresh_1": 2, "same": 3}
    kept = node(after, "same")
    assert isinstance(kept, Width)
    assert {part.keys.name for part in kept.selector.parts} == {"fresh_1"}


def test_a_second_time_changes_nothing() -> None:
    once = refresh(graph(), {"same": ["hist"]})
    twice = refresh(once, {"same": ["hist", "fresh_1"]})
    assert [found.name for found in twice.nodes] == [found.name for found in once.nodes]
    more = refresh(once, {"mean": ["hist"]})
    assert len({copy.name for copy in fresh(more)}) == len(fresh(more)) == 3


def test_readers_of_nothing_blurred_stay_as_they_are() -> None:
    plain = graph()
    for blurred in ({}, {"same": ["tokens"]}, {"nobody": ["hist"]}):
        assert not fresh(refresh(plain, blurred))


def test_selector_tables_and_means_are_kept() -> None:
    before, after = node(graph(), "mean"), node(refresh(graph(), {"mean": ["hist"]}), "mean")
    assert isinstance(before, Aggregate)
    assert isinstance(after, Aggregate)
    assert before.numbers is not None
    assert after.numbers is not None
    assert after.numbers.tolist() == before.numbers.tolist()
    assert after.copies.tolist() == before.copies.tolist()
    assert [part.table.tolist() for part in after.selector.parts] == [
        part.table.tolist() for part in before.selector.parts
    ]


def test_a_copy_takes_no_name_of_the_author() -> None:
    source = SOURCE.replace("twice", "fresh_1")
    given = build_graph(load_program(text=source).output, "ab", 4, causal=True)
    again = refresh(given, {"same": ["hist"], "more": ["hist"]})
    names = [found.name for found in again.nodes]
    assert len(set(names)) == len(names)
    assert not isinstance(node(again, "fresh_1"), Refreshed)

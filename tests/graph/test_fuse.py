"""Fusing keeps what a graph computes."""

from tracr.rasp import rasp

from rinject.graph import Width, build_graph
from rinject.graph.fuse import fuse


def test_large_tables_are_left_unfolded() -> None:
    width = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ))
    pair = rasp.SequenceMap(lambda x, y: x * 7 + y, width, rasp.indices)
    output = rasp.SequenceMap(lambda x, y: (x * y) % 11, pair, rasp.tokens)
    graph = build_graph(output, range(5), 6, causal=True)
    folded, kept = fuse(graph), fuse(graph, table_limit=10)
    assert max(folded.layers.values()) < max(kept.layers.values())
    inputs = [(0, 1, 2, 0, 0), (4, 4, 4, 4, 4, 4)]
    assert folded.run(inputs) == kept.run(inputs) == graph.run(inputs)


def test_selectors_are_read_from_what_they_are_functions_of_unless_that_is_too_large() -> None:
    parity = rasp.Map(lambda x: x % 2, rasp.tokens)
    output = rasp.SelectorWidth(rasp.Select(parity, parity, rasp.Comparison.EQ))
    few, many = (build_graph(output, range(size), 3, causal=True) for size in (20, 2100))
    sources = []
    for graph in (few, many):
        node = fuse(graph).output_node
        assert isinstance(node, Width)
        sources.append(node.selector.parts[0].keys.name)
    assert sources == ["tokens", "map_1"]
    assert fuse(many).run([[4, 8, 3]]) == many.run([[4, 8, 3]]) == [[1, 2, 1]]

"""Variables written anew for readers that need them more exact than they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import count

from rinject.graph.graph import Graph
from rinject.graph.nodes import Elementwise, Node, Refreshed, identity, with_inputs
from rinject.graph.tables import Table


def refresh(graph: Graph, blurred: Mapping[str, Collection[str]]) -> Graph:
    """The graph where each named reader takes what is blurred from a fresh copy of it.

    `blurred` has, by the name of a reader, the names of the variables that it may not read as they
    are. A copy takes an MLP, so what reads it comes a layer later. Without effect where a reader
    has no such input, or has a fresh one already.
    """
    new: dict[Node, Node] = {}
    copies: dict[Node, Node] = {}
    taken = {node.name for node in graph.nodes}
    names = (name for number in count(1) if (name := f"fresh_{number}") not in taken)
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = {old: new[old] for old in node.inputs}
        for old in node.inputs:
            if _is_made_of(old, blurred.get(node.name, ())):
                if old not in copies:
                    copies[old] = _copy(new[old], next(names))
                    nodes.append(copies[old])
                inputs[old] = copies[old]
        new[node] = with_inputs(node, inputs)
        nodes.append(new[node])
    return replace(graph, nodes=tuple(nodes), output_node=new[graph.output_node])


def _is_made_of(node: Node, names: Collection[str]) -> bool:
    """Whether a node is one of these, or a function of one at the same position."""
    if isinstance(node, Refreshed):
        return False
    if node.name in names:
        return True
    return isinstance(node, Elementwise) and any(_is_made_of(a, names) for a in node.arguments)


def _copy(node: Node, name: str) -> Refreshed:
    same = Table.of(identity(node))
    return Refreshed(name, node.values, False, node.name, (node,), same)

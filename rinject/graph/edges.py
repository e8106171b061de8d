"""The edges of a program: what each variable of the residual stream is computed from, and where.

Nodes that are not in the stream are passed over: what they are made of takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rinject.graph.graph import Graph
from rinject.graph.nodes import Aggregate, Elementwise, Node, Width, is_constant

Kind = Literal["elementwise", "width", "aggregate"]


@dataclass(frozen=True)
class Edge:
    """A variable of the stream, and those that it is computed from."""

    index: int
    """Its place among the graph's variables."""
    name: str
    layer: int
    """The first compiled stream that holds it."""
    kind: Kind
    """A function at one position, or what attention counts or averages."""
    here: tuple[int, ...]
    """Inputs that it reads at its own position: arguments and queries."""
    visible: tuple[int, ...]
    """Inputs that it reads at all positions that attention sees from there: keys and operands."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """All of them, by their places among the graph's variables; constants are left out."""
        return (*self.visible, *self.here)

    def are_inputs_right(self, right: np.ndarray, *, causal: bool) -> np.ndarray:
        """bool [B, T]: where all inputs are right, from what is `right` of all variables
        [B, T, V]; what is no token of a row must count as right."""
        here: np.ndarray = np.all(right[..., list(self.here)], axis=-1)  # [B, T]
        far: np.ndarray = np.all(right[..., list(self.visible)], axis=-1)  # [B, T]
        if causal:
            return here & np.logical_and.accumulate(far, axis=1)
        return here & np.all(far, axis=1, keepdims=True)

    def to_record(self, graph: Graph) -> dict[str, Any]:
        """The edge by names, ready for JSON."""
        names = [variable.name for variable in graph.variables]
        return {
            "variable": self.name,
            "layer": self.layer,
            "kind": self.kind,
            "inputs": [names[place] for place in self.inputs],
            "visible": [names[place] for place in self.visible],
        }


def edges_of(graph: Graph) -> tuple[Edge, ...]:
    """The edges of a scheduled graph in the order of computation: by layer, then as in the stream.

    Tokens, positions and whatever has but one value have none.
    """
    edges = [
        _edge(graph, index, node)
        for index, node in enumerate(graph.stream)
        if isinstance(node, Elementwise | Width | Aggregate)
        if not is_constant(node) and len(node.values) > 1
    ]
    return tuple(sorted(edges, key=lambda edge: edge.layer))


def _edge(graph: Graph, index: int, node: Node) -> Edge:
    place = {one: number for number, one in enumerate(graph.stream)}
    kinds: list[Kind] = []
    found: dict[tuple[Node, bool], None] = {}
    left = [(node, False)]
    while left:
        one, is_far = left.pop(0)
        kinds += _attention(one)
        for read, is_everywhere in _reads(one):
            source = (read, is_far or is_everywhere)
            if source not in found and not is_constant(read):
                found[source] = None
                left += [source] if read not in place else []
    visible = dict.fromkeys(place[one] for one, is_far in found if is_far and one in place)
    here = dict.fromkeys(place[one] for one, is_far in found if not is_far and one in place)
    return Edge(
        index=index,
        name=node.name,
        layer=graph.layers[node],
        kind=kinds[0] if kinds else "elementwise",
        here=tuple(one for one in here if one not in visible),
        visible=tuple(visible),
    )


def _attention(node: Node) -> list[Kind]:
    if isinstance(node, Width):
        return ["width"]
    return ["aggregate"] if isinstance(node, Aggregate) else []


def _reads(node: Node) -> Iterator[tuple[Node, bool]]:
    """What a node takes, and whether from all positions that it sees."""
    if isinstance(node, Width | Aggregate):
        for part in node.selector.parts:
            yield part.keys, True
            yield part.queries, False
        if isinstance(node, Aggregate):
            yield node.operand, True
    else:
        yield from ((one, False) for one in node.inputs)

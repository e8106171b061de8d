"""Where each variable sits in the residual stream of a scheduled graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rinject.graph.graph import Graph
from rinject.graph.nodes import Aggregate, Elementwise, Node, Refreshed, is_scalar, may_be_missing

MOST_ONE_HOT = 256
"""A mean with more values than this is a single number in the stream, if that is enough."""


@dataclass(frozen=True)
class Stream:
    """Slots of the variables, then the BOS mark, then scratch."""

    start: dict[Node, int]
    """First dimension of each node's slot."""
    bos: int
    """The dimension that marks BOS."""
    scratch: int
    """The first dimension of scratch."""
    width: int
    """All dimensions."""
    longest: int
    """Positions of the longest input."""
    optional: frozenset[Node]
    """The nodes that may have no value somewhere."""
    numbers: frozenset[Node]
    """The means that stay a number, in one dimension: the others are one-hot."""

    @classmethod
    def of(cls, graph: Graph) -> Stream:
        """The layout of a scheduled graph."""
        numbers = frozenset(node for node in graph.stream if _stays_a_number(node, graph))
        start: dict[Node, int] = {}
        used = 0
        for node in graph.stream:
            start[node] = used
            used += 1 if node in numbers else len(node.values)
        carried = Counter(layer for layer, node in scalars(graph) if node not in numbers)
        width = used + 1 + max(carried.values(), default=0)
        optional = optional_nodes(graph)
        return cls(start, used, used + 1, width, graph.max_seq_len, optional, numbers)

    def slot(self, node: Node) -> slice:
        """The dimensions of a node."""
        size = 1 if node in self.numbers else len(node.values)
        return slice(self.start[node], self.start[node] + size)


def _stays_a_number(node: Node, graph: Graph) -> bool:
    """A mean of very many values that nothing needs one-hot; functions of it are read off it."""
    if not isinstance(node, Aggregate) or not is_scalar(node) or len(node.values) <= MOST_ONE_HOT:
        return False
    return not any(node in n.inputs and decoded_from(n, graph) is not node for n in graph.nodes)


def scalars(graph: Graph) -> list[tuple[int, Node]]:
    """What attention yields as a number, with the layer, in the order of the nodes.

    A number that only functions of it need has no slot; they are read off in the same layer.
    """
    found: dict[Node, int] = {}
    for node, layer in graph.layers.items():
        source = decoded_from(node, graph)
        if source is not None:
            found[source] = layer
    return [(found[node], node) for node in graph.nodes if node in found]


def decoded_from(node: Node, graph: Graph) -> Node | None:
    """The number that a variable is read off in the layer that attends to it, if there is one."""
    if is_scalar(node):
        return node
    if not isinstance(node, Elementwise) or isinstance(node, Refreshed) or len(node.arguments) != 1:
        return None
    (source,), layer = node.arguments, graph.layers.get(node)
    is_here = graph.layers.get(source, layer) == layer
    return source if is_scalar(source) and is_here else None


def optional_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes that may have no value somewhere."""
    found: set[Node] = set()
    for node in graph.nodes:
        if may_be_missing(node, found):
            found.add(node)
    return frozenset(found)

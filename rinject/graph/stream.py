"""Where each variable sits in the residual stream of a scheduled graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rinject.graph.fuse import is_scalar
from rinject.graph.graph import Graph
from rinject.graph.nodes import Aggregate, Elementwise, Node


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

    @classmethod
    def of(cls, graph: Graph) -> Stream:
        """The layout of a scheduled graph."""
        start: dict[Node, int] = {}
        used = 0
        for node in graph.stream:
            start[node] = used
            used += len(node.values)
        numbers = Counter(graph.layers[n] for n in graph.stream if is_scalar(n))
        width = used + 1 + max(numbers.values(), default=0)
        return cls(start, used, used + 1, width, graph.max_seq_len, _optional(graph))

    def slot(self, node: Node) -> slice:
        """The dimensions of a node."""
        return slice(self.start[node], self.start[node] + len(node.values))


def _optional(graph: Graph) -> frozenset[Node]:
    found: set[Node] = set()
    for node in graph.nodes:
        if _may_be_missing(node, found):
            found.add(node)
    return frozenset(found)


def _may_be_missing(node: Node, optional: set[Node]) -> bool:
    if isinstance(node, Aggregate):
        return node.default < 0 or node.operand in optional
    if not isinstance(node, Elementwise):
        return False
    return node.table.can_be_missing([argument in optional for argument in node.arguments])

"""Which arguments meet in the operations of a program, of those that have few combinations.

What always comes together in the inputs at hand nobody can tell apart: that two signs of the same
answer would each do, say. The values of single s-ops do not show it, the combinations do.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from rinject.graph.graph import Graph
from rinject.graph.nodes import Elementwise, Node
from rinject.graph.tables import NONE

MOST_TOGETHER = 128  # combinations of arguments, of operations that are looked at


def meeting_operations(graph: Graph) -> tuple[Elementwise, ...]:
    """The functions of several s-ops that can meet with few arguments."""
    return tuple(
        node
        for node in graph.nodes
        if isinstance(node, Elementwise) and len(node.arguments) > 1
        if combination_count(node) <= MOST_TOGETHER
    )


def combination_count(node: Elementwise) -> int:
    """How many combinations of arguments an operation can meet at most."""
    return prod(len(one.values) for one in node.arguments)


def combinations_met(node: Elementwise, known: Mapping[Node, np.ndarray]) -> np.ndarray:
    """int64 [B, T]: which combination of arguments an operation meets, by the value indices [B, T]
    that are `known` of them; NONE where one of them has no value."""
    sizes = [len(one.values) for one in node.arguments]
    indices = [known[one].astype(np.int64) for one in node.arguments]
    index = np.ravel_multi_index([one.clip(0) for one in indices], sizes)  # [B, T]
    return np.where(np.min(indices, axis=0) == NONE, NONE, index)

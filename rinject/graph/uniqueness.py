"""Selectors that can never select two positions, so that an aggregate copies instead of averaging.

A variable is unique when no two positions of an input have the same value of it, though several may
have none: positions are, and what they can be told from, and ranks by a unique key that is always
there. A selector that lets through one value of a unique variable, and not those without one,
selects one position at most.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from rinject.graph.nodes import Elementwise, Indices, Node, Part, Selector, Width
from rinject.graph.tables import NONE


def is_unique(
    node: Node, unique: Container[Node], optional: Container[Node], *, causal: bool
) -> bool:
    """Whether a node is unique, given which of those it is made of are, and may be missing."""
    if isinstance(node, Indices):
        return True
    if isinstance(node, Elementwise):
        return any(
            argument in unique and _tells(node, axis)
            for axis, argument in enumerate(node.arguments)
        )
    return isinstance(node, Width) and not causal and _is_rank(node.selector, unique, optional)


def selects_one(selector: Selector, unique: Container[Node], optional: Container[Node]) -> bool:
    """Whether no query can select two positions."""
    return any(
        part.keys in unique
        and bool((part.table[:-1].sum(axis=0) <= 1).all())
        and not (part.keys in optional and part.table[-1].any())
        for part in selector.parts
    )


def selects_itself(selector: Selector) -> bool:
    """Whether every position selects at least itself, as far as the selector alone can tell."""
    return all(
        part.keys is part.queries and bool(part.table.diagonal().all()) for part in selector.parts
    )


def _tells(node: Elementwise, axis: int) -> bool:
    """Whether the value of a node, where it has one, tells that of its argument `axis`."""
    classes = node.table.classes[axis][:-1]
    if len(np.unique(classes)) < len(classes) or not node.values:
        return False
    cells = node.table.cells.swapaxes(0, axis)
    cells = cells.reshape(len(cells), -1)
    seen = np.zeros((len(node.values) + 1, len(cells)), dtype=bool)  # None counts as a value
    seen[cells, np.arange(len(cells))[:, None]] = True
    return bool((seen[np.unique(cells)].sum(axis=1) <= 1).all())


def _is_rank(selector: Selector, unique: Container[Node], optional: Container[Node]) -> bool:
    """Whether a width counts the keys on one side of each query, in a total order."""
    if len(selector.parts) != 1:
        return False
    (part,) = selector.parts
    if part.keys is not part.queries or part.keys in optional:
        return False
    return part.keys in unique and _is_total_order(part)


def _is_total_order(part: Part) -> bool:
    table = part.table[:NONE, :NONE]
    off_diagonal = ~np.eye(len(table), dtype=bool)
    if not (table ^ table.T)[off_diagonal].all() or len(set(table.diagonal().tolist())) > 1:
        return False
    return len(np.unique(table.sum(axis=0))) == len(table)  # no circles: all ranks differ

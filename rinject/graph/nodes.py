"""The nodes of a finite-domain graph. They refer to each other directly and are never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rinject.graph.tables import Table

Value = Any
"""A Python scalar, a string, or a tuple of values; None is "no value" and never in a set."""


@dataclass(frozen=True, eq=False)
class Node:
    """A variable: at every position it has one of `values`, or none."""

    name: str
    """What its author called it, or a name made from its kind and order."""
    values: tuple[Value, ...]
    """The finite set of what it can be."""
    named: bool
    """Whether the name is the author's: such a node stays in the residual stream."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it is computed from."""
        return ()


class Tokens(Node):
    """The input symbols; `values` is the vocabulary."""


class Indices(Node):
    """The positions, from 0."""


@dataclass(frozen=True, eq=False)
class Elementwise(Node):
    """A function of other nodes at the same position; without arguments, a constant."""

    arguments: tuple[Node, ...]
    table: Table

    @property
    def inputs(self) -> tuple[Node, ...]:
        return self.arguments


@dataclass(frozen=True, eq=False)
class Selector:
    """Which positions (keys) each position (query) selects."""

    keys: Node
    queries: Node
    table: np.ndarray
    """bool [key values + 1, query values + 1], None last."""


@dataclass(frozen=True, eq=False)
class Width(Node):
    """How many positions are selected: `values` is 0, 1, …, the longest input."""

    selector: Selector

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.selector.keys, self.selector.queries)


@dataclass(frozen=True, eq=False)
class Aggregate(Node):
    """The mean of the operand over the selected positions, or its only value there."""

    selector: Selector
    operand: Node
    numbers: np.ndarray | None
    """float64 [operand values]: the numbers to average; None where one position is selected."""
    copies: np.ndarray
    """int [operand values + 1]: the result where exactly this one value is selected."""
    default: int
    """Index of the result where nothing is selected."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.selector.keys, self.selector.queries, self.operand)

"""The nodes of a finite-domain graph. They refer to each other directly and are never changed."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rinject.graph.tables import NONE, Table

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
    formula: str
    """What it computes, in the words of the language."""

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


class Joint(Elementwise):
    """A tuple of variables, made by the compiler for a selector that must see them together."""


class Refreshed(Elementwise):
    """The same value as its argument, written anew where float32 had blurred it too much."""


@dataclass(frozen=True, eq=False)
class Part:
    """Which keys each query may select, by one variable of either."""

    keys: Node
    queries: Node
    table: np.ndarray
    """bool [key values + 1, query values + 1], None last."""


@dataclass(frozen=True, eq=False)
class Selector:
    """Which positions (keys) each position (query) selects: those that every part lets through.

    Without parts, all of them. A conjunction stays in parts because one attention head can add up
    their scores; anything else about two variables needs a node that holds both.
    """

    parts: tuple[Part, ...]
    formula: str

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The keys and queries of all parts."""
        return tuple(node for part in self.parts for node in (part.keys, part.queries))


@dataclass(frozen=True, eq=False)
class Width(Node):
    """How many positions are selected: `values` run from 0 or 1 up to the longest input."""

    selector: Selector

    @property
    def inputs(self) -> tuple[Node, ...]:
        return self.selector.inputs


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
        return (*self.selector.inputs, self.operand)


def identity(node: Node) -> np.ndarray:
    """The index of each value, and of none. int [values + 1]"""
    return np.append(np.arange(len(node.values)), NONE)


def is_constant(node: Node) -> bool:
    """Whether the node has the same value everywhere, by construction."""
    return isinstance(node, Elementwise) and not node.arguments


def is_scalar(node: Node) -> bool:
    """Whether attention yields the node as one number, decoded by the MLP of the same layer."""
    return isinstance(node, Width) or (isinstance(node, Aggregate) and node.numbers is not None)


def may_be_missing(node: Node, optional: Container[Node]) -> bool:
    """Whether the node may have no value somewhere, given which of its inputs may have none."""
    if isinstance(node, Aggregate):
        lost = bool((node.copies[:-1] < 0).any())  # what is copied may map to no value
        return node.default < 0 or lost or node.operand in optional
    if isinstance(node, Elementwise):
        return node.table.can_be_missing([argument in optional for argument in node.arguments])
    return False


def with_inputs(node: Node, new: Mapping[Node, Node]) -> Node:
    """The node with new nodes in the place of those that it reads."""
    if isinstance(node, Elementwise):
        return replace(node, arguments=tuple(new[a] for a in node.arguments))
    if isinstance(node, Width | Aggregate):
        parts = tuple(
            replace(part, keys=new[part.keys], queries=new[part.queries])
            for part in node.selector.parts
        )
        node = replace(node, selector=replace(node.selector, parts=parts))
    return replace(node, operand=new[node.operand]) if isinstance(node, Aggregate) else node

"""tracr RASP objects to a finite-domain graph: value sets and tables by exhaustive evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, product
from typing import Any

import numpy as np
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph.graph import Graph
from rinject.graph.limits import Budget
from rinject.graph.means import is_number, mean_values
from rinject.graph.nodes import (
    Aggregate,
    Elementwise,
    Indices,
    Node,
    Selector,
    Tokens,
    Value,
    Width,
)
from rinject.graph.tables import NONE, Table
from rinject.graph.tabulate import places, selection, tabulate, value_set
from rinject.lang.interpreter import dependencies


def build_graph(
    output: rasp.SOp, vocab: Sequence[Value], max_seq_len: int, *, causal: bool
) -> Graph:
    """The graph of an s-op and of everything below it.

    Raises InputError for what has no finite domain, naming the expression.
    """
    exprs = list(dependencies([output]))
    builder = Builder(exprs, vocab, max_seq_len, causal=causal)
    for expr in exprs:
        builder.add(expr)
    return builder.graph(output)


class Builder:
    """Makes the nodes of expressions; they come children first."""

    def __init__(
        self,
        exprs: Sequence[rasp.RASPExpr],
        vocab: Sequence[Value],
        longest: int,
        *,
        causal: bool,
        budget: Budget | None = None,
    ) -> None:
        if longest < 1:
            raise InputError(f"the longest input must have at least 1 position, not {longest}")
        if not vocab:
            raise InputError("the vocabulary is empty")
        self.vocab, self.longest, self.causal = tuple(dict.fromkeys(vocab)), longest, causal
        self.budget = budget or Budget()
        self.nodes: list[Node] = []
        self.built: dict[int, Any] = {}
        """The node or selector of each expression, by its id."""
        self._kept: list[rasp.RASPExpr] = []  # an id is only good while its object lives
        self._reserved = {str(expr.name) for expr in exprs if is_named(expr)}
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}  # the first one worth trying

    def graph(self, output: rasp.SOp) -> Graph:
        """The graph of everything added."""
        node = self.built[id(output)]
        return Graph(self.vocab, self.longest, self.causal, tuple(self.nodes), node)

    def add(self, expr: rasp.RASPExpr) -> None:
        build = _BUILDERS.get(type(expr))
        if build is None:
            raise InputError(
                f"`{expr.name}` ({type(expr).__name__}) cannot be compiled",
                hint="build it from tokens, indices, maps, selectors, widths and aggregates",
            )
        node = build(self, expr)
        self.built[id(expr)] = node
        self._kept.append(expr)
        if isinstance(node, Node):
            self.nodes.append(node)

    def label(self, expr: rasp.RASPExpr) -> tuple[str, bool]:
        """The author's name, or else kind and number; a name used twice is numbered too."""
        name = str(expr.name)
        if is_named(expr):
            return (name if name not in self._taken else self._numbered(name)), True
        return self._numbered(name), False

    def _numbered(self, name: str) -> str:
        for number in count(self._numbers.get(name, 1)):
            label = f"{name}_{number}"
            if label not in self._taken and label not in self._reserved:
                self._numbers[name] = number
                break
        return label

    # --- s-ops ---

    def tokens(self, expr: rasp.SOp) -> Node:
        return Tokens(*self._head(expr, self.vocab))

    def indices(self, expr: rasp.SOp) -> Node:
        return Indices(*self._head(expr, tuple(range(self.longest))))

    def length(self, expr: rasp.SOp) -> Node:
        if self.causal:
            raise InputError(
                "`length` looks ahead: a causal model cannot know how much is still to come",
                hint="compile with causal=False, or count with selector_width(full_s)",
            )
        return Width(*self._head(expr, self._counts()), self._everything())

    def full(self, expr: rasp.Full) -> Node:
        values = () if expr.fill is None else (expr.fill,)
        cells = np.array(NONE if expr.fill is None else 0)
        return Elementwise(*self._head(expr, values), (), Table((), cells))

    def map(self, expr: rasp.Map) -> Node:
        return self._elementwise(expr, expr.f, [self.built[id(expr.inner)]])

    def sequence_map(self, expr: rasp.SequenceMap) -> Node:
        arguments = [self.built[id(expr.fst)], self.built[id(expr.snd)]]
        if arguments[0] is arguments[1]:
            return self._elementwise(expr, lambda x: expr.f(x, x), arguments[:1])
        return self._elementwise(expr, expr.f, arguments)

    def width(self, expr: rasp.SelectorWidth) -> Node:
        selector = self.built[id(expr.selector)]
        return Width(*self._head(expr, self._counts()), selector)

    def aggregate(self, expr: rasp.Aggregate) -> Node:
        selector: Selector = self.built[id(expr.selector)]
        operand: Node = self.built[id(expr.sop)]
        single = _selects_one(selector) or not any(map(is_number, operand.values))
        means, alone = (operand.values,) * 2 if single else self._means(operand, expr)
        default = () if expr.default is None else (expr.default,)
        values = value_set([*means, *default])
        place = places(values)
        numbers = None if single else np.array([float(v) for v in operand.values])
        copies = np.array([place[v] for v in alone] + [NONE])
        fallback = NONE if expr.default is None else place[expr.default]
        return Aggregate(*self._head(expr, values), selector, operand, numbers, copies, fallback)

    def _means(
        self, operand: Node, expr: rasp.Aggregate
    ) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
        if not all(map(is_number, operand.values)):
            raise InputError(
                f"`{expr.name}` averages numbers mixed with other values",
                hint="select at most one position, by its index, or make all values numbers",
            )
        return mean_values(operand.values, self.longest, expr, self.budget)

    # --- selectors ---

    def select(self, expr: rasp.Select) -> Selector:
        keys, queries = self.built[id(expr.keys)], self.built[id(expr.queries)]
        self.budget.table(expr, (len(keys.values) + 1) * (len(queries.values) + 1))
        pay = partial(self.budget.loop, expr)
        table = selection(expr.predicate, keys.values, queries.values, pay)
        return Selector(keys, queries, table)

    def selector_not(self, expr: rasp.SelectorNot) -> Selector:
        inner: Selector = self.built[id(expr.inner)]
        return Selector(inner.keys, inner.queries, ~inner.table)

    def selector_and(self, expr: rasp.SelectorAnd) -> Selector:
        return self._combine(expr, np.logical_and)

    def selector_or(self, expr: rasp.SelectorOr) -> Selector:
        return self._combine(expr, np.logical_or)

    def _combine(
        self, expr: Any, combine: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> Selector:
        """Both selectors over pairs of keys and pairs of queries, then combined entry by entry."""
        fst, snd = self.built[id(expr.fst)], self.built[id(expr.snd)]
        keys, key_pairs = self._pair(expr, fst.keys, snd.keys)
        queries, query_pairs = self._pair(expr, fst.queries, snd.queries)
        self.budget.table(expr, len(key_pairs) * len(query_pairs))
        first = fst.table[np.ix_(key_pairs[:, 0], query_pairs[:, 0])]
        second = snd.table[np.ix_(key_pairs[:, 1], query_pairs[:, 1])]
        return Selector(keys, queries, combine(first, second))

    def _pair(self, expr: Any, first: Node, second: Node) -> tuple[Node, np.ndarray]:
        """A node that holds two, and for each of its values (None last) the indices of the two."""
        sizes = len(first.values) + 1, len(second.values) + 1
        if first is second:
            return first, np.stack([np.arange(sizes[0])] * 2, axis=1)
        if not first.inputs and isinstance(first, Elementwise):
            return second, np.array([(0, i) for i in range(sizes[1])])
        if not second.inputs and isinstance(second, Elementwise):
            return first, np.array([(i, 0) for i in range(sizes[0])])
        self.budget.table(expr, sizes[0] * sizes[1])
        self.budget.loop(expr, sizes[0] * sizes[1])
        pairs = np.indices(sizes).reshape(2, -1).T
        # Here None is a value like any other: a pair always has a value itself.
        values = tuple(product((*first.values, None), (*second.values, None)))
        table = Table.of(np.arange(len(pairs)).reshape(sizes))
        name = self._numbered("pair")
        self._taken.add(name)
        node = Elementwise(name, values, False, (first, second), table)
        self.nodes.append(node)
        return node, np.concatenate([pairs, pairs[-1:]])

    def _everything(self) -> Selector:
        ones = Elementwise("everywhere", (True,), False, (), Table((), np.array(0)))
        self.nodes.append(ones)
        return Selector(ones, ones, np.ones((2, 2), dtype=bool))

    # --- shared ---

    def _elementwise(
        self, expr: rasp.SOp, function: Callable[..., Value], arguments: list[Node]
    ) -> Node:
        shape = [len(argument.values) + 1 for argument in arguments]
        self.budget.table(expr, math.prod(shape))
        pay = partial(self.budget.loop, expr)
        values, inside = tabulate(function, [argument.values for argument in arguments], pay)
        dense = np.full(shape, NONE)
        dense[tuple(slice(0, -1) for _ in arguments)] = inside
        return Elementwise(*self._head(expr, values), tuple(arguments), Table.of(dense))

    def _head(self, expr: rasp.SOp, values: tuple[Value, ...]) -> tuple[str, tuple[Any, ...], bool]:
        name, named = self.label(expr)
        self._taken.add(name)
        return name, values, named

    def _counts(self) -> tuple[int, ...]:
        return tuple(range(self.longest + 1))


_BUILDERS: dict[type, Callable[[Builder, Any], Any]] = {
    rasp.TokensType: Builder.tokens,
    rasp.IndicesType: Builder.indices,
    rasp.LengthType: Builder.length,
    rasp.Full: Builder.full,
    rasp.Map: Builder.map,
    rasp.SequenceMap: Builder.sequence_map,
    rasp.LinearSequenceMap: Builder.sequence_map,
    rasp.SelectorWidth: Builder.width,
    rasp.Aggregate: Builder.aggregate,
    rasp.Select: Builder.select,
    rasp.SelectorAnd: Builder.selector_and,
    rasp.SelectorOr: Builder.selector_or,
    rasp.SelectorNot: Builder.selector_not,
}


def is_named(expr: rasp.RASPExpr) -> bool:
    base = isinstance(expr, rasp.TokensType | rasp.IndicesType)
    return base or expr.name != rasp.default_name(expr)


def _selects_one(selector: Selector) -> bool:
    """Whether no query can select two positions: the keys are positions, one for each query."""
    return isinstance(selector.keys, Indices) and bool((selector.table.sum(axis=0) <= 1).all())

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
from rinject.graph.formulas import formula
from rinject.graph.graph import Graph
from rinject.graph.limits import Budget
from rinject.graph.means import is_number, mean_values
from rinject.graph.nodes import (
    Aggregate,
    Elementwise,
    Indices,
    Joint,
    Node,
    Part,
    Selector,
    Tokens,
    Value,
    Width,
    identity,
    is_constant,
    may_be_missing,
)
from rinject.graph.tables import NONE, Table
from rinject.graph.tabulate import distinct, places, selection, tabulate, value_set
from rinject.graph.together import possible_pairs, restrict
from rinject.graph.uniqueness import is_unique, selects_itself, selects_one
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
        if not isinstance(longest, int) or longest < 1:
            raise InputError(f"the longest input must have at least 1 position, not {longest}")
        if not vocab:
            raise InputError("the vocabulary is empty")
        self.vocab, self.longest, self.causal = _symbols(vocab), longest, causal
        self.budget = budget or Budget()
        self.nodes: list[Node] = []
        self.optional: set[Node] = set()
        """The nodes that may have no value somewhere."""
        self.built: dict[int, Any] = {}
        """The node or selector of each expression, by its id."""
        self._unique: set[Node] = set()
        self._held: dict[Node, tuple[Node, ...]] = {}  # what a joint node is made of
        self._joints: dict[tuple[Node, ...], Node] = {}
        self._places: dict[tuple[Node, Node], np.ndarray] = {}  # of sources in joint nodes
        self._formulas: dict[int, str] = {}
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
            if may_be_missing(node, self.optional):
                self.optional.add(node)
            if is_unique(node, self._unique, self.optional, causal=self.causal):
                self._unique.add(node)

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
        everything = Selector((), "full_s")
        return Width(*self._head(expr, self._counts(everything)), everything)

    def full(self, expr: rasp.Full) -> Node:
        values = () if expr.fill is None else (expr.fill,)
        cells = np.array(NONE if expr.fill is None else 0)
        return Elementwise(*self._head(expr, values), (), Table((), cells))

    def constant(self, expr: rasp.ConstantSOp) -> Node:
        """A value for each position; there is none beyond the last."""
        given = [value for value in expr.value[: self.longest] if value is not None]
        values = value_set(given, expr)
        place = places(values)
        row = [NONE if value is None else place[value] for value in expr.value[: self.longest]]
        dense = np.array(row + [NONE] * (self.longest + 1 - len(row)))
        positions = self._positions()
        return Elementwise(*self._head(expr, values), (positions,), Table.of(dense))

    def map(self, expr: rasp.Map) -> Node:
        return self._elementwise(expr, expr.f, [self.built[id(expr.inner)]])

    def sequence_map(self, expr: rasp.SequenceMap) -> Node:
        arguments = [self.built[id(expr.fst)], self.built[id(expr.snd)]]
        if arguments[0] is arguments[1]:
            return self._elementwise(expr, lambda x: expr.f(x, x), arguments[:1])
        return self._elementwise(expr, expr.f, arguments)

    def width(self, expr: rasp.SelectorWidth) -> Node:
        selector = self.built[id(expr.selector)]
        by_position = self._counted(selector) if self.causal else None
        if by_position is None:
            return Width(*self._head(expr, self._counts(selector)), selector)
        values, places = np.unique(by_position, return_inverse=True)
        table = Table.of(np.append(places, places[0]))
        head = self._head(expr, tuple(values.tolist()))
        return Elementwise(*head, (self._positions(),), table)

    def aggregate(self, expr: rasp.Aggregate) -> Node:
        selector: Selector = self.built[id(expr.selector)]
        operand: Node = self.built[id(expr.sop)]
        single = selects_one(selector, self._unique, self.optional) or not any(
            map(is_number, operand.values)
        )
        means, alone = (operand.values,) * 2 if single else self._means(operand, expr)
        is_never_empty = selects_itself(selector) and bool(means)
        default = () if expr.default is None or is_never_empty else (expr.default,)
        values = value_set([*means, *default], expr)
        place = places(values)
        numbers = None if single else np.array([float(v) for v in operand.values])
        copies = np.array([place[v] for v in alone] + [NONE])
        fallback = place[default[0]] if default else 0 if is_never_empty else NONE
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
        self._hide_none(table, (keys, queries))
        return Selector(() if table.all() else (Part(keys, queries, table),), self._formula(expr))

    def constant_selector(self, expr: rasp.ConstantSelector) -> Selector:
        """A matrix of queries by keys."""
        if len({len(row) for row in expr.value}) != 1:
            raise InputError(
                f"the rows of `{expr.name}` are not of one length",
                hint="a constant selector is a matrix of queries by keys",
            )
        rows = np.array(expr.value, dtype=bool)[: self.longest, : self.longest]
        table = np.zeros((self.longest + 1, self.longest + 1), dtype=bool)
        table[: rows.shape[1], : rows.shape[0]] = rows.T
        positions = self._positions()
        return Selector((Part(positions, positions, table),), self._formula(expr))

    def selector_not(self, expr: rasp.SelectorNot) -> Selector:
        """One table over all variables of the selector."""
        inner: Selector = self.built[id(expr.inner)]
        return self._one_part(expr, [inner], lambda tables: ~tables[0])

    def selector_and(self, expr: rasp.SelectorAnd) -> Selector:
        """The parts of both; those of the same two variables become one."""
        found: dict[tuple[Node, Node], np.ndarray] = {}
        for child in (expr.fst, expr.snd):
            for part in self.built[id(child)].parts:
                pair = part.keys, part.queries
                found[pair] = part.table & found[pair] if pair in found else part.table
        parts = tuple(Part(*pair, table) for pair, table in found.items())
        return Selector(parts, self._formula(expr))

    def selector_or(self, expr: rasp.SelectorOr) -> Selector:
        """One table over all variables of either side."""
        sides = [self.built[id(expr.fst)], self.built[id(expr.snd)]]
        return self._one_part(expr, sides, lambda tables: tables[0] | tables[1])

    def _one_part(
        self,
        expr: rasp.Selector,
        selectors: Sequence[Selector],
        combine: Callable[[list[np.ndarray]], np.ndarray],
    ) -> Selector:
        """Selectors over the same joint variables, combined entry by entry."""
        parts = [part for selector in selectors for part in selector.parts]
        keys = self._joint(expr, [part.keys for part in parts])
        queries = self._joint(expr, [part.queries for part in parts])
        shape = len(keys.values) + 1, len(queries.values) + 1
        if len(parts) > 1:
            self.budget.table(expr, math.prod(shape))
        tables = [np.ones(shape, dtype=bool) for _ in selectors]
        for table, selector in zip(tables, selectors, strict=True):
            for part in selector.parts:
                table &= self._spread(part, keys, queries)
        part = Part(keys, queries, combine(tables))
        return Selector(() if part.table.all() else (part,), self._formula(expr))

    def _spread(self, part: Part, keys: Node, queries: Node) -> np.ndarray:
        """The table of a part over the values of joint nodes that hold its variables."""
        rows, columns = self._within(keys, part.keys), self._within(queries, part.queries)
        return part.table[np.ix_(rows, columns)]

    def _joint(self, expr: rasp.Selector, nodes: Sequence[Node]) -> Node:
        """A node that holds all of `nodes`: one of them, or one made for it."""
        sources = tuple(
            dict.fromkeys(
                source
                for node in nodes
                for source in self._held.get(node, (node,))
                if not is_constant(source)
            )
        )
        if len(sources) < 2:
            return sources[0] if sources else nodes[0] if nodes else self._everywhere()
        if sources not in self._joints:
            self._joints[sources] = self._new_joint(expr, sources)
        return self._joints[sources]

    def _new_joint(self, expr: rasp.Selector, sources: tuple[Node, ...]) -> Node:
        """All combinations of values; None is one of them only where it can occur."""
        sets = [(*s.values, None) if s in self.optional else s.values for s in sources]
        size = math.prod(map(len, sets))
        self.budget.table(expr, size)
        self.budget.loop(expr, size)
        dense = np.full([len(source.values) + 1 for source in sources], NONE)
        dense[tuple(slice(len(values)) for values in sets)] = np.arange(size).reshape(
            [len(values) for values in sets]
        )
        name = self._numbered("pair")
        self._taken.add(name)
        words = f"({', '.join(source.name for source in sources)})"
        self._hide_none(dense, sources)
        node = Joint(name, tuple(product(*sets)), False, words, sources, Table.of(dense))
        self.nodes.append(node)
        if (
            self._unique.intersection(sources) - self.optional
        ):  # none is a value like any other here
            self._unique.add(node)
        self._held[node] = sources
        places = np.indices([len(values) for values in sets]).reshape(len(sources), size)
        for source, place in zip(sources, places, strict=True):
            self._places[node, source] = np.append(place, NONE)  # None comes last in any case
        return node

    def _within(self, joint: Node, node: Node) -> np.ndarray:
        """For each value of a joint node (None last), the index of a node's that it holds."""
        if joint is node:
            return identity(node)
        if is_constant(node):
            return np.full(len(joint.values) + 1, 0 if node.values else NONE)
        if node not in self._held:
            return self._places[joint, node]
        columns = tuple(self._within(joint, source) for source in self._held[node])
        assert isinstance(node, Elementwise)
        return node.table(*columns)

    def _everywhere(self) -> Node:
        """A constant, for a selector that reads nothing."""
        node = Elementwise("everywhere", (True,), False, "True", (), Table((), np.array(0)))
        self.nodes.append(node)
        return node

    # --- shared ---

    def _elementwise(
        self, expr: rasp.SOp, function: Callable[..., Value], arguments: list[Node]
    ) -> Node:
        shape = [len(argument.values) + 1 for argument in arguments]
        self.budget.table(expr, math.prod(shape))
        pay = partial(self.budget.loop, expr)
        sets = [argument.values for argument in arguments]
        values, inside = tabulate(function, sets, expr, pay)
        if len(arguments) == 2:
            possible = possible_pairs(arguments[0], arguments[1], self.longest)
            if possible is not None:
                left, inside = restrict(inside, possible)
                values = tuple(values[i] for i in left)
        dense = np.full(shape, NONE)
        dense[tuple(slice(0, -1) for _ in arguments)] = inside
        self._hide_none(dense, arguments)
        table, used = Table.of(dense).without_idle()
        return Elementwise(*self._head(expr, values), tuple(arguments[i] for i in used), table)

    def _hide_none(self, dense: np.ndarray, arguments: Sequence[Node]) -> None:
        """Where an argument always has a value, let None mean the first one: a smaller table."""
        for axis, argument in enumerate(arguments):
            if argument.values and argument not in self.optional:
                view = dense.swapaxes(0, axis)
                view[-1] = view[0]

    def _head(
        self, expr: rasp.SOp, values: tuple[Value, ...]
    ) -> tuple[str, tuple[Any, ...], bool, str]:
        name, named = self.label(expr)
        self._taken.add(name)
        return name, values, named, self._formula(expr)

    def _formula(self, expr: rasp.RASPExpr) -> str:
        words = [
            str(child.name) if is_named(child) else self._formulas[id(child)]
            for child in expr.children
        ]
        text = self._formulas[id(expr)] = formula(expr, words)
        return text

    def _counts(self, selector: Selector) -> tuple[int, ...]:
        """How many a selector may select: none only where a position may not select itself."""
        return tuple(range(1 if selects_itself(selector) else 0, self.longest + 1))

    def _counted(self, selector: Selector) -> np.ndarray | None:
        """What a causal selector of positions by positions counts at each; else None. [longest]"""
        chosen = np.tri(self.longest, dtype=bool)  # [queries, keys]
        for part in selector.parts:
            keys, queries = self._by_position(part.keys), self._by_position(part.queries)
            if keys is None or queries is None:
                return None
            chosen &= part.table[np.ix_(keys, queries)].T
        return chosen.sum(axis=1)

    def _by_position(self, node: Node) -> np.ndarray | None:
        """The index of a node's value at each position, if that is all it depends on."""
        positions = np.arange(self.longest)
        if isinstance(node, Indices):
            return positions
        if is_constant(node):
            return np.full(self.longest, 0 if node.values else NONE)
        if isinstance(node, Elementwise) and all(isinstance(a, Indices) for a in node.arguments):
            return node.table(*[positions] * node.table.arity)
        return None

    def _positions(self) -> Node:
        """The positions, for what depends on them without naming them."""
        known = [node for node in self.nodes if isinstance(node, Indices)]
        if known:
            return known[0]
        node = Indices("positions", tuple(range(self.longest)), False, "indices")
        self._taken.add(node.name)
        self._unique.add(node)
        self.nodes.append(node)
        return node


_BUILDERS: dict[type, Callable[[Builder, Any], Any]] = {
    rasp.TokensType: Builder.tokens,
    rasp.IndicesType: Builder.indices,
    rasp.LengthType: Builder.length,
    rasp.Full: Builder.full,
    rasp.ConstantSOp: Builder.constant,
    rasp.ConstantSelector: Builder.constant_selector,
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


def _symbols(vocab: Sequence[Value]) -> tuple[Value, ...]:
    """The symbols, each once. Raises InputError for what no symbol can be."""
    symbols = tuple(distinct(vocab, "the vocabulary has symbols"))
    if None in symbols:
        raise InputError("None is no symbol: it stands for no value")
    return symbols


def is_named(expr: rasp.RASPExpr) -> bool:
    base = isinstance(expr, rasp.TokensType | rasp.IndicesType)
    return base or expr.name != rasp.default_name(expr)

"""What a program costs, before it is compiled: layers, width, tables, and what causes them.

The graph is built and fused as the compiler does it, but within a budget. What cannot be afforded
is left out, together with all that is made of it, and only bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracr.rasp import rasp

from rinject.graph.bounds import Size, bound
from rinject.graph.build import Builder, is_named
from rinject.graph.fuse import fuse
from rinject.graph.limits import LARGEST_SET, LARGEST_TABLE, MANY, Budget, TooLarge, Unit
from rinject.graph.nodes import Node, Selector, Value
from rinject.graph.stream import Stream
from rinject.lang.elementwise import Compare, Elementwise
from rinject.lang.interpreter import dependencies

AFFORDABLE_CALLS = 300_000
"""Values that may be computed one by one; arrays may have as many cells as the largest table."""
MOST_EXPRESSIONS = 2000
"""With more of them, fusing takes long."""
_ATTENTION = (rasp.SelectorWidth, rasp.Aggregate, rasp.LengthType)


@dataclass(frozen=True, eq=False)
class Cause:
    """An expression, and the figure it causes."""

    name: str
    """The name of the variable, or else a description of the expression."""
    expr: rasp.RASPExpr
    size: int
    unit: Unit

    @classmethod
    def of(cls, expr: rasp.RASPExpr, size: int, unit: Unit) -> Cause:
        return cls(describe(expr), expr, size, unit)


@dataclass(frozen=True, eq=False)
class Estimate:
    """The cost of a program."""

    layers: int
    """Exact, or else a lower bound: attention is at least a layer after what it reads."""
    width: int
    """Dimensions of the residual stream; exact, or else an upper bound, of at most MANY."""
    largest_table: int
    """Most cells of a table in full, as it is built; exact, or else an upper bound as above."""
    deepest: Cause
    """The last variable of the longest chain."""
    widest: Cause
    """The variable with the most values."""
    largest: Cause
    """The expression with the largest table."""
    exact: bool
    """Whether all was built and fused. If not, `widest` and `largest` do not depend on anything
    that is too large."""
    explosions: tuple[Cause, ...]
    """What has too many values or cells, or takes long: only the first of each chain."""


def estimate_cost(
    output: rasp.SOp,
    vocab: Sequence[Value],
    max_seq_len: int,
    *,
    causal: bool,
    extra: Sequence[rasp.SOp] = (),
) -> Estimate:
    """What compiling an s-op would cost, in a fraction of a second however large that is.

    `extra` are s-ops that count as if the output needed them; named ones stay in the stream.
    Raises InputError for what cannot be compiled for other reasons than its size.
    """
    exprs = list(dependencies([output, *extra]))
    survey = _Survey(exprs, vocab, max_seq_len, causal=causal)
    for expr in exprs:
        survey.add(expr)
    return survey.measured(output) if survey.can_be_measured else survey.bounded()


def describe(expr: rasp.RASPExpr) -> str:
    """The name of an expression, or else what it is, and of what."""
    if is_named(expr):
        return str(expr.name)
    function = getattr(expr, "f", None) or getattr(expr, "predicate", None)
    formula = f" {function}" if isinstance(function, Elementwise | Compare) else ""
    inputs = " and ".join(
        f"`{child.name}`" if is_named(child) else f"a {_kind(child)}" for child in expr.children
    )
    return f"{_kind(expr)}{formula}{' of ' if inputs else ''}{inputs}"


def _kind(expr: rasp.RASPExpr) -> str:
    return str(expr.name).replace("_", " ")


def domain_of(selector: Selector) -> tuple[int, int]:
    """Combinations of values of all keys, and of all queries; at most MANY."""
    keys = {part.keys for part in selector.parts}
    queries = {part.queries for part in selector.parts}
    few, many = (math.prod(len(node.values) + 1 for node in side) for side in (keys, queries))
    return min(MANY, few - 1), min(MANY, many - 1)


class _Survey:
    """Builds what the budget allows and takes all sizes; expressions come children first."""

    def __init__(
        self, exprs: Sequence[rasp.RASPExpr], vocab: Sequence[Value], longest: int, *, causal: bool
    ) -> None:
        self._exprs = exprs
        self._budget = Budget(cells=LARGEST_TABLE, calls=AFFORDABLE_CALLS)
        self._builder = Builder(exprs, vocab, longest, causal=causal, budget=self._budget)
        self._owners: dict[str, rasp.RASPExpr] = {}  # of the nodes, by their names
        self._sizes: dict[int, Size] = {}
        self._sound: list[rasp.RASPExpr] = []  # what depends on nothing too large
        self._affected: set[int] = set()  # what is too large, and what depends on it
        self._explosions: list[Cause] = []

    @property
    def can_be_measured(self) -> bool:
        """Whether everything could be built, and can be fused in time."""
        built = all(id(expr) in self._builder.built for expr in self._exprs)
        return built and len(self._exprs) <= MOST_EXPRESSIONS

    def add(self, expr: rasp.RASPExpr) -> None:
        """Build an expression if nothing below it is too large, and take its size."""
        if any(id(child) in self._affected for child in expr.children):
            self._affected.add(id(expr))
            self._sizes[id(expr)] = self._bound(expr)
            return
        self._sound.append(expr)
        before = len(self._builder.nodes)
        try:
            self._builder.add(expr)
        except TooLarge as error:
            self._give_up(expr, error)
            return
        nodes = self._builder.nodes[before:]
        self._owners.update((node.name, expr) for node in nodes)
        self._sizes[id(expr)] = self._measure(expr, nodes)
        values = max((len(node.values) for node in nodes), default=0)
        if values > LARGEST_SET:
            self._explode(expr, values, "values")

    def _give_up(self, expr: rasp.RASPExpr, error: TooLarge) -> None:
        size, most = self._bound(expr), error.size
        if error.unit == "values":
            most += getattr(expr, "default", None) is not None
            size = size.at_most(most)
        self._sizes[id(expr)] = size
        self._explode(expr, most, error.unit)

    def _explode(self, expr: rasp.RASPExpr, size: int, unit: Unit) -> None:
        self._explosions.append(Cause.of(expr, size, unit))
        self._affected.add(id(expr))

    def _bound(self, expr: rasp.RASPExpr) -> Size:
        children = [self._sizes[id(child)] for child in expr.children]
        return bound(expr, children, self._builder.longest)

    def _measure(self, expr: rasp.RASPExpr, nodes: Sequence[Node]) -> Size:
        built = self._builder.built[id(expr)]
        domain = domain_of(built) if isinstance(built, Selector) else (len(built.values),)
        slots = tuple(len(node.values) for node in nodes)
        return Size(domain, slots, self._budget.tables.get(id(expr), 0))

    # --- results ---

    def measured(self, output: rasp.SOp) -> Estimate:
        """The figures of the graph as the compiler makes it."""
        graph = fuse(self._builder.graph(output))
        layers = graph.num_layers
        last = [node for node in graph.stream if graph.layers[node] == layers][-1]
        widest = max(graph.stream, key=lambda node: (len(node.values), node.named))
        return self._estimate(
            deepest=Cause.of(self._owners[last.name], layers, "layers"),
            width=Stream.of(graph).width,
            widest=Cause.of(self._owners[widest.name], len(widest.values), "values"),
            exact=True,
        )

    def bounded(self) -> Estimate:
        """Bounds without a graph: every variable is kept, and only attention takes layers."""
        depths: dict[int, int] = {}
        for expr in self._exprs:
            below = max((depths[id(child)] for child in expr.children), default=0)
            depths[id(expr)] = below + isinstance(expr, _ATTENTION)
        deepest = max(reversed(self._exprs), key=lambda expr: depths[id(expr)])
        slots = sum(sum(size.slots) for size in self._sizes.values())
        scratch = sum(isinstance(expr, _ATTENTION) for expr in self._exprs)
        widest = self._most(lambda size: max(size.slots, default=0))
        return self._estimate(
            deepest=Cause.of(deepest, depths[id(deepest)], "layers"),
            width=min(MANY, slots + 1 + scratch),
            widest=Cause.of(widest, max(self._sizes[id(widest)].slots), "values"),
            exact=False,
        )

    def _estimate(self, *, deepest: Cause, width: int, widest: Cause, exact: bool) -> Estimate:
        largest = self._most(lambda size: size.cells)
        return Estimate(
            layers=deepest.size,
            width=width,
            largest_table=max(size.cells for size in self._sizes.values()),
            deepest=deepest,
            widest=widest,
            largest=Cause.of(largest, self._sizes[id(largest)].cells, "cells"),
            exact=exact,
            explosions=tuple(self._explosions),
        )

    def _most(self, figure: Callable[[Size], int]) -> rasp.RASPExpr:
        """The expression with the highest figure among those that depend on nothing too large."""
        return max(self._sound, key=lambda expr: (figure(self._sizes[id(expr)]), is_named(expr)))

"""Upper bounds on the sizes of an expression, from those of what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracr.rasp import rasp

from rinject.graph.limits import MANY
from rinject.lang.elementwise import COMPARISONS, Binary, Elementwise, Member, Unary


@dataclass(frozen=True)
class Size:
    """Sizes of an expression, exact or bounds."""

    domain: tuple[int, ...]
    """Values of an s-op; of a selector, those of its keys and of its queries."""
    slots: tuple[int, ...]
    """Values of each variable that is made for it."""
    cells: int
    """Of its largest table."""

    def at_most(self, values: int) -> Size:
        """The same for what is known to have no more values."""
        return replace(
            self,
            domain=tuple(min(values, count) for count in self.domain),
            slots=tuple(min(values, count) for count in self.slots),
        )


def bound(expr: rasp.RASPExpr, children: Sequence[Size], longest: int) -> Size:
    """Bounds for an expression, given the sizes of its children."""
    match expr:
        case rasp.Map() | rasp.SequenceMap():
            return _elementwise(expr.f, [child.domain[0] for child in children])
        case rasp.Aggregate():
            return _sop(_means(children[1].domain[0], longest) + (expr.default is not None))
        case rasp.Select():
            keys, queries = (child.domain[0] for child in children)
            return Size((keys, queries), (), _product(keys + 1, queries + 1))
        case rasp.SelectorAnd():
            return Size(_pairs(children), (), 0)
        case rasp.SelectorOr():
            return _joined(*_pairs(children))
        case rasp.SelectorNot():
            is_single = isinstance(expr.inner, rasp.Select)
            return Size(children[0].domain, (), 0) if is_single else _joined(*children[0].domain)
    counts = longest + 1
    return Size((counts,), (counts, longest), 0)  # a width, or a function of the positions


def _pairs(children: Sequence[Size]) -> tuple[int, int]:
    """Pairs of keys and pairs of queries of two selectors."""
    (keys, queries), (more_keys, more_queries) = (child.domain for child in children)
    return _product(keys + 1, more_keys + 1), _product(queries + 1, more_queries + 1)


def _joined(keys: int, queries: int) -> Size:
    """One table over all keys and queries, which need a variable each."""
    return Size((keys, queries), (keys, queries), _product(keys + 1, queries + 1))


def _sop(values: int, cells: int = 0) -> Size:
    return Size((values,), (values,), cells)


def _elementwise(function: Callable[..., Any], arguments: Sequence[int]) -> Size:
    values = 2 if _is_truth(function) else _product(*arguments)
    return _sop(values, _product(*(count + 1 for count in arguments)))


def _is_truth(function: Callable[..., Any]) -> bool:
    match function:
        case Elementwise(Member()) | Elementwise(Unary("not")):
            return True
        case Elementwise(Binary(symbol)):
            return symbol in COMPARISONS
    return False


def _means(values: int, longest: int) -> int:
    """Every mean of up to `longest` of so many values that have nothing to do with each other."""
    total = 0
    for count in range(1, longest + 1):
        total += math.comb(values + count - 1, count)
        if total > MANY:
            return MANY
    return total


def _product(*factors: int) -> int:
    return min(MANY, math.prod(factors))

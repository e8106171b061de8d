"""Which values two means can have together: over the same positions, both divide by one count."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np

from rinject.graph.means import as_fraction, is_number
from rinject.graph.nodes import Aggregate, Node, Selector, Value
from rinject.graph.tables import NONE


def possible_pairs(first: Node, second: Node, longest: int) -> np.ndarray | None:
    """bool [values, values]: what two nodes may be at one position; None where nothing is known.

    A mean of n numbers that are multiples of 1 / s is a multiple of 1 / (s n): two such means with
    denominators that no count up to `longest` allows together never meet.
    """
    if not isinstance(first, Aggregate) or not isinstance(second, Aggregate):
        return None
    if first.numbers is None or second.numbers is None:
        return None
    if not _same_selection(first.selector, second.selector):
        return None
    counts = [_counts(node, longest) for node in (first, second)]
    pairs = (np.lcm(counts[0][:, None], counts[1][None, :]) <= longest).astype(bool)
    if first.default != NONE and second.default != NONE:
        pairs[first.default, second.default] = True
    return pairs


def _same_selection(first: Selector, second: Selector) -> bool:
    return len(first.parts) == len(second.parts) and all(
        one.keys is other.keys
        and one.queries is other.queries
        and np.array_equal(one.table, other.table)
        for one, other in zip(first.parts, second.parts, strict=True)
    )


def _counts(node: Aggregate, longest: int) -> np.ndarray:
    """For each value the smallest count of positions that it can be the mean of. int [values]

    A default that is no number is no mean: it counts as one of more positions than there are.
    """
    assert node.numbers is not None
    scale = lcm(*(as_fraction(number).denominator for number in node.numbers.tolist()))
    return np.array([_count(value, scale, longest) for value in node.values], dtype=object)


def _count(value: Value, scale: int, longest: int) -> int:
    if not is_number(value):
        return longest + 1
    mean = Fraction(value).limit_denominator(scale * longest)
    return (mean * scale).denominator


def restrict(inside: np.ndarray, possible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A table [X, Y] of results where only some pairs are possible: the results that remain, and
    the table of their places. Impossible pairs take the result of a possible one beside them."""
    table = np.where(possible, inside, NONE - 1)
    for row in table:
        known = np.flatnonzero(row > NONE - 1)
        if len(known):
            before = np.searchsorted(known, np.arange(len(row)), side="right") - 1
            row[:] = row[known[np.maximum(before, 0)]]
    left = np.unique(table[table >= 0])
    empty = table == NONE - 1  # a row of a value that never meets any: it cannot be
    places = np.where(table >= 0, np.searchsorted(left, table), NONE)
    places[empty] = 0 if len(left) else NONE
    return left, places

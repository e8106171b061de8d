"""Functions and predicates on all combinations of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

import numpy as np
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph.lanes import Lane, NotAnArray, compare, evaluate, lane_of, numbered
from rinject.graph.means import is_number
from rinject.graph.nodes import Value
from rinject.graph.tables import NONE
from rinject.lang.elementwise import COMPARISONS, FAILURES, Always, Compare, Elementwise

WORTH = 500
"""For fewer combinations of a function's arguments, arrays are not worth it."""
WORTH_COMPARING = 64
"""The same for the pairs of a comparison."""
Pay = Callable[[int], None]
"""Told how many calls a Python loop will make; may refuse them by raising."""


def tabulate(
    function: Callable[..., Value], sets: Sequence[Sequence[Value]], expr: rasp.SOp, pay: Pay
) -> tuple[tuple[Value, ...], np.ndarray]:
    """The value set of a function, and the index of each result. int, one axis for each set.

    What it cannot compute never occurs, or has no value (-1): the interpreter raises there, so no
    input that reaches such a combination has a meaning. Raises InputError for unhashable values.
    """
    shape = tuple(map(len, sets))
    size = int(np.prod(shape))
    if isinstance(function, Elementwise) and len(sets) == 2 and size >= WORTH:
        try:
            return numbered(evaluate(function.body, sets), shape)
        except NotAnArray:
            pass
    pay(size)
    results = list(_results(function, sets))
    values = value_set((result for result in results if result is not None), expr)
    place = places(values)
    flat = [NONE if result is None else place[result] for result in results]
    return values, np.array(flat, dtype=np.int64).reshape(shape)


def selection(
    predicate: Callable[[Value, Value], bool],
    keys: Sequence[Value],
    queries: Sequence[Value],
    pay: Pay,
) -> np.ndarray:
    """Which keys each query selects; what cannot be compared is not. bool [keys + 1, queries + 1].

    The last row and column are for None.
    """
    table = np.zeros((len(keys) + 1, len(queries) + 1), dtype=bool)
    table[:-1, :-1] = _inside(predicate, keys, queries, pay)
    table[:, -1] = [_holds(predicate, key, None) for key in (*keys, None)]
    table[-1, :-1] = [_holds(predicate, None, query) for query in queries]
    return table


def value_set(values: Iterable[Value], expr: rasp.SOp) -> tuple[Value, ...]:
    """Distinct values: numbers in order, anything else as it comes.

    Raises InputError for values that cannot be told apart by hashing, such as lists.
    """
    found = distinct(values, f"`{expr.name}` has values")
    return tuple(sorted(found) if all(map(is_number, found)) else found)


def distinct(values: Iterable[Value], whose: str) -> list[Value]:
    """Values as they come, each once; `whose` they are is for the message.

    Raises InputError for what cannot be hashed, such as lists.
    """
    try:
        return list(dict.fromkeys(values))
    except TypeError as error:
        raise InputError(
            f"{whose} that cannot be told apart: {error}",
            hint="use numbers, strings, truth values or tuples of them",
        ) from error


def places(values: Sequence[Value]) -> dict[Value, int]:
    """The index of each value."""
    return {value: index for index, value in enumerate(values)}


def _results(function: Callable[..., Value], sets: Sequence[Sequence[Value]]) -> Iterator[Value]:
    for combination in product(*sets):
        try:
            yield function(*combination)
        except FAILURES:
            yield None


def _inside(
    predicate: Callable[[Value, Value], bool],
    keys: Sequence[Value],
    queries: Sequence[Value],
    pay: Pay,
) -> np.ndarray:
    if isinstance(predicate, Always) or predicate is rasp.Comparison.TRUE:
        return np.ones((len(keys), len(queries)), dtype=bool)
    symbol = _symbol(predicate)
    if symbol in COMPARISONS and len(keys) * len(queries) >= WORTH_COMPARING:
        try:
            fst, snd = lane_of(keys), lane_of(queries)
            return compare(symbol, _column(fst), snd).data
        except NotAnArray:
            pass
    pay(len(keys) * len(queries))
    rows = [[_holds(predicate, key, query) for query in queries] for key in keys]
    return np.array(rows, dtype=bool).reshape(len(keys), len(queries))


def _column(lane: Lane) -> Lane:
    return Lane(lane.data[:, None], lane.known[:, None], lane.is_mixed)


def _symbol(predicate: object) -> str:
    if isinstance(predicate, Compare):
        return predicate.operator
    return str(predicate.value) if isinstance(predicate, rasp.Comparison) else ""


def _holds(predicate: Callable[[Value, Value], bool], key: Value, query: Value) -> bool:
    try:
        return bool(predicate(key, query))
    except FAILURES:
        return False

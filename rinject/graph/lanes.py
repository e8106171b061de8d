"""Functions of the language on whole arrays, where numpy computes what Python does.

Python computes what depends on one argument, value by value; numpy joins the two. The results are
the same values of the same types, missing for the same arguments; where numpy might do anything
else, NotAnArray leaves the function to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import compress
from typing import Any

import numpy as np

from rinject.lang.elementwise import (
    FAILURES,
    Binary,
    Conditional,
    KeptOr,
    Slot,
    Term,
    Unary,
)

_EXACT = 2**53  # below, a float holds every integer
_COMPARE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_ARITHMETIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "%": np.remainder,
}
_DIVIDE = frozenset({"/", "%"})
_JOIN: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "and": np.logical_and,
    "or": np.logical_or,
}


class NotAnArray(Exception):
    """Python has to do it."""


@dataclass(frozen=True)
class Lane:
    """The values of a term on a grid of arguments; of size 1 along what it does not depend on."""

    data: np.ndarray
    """bool, int64, float64 or str."""
    known: np.ndarray
    """bool, of the same shape: where there is a value."""
    is_mixed: bool = False
    """Whether these are numbers of several types in Python: only good for comparing."""

    @property
    def kind(self) -> str:
        """The letter of the type: b, i, f or U."""
        return self.data.dtype.kind

    @property
    def is_text(self) -> bool:
        return self.kind == "U"

    @property
    def truth(self) -> np.ndarray:
        """bool: what counts as true."""
        return self.data != ("" if self.is_text else 0)


def lane_of(values: Sequence[Any], known: Sequence[bool] | None = None) -> Lane:
    """Values in a row; those that are not `known` do not matter."""
    mask = np.ones(len(values), dtype=bool) if known is None else np.array(known, dtype=bool)
    kinds = set(map(type, values if known is None else compress(values, known)))
    if kinds == {str}:
        return _texts([value if isinstance(value, str) else "" for value in values], mask)
    if not kinds or not kinds <= {bool, int, float}:
        raise NotAnArray
    numbers = values if mask.all() else [v if k else 0 for v, k in zip(values, mask, strict=True)]
    is_mixed = len(kinds) > 1
    try:
        data: np.ndarray = np.array(numbers, dtype=float if is_mixed else kinds.pop())
    except OverflowError:
        raise NotAnArray from None
    return _numbers(data, mask, is_mixed=is_mixed)


def _texts(values: Sequence[str], known: np.ndarray) -> Lane:
    if any("\0" in text for text in values):  # numpy strips it at the end
        raise NotAnArray
    return Lane(np.array(values), known)


def _numbers(data: np.ndarray, known: np.ndarray, *, is_mixed: bool = False) -> Lane:
    """A lane of numbers, if numpy's are Python's."""
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise NotAnArray
    if (data.dtype.kind == "i" or is_mixed) and (np.abs(data) >= _EXACT).any():
        raise NotAnArray
    return Lane(data, known, is_mixed)


# --- terms --------------------------------------------------------------------------------------


def evaluate(term: Term, sets: Sequence[Sequence[Any]]) -> Lane:
    """A term for all pairs of values of its two arguments. Raises NotAnArray."""
    used = _slots(term)
    if len(used) < 2:
        results, known = _each(term, sets, used)
        return _along(used, lane_of(results, known))
    match term:
        case Binary(symbol, left, right):
            return _binary(symbol, evaluate(left, sets), evaluate(right, sets))
        case Unary(symbol, operand):
            return _unary(symbol, evaluate(operand, sets))
        case Conditional(condition, then, otherwise):
            test = evaluate(condition, sets)
            return _choose(test.truth, test.known, evaluate(then, sets), evaluate(otherwise, sets))
        case KeptOr(kept, otherwise):
            return _kept_or(kept, otherwise, sets)
    raise NotAnArray


def _slots(term: Term) -> set[int]:
    """The arguments that a term depends on."""
    if isinstance(term, Slot):
        return {term.index}
    parts = (getattr(term, part.name) for part in fields(term))
    return {slot for part in parts if isinstance(part, Term) for slot in _slots(part)}


def _each(
    term: Term, sets: Sequence[Sequence[Any]], used: set[int]
) -> tuple[list[Any], list[bool]]:
    """The results for each value of the only argument, and whether there is one."""
    run = term.compiled()
    results: list[Any] = []
    known: list[bool] = []
    for value in sets[min(used)] if used else (None,):
        try:
            results.append(run(value, value))
            known.append(True)
        except FAILURES:
            results.append(None)
            known.append(False)
    return results, known


def _along(used: set[int], lane: Lane) -> Lane:
    """A row of values along the axis of its argument."""
    shape = (1, -1) if used == {1} else (-1, 1)
    return Lane(lane.data.reshape(shape), lane.known.reshape(shape), lane.is_mixed)


# --- operators ----------------------------------------------------------------------------------


def compare(symbol: str, left: Lane, right: Lane) -> Lane:
    """A comparison of two rows or grids."""
    if left.is_text != right.is_text:
        raise NotAnArray
    return Lane(_COMPARE[symbol](left.data, right.data), left.known & right.known)


def _binary(symbol: str, left: Lane, right: Lane) -> Lane:
    if symbol in _COMPARE:
        return compare(symbol, left, right)
    if symbol in _JOIN and left.kind == right.kind == "b":
        return Lane(_JOIN[symbol](left.data, right.data), left.known & right.known)
    if symbol in _ARITHMETIC:
        return _arithmetic(symbol, left, right)
    raise NotAnArray


def _arithmetic(symbol: str, left: Lane, right: Lane) -> Lane:
    fst, snd = _operand(left), _operand(right)
    known = left.known & right.known
    if symbol == "%" and not fst.dtype.kind == snd.dtype.kind == "i":
        raise NotAnArray
    if symbol == "*" and float(np.abs(fst).max()) * float(np.abs(snd).max()) > _EXACT:
        raise NotAnArray  # before it overflows
    if symbol in _DIVIDE:
        known = known & (snd != 0)
        snd = np.where(snd == 0, 1, snd)
    with np.errstate(all="ignore"):
        return _numbers(_ARITHMETIC[symbol](fst, snd), known)


def _operand(lane: Lane) -> np.ndarray:
    """Numbers of one type; truth values count as 0 and 1."""
    if lane.is_text or lane.is_mixed:
        raise NotAnArray
    return lane.data.astype(np.int64) if lane.kind == "b" else lane.data


def _unary(symbol: str, lane: Lane) -> Lane:
    if symbol == "-":
        return Lane(-_operand(lane), lane.known)
    if symbol == "not":
        return Lane(~lane.truth, lane.known)
    if symbol == "indicator":
        return Lane(lane.truth.astype(np.int64), lane.known)
    raise NotAnArray


def _choose(test: np.ndarray, known: np.ndarray, then: Lane, otherwise: Lane) -> Lane:
    """Python computes only what is chosen, so that only this needs to have a value."""
    if then.kind != otherwise.kind or then.is_mixed or otherwise.is_mixed:
        raise NotAnArray
    data = np.where(test, then.data, otherwise.data)
    return Lane(data, known & np.where(test, then.known, otherwise.known))


def _kept_or(kept: Term, otherwise: Term, sets: Sequence[Sequence[Any]]) -> Lane:
    used = _slots(kept)
    if len(used) != 1:
        raise NotAnArray
    boxes, known = _each(kept, sets, used)
    if not all(isinstance(box, tuple | None) for box in boxes):
        raise NotAnArray
    full = [bool(box) for box in boxes]
    content = _along(used, lane_of([box[0] if box else None for box in boxes], full))
    test, there = _along(used, lane_of(full)), _along(used, lane_of(known))
    return _choose(test.data, there.data, content, evaluate(otherwise, sets))


# --- results ------------------------------------------------------------------------------------


def numbered(lane: Lane, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], np.ndarray]:
    """The distinct values and the index of each result, -1 where there is none. int [*shape].

    Numbers are in order, strings as they come. Of equal numbers the first one counts.
    """
    if lane.is_mixed:
        raise NotAnArray
    known = np.broadcast_to(lane.known, shape)
    data = np.broadcast_to(lane.data, shape)[known]
    indices = np.full(shape, -1)
    values, indices[known] = _distinct(data)
    return tuple(values.tolist()), indices


def _distinct(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if data.dtype.kind in "bi" and data.size:
        low = int(data.min())
        if int(data.max()) - low < 8 * data.size:
            return _counted(data, low)
    _, first, inverse = np.unique(data, return_index=True, return_inverse=True)
    if data.dtype.kind == "U":
        order = np.argsort(first)
        return data[first[order]], np.argsort(order)[inverse]
    return data[first], inverse


def _counted(data: np.ndarray, low: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers close together need no sorting."""
    offsets = data.astype(np.int64) - low
    present = np.zeros(int(offsets.max()) + 1, dtype=bool)
    present[offsets] = True
    values = np.flatnonzero(present) + low
    return values.astype(data.dtype), (np.cumsum(present) - 1)[offsets]

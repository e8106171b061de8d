"""The exact value set of a mean over any number of selected positions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph.limits import LARGEST_SET, MANY, Budget, TooLarge

LARGEST_DENOMINATOR = 10**6
ROUNDED = Fraction(1, 10**12)
"""So far, in proportion, a number may be from a simple fraction and be meant as it."""
_LONGEST_BITS = 2**17  # sums that lie so close are the bits of one integer


class _TooMany(Exception):
    """More than LARGEST_SET means, or too much work to know."""


def is_number(value: Any) -> bool:
    """Whether tracr's interpreter would average it."""
    return isinstance(value, bool | int | float)


def mean_values(
    values: Sequence[Any], longest: int, expr: rasp.SOp, budget: Budget
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Every mean of 1 to `longest` of the values, sorted; and each value as it is among them.

    That is the value itself, or another that its author would take for the same number.
    Raises TooLarge when there are too many, InputError for a value that is no finite float.
    """
    numbers, scale = _integers(values, expr)
    try:
        found = _means(_Lattice.of(numbers), longest, budget)
    except _TooMany:
        raise TooLarge(
            f"the mean `{expr.name}` can have more than {LARGEST_SET} values",
            size=most_means(numbers, longest),
            unit="values",
            hint="average fewer distinct values, or compile for a shorter longest input",
        ) from None
    means = {mean: mean[0] / (mean[1] * scale) for mean in found}
    order = sorted(found, key=means.__getitem__)
    if len(set(means.values())) < len(found):  # floats do not tell them all apart
        order = sorted(found, key=lambda mean: Fraction(*mean))
    means |= {(number, 1): value for number, value in zip(numbers, values, strict=True)}
    return tuple(means[mean] for mean in order), tuple(means[number, 1] for number in numbers)


def most_means(numbers: Sequence[int], longest: int) -> int:
    """An upper bound on how many means of 1 to `longest` of the numbers there are."""
    offsets = _Lattice.of(numbers).offsets
    size, farthest = len(offsets), max(offsets)
    counts = range(1, longest + 1)
    sums = (min(count * farthest + 1, math.comb(size + count - 1, count)) for count in counts)
    return min(MANY, sum(sums))


@dataclass(frozen=True)
class _Lattice:
    """Distinct integers as `low + step * offset`."""

    low: int
    step: int
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, numbers: Sequence[int]) -> _Lattice:
        low = min(numbers)
        step = math.gcd(*(number - low for number in numbers)) or 1
        return cls(low, step, tuple((number - low) // step for number in set(numbers)))


def _integers(values: Sequence[Any], expr: rasp.SOp) -> tuple[list[int], int]:
    """The numbers as their author means them, times their common denominator: 0.1 is a tenth."""
    exact = [_exact(value, expr) for value in values]
    scale = math.lcm(*(number.denominator for number in exact))
    return [int(number * scale) for number in exact], scale


def _exact(value: Any, expr: rasp.SOp) -> Fraction:
    try:
        if math.isfinite(value):
            return as_fraction(value)
    except OverflowError:
        pass
    raise InputError(
        f"`{expr.name}` averages a number that is no finite float",
        hint="reduce the values of its inputs first",
    )


def as_fraction(number: float) -> Fraction:
    """A finite number as its author means it: 0.1 is a tenth, and so is 0.3 - 0.2."""
    exact = Fraction(number)
    near = exact.limit_denominator(LARGEST_DENOMINATOR)
    return near if abs(near - exact) <= abs(exact) * ROUNDED else Fraction(repr(number))


def _means(lattice: _Lattice, longest: int, budget: Budget) -> set[tuple[int, int]]:
    """Numerators and denominators of the means, reduced."""
    if longest * (len(lattice.offsets) - 1) >= LARGEST_SET:
        raise _TooMany  # `longest` of them have that many sums at least
    farthest = max(lattice.offsets)
    near = farthest * longest < _LONGEST_BITS
    sums = _near_sums(lattice.offsets) if near else _far_sums(lattice.offsets, budget)
    fits = (abs(lattice.low) + lattice.step * farthest) * longest < 2**62
    found: set[tuple[int, int]] = set()
    for count, offsets in zip(range(1, longest + 1), sums, strict=False):
        totals = offsets.astype(np.int64 if fits else object) * lattice.step + count * lattice.low
        shared = np.gcd(totals, count)
        found.update(zip((totals // shared).tolist(), (count // shared).tolist(), strict=True))
        if len(found) > LARGEST_SET:
            raise _TooMany
    return found


def _near_sums(offsets: Sequence[int]) -> Iterator[np.ndarray]:
    """The distinct sums of 1, 2, … offsets: all sums are shifted at once."""
    bits = 1
    while True:
        shifted = 0
        for offset in offsets:
            shifted |= bits << offset
        bits = shifted
        packed = np.frombuffer(bits.to_bytes(bits.bit_length() // 8 + 1, "little"), dtype=np.uint8)
        yield np.flatnonzero(np.unpackbits(packed, bitorder="little"))


def _far_sums(offsets: Sequence[int], budget: Budget) -> Iterator[np.ndarray]:
    """The same for numbers that lie far apart."""
    sums = {0}
    while True:
        if not budget.affords(len(sums) * len(offsets)):
            raise _TooMany
        longer: set[int] = set()
        for total in sums:
            longer.update(total + offset for offset in offsets)
            if len(longer) > LARGEST_SET:
                raise _TooMany
        sums = longer
        yield np.array(list(sums), dtype=object)

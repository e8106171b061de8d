"""The exact value set of a mean over any number of selected positions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rinject.errors import InputError

LARGEST_SET = 20_000
LARGEST_DENOMINATOR = 10**6


def is_number(value: Any) -> bool:
    """Whether tracr's interpreter would average it."""
    return isinstance(value, bool | int | float)


def mean_values(values: Sequence[Any], longest: int, name: str) -> tuple[Any, ...]:
    """Every mean of 1 to `longest` of the values, sorted; a single value stays as it is.

    Raises InputError when there are too many.
    """
    found: dict[Fraction, Any] = {_exact(value): value for value in values}
    sums = {Fraction(0)}
    for count in range(1, longest + 1):
        sums = {total + value for total in sums for value in map(_exact, values)}
        for total in sums:
            found.setdefault(total / count, float(total / count))
        if len(found) > LARGEST_SET:
            raise InputError(
                f"the mean `{name}` can have more than {LARGEST_SET} values",
                hint="average fewer distinct values, or compile for a shorter longest input",
            )
    return tuple(found[mean] for mean in sorted(found))


def _exact(value: Any) -> Fraction:
    """The number as its author means it: 0.1 is a tenth, so that equal sums are equal."""
    return Fraction(value).limit_denominator(LARGEST_DENOMINATOR)

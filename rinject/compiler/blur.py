"""How far float32 may take a one-hot slot from exact zeros and ones.

What a block of hidden units writes differs from the exact value only by rounding. The rounding of
an indicator's two units moves weight from one value to another, so that a reader that gives both
the same weight does not see it; these errors are kept by step. The sum of all units is rounded once
more in each dimension by itself. An indicator that is off is exactly off: of those for the cells of
a table only one can err at a time, and of the thresholds of a number only those on one side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

UNIT = 2.0**-24
"""Half the distance from 1 to the next float32: the relative error of one operation."""
ROUNDINGS = 6.0
"""Operations that make the two units of an indicator, none on more than its reach."""
SUMMINGS = 1.0
"""Of the two additions that an indicator makes in a dimension, those whose partial sum is as large
as its reach: where unit after unit is added, the other one brings it back, without an error."""


@dataclass(frozen=True)
class Blur:
    """Errors of a slot with V values: step i may add up to `amounts[i]` at one and take it away at
    another; -1 stands for none."""

    minus: np.ndarray  # int [S]
    plus: np.ndarray  # int [S]
    amounts: np.ndarray  # float64 [S]
    alone: bool = False
    """Whether only one of the steps errs at a time."""
    rest: tuple[Blur, ...] = ()
    """Errors that come on top."""
    other: Blur | None = None
    """Errors that occur only where all of these do not."""

    @classmethod
    def of_thresholds(cls, minus: np.ndarray, plus: np.ndarray, reach: np.ndarray) -> Blur:
        """That of indicators on one number, on the same side of it; `reach` [S] is that of z."""
        shared = cls(minus, plus, ROUNDINGS * UNIT * reach)
        places = np.concatenate([minus, plus])
        summing = SUMMINGS * UNIT * np.concatenate([reach, reach])
        return shared + cls(np.full(len(places), -1), places, np.where(places < 0, 0.0, summing))

    @classmethod
    def of_each(cls, values: int, amount: float) -> Blur:
        """The same error, up to `amount`, in every value."""
        return cls(np.full(values, -1), np.arange(values), np.full(values, amount))

    def __add__(self, other: Blur) -> Blur:
        return replace(self, rest=(*self.rest, other))

    def moved(self, places: np.ndarray) -> Blur:
        """That of a copy whose value is `places[i]` where the original's is i; int [V + 1]."""
        rest = tuple(blur.moved(places) for blur in self.rest)
        other = None if self.other is None else self.other.moved(places)
        minus, plus = places[self.minus], places[self.plus]
        return replace(self, minus=minus, plus=plus, rest=rest, other=other)

    @property
    def is_exact(self) -> bool:
        """Whether there is no error at all."""
        own = not self.amounts.any() and all(blur.is_exact for blur in self.rest)
        return own and (self.other is None or self.other.is_exact)

    def reading(self, rows: np.ndarray) -> float:
        """The largest error of the readers `rows`, float [V, R]: weights on the slot."""
        total = self._own(rows) + sum(blur.reading(rows) for blur in self.rest)
        return total if self.other is None else max(total, self.other.reading(rows))

    def _own(self, rows: np.ndarray) -> float:
        if not self.amounts.size or not rows.size:
            return 0.0
        padded = np.vstack([rows, np.zeros_like(rows[:1])])  # [V + 1, R]; -1 is the last one
        changes = np.abs(padded[self.plus] - padded[self.minus])  # [S, R]
        if self.alone:
            return float((self.amounts[:, None] * changes).max())
        return float((self.amounts @ changes).max())

    @property
    def worst(self) -> float:
        """The largest error of one dimension."""
        total = self._worst_own() + sum(blur.worst for blur in self.rest)
        return total if self.other is None else max(total, self.other.worst)

    def _worst_own(self) -> float:
        if self.alone or not self.amounts.size:
            return float(self.amounts.max(initial=0.0))
        size = max(self.minus.max(), self.plus.max()) + 1
        total = np.zeros(int(size) + 1)  # the last one is for none
        np.add.at(total, self.minus, self.amounts)
        np.add.at(total, self.plus, self.amounts)
        return float(total[:-1].max(initial=0.0))


EXACT = Blur(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))
"""That of the embedding."""

"""How far float32 may take a one-hot slot from exact zeros and ones.

What a block of hidden units writes differs from the exact value only by rounding, and it does so
in steps: each indicator of the block moves weight from one value to another, so a reader that gives
both the same weight does not see its error at all. That is why errors are kept by step. An
indicator that is off is exactly off: of those for the cells of a table only one can err at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

UNIT = 2.0**-24
"""Half the distance from 1 to the next float32: the relative error of one operation."""
ROUNDINGS = 8.0
"""Operations between the stream and an indicator's part in it, none on more than its reach."""


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

    @classmethod
    def of_each(cls, values: int, amount: float) -> Blur:
        """The same error, up to `amount`, in every value."""
        return cls(np.full(values, -1), np.arange(values), np.full(values, amount))

    def __add__(self, other: Blur) -> Blur:
        return replace(self, rest=(*self.rest, other))

    def moved(self, places: np.ndarray) -> Blur:
        """That of a copy whose value is `places[i]` where the original's is i; int [V + 1]."""
        rest = tuple(blur.moved(places) for blur in self.rest)
        return replace(self, minus=places[self.minus], plus=places[self.plus], rest=rest)

    def reading(self, rows: np.ndarray) -> float:
        """The largest error of the readers `rows`, float [V, R]: weights on the slot."""
        more = sum(blur.reading(rows) for blur in self.rest)
        if not self.amounts.size or not rows.size:
            return more
        padded = np.vstack([rows, np.zeros_like(rows[:1])])  # [V + 1, R]; -1 is the last one
        changes = np.abs(padded[self.plus] - padded[self.minus])  # [S, R]
        if self.alone:
            return more + float((self.amounts[:, None] * changes).max())
        return more + float((self.amounts @ changes).max())

    @property
    def worst(self) -> float:
        """The largest error of one dimension."""
        more = sum(blur.worst for blur in self.rest)
        if self.alone or not self.amounts.size:
            return more + float(self.amounts.max(initial=0.0))
        size = max(self.minus.max(), self.plus.max()) + 1
        total = np.zeros(int(size) + 1)  # the last one is for none
        np.add.at(total, self.minus, self.amounts)
        np.add.at(total, self.plus, self.amounts)
        return more + float(total[:-1].max(initial=0.0))


EXACT = Blur(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))
"""That of the embedding."""

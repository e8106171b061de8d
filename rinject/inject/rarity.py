"""How often each example is drawn for training, so that rare values come up.

The values of a program are far from equally frequent: among a thousand strings of brackets few hold
eleven of one kind. An example counts for what it holds of each value, a value for the inverse of
how often it occurs; so examples with rare values, mostly long ones, come more often. Once the
student reads most values right, those that it reads wrong can count for more (hard example mining).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from rinject.graph.tables import NONE
from rinject.inject.fidelity import ValueCounts

FEWEST_PER_THOUSAND = 3
"""Values that occur less often, per thousand examples, count as if they occurred so often."""
LEAST_WORTH = 0.02
"""What a value counts in addition to its error, so that none is forgotten."""
PRIOR_POSITIONS = 5
"""Positions with the mean error of its variable that are added to those of each value: a few
positions tell little."""


ValueWorth: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""What each of the values [..., V] counts, float64 [..., V]; 0 for none."""
Errors: TypeAlias = tuple[np.ndarray, ...]
"""For each variable, float64 [size]: the share of positions read wrong, by the true value."""


@dataclass
class ErrorHistory:
    """Errors as they were measured on the way.

    Steps are drawn in blocks. One may be drawn before its first step is due, so it knows what was
    measured in earlier blocks only, and a run that is resumed within it draws the same.
    """

    entries: tuple[tuple[int, Errors], ...] = ()
    """The block in which each was measured; the last of that block and of an earlier one."""

    def add(self, block: int, errors: Errors) -> None:
        """What was measured during a block; blocks come in order."""
        earlier = [entry for entry in self.entries if entry[0] < block]
        self.entries = (*earlier[-1:], (block, errors))

    def before(self, block: int) -> Errors | None:
        """The last measured before a block."""
        return next((errors for at, errors in reversed(self.entries) if at < block), None)

    def to_record(self) -> list[Any]:
        """All of it, ready for JSON, which keeps every digit."""
        return [[block, [one.tolist() for one in errors]] for block, errors in self.entries]

    def restore(self, record: Sequence[Any]) -> None:
        """Becomes what :meth:`to_record` wrote."""
        self.entries = tuple(
            (int(block), tuple(np.asarray(one, dtype=np.float64) for one in errors))
            for block, errors in record
        )


class Rarity:
    """The values that each example holds, and what examples are worth for them."""

    def __init__(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """`values` [N, V] are the value indices at all positions of the examples, one after the
        other, -1 where a variable has none; `lengths` [E] are their positions."""
        kind = np.min_scalar_type(-int(values.max(initial=0)) - 1)  # there are millions of them
        self._values = np.ascontiguousarray(values.T, dtype=kind)  # [V, N]
        self._lengths = lengths
        self._fewest = max(1.0, FEWEST_PER_THOUSAND * len(lengths) / 1000)
        self._occurrences = [np.bincount(column[column != NONE]) for column in self._values]
        self._shares = [_shares(found, self._fewest) for found in self._occurrences]

    @cached_property
    def _counts(self) -> list[np.ndarray]:
        """For each variable, float64 [values + 1]: what each counts, and at the end any other."""
        fewest = [
            self._fewest * max(1, int(np.count_nonzero(found))) for found in self._occurrences
        ]
        return [np.append(one, 1 / few) for one, few in zip(self._shares, fewest, strict=True)]

    @property
    def tells_apart(self) -> bool:
        """Whether anything changes, so that not all examples are worth the same."""
        return any(map(len, self._shares))

    def of_values(self, values: np.ndarray) -> np.ndarray:
        """float64 [..., V]: what each of the values [..., V] counts for being rare, 0 for none.

        One that no example holds counts as one that hardly occurs.
        """
        return _looked_up(self._counts, values)

    def worth(self, errors: Errors | None = None) -> np.ndarray:
        """float64 [E], of sum one: the share of all values that each example is worth.

        The values of a variable that changes are worth the same, or in proportion to their `errors`
        (see `Errors`), each spread evenly over its occurrences.
        """
        count = len(self._lengths)
        owners = np.repeat(np.arange(count), self._lengths)  # [N]
        worth = np.zeros(count)
        for place, (column, shares) in enumerate(zip(self._values, self._shares, strict=True)):
            if not len(shares):
                continue
            each = shares  # [values]
            if errors is not None:
                each = shares * (LEAST_WORTH + errors[place][: len(shares)])
            present = column != NONE
            here = each[column[present]]
            worth += np.bincount(owners[present], weights=here, minlength=count)
        total = worth.sum()
        return worth / total if total else np.full(count, 1 / count)


def _shares(occurrences: np.ndarray, fewest: float) -> np.ndarray:
    """float64 [values]: what one occurrence of each value counts; empty for what never changes."""
    distinct = int((occurrences > 0).sum())
    if distinct < 2:
        return np.empty(0)
    return 1 / np.maximum(occurrences, fewest) / distinct


def worth_of_errors(errors: Errors, values: np.ndarray) -> np.ndarray:
    """float64 [..., V]: what each of the values [..., V] counts for having been read wrong; 0 for
    none."""
    return _looked_up([LEAST_WORTH + shares for shares in errors], values)


def _looked_up(tables: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """float64 [..., V]: what each of the values [..., V] has in the table of its variable, one
    beyond its end what is last there; 0 for none."""
    found = np.zeros(values.shape)
    for place, table in enumerate(tables):
        column = np.minimum(values[..., place], len(table) - 1)
        present = column != NONE
        found[present, place] = table[column[present]]
    return found


def errors_by_value(counts: Sequence[ValueCounts]) -> Errors:
    """A value that hardly occurred is taken to be read about as well as others of its variable."""
    return tuple(map(_errors, counts))


def _errors(counts: ValueCounts) -> np.ndarray:
    wrong = counts.occurring - counts.right
    occurs = counts.occurring > 0
    mean = float((wrong[occurs] / counts.occurring[occurs]).mean()) if occurs.any() else 0.0
    found: np.ndarray = (wrong + PRIOR_POSITIONS * mean) / (counts.occurring + PRIOR_POSITIONS)
    return found

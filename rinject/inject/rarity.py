"""How often each example is drawn for training, so that rare values come up.

The values of a program are far from equally frequent: among a thousand strings of brackets few hold
eleven of one kind. An example counts for what it holds of each value, a value for the inverse of
how often it occurs; so examples with rare values, mostly long ones, come more often.
"""

from __future__ import annotations

import numpy as np

from rinject.graph.tables import NONE

FEWEST_PER_THOUSAND = 3
"""Values that occur less often, per thousand examples, count as if they occurred so often."""


def rarity(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float64 [E], of sum one: the share of all values that each example is worth.

    `values` [N, V] are the value indices at all positions of the examples, one after the other,
    -1 where a variable has none; `lengths` [E] are their positions. Every value of a variable that
    changes is worth the same, spread evenly over its occurrences.
    """
    owners = np.repeat(np.arange(len(lengths)), lengths)  # [N]
    fewest = FEWEST_PER_THOUSAND * len(lengths) / 1000
    worth = np.zeros(len(lengths))
    for column in values.T:  # [N]
        present = column != NONE
        counts = np.bincount(column[present])
        distinct = int((counts > 0).sum())
        if distinct > 1:
            each = 1 / np.maximum(counts, fewest)[column[present]] / distinct
            worth += np.bincount(owners[present], weights=each, minlength=len(lengths))
    total = worth.sum()
    return worth / total if total else np.full(len(lengths), 1 / len(lengths))

"""What each position and each variable counts in the alignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rinject.graph.tables import NONE
from rinject.inject.projection import VariableSlice

Values = Callable[[], np.ndarray]


def position_weights(
    values: np.ndarray, balance: float, due: np.ndarray | None = None, share: float = 0.0
) -> np.ndarray:
    """float32 [N, V], of sum one for each variable: what each position counts for it.

    `values` [N, V] are value indices, -1 where a variable has none; such a position counts nothing.
    One whose value occurs n times among the N counts n^-balance: 0 treats positions alike, 1 the
    values of a variable. Where a `share` is given, the positions where an answer is `due`, bool
    [N], have so much of the weight of each variable, and the others the rest, each balanced by
    itself: among all positions those at which the program decides are few. (A variable with values
    in one of these parts only has all of its weight there; none where that part's share is 0.)
    """
    if due is None or not share:
        return _of_sum_one(_balanced(values, balance)).astype(np.float32)
    parts = [(due, share), (~due, 1 - share)]
    weights = np.zeros(values.shape)
    for own, part in parts:
        weights[own] = part * _of_sum_one(_balanced(values[own], balance))
    return _of_sum_one(weights).astype(np.float32)


def token_weights(tokens: np.ndarray, balance: float) -> np.ndarray:
    """float32 [M], of sum one: n^-balance of each of the tokens [M], n how often it occurs."""
    return position_weights(tokens[:, None], balance)[:, 0]


def _balanced(values: np.ndarray, balance: float) -> np.ndarray:
    """[N, V]: n^-balance of each value."""
    weights = np.zeros(values.shape)
    for place, column in enumerate(values.T):  # [N]
        present = column != NONE
        if present.any():
            occurrences = np.bincount(column[present])
            weights[present, place] = occurrences[column[present]] ** -float(balance)
    return weights


def _of_sum_one(weights: np.ndarray) -> np.ndarray:
    """The weights [N, K] with each column scaled to a sum of one, where it is not all zero."""
    total = weights.sum(axis=0)  # [K]
    scaled: np.ndarray = weights / np.where(total > 0, total, 1)
    return scaled


def shares(slices: Sequence[VariableSlice], streams: int, worth: np.ndarray) -> np.ndarray:
    """float32 [V, L]: what each variable counts at each of L aligned streams, of sum one.

    All streams that hold a changing variable count the same, and in each the variables that it
    holds by their `worth` [V].
    """
    layers = np.array([one.layer for one in slices])  # [V]
    changing = np.array([not one.is_constant for one in slices])  # [V]
    held = (layers[:, None] <= np.arange(streams)) & changing[:, None]  # [V, L]
    weighed = held * worth[:, None]
    found = _of_sum_one(weighed)
    return (found / max(1, np.count_nonzero(found.any(axis=0)))).astype(np.float32)


def _alike(slices: Sequence[VariableSlice], _values: Values) -> np.ndarray:
    return np.ones(len(slices))


def _by_layer(slices: Sequence[VariableSlice], _values: Values) -> np.ndarray:
    return np.array([1.0 + one.layer for one in slices])


def _by_entropy(_slices: Sequence[VariableSlice], values: Values) -> np.ndarray:
    return np.array([_entropy(column[column != NONE]) for column in values().T])


def _entropy(column: np.ndarray) -> float:
    """Of the distribution of values, in nats."""
    if not len(column):
        return 0.0
    counts = np.bincount(column)
    shares_ = counts[counts > 0] / len(column)
    return float(-(shares_ * np.log(shares_)).sum())


WORTH: Mapping[str, Callable[[Sequence[VariableSlice], Values], np.ndarray]] = {
    "equal": _alike,
    "entropy": _by_entropy,
    "layer": _by_layer,
}
"""Ways to weigh variables [V], given what yields their values [N, V] at many positions: all alike,
by the entropy of their values, or in proportion to the layer that computes them (embedding: 1)."""

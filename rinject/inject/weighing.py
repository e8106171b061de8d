"""What each position and each variable counts in the alignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rinject.graph.tables import NONE
from rinject.inject.projection import VariableSlice

Values = Callable[[], np.ndarray]


def position_weights(values: np.ndarray, balance: float) -> np.ndarray:
    """float32 [N, V], of sum one for each variable: what each position counts for it.

    `values` [N, V] are value indices, -1 where a variable has none; such a position counts nothing.
    One whose value occurs n times among the N counts n^-balance: 0 treats positions alike, 1 the
    values of a variable.
    """
    weights = np.zeros(values.shape)
    for place, column in enumerate(values.T):  # [N]
        present = column != NONE
        if present.any():
            occurrences = np.bincount(column[present])
            weights[present, place] = occurrences[column[present]] ** -float(balance)
    return (weights / np.maximum(weights.sum(axis=0), 1e-9)).astype(np.float32)


def emphasized(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The weights [N, V] with half of each variable's on what is chosen, bool [N, V].

    A variable with nothing chosen, or nothing else, stays as it is.
    """
    parts = [weights * chosen, weights * ~chosen]
    totals = [part.sum(axis=0) for part in parts]  # [V] each
    both = (totals[0] > 0) & (totals[1] > 0)
    halves = [part / np.maximum(2 * total, 1e-9) for part, total in zip(parts, totals, strict=True)]
    mixed = (halves[0] + halves[1]) * weights.sum(axis=0)
    return np.where(both, mixed, weights).astype(np.float32)


def shares(slices: Sequence[VariableSlice], streams: int, worth: np.ndarray) -> np.ndarray:
    """float32 [V, L]: what each variable counts at each of L aligned streams, of sum one.

    All streams that hold a changing variable count the same, and in each the variables that it
    holds by their `worth` [V].
    """
    layers = np.array([one.layer for one in slices])  # [V]
    changing = np.array([not one.is_constant for one in slices])  # [V]
    held = (layers[:, None] <= np.arange(streams)) & changing[:, None]  # [V, L]
    weighed = held * worth[:, None]
    total = weighed.sum(axis=0)  # [L]
    found = weighed / np.where(total > 0, total, 1) / max(1, np.count_nonzero(total))
    return found.astype(np.float32)


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

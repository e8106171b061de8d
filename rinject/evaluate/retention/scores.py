"""What one model makes of one set, example by example, so that two models can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """One figure, in parts: it is the sum of `sums` over the sum of `counts`, or exp of that."""

    measure: str
    """What is measured."""
    sums: np.ndarray
    """float64 [n]: what each example, line or window of text adds."""
    counts: np.ndarray
    """float64 [n]: how much it counts."""
    is_loss: bool = False
    """Whether the figure is a perplexity: exp of the mean loss."""
    skipped: int = 0
    """Examples that were left out."""

    def figure(self, weights: np.ndarray) -> np.ndarray:
        """float64 [...]: the figure where the parts count as often as `weights` [..., n] say."""
        mean = (weights @ self.sums) / (weights @ self.counts)
        return np.asarray(np.exp(mean) if self.is_loss else mean)

    @property
    def value(self) -> float | None:
        """The figure; None without examples."""
        return float(self.figure(np.ones(len(self.sums)))) if len(self.sums) else None


def shares(measure: str, right: np.ndarray, skipped: int) -> Scores:
    """The share of examples [n] that are right."""
    return means(measure, right.astype(np.float64), skipped)


def means(measure: str, values: np.ndarray, skipped: int) -> Scores:
    """The mean over examples [n]."""
    return Scores(measure, values, np.ones(len(values)), skipped=skipped)

"""How sure a difference between two models is."""

from __future__ import annotations

import numpy as np

from rinject.evaluate.retention.scores import Scores

RESAMPLES = 2000
AT_ONCE = 100  # resamples drawn together


def paired_difference(
    after: Scores, before: Scores, *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % interval of the figure of `after` less that of `before`.

    Paired percentile bootstrap: examples are drawn with replacement, as many as there are, and
    both figures are taken on the same draw; the interval lies between the 2.5 % and the 97.5 %
    quantile of the differences. Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    chapter 13. It has no width where no example differs. Raises ValueError without examples, or
    where the two do not have the same ones.
    """
    n = len(after.sums)
    if n == 0 or not np.array_equal(after.counts, before.counts):
        raise ValueError("the two are not measured on the same examples")
    rng = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    for start in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - start)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)  # [size, n]
        found.append(after.figure(drawn) - before.figure(drawn))
    low, high = np.quantile(np.concatenate(found), (0.025, 0.975))
    return float(low), float(high)

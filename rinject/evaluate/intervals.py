"""How sure a share is."""

from __future__ import annotations

from math import sqrt

NORMAL_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution


def wilson(right: float, n: int, quantile: float = NORMAL_95) -> tuple[float, float]:
    """The score interval of a share, `right` of `n`; by default the one of 95 %.

    Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212. Unlike the textbook's normal interval it stays
    within 0 and 1, and has a width where all or none are right. Raises ValueError without cases.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} of {n} is no share")
    share, weight = right / n, quantile**2 / n
    centre = share + weight / 2
    spread = quantile * sqrt(share * (1 - share) / n + weight / (4 * n))
    low, high = ((centre + sign * spread) / (1 + weight) for sign in (-1, 1))
    return (low if right > 0 else 0.0), (high if right < n else 1.0)

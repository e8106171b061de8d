"""Wilson intervals against the score test that they come from, and against scipy."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.evaluate.intervals import NORMAL_95, wilson

CASES = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(CASES)
def test_the_edges_are_the_shares_that_the_score_test_just_allows(case: tuple[int, int]) -> None:
    right, n = case
    for edge in wilson(right, n):
        if 0 < edge < 1:
            deviation = abs(right / n - edge) / sqrt(edge * (1 - edge) / n)
            assert deviation == pytest.approx(NORMAL_95, rel=1e-6)


@given(CASES)
def test_it_holds_the_share_and_is_mirrored(case: tuple[int, int]) -> None:
    right, n = case
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    assert low < high
    assert wilson(n - right, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 10), (478, 1000), (500, 500)])
def test_against_scipy(right: int, n: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy comes with jax")
    interval = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right, n) == pytest.approx((interval.low, interval.high), abs=1e-9)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (2, 1), (-1, 3)])
def test_what_is_no_share(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(right, n)

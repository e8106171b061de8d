"""Intervals of a difference: what any such interval must do, and how often it holds the truth."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.evaluate.intervals import NORMAL_95
from rinject.evaluate.retention.bootstrap import paired_difference
from rinject.evaluate.retention.scores import Scores, means, shares

FLOATS = st.floats(-100, 100)
PAIRS = st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=30)


def scores(values: list[float]) -> Scores:
    return means("any", np.array(values), 0)


def interval(after: list[float], before: list[float]) -> tuple[float, float]:
    return paired_difference(scores(after), scores(before), seed=7, resamples=200)


@given(PAIRS)
def test_it_lies_among_the_differences_and_is_mirrored(pairs: list[tuple[float, float]]) -> None:
    after, before = [list(side) for side in zip(*pairs, strict=True)]
    differences = [a - b for a, b in pairs]
    low, high = interval(after, before)
    assert min(differences) - 1e-9 <= low <= high <= max(differences) + 1e-9
    assert interval(before, after) == pytest.approx((-high, -low), abs=1e-9)


@given(st.lists(FLOATS, min_size=1, max_size=30), st.floats(-10, 10))
def test_the_same_change_everywhere_is_certain(values: list[float], change: float) -> None:
    low, high = interval([value + change for value in values], values)
    assert low == pytest.approx(change, abs=1e-9)
    assert high == pytest.approx(change, abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_shares_stay_between_none_and_all(pairs: list[tuple[bool, bool]]) -> None:
    after, before = (shares("any", np.array(side), 0) for side in zip(*pairs, strict=True))
    low, high = paired_difference(after, before, seed=1, resamples=200)
    assert -1 <= low <= high <= 1
    if all(a == b for a, b in pairs):
        assert low == high == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 9)), min_size=1, max_size=30))
def test_of_a_perplexity_the_parts_count_by_their_tokens(parts: list[tuple[float, int]]) -> None:
    counts = np.array([count for _, count in parts], dtype=np.float64)
    losses = np.array([loss for loss, _ in parts]) * counts
    before = Scores("any", losses, counts, is_loss=True)
    assert before.value == pytest.approx(np.exp(losses.sum() / counts.sum()))
    worse = Scores("any", losses + counts, counts, is_loss=True)  # one nat a token
    assert worse.value == pytest.approx(np.e * np.exp(losses.sum() / counts.sum()))
    low, high = paired_difference(worse, before, seed=3, resamples=200)
    assert 0 < low <= high


def test_of_many_examples_it_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(3000) < 0.6
    after = before ^ (rng.random(3000) < 0.1)
    differences = after.astype(float) - before
    spread = NORMAL_95 * differences.std() / sqrt(len(differences))
    found = paired_difference(shares("any", after, 0), shares("any", before, 0), seed=42)
    mean = differences.mean()
    assert found == pytest.approx((mean - spread, mean + spread), abs=0.1 * spread)


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        change = rng.normal(0.5, 1, size=100)
        before = rng.normal(0, 5, size=100)
        low, high = paired_difference(
            scores(list(before + change)), scores(list(before)), seed=seed, resamples=300
        )
        held += low <= 0.5 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_a_seed_decides() -> None:
    rng = np.random.default_rng(2)
    after, before = scores(list(rng.random(50))), scores(list(rng.random(50)))
    first, again, other = (paired_difference(after, before, seed=s) for s in (1, 1, 2))
    assert first == again != other


def test_what_cannot_be_compared() -> None:
    for after, before in (([], []), ([1.0], [1.0, 2.0])):
        with pytest.raises(ValueError, match="same examples"):
            interval(after, before)

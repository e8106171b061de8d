"""Weights of positions and variables: sums of one, and what the settings say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rinject.inject.projection import VariableSlice
from rinject.inject.settings import CHOICES
from rinject.inject.weighing import WORTH, emphasized, position_weights, shares

VALUES = arrays(np.int64, st.tuples(st.integers(0, 9), st.just(3)), elements=st.integers(-1, 4))
SLICES = (
    VariableSlice("tokens", 0, 4, 0),
    VariableSlice("one", 4, 5, 0),  # constant
    VariableSlice("count", 5, 10, 1),
    VariableSlice("answer", 10, 12, 3),
)


@given(VALUES, st.floats(0, 2))
def test_positions_of_a_variable_count_one_together(values, balance):
    weights = position_weights(values, balance)
    assert weights.shape == values.shape
    assert weights.dtype == np.float32
    assert not weights[values == -1].any()
    assert (weights[values != -1] > 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), (values != -1).any(axis=0), rtol=1e-5)


@given(VALUES)
def test_balance_lies_between_positions_and_values(values):
    for column, alike, even in zip(
        values.T, position_weights(values, 0.0).T, position_weights(values, 1.0).T, strict=True
    ):
        present = column[column != -1]
        for value in present:
            here = column == value
            assert alike[here].sum() == pytest.approx(here.sum() / len(present))
            assert even[here].sum() == pytest.approx(1 / len(set(present)))


def test_half_a_balance():
    weights = position_weights(np.array([[0], [0], [0], [0], [1]]), 0.5)
    assert weights[4] / weights[0] == pytest.approx(2)


@given(VALUES, st.integers(0, 99))
def test_half_of_the_weight_is_on_what_is_chosen(values, seed):
    weights = position_weights(values, 0.5)
    chosen = np.random.default_rng(seed).random(values.shape) < 0.3
    found = emphasized(weights, chosen)
    np.testing.assert_allclose(found.sum(axis=0), weights.sum(axis=0), rtol=1e-4)
    for old, new, some in zip(weights.T, found.T, chosen.T, strict=True):
        if (old * some).any() and (old * ~some).any():
            assert new[some].sum() == pytest.approx(0.5 * old.sum(), rel=1e-4)
            ratios = new[some & (old > 0)] / old[some & (old > 0)]
            np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)
        else:
            assert np.array_equal(new, old)


@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4), st.integers(1, 5))
def test_streams_count_alike_and_their_variables_by_worth(worth, streams):
    found = shares(SLICES, streams, np.array(worth))
    assert found.shape == (len(SLICES), streams)
    assert not found[1].any()  # the constant
    np.testing.assert_allclose(found.sum(axis=0), 1 / streams, rtol=1e-5)
    if streams > 1:
        assert found[2, 1] / found[0, 1] == pytest.approx(worth[2] / worth[0], rel=1e-5)
    assert not found[3, :3].any()  # not held yet


def test_a_stream_that_holds_nothing_that_changes_counts_nothing():
    late = (VariableSlice("one", 0, 1, 0), VariableSlice("count", 1, 4, 2))
    assert shares(late, 4, np.ones(2)).tolist() == [[0, 0, 0, 0], [0, 0, 0.5, 0.5]]
    assert not shares(late[:1], 4, np.ones(1)).any()


def test_what_variables_are_worth(chance):
    values = chance.integers(0, 2, (1000, 4))
    values[:, 1] = 0
    values[500:, 2] = -1
    values[:250, 2], values[250:500, 2] = 0, 4
    values[:, 3] = -1
    assert WORTH.keys() == set(CHOICES["variable_weights"])
    assert WORTH["equal"](SLICES, lambda: values).tolist() == [1, 1, 1, 1]
    assert WORTH["layer"](SLICES, lambda: values).tolist() == [1, 1, 2, 4]
    expected = [np.log(2), 0, np.log(2), 0]
    np.testing.assert_allclose(WORTH["entropy"](SLICES, lambda: values), expected, atol=0.01)

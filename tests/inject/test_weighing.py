"""Weights of positions and variables: sums of one, and what the settings say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rinject.inject.projection import VariableSlice
from rinject.inject.settings import CHOICES
from rinject.inject.weighing import WORTH, position_weights, shares, token_weights

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


@given(VALUES, st.integers(0, 99), st.sampled_from([0.0, 0.5, 1.0]))
def test_where_an_answer_is_due_lies_a_share_of_the_weight(values, seed, balance):
    due = np.random.default_rng(seed).random(len(values)) < 0.3
    weights = position_weights(values, balance, due, 0.3)
    alone = {part: position_weights(values[part_of], balance) for part, part_of in
             (("due", due), ("else", ~due))}  # fmt: skip
    for place, column in enumerate(values.T):
        has_due, has_else = ((column[own] != -1).any() for own in (due, ~due))
        if has_due and has_else:
            assert weights[due, place].sum() == pytest.approx(0.3, rel=1e-4)
            np.testing.assert_allclose(
                weights[~due, place], 0.7 * alone["else"][:, place], rtol=1e-4
            )
        elif has_due or has_else:
            part, own = ("due", due) if has_due else ("else", ~due)
            np.testing.assert_allclose(weights[own, place], alone[part][:, place], rtol=1e-4)


def test_without_a_share_positions_where_an_answer_is_due_are_as_any_other():
    values, due = np.array([[0], [0], [1]]), np.array([False, True, True])
    plain = position_weights(values, 1.0)
    assert np.array_equal(position_weights(values, 1.0, due, 0.0), plain)


@given(st.lists(st.integers(0, 9), min_size=1), st.sampled_from([0.0, 0.5, 1.0]))
def test_tokens_weigh_by_how_rare_they_are(tokens, balance):
    weights = token_weights(np.array(tokens), balance)
    assert weights.sum() == pytest.approx(1, rel=1e-4)
    for token, weight in zip(tokens, weights, strict=True):
        ratio = (tokens.count(token) / tokens.count(tokens[0])) ** -balance
        assert weight == pytest.approx(weights[0] * ratio, rel=1e-4)


def test_no_tokens_have_no_weights():
    assert not token_weights(np.array([], dtype=np.int64), 1.0).size

"""What an example is worth, by the values that it holds."""

import numpy as np
import pytest

from rinject.inject.rarity import FEWEST_PER_THOUSAND, rarity


def test_rare_values_are_worth_more():
    values = np.array([[0], [0], [0], [1]])
    worth = rarity(values, np.array([1, 1, 1, 1]))
    assert worth == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_each_variable_and_each_value_counts_alike():
    values = np.array([[0, 0], [0, 1], [1, 2], [1, -1]])
    worth = rarity(values, np.array([2, 2]))
    # the first variable gives both halves 1/2; of the second's values two are in the first example
    assert worth == pytest.approx([(1 / 2 + 2 / 3) / 2, (1 / 2 + 1 / 3) / 2])


def test_what_never_changes_is_worth_nothing():
    values = np.array([[3, 0], [3, 1], [3, 1]])
    assert rarity(values, np.array([1, 2])) == pytest.approx([1 / 2, 1 / 2])
    assert rarity(values[:, :1], np.array([1, 2])) == pytest.approx([1 / 2, 1 / 2])


def test_a_single_occurrence_is_not_worth_everything():
    count = 2000
    values = np.zeros((count, 1), dtype=int)
    values[0] = 1
    worth = rarity(values, np.ones(count, dtype=int))
    fewest = FEWEST_PER_THOUSAND * count / 1000
    assert worth[0] / worth[1] == pytest.approx((1 / fewest) / (1 / (count - 1)))

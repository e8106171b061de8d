"""What an example is worth, by the values that it holds."""

import numpy as np
import pytest

from rinject.inject.fidelity import ValueCounts
from rinject.inject.rarity import (
    FEWEST_PER_THOUSAND,
    LEAST_WORTH,
    ErrorHistory,
    Rarity,
    errors_by_value,
    worth_of_errors,
)


def rarity(values, lengths):
    return Rarity(values, lengths).worth()


def test_rare_values_are_worth_more():
    values = np.array([[0], [0], [0], [1]])
    worth = rarity(values, np.array([1, 1, 1, 1]))
    assert worth == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_a_value_that_no_example_holds_counts_as_the_rarest():
    known = Rarity(np.array([[0, 4]] * 1000 + [[1, 4]]), np.ones(1001, dtype=int))
    found = known.of_values(np.array([[0, 4], [1, 5], [2, -1]]))  # [3, V]
    fewest = FEWEST_PER_THOUSAND * 1001 / 1000
    assert found[:, 0] == pytest.approx([1 / 2000, 1 / fewest / 2, 1 / fewest / 2])
    assert found[:, 1] == pytest.approx([1 / fewest, 1 / fewest, 0])  # it never changed


def test_values_between_those_held_count_as_any_other_that_is_not():
    known = Rarity(np.array([[0]] * 10 + [[5]]), np.ones(11, dtype=int))
    found = known.of_values(np.array([[0], [3], [5], [6]]))[:, 0]
    assert found == pytest.approx([1 / 20, 1 / 2, 1 / 2, 1 / 2])


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


def test_what_was_read_wrong_is_worth_more():
    values = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    lengths = np.array([1, 1, 1, 1])
    errors = np.array([0.0, 0.0]), np.array([0.0, 0.9])  # of the second variable's second value
    worth = Rarity(values, lengths).worth(errors)
    assert worth[1] == worth[3] > worth[0] == worth[2]
    assert worth[1] / worth[0] == pytest.approx((2 * LEAST_WORTH + 0.9) / (2 * LEAST_WORTH))


def test_errors_of_values_that_hardly_occur_are_those_of_the_variable():
    (errors,) = errors_by_value([ValueCounts(np.array([1000, 1000, 0]), np.array([1000, 500, 0]))])
    assert errors == pytest.approx([0.0, 0.5, 0.25], abs=0.01)


def test_nothing_was_measured():
    (errors,) = errors_by_value([ValueCounts(np.array([0, 0]), np.array([0, 0]))])
    assert not errors.any()


def test_a_block_knows_what_was_measured_before_it():
    found = [(np.array([float(n)]),) for n in range(4)]
    measured = ErrorHistory()
    assert measured.before(0) is None
    for block, errors in zip((0, 0, 1, 3), found, strict=True):
        measured.add(block, errors)
    assert measured.before(4) is found[3]
    assert measured.before(3) is found[2]
    assert len(measured.entries) == 2

    again = ErrorHistory()
    again.restore(measured.to_record())
    assert again.before(4) == found[3]
    assert again.before(3) == found[2]


def test_values_read_wrong_are_worth_their_errors():
    errors = (np.array([0.0, 0.5]), np.empty(0))
    found = worth_of_errors(errors, np.array([[[0, -1], [1, -1]], [[-1, -1], [1, -1]]]))
    assert found[..., 0] == pytest.approx(
        np.array([[LEAST_WORTH, LEAST_WORTH + 0.5], [0, LEAST_WORTH + 0.5]])
    )
    assert not found[..., 1].any()

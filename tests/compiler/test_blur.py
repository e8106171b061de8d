"""The bounds of a blur against all the errors that it allows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.compiler.blur import EXACT, Blur

CLOSE = 1e-9
AMOUNTS = st.sampled_from([0.0, 0.25, 1.0, 3.0])
WEIGHTS = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0])


@st.composite
def simple_blurs(draw: st.DrawFn, values: int) -> Blur:
    """Up to 4 steps between different values."""
    pairs = st.tuples(st.integers(-1, values - 1), st.integers(-1, values - 1))
    steps = draw(st.lists(pairs.filter(lambda pair: pair[0] != pair[1]), max_size=4))
    amounts = draw(st.lists(AMOUNTS, min_size=len(steps), max_size=len(steps)))
    minus, plus = (np.array([pair[side] for pair in steps], dtype=int) for side in (0, 1))
    return Blur(minus, plus, np.array(amounts), alone=draw(st.booleans()))


def readers(values: int) -> st.SearchStrategy[np.ndarray]:
    """float [values, 1 to 3]"""
    rows = st.lists(WEIGHTS, min_size=values, max_size=values)
    return st.lists(rows, min_size=1, max_size=3).map(lambda found: np.array(found).T)


@st.composite
def blurred(draw: st.DrawFn, *, layers: int = 1) -> tuple[Blur, np.ndarray]:
    """A blur, of so many on top of each other, and readers."""
    values = draw(st.integers(1, 4))
    blur = draw(simple_blurs(values))
    for _ in range(layers - 1):
        blur = blur + draw(simple_blurs(values))
    return blur, draw(readers(values))


def errors(blur: Blur, values: int) -> np.ndarray:
    """The largest errors of a slot that a blur allows, in every direction. [patterns, values]"""
    changes = np.zeros((len(blur.amounts), values + 1))  # the last one is for none
    places = np.arange(len(blur.amounts))
    np.add.at(changes, (places, blur.plus), blur.amounts)
    np.add.at(changes, (places, blur.minus), -blur.amounts)
    signs = np.array(list(product((-1.0, 1.0), repeat=len(places))))  # [patterns, steps]
    if blur.alone:
        signs = np.vstack([np.zeros((1, len(places))), np.eye(len(places)), -np.eye(len(places))])
    total = (signs @ changes)[:, :values]
    for more in blur.rest:
        total = (total[:, None] + errors(more, values)[None]).reshape(-1, values)
    return total


@given(blurred())
def test_a_reading_is_the_largest_error_of_a_reader(case: tuple[Blur, np.ndarray]) -> None:
    blur, rows = case
    largest = np.abs(errors(blur, len(rows)) @ rows).max()
    assert blur.reading(rows) == pytest.approx(largest, abs=CLOSE)


@given(blurred())
def test_the_worst_is_the_largest_error_of_a_dimension(case: tuple[Blur, np.ndarray]) -> None:
    blur, rows = case
    largest = np.abs(errors(blur, len(rows))).max()
    assert blur.worst == pytest.approx(largest, abs=CLOSE)


@given(blurred(layers=3))
def test_errors_on_top_of_each_other_are_bounded(case: tuple[Blur, np.ndarray]) -> None:
    blur, rows = case
    found = errors(blur, len(rows))
    assert np.abs(found @ rows).max() <= blur.reading(rows) + CLOSE
    assert np.abs(found).max() <= blur.worst + CLOSE


@given(blurred(), st.data())
def test_one_more_error_adds_its_own_bound(
    case: tuple[Blur, np.ndarray], data: st.DataObject
) -> None:
    blur, rows = case
    more = data.draw(simple_blurs(len(rows)))
    assert (blur + more).reading(rows) == pytest.approx(blur.reading(rows) + more.reading(rows))
    assert (blur + more).worst == pytest.approx(blur.worst + more.worst)


@given(blurred(layers=2), st.data())
def test_a_copy_errs_where_its_values_went(
    case: tuple[Blur, np.ndarray], data: st.DataObject
) -> None:
    """What a reader of the copy sees is what it would see of the original, value by value."""
    blur, _ = case
    values, size = len(case[1]), data.draw(st.integers(1, 3))
    drawn = st.lists(st.integers(-1, size - 1), min_size=values, max_size=values)
    places = np.array([*data.draw(drawn), -1])
    rows = data.draw(readers(size))
    padded = np.vstack([rows, np.zeros_like(rows[:1])])
    copy = blur.moved(places)
    assert copy.reading(rows) == pytest.approx(blur.reading(padded[places[:-1]]), abs=CLOSE)
    copied = np.zeros((len(errors(blur, values)), size + 1))
    np.add.at(copied.T, places[:-1], errors(blur, values).T)
    assert np.abs(copied[:, :size]).max() <= copy.worst + CLOSE


def test_a_reader_that_tells_no_two_values_apart_sees_no_error() -> None:
    blur = Blur(np.array([0, 1]), np.array([1, 2]), np.array([0.25, 0.5]))
    assert blur.reading(np.ones((3, 1))) == 0.0
    assert blur.reading(np.array([[0.0], [1.0], [1.0]])) == 0.25
    assert blur.worst == 0.75


def test_only_one_of_the_cells_errs() -> None:
    steps = np.array([-1, -1]), np.array([0, 0]), np.array([0.25, 0.5])
    assert Blur(*steps).worst == Blur(*steps).reading(np.ones((1, 1))) == 0.75
    assert Blur(*steps, alone=True).worst == 0.5
    assert Blur(*steps, alone=True).reading(np.ones((1, 1))) == 0.5


def test_the_same_in_each_value() -> None:
    blur = Blur.of_each(3, 0.25)
    assert blur.worst == 0.25
    assert blur.reading(np.array([[1.0, 1.0], [-1.0, 0.0], [1.0, 0.0]])) == 0.75


def test_what_is_exact_has_no_error() -> None:
    assert EXACT.worst == EXACT.reading(np.ones((5, 2))) == 0.0
    assert EXACT.moved(np.array([2, 1, -1])).worst == 0.0
    assert Blur.of_each(2, 1.0).reading(np.zeros((2, 0))) == 0.0

"""Boxes cover a table: each cell once, with its result."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.compiler.boxes import Box, boxes_of


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Small tables of 1 to 4 axes; -1 is no value."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    results = st.integers(-1, draw(st.integers(0, 3)))
    size = math.prod(shape)
    cells = draw(st.lists(results, min_size=size, max_size=size))
    return np.array(cells).reshape(shape)


def covered(boxes: list[Box]) -> Counter[tuple[int, ...]]:
    """How often each cell is in a box."""
    return Counter(cell for box in boxes for cell in product(*box.sides))


@given(tables())
def test_every_cell_is_in_one_box_with_its_result(cells: np.ndarray) -> None:
    boxes = boxes_of(cells)
    assert covered(boxes) == Counter(np.ndindex(cells.shape))
    for box in boxes:
        assert {int(cells[cell]) for cell in product(*box.sides)} == {box.result}


@given(tables())
def test_there_are_no_more_boxes_than_cells(cells: np.ndarray) -> None:
    assert len(np.unique(cells)) <= len(boxes_of(cells)) <= cells.size


def test_rows_that_are_the_same_become_one_box() -> None:
    cells = np.array([[0, 0, 1], [2, 2, 2], [0, 0, 1], [2, 2, 2]])
    assert set(boxes_of(cells)) == {
        Box(((0, 2), (0, 1)), 0),
        Box(((0, 2), (2,)), 1),
        Box(((1, 3), (0, 1, 2)), 2),
    }


def test_rows_that_share_a_part_share_its_box() -> None:
    assert set(boxes_of(np.array([[0, 1], [0, 2]]))) == {
        Box(((0, 1), (0,)), 0),
        Box(((0,), (1,)), 1),
        Box(((1,), (1,)), 2),
    }


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_the_order_of_the_axes_makes_no_difference(axes: tuple[int, ...]) -> None:
    """`y if x == 0 else z` is one box a value of y and of z, read in the right order."""
    x, y, z = np.indices((3, 4, 4))
    cells = np.where(x == 0, y, 4 + z).transpose(axes)
    assert len(boxes_of(cells)) == 8


def test_tables_of_one_cell_and_of_none() -> None:
    assert boxes_of(np.array(3)) == [Box((), 3)]
    assert boxes_of(np.array([[-1]])) == [Box(((0,), (0,)), -1)]
    assert boxes_of(np.zeros((0, 2), dtype=int)) == []

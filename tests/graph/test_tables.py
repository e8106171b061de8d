"""Tables over classes of arguments."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rinject.graph.tables import Table, compose, composed_cells

dense_tables = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4).flatmap(
    lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(-1, 2))
)


@given(dense_tables)
def test_merging_classes_changes_no_entry(dense: np.ndarray) -> None:
    table = Table.of(dense)
    assert (table.dense() == dense).all()
    assert (table(*np.indices(dense.shape)) == dense).all()


@given(dense_tables)
def test_no_two_classes_are_alike(dense: np.ndarray) -> None:
    cells = Table.of(dense).cells
    for axis in range(cells.ndim):
        rows = np.moveaxis(cells, axis, 0).reshape(cells.shape[axis], -1)
        assert len(np.unique(rows, axis=0)) == len(rows)


def test_a_threshold_has_two_classes() -> None:
    counts = np.arange(50)
    table = Table.of((counts[:, None] + counts[None] > 0).astype(int))
    assert table.cells.shape == (2, 2)


@given(st.data())
def test_composition_is_composition(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=3))
    inner = Table.of(data.draw(hnp.arrays(np.int64, sizes[:2], elements=st.integers(-1, 2))))
    outer = Table.of(data.draw(hnp.arrays(np.int64, (4, sizes[-1]), elements=st.integers(-1, 2))))
    slots = [[0, 1], [len(sizes) - 1]]  # with two sizes, one argument is read twice
    composed = compose(outer, [inner, None], slots)
    grid = np.indices(sizes)
    expected = outer(inner(grid[0], grid[1]), grid[-1])
    assert (composed(*grid) == expected).all()
    assert composed.cells.size <= composed_cells(outer, [inner, None], slots)

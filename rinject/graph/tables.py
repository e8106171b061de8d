"""Functions between finite sets, as tables over classes of arguments.

A value is an index into its set, and None ("no value") is index -1, which numpy reads as the last
entry: every axis has one entry more than the set has values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NONE = -1
"""The index of "no value"."""


@dataclass(frozen=True, eq=False)
class Table:
    """A function of n arguments whose values are merged where the function cannot tell them apart.

    `any(x) != 0` of three counts up to 48 has 49^3 arguments but 2^3 cells.
    """

    classes: tuple[np.ndarray, ...]
    """For each argument, int [values + 1]: the class of each value, None last."""
    cells: np.ndarray
    """int, one axis for each argument, as long as it has classes: the index of the result."""

    @classmethod
    def of(cls, dense: np.ndarray) -> Table:
        """The table of a function given in full, None last on every axis."""
        identity = tuple(np.arange(size) for size in dense.shape)
        return cls(identity, dense).merged()

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return len(self.classes)

    def __call__(self, *indices: np.ndarray) -> np.ndarray:
        """Results, in the common shape of the index arrays."""
        return self.cells[tuple(c[i] for c, i in zip(self.classes, indices, strict=True))]

    def merged(self) -> Table:
        """The same function with as few classes as possible."""
        classes, cells = list(self.classes), self.cells
        for axis in range(self.arity):
            unique, inverse = _unique_rows(cells.swapaxes(0, axis))
            classes[axis] = inverse[classes[axis]]
            cells = unique.swapaxes(0, axis)
        return Table(tuple(classes), np.ascontiguousarray(cells))

    def without_idle(self) -> tuple[Table, tuple[int, ...]]:
        """The function without the arguments that make no difference, and the places of the rest.

        The table must be merged.
        """
        used = tuple(axis for axis, size in enumerate(self.cells.shape) if size > 1)
        cells = self.cells.reshape([self.cells.shape[axis] for axis in used])
        return Table(tuple(self.classes[axis] for axis in used), cells), used

    def can_be_missing(self, optional: Sequence[bool]) -> bool:
        """Whether there may be no value, where only the `optional` arguments may have none."""
        reached = [
            np.unique(classes if may_be_none else classes[:-1])
            for classes, may_be_none in zip(self.classes, optional, strict=True)
        ]
        cells = self.cells[np.ix_(*reached)] if reached else self.cells
        return bool((cells == NONE).any())

    def dense(self) -> np.ndarray:
        """The function in full, None last on every axis."""
        return self.cells[np.ix_(*self.classes)] if self.arity else self.cells


def _unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unique rows in the order of their first appearance, and the place of each row among them."""
    content = rows.tobytes()
    size = len(content) // len(rows)
    first: dict[bytes, int] = {}
    seen = [
        first.setdefault(content[start : start + size], index)
        for index, start in enumerate(range(0, size * len(rows), size))
    ]
    places = np.array(list(first.values()))  # ascending
    return rows[places], np.searchsorted(places, seen)


def compose(outer: Table, inner: Sequence[Table | None], slots: Sequence[Sequence[int]]) -> Table:
    """Put functions in the place of arguments of `outer`.

    `inner[i]` computes argument i (None: the argument stays), from the new arguments `slots[i]`.
    """
    count = 1 + max((s for group in slots for s in group), default=-1)
    refined: list[Any] = [None] * count  # per new argument: class of each value
    uses: list[list[tuple[int, int, np.ndarray]]] = [[] for _ in range(count)]
    for argument, (table, group) in enumerate(zip(inner, slots, strict=True)):
        maps = (outer.classes[argument],) if table is None else table.classes
        for axis, (slot, classes) in enumerate(zip(group, maps, strict=True)):
            uses[slot].append((argument, axis, classes))
    readers: dict[tuple[int, int], np.ndarray] = {}
    for slot, used in enumerate(uses):
        unique, refined[slot] = _joint_classes([classes for *_, classes in used])
        for column, (argument, axis, _) in enumerate(used):
            readers[argument, axis] = unique[:, column]  # new class -> old class
    sizes = [int(classes.max()) + 1 for classes in refined]
    grid = np.ix_(*(np.arange(size) for size in sizes)) if sizes else ()
    arguments = []
    for argument, (table, group) in enumerate(zip(inner, slots, strict=True)):
        read = [readers[argument, axis][grid[slot]] for axis, slot in enumerate(group)]
        if table is None:
            arguments.append(read[0])
        else:
            arguments.append(outer.classes[argument][table.cells[tuple(read)]])
    cells = outer.cells[tuple(arguments)]
    cells = np.broadcast_to(cells, sizes) if sizes else cells
    return Table(tuple(refined), cells).merged()


def _joint_classes(used: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Values that no use tells apart: what the uses see of each class, and the class of each value.

    [classes, uses], [values + 1].
    """
    if len(used) == 1:
        return np.arange(int(used[0].max()) + 1)[:, None], used[0]
    return _unique_rows(np.stack(used, axis=1))


def composed_cells(
    outer: Table, inner: Sequence[Table | None], slots: Sequence[Sequence[int]]
) -> int:
    """An upper bound on the cells that :func:`compose` would make, without making them."""
    bound: dict[int, int] = {}
    for argument, (table, group) in enumerate(zip(inner, slots, strict=True)):
        maps = (outer.classes[argument],) if table is None else table.classes
        for slot, classes in zip(group, maps, strict=True):
            size = int(classes.max()) + 1
            bound[slot] = min(bound.get(slot, 1) * size, len(classes))
    return int(np.prod([*bound.values()], dtype=object))

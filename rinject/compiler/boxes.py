"""Tables as few boxes: sets of classes, one for each argument, with the same result throughout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice, permutations

import numpy as np

_ORDERS = 6
"""Most orders of the axes that are tried."""


@dataclass(frozen=True)
class Box:
    """All cells whose class is in `sides[i]` along axis i have one result."""

    sides: tuple[tuple[int, ...], ...]
    result: int


def boxes_of(cells: np.ndarray) -> list[Box]:
    """Boxes that cover a table of any number of axes, each cell once.

    Rows that are the same become one box, axis by axis; the order of the axes is the best of a few.
    """
    orders = islice(permutations(range(cells.ndim)), _ORDERS)
    return min((_ordered(cells, order) for order in orders), key=len)


def _ordered(cells: np.ndarray, order: tuple[int, ...]) -> list[Box]:
    found = _boxes(np.transpose(cells, order))
    back = np.argsort(order)
    return [Box(tuple(box.sides[axis] for axis in back), box.result) for box in found]


def _boxes(cells: np.ndarray) -> list[Box]:
    """Boxes of a table; indices along the first axis join where the rest is the same."""
    if not cells.ndim:
        return [Box((), int(cells))]
    if cells.ndim == 1:
        order = np.argsort(cells, kind="stable")
        groups = groupby(order.tolist(), key=lambda index: int(cells[index]))
        return [Box((tuple(sorted(group)),), result) for result, group in groups]
    joined: dict[Box, list[int]] = {}
    rows: dict[bytes, list[Box]] = {}
    for index, row in enumerate(cells):
        content = row.tobytes()
        if content not in rows:
            rows[content] = _boxes(row)
        for box in rows[content]:
            joined.setdefault(box, []).append(index)
    return [Box((tuple(indices), *box.sides), box.result) for box, indices in joined.items()]

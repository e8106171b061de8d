"""What training showed of each edge: the combinations of values that it had to connect.

An edge that breaks where training showed nothing like it was never taught; one that breaks where
all was shown is not followed. For each edge a combination is what the variable reads at its own
position together with its own value, so one value of a count, or one cell of a function's table.
"""

from __future__ import annotations

import numpy as np

from rinject.evaluate.progress import Progress, unseen
from rinject.graph import Graph
from rinject.graph.edges import Edge, edges_of
from rinject.inject.bundle import Bundle
from rinject.inject.data import training_examples
from rinject.inject.rows import Rows
from rinject.tasks import Task

ROWS_AT_ONCE = 1024


class Shown:
    """The combinations of each edge that some examples held, at any position read."""

    def __init__(self, graph: Graph) -> None:
        self.examples = 0
        self._columns = {edge.index: [*edge.here, edge.index] for edge in edges_of(graph)}
        self._found: dict[int, set[tuple[int, ...]]] = {index: set() for index in self._columns}

    def add(self, values: np.ndarray, examples: int) -> None:
        """The value indices [N, V] at all positions of so many examples."""
        self.examples += examples
        for index, columns in self._columns.items():
            self._found[index].update(map(tuple, np.unique(values[:, columns], axis=0).tolist()))

    def count(self, edge: Edge) -> int:
        """How many different combinations of an edge there were."""
        return len(self._found[edge.index])

    def are_new(self, edge: Edge, values: np.ndarray) -> np.ndarray:
        """bool [N]: whether an edge's combination at positions with values [N, V] was not shown."""
        rows = values[:, self._columns[edge.index]]
        if not len(rows):
            return np.zeros(0, dtype=bool)
        different, which = np.unique(rows, axis=0, return_inverse=True)
        known = self._found[edge.index]
        are_new = np.array([tuple(one) not in known for one in different.tolist()])
        return are_new[which.reshape(-1)]


def training_rows(bundle: Bundle, task: Task) -> Rows:
    """The examples that the bundle's training chose from, drawn again.

    Raises Exhausted where the task has none.
    """
    settings = bundle.record.settings
    drawn = training_examples(bundle.program, task, bundle.reconciliation, settings)
    return bundle.rows(drawn.examples)


def shown_by(bundle: Bundle, rows: Rows, report: Progress = unseen) -> Shown:
    """What such rows show. Raises InputError for rows that do not fit the program."""
    shown, targets = Shown(bundle.graph), bundle.targets
    for start in range(0, len(rows), ROWS_AT_ONCE):
        report(start, len(rows))
        part = rows.take(slice(start, start + ROWS_AT_ONCE))
        shown.add(targets.values(part), len(part))
    return shown

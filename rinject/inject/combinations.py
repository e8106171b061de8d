"""What examples are worth for the arguments that meet in the program's operations.

Where an answer is due: there two signs of it may always come together in what the task draws, and
nothing tells a student that one of them would do.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rinject.graph import Graph
from rinject.graph.meeting import combinations_met, meeting_operations
from rinject.graph.tables import NONE
from rinject.inject.rarity import Rarity
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets


class Combinations:
    """The operations of a program whose arguments have few combinations, on a student's tokens."""

    def __init__(self, graph: Graph, targets: Targets) -> None:
        """`graph` is the program's own, with all of its operations: compiling joins some."""
        self.graph, self.targets = graph, targets
        self.operations = meeting_operations(graph)

    def met(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Which combination each of the O operations meets where an answer is due.

        int64 [M, O], row after row, -1 where an argument has no value; and int64 [B], how many of
        the M places are in each row.
        """
        ids = self.targets.program_ids(rows)  # [B, T]
        due = rows.before_answer()[:, : ids.shape[1]] & (ids != NONE)  # [B, T]
        known = self.graph.evaluate(ids)
        found = [combinations_met(node, known)[due] for node in self.operations]
        return np.stack(found, axis=1), due.sum(axis=1)

    def worth(self, parts: Iterable[Rows]) -> np.ndarray:
        """float64 [E], of sum one: what the examples in all parts are worth, of each operation each
        combination that occurs alike."""
        found = [self.met(part) for part in parts]
        met, counts = (np.concatenate(some) for some in zip(*found, strict=True))
        return Rarity(met, counts).worth()

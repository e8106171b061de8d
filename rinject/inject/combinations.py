"""What examples are worth for the arguments that meet in the program's operations.

Where an answer is due: there two signs of it may always come together in what the task draws, and
nothing tells a student that one of them would do.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rinject.graph import build_graph
from rinject.graph.meeting import combinations_met, meeting_operations
from rinject.graph.tables import NONE
from rinject.inject.rarity import Rarity
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets
from rinject.lang import Program


class Combinations:
    """The operations of a program whose arguments have few combinations, on a student's tokens."""

    def __init__(self, program: Program, targets: Targets) -> None:
        compiled = targets.graph  # of which compiling joined some operations
        self.targets = targets
        self.graph = build_graph(
            program.output, compiled.vocab, compiled.max_seq_len, causal=compiled.causal
        )
        self.operations = meeting_operations(self.graph)

    def met(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Which combination each of the O operations meets where an answer is due.

        int64 [M, O], row after row, -1 where an argument has no value; and int64 [B], how many of
        the M places are in each row.
        """
        ids = self.targets.program_ids(rows)  # [B, T]
        due = rows.before_answer()[:, : ids.shape[1]] & (ids != NONE)  # [B, T]
        known = self.graph.evaluate(ids)
        found = np.full((int(due.sum()), len(self.operations)), NONE, dtype=np.int64)
        for place, node in enumerate(self.operations):
            found[:, place] = combinations_met(node, known)[due]
        return found, due.sum(axis=1)

    def worth(self, parts: Iterable[Rows]) -> np.ndarray | None:
        """float64 [E], of sum one: what the examples in all parts are worth.

        Operations that meet several combinations are worth the same, and so are the combinations of
        one. None where there is no such operation.
        """
        found = [self.met(part) for part in parts]
        met, counts = (np.concatenate(some) for some in zip(*found, strict=True))
        rarity = Rarity(met, counts)
        return rarity.worth() if rarity.tells_apart else None

"""What the aligned streams should hold: the program's variables on the student's tokens."""

from __future__ import annotations

import numpy as np

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.tables import NONE
from rinject.inject.rows import Rows
from rinject.tokens import Reconciliation


class Targets:
    """From rows of student ids to the values of the program's variables, by the graph."""

    def __init__(self, graph: Graph, reconciliation: Reconciliation) -> None:
        """Raises InputError when the tokenizer's symbols are not those of the graph."""
        self.graph = graph
        self.reconciliation = reconciliation
        place = {value: index for index, value in enumerate(graph.vocab)}
        strange = [symbol for symbol in reconciliation.vocabulary if symbol not in place]
        if strange:
            raise InputError(f"the compiled program does not know the symbol {strange[0]!r}")
        self.places = np.array([place[symbol] for symbol in reconciliation.vocabulary])
        """int64 [S]: where the graph has each of the tokenizer's symbols."""

    def program_ids(self, rows: Rows) -> np.ndarray:
        """int64 [B, T]: the vocabulary index of each token that the program reads, -1 elsewhere.

        Raises InputError for more tokens than the program's positions.
        """
        longest = int(rows.read_lengths.max(initial=0))
        if longest > self.graph.max_seq_len:
            read = "the prompt and its answer have" if rows.are_answers_read else "the prompt has"
            raise InputError(
                f"{read} {longest} tokens, the program has {self.graph.max_seq_len} positions",
                hint="shorten the input, or compile the program for a longer one",
            )
        ids = np.full((len(rows), longest), NONE, dtype=np.int64)
        inside = rows.are_read()[:, :longest]  # [B, T]
        ids[inside] = self.places[self.reconciliation.symbol_ids(rows.ids[:, :longest][inside])]
        return ids

    def values(self, rows: Rows) -> np.ndarray:
        """int64 [N, V]: value indices at all tokens read, row after row; -1 is no value."""
        ids = self.program_ids(rows)
        values: np.ndarray = self.graph.variable_values(ids)[ids != NONE]  # [N, V]
        return values.astype(np.int64)

"""Of the positions where the inputs of a variable decode right, how often it does too.

Each variable is read once: with the bundle's map, in the student's stream that is aligned with the
compiled layer which first holds the variable (`record.layers[layer]`). What an elementwise variable
is computed from must be right at the position itself; of what attention reads, the queries there,
keys and operand at all positions that are visible from there. Where an input has no value there is
nothing to read, and nothing wrong; where the variable has none, the position does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from rinject.evaluate.edges.coverage import Shown
from rinject.evaluate.probe.shares import Share
from rinject.graph import Graph
from rinject.graph.edges import Edge, edges_of
from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.fidelity import ROWS_AT_ONCE
from rinject.inject.rows import Rows
from rinject.student import residual_streams

Positions = Literal["answer", "all"]
LEAST_POSITIONS = 20
"""With fewer positions where its inputs are right, an edge is not judged."""
FAITHFUL = 0.9
"""An edge breaks where even the upper end of its 95 % interval is below this."""


@dataclass(frozen=True)
class EdgeFaithfulness:
    """One edge on some rows."""

    edge: Edge
    right: Share
    """Of the positions where all inputs are right, those where the variable is. Positions of one
    row go together, so the interval is that of as many cases as there are rows."""
    positions: int
    """All positions where the variable has a value."""
    values: int
    """How many different values it has where its inputs are right. With one, a constant guess
    would look faithful."""
    new: int | None = None
    """Of the positions where all inputs are right, those whose combination of values training never
    showed; None where that was not asked."""

    @property
    def inputs_right(self) -> float | None:
        """The share of the positions where all inputs are right; None without any."""
        return self.right.n / self.positions if self.positions else None

    @property
    def new_share(self) -> float | None:
        """The share of `new`; None where it was not asked, and without any position."""
        return None if self.new is None or not self.right.n else self.new / self.right.n

    @property
    def is_judged(self) -> bool:
        """Whether the inputs are right often enough to say anything."""
        return self.right.n >= LEAST_POSITIONS

    @property
    def breaks(self) -> bool:
        """Whether it is significantly less faithful than it should be."""
        return self.is_judged and self.right.ci is not None and self.right.ci[1] < FAITHFUL

    def to_record(self, graph: Graph) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        share = self.right.to_record()
        return self.edge.to_record(graph) | {
            "positions": self.positions,
            "n": self.right.n,
            "inputs_right": self.inputs_right,
            "faithfulness": share["share"],
            "ci": share["ci"],
            "values": self.values,
            "breaks": self.breaks,
            "new": self.new,
        }


def mean_faithfulness(edges: Sequence[EdgeFaithfulness]) -> float | None:
    """The mean over the edges that are judged; None without any."""
    shares = [one.right.value for one in edges if one.is_judged and one.right.value is not None]
    return sum(shares) / len(shares) if shares else None


def first_to_break(edges: Sequence[EdgeFaithfulness]) -> EdgeFaithfulness | None:
    """The first in the order of computation that breaks; None where none does."""
    return next((one for one in edges if one.breaks), None)


def edge_faithfulness(
    bundle: Bundle, rows: Rows, positions: Positions = "answer", shown: Shown | None = None
) -> tuple[EdgeFaithfulness, ...]:
    """All edges, in the order of computation.

    Measured at the positions that the program reads and that predict a token of the answer, or at
    `all` that it reads. `shown` is what training showed, to tell what is new to it. Raises
    InputError for rows that do not fit the program.
    """
    counts = [_Count(bundle.graph, edge, shown) for edge in edges_of(bundle.graph)]
    targets = bundle.targets
    for places, batch in rows.by_length(ROWS_AT_ONCE):
        ids = targets.program_ids(batch)  # [B, t]
        true = bundle.graph.variable_values(ids)  # [B, t, V]
        read = read_where_held(bundle, batch)[:, : ids.shape[1]]  # [B, t, V]
        asked = ids != NONE  # [B, t]
        if positions == "answer":
            asked = asked & batch.before_answer()[:, : ids.shape[1]]
        for count in counts:
            count.add(true, read, asked, places)
    return tuple(count.found() for count in counts)


@torch.no_grad()
def read_where_held(bundle: Bundle, rows: Rows) -> np.ndarray:
    """int64 [B, T, V]: the value index of each variable, in the stream that first holds it.

    At fillers and at tokens that the program does not read it means nothing.
    """
    maps, layers, device = bundle.projection.maps(), bundle.record.layers, bundle.model.device
    streams = residual_streams(
        bundle.model, torch.from_numpy(rows.ids).to(device), layers=sorted(set(layers))
    )
    found = np.full((*rows.ids.shape, len(maps.slices)), NONE, dtype=np.int64)
    for layer in sorted({one.layer for one in maps.slices}):
        own = [place for place, one in enumerate(maps.slices) if one.layer == layer]
        read = maps.read(layer, streams[layers[layer]].float())  # [B, T, V]
        found[..., own] = read[..., own].cpu().numpy()
    return found


class _Count:
    """What has been counted of an edge so far."""

    def __init__(self, graph: Graph, edge: Edge, shown: Shown | None) -> None:
        self.edge, self.causal, self.shown = edge, graph.causal, shown
        self.positions = self.right = self.n = self.new = 0
        self.seen: set[int] = set()
        self.rows: set[int] = set()

    def add(
        self, true: np.ndarray, read: np.ndarray, asked: np.ndarray, places: np.ndarray
    ) -> None:
        """Counts a batch: `true` and `read` [B, t, V] where `asked` [B, t], of the rows at
        `places` [B]."""
        own, edge = true[..., self.edge.index], self.edge
        asked = asked & (own != NONE)
        right = (true == NONE) | (true == read)  # [B, t, V]; PAD counts as right
        given = asked & edge.are_inputs_right(right, causal=self.causal)
        self.positions += int(asked.sum())
        self.n += int(given.sum())
        self.right += int((given & (own == read[..., edge.index])).sum())
        self.seen.update(np.unique(own[given]).tolist())
        self.rows.update(places[given.any(axis=1)].tolist())
        if self.shown is not None:
            self.new += int(self.shown.are_new(edge, true[given]).sum())

    def found(self) -> EdgeFaithfulness:
        share = Share((self.right,), self.n, frozenset(self.rows))
        new = None if self.shown is None else self.new
        return EdgeFaithfulness(self.edge, share, self.positions, len(self.seen), new)

"""The edges of a bundle on each kind of input, as one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rinject.evaluate.edges.coverage import Shown
from rinject.evaluate.edges.faithfulness import (
    EdgeFaithfulness,
    Positions,
    edge_faithfulness,
    first_to_break,
    mean_faithfulness,
)
from rinject.evaluate.edges.replacing import Replacements, replacements
from rinject.evaluate.edges.sources import Source
from rinject.evaluate.progress import Progress, unseen
from rinject.graph import Graph
from rinject.graph.edges import edges_of
from rinject.inject.bundle import Bundle


@dataclass(frozen=True)
class SourceEdges:
    """All edges on one kind of input."""

    source: Source
    edges: tuple[EdgeFaithfulness, ...]
    """In the order of computation."""
    replacements: Replacements

    @property
    def mean(self) -> float | None:
        """Mean faithfulness of the edges that are judged; None without any."""
        return mean_faithfulness(self.edges)

    @property
    def first(self) -> EdgeFaithfulness | None:
        """The first edge that breaks."""
        return first_to_break(self.edges)

    def to_record(self, graph: Graph) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "source": self.source.name,
            "supported": self.source.is_supported,
            "solved": self.source.solved,
            "examples": self.source.drawn,
            "read": len(self.source.rows),
            "mean": self.mean,
            "first_to_break": None if self.first is None else self.first.edge.name,
            "edges": [one.to_record(graph) for one in self.edges],
            "replacements": self.replacements.to_record(),
        }


@dataclass(frozen=True)
class EdgeReport:
    """Edge faithfulness in distribution and beyond."""

    graph: Graph
    positions: Positions
    """Where it was measured: at the `answer` positions, or at `all` that the program reads."""
    sources: tuple[SourceEdges, ...]
    seed: int
    data: str = "paper"
    """The rule of the training inputs, see `TRAINED_ON`."""
    shown: Shown | None = None
    """What training showed, where that was asked."""

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "experiment": "edges",
            "positions": self.positions,
            "seed": self.seed,
            "data": self.data,
            "training": self._training(),
            "sources": [one.to_record(self.graph) for one in self.sources],
        }

    def _training(self) -> dict[str, Any] | None:
        if self.shown is None:
            return None
        counts = {edge.name: self.shown.count(edge) for edge in edges_of(self.graph)}
        return {"examples": self.shown.examples, "combinations": counts}


def measure_edges(
    bundle: Bundle,
    sources: Sequence[Source],
    *,
    positions: Positions = "answer",
    seed: int = 42,
    shown: Shown | None = None,
    report: Progress = unseen,
) -> EdgeReport:
    """Faithfulness of all edges and the effect of replaced tokens, on each source's rows.

    `shown` is what training showed, see `shown_by`."""
    found: list[SourceEdges] = []
    for done, source in enumerate(sources):
        report(2 * done, 2 * len(sources))
        edges = edge_faithfulness(bundle, source.rows, positions, shown)
        report(2 * done + 1, 2 * len(sources))
        found.append(SourceEdges(source, edges, replacements(bundle, source.rows, seed=seed)))
    data = bundle.record.settings.data
    return EdgeReport(bundle.graph, positions, tuple(found), seed, data, shown)

"""Edge faithfulness: where its inputs are right, is a variable right too?"""

from rinject.evaluate.edges.coverage import Shown, shown_by, training_rows
from rinject.evaluate.edges.faithfulness import (
    EdgeFaithfulness,
    Positions,
    edge_faithfulness,
    first_to_break,
    mean_faithfulness,
)
from rinject.evaluate.edges.replacing import KINDS, Replacements, replacements
from rinject.evaluate.edges.report import EdgeReport, SourceEdges, measure_edges
from rinject.evaluate.edges.sources import IN_DISTRIBUTION, Source, draw_sources

__all__ = [
    "IN_DISTRIBUTION",
    "KINDS",
    "EdgeFaithfulness",
    "EdgeReport",
    "Positions",
    "Replacements",
    "Shown",
    "Source",
    "SourceEdges",
    "draw_sources",
    "edge_faithfulness",
    "first_to_break",
    "mean_faithfulness",
    "measure_edges",
    "replacements",
    "shown_by",
    "training_rows",
]

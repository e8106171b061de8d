"""The edges of a bundle on the drawing of its program, a drawing for each kind of input."""

from __future__ import annotations

from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

from rinject.cli.diagram_figure import figure_of_pages
from rinject.cli.diagram_page import LONGEST_TITLE, Caption, Mark, elided, page_of
from rinject.cli.diagram_words import one_line
from rinject.compiler.diagram import diagram_of
from rinject.evaluate.edges import EdgeFaithfulness, EdgeReport, SourceEdges

SHARES = LinearSegmentedColormap.from_list("shares", ["#f0978a", "#fbe7b0", "#d3e6f8"])
TOO_FEW = "#e9ebee"
MEANING = (
    "of the positions where what a variable is computed from is right, the share where it is right"
    " too; outlined and ✗: it breaks; grey: too few such positions"
)


def draw_edges(report: EdgeReport, program: str) -> Figure:
    """The computation graph with each variable's figure; what breaks is outlined."""
    diagram = diagram_of(report.graph, name=program)
    return figure_of_pages(
        [
            page_of(
                diagram, _caption(one, program), {e.edge.name: _mark(e, one) for e in one.edges}
            )
            for one in report.sources
        ]
    )


def _caption(one: SourceEdges, program: str) -> Caption:
    mean = "" if one.mean is None else f", mean {one.mean:.2f}"
    title = f"{elided(one_line(program), LONGEST_TITLE)}, {one.source.name}{mean}"
    return Caption(title, MEANING)


def _mark(edge: EdgeFaithfulness, one: SourceEdges) -> Mark:
    if edge.right.value is None:
        return Mark("inputs never right", TOO_FEW)
    line = f"{100 * edge.right.value:.0f} % of {edge.right.n:,}"
    if not edge.is_judged:
        return Mark(line, TOO_FEW)
    first = ", first" if edge is one.first else ""
    colour = to_hex(SHARES(edge.right.value))
    return Mark(f"{line} ✗{first}" if edge.breaks else line, colour, edge.breaks)

"""Pictures of diagrams, drawn with matplotlib; one unit of the axes is one point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from statistics import fmean
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import BoxStyle, FancyBboxPatch, Patch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve

from rinject.cli.diagram_layout import Flow, Item, Layout
from rinject.cli.diagram_page import (
    BAND_FONT,
    BAND_PADDING,
    LEGEND,
    MARGIN,
    NODE_HEIGHT,
    SMALL_FONT,
    SWATCH,
    SWATCH_GAP,
    TITLE,
    TITLE_FONT,
    Look,
    Mark,
    Page,
    font_of,
    label,
    legend,
    look_of,
    page_of,
    second_line,
)
from rinject.cli.diagram_words import column_head
from rinject.pictures import FAINT, INK, RED, write

if TYPE_CHECKING:
    from rinject.compiler.diagram import Diagram

POINT = 8.0  # of a hexagon
ARROW = (6.0, 2.6)  # length, half the width
PORT = 5.0  # from the middle of a node that edges of two flows enter

BAND = "#f3f4f6"
OUTLINE = RED  # of what stands out
FILLS: dict[Look, tuple[str, str]] = {  # inside and outline
    "embedding": ("#ddf0e4", "#2e8b57"),
    "attention": ("#ffe8cc", "#d9730d"),
    "mlp": ("#dbe8fb", "#2f6fc4"),
    "pair": ("#e6e6e6", "#9a9a9a"),
}
LINES: dict[Flow, tuple[str, str]] = {  # colour and dashes
    "pattern": ("#d9730d", "--"),
    "values": (RED, "-"),
    "argument": ("#5b8ac9", "-"),
}


def figure_of(diagram: Diagram) -> Figure:
    """The picture of a diagram; one unit of its axes is one point."""
    return figure_of_pages([page_of(diagram)])


def figure_of_pages(pages: Sequence[Page]) -> Figure:
    """Pictures of diagrams, one below the other; one unit of their axes is one point."""
    width, height = max(page.width for page in pages), sum(page.height for page in pages)
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    floor = height
    for page in pages:
        floor -= page.height
        place = (0, floor / height, page.width / width, page.height / height)
        axes = figure.add_axes(place, frameon=False)
        axes.set(xlim=(0, page.width), ylim=(page.height, 0), xticks=[], yticks=[])
        _draw_title(axes, page)
        _draw_bands(axes, page)
        _draw_edges(axes, page)
        _draw_nodes(axes, page)
        _draw_legend(axes, page)
    return figure


# --- drawing ------------------------------------------------------------------------------------


def _draw_title(axes: Axes, page: Page) -> None:
    write(axes, MARGIN, MARGIN + 8, page.caption.title, TITLE_FONT)
    write(axes, MARGIN, MARGIN + 26, page.caption.line, SMALL_FONT, FAINT)


def _draw_bands(axes: Axes, page: Page) -> None:
    """Behind each layer a band with its name, and a head for each part."""
    top = MARGIN + TITLE
    numbered = list(enumerate(stage.column for stage in page.stages))
    for _, group in groupby(numbered, key=lambda pair: pair[1].layer):
        members = list(group)
        left, right = page.lefts[members[0][0]], page.right(members[-1][0])
        corner = (left - BAND_PADDING, top)
        width = right - left + 2 * BAND_PADDING
        axes.add_artist(Rectangle(corner, width, page.floor - top, color=BAND, lw=0, zorder=0))
        write(axes, left, top + 13, column_head(members[0][1])[0], BAND_FONT)
        for stage, column in {c.place: (i, c) for i, c in reversed(members)}.values():
            write(axes, page.lefts[stage], top + 28, column_head(column)[1], SMALL_FONT, FAINT)


def _draw_nodes(axes: Axes, page: Page) -> None:
    for i, stage in enumerate(page.stages):
        for node in stage.nodes:
            y = page.y(Item(node.name, column=i))
            is_output, mark = node.name == page.diagram.output, page.marks.get(node.name)
            corner, size = (page.lefts[i], y - NODE_HEIGHT / 2), (page.widths[i], NODE_HEIGHT)
            _draw_shape(axes, look_of(node), corner, size, is_output, mark)
            middle = page.lefts[i] + page.widths[i] / 2
            write(
                *(axes, middle, y - 5, label(node), font_of(node, page.diagram.output)),
                align="center",
            )
            line, colour = second_line(node, mark), FAINT if mark is None else INK
            write(axes, middle, y + 8, line, SMALL_FONT, colour, align="center")


def _draw_shape(
    axes: Axes,
    look: Look,
    corner: tuple[float, float],
    size: tuple[float, float],
    is_output: bool = False,
    mark: Mark | None = None,
) -> None:
    """A hexagon for attention, round ends for the embedding, else a rectangle."""
    patch = _hexagon(corner, size) if look == "attention" else _box(look, corner, size)
    face, line = FILLS[look]
    thick = 2.2 if is_output else 1.0
    if mark is not None:
        face = mark.colour
        line, thick = (OUTLINE, 3.2) if mark.is_outlined else (line, thick)
    patch.set(facecolor=face, edgecolor=line, linewidth=thick, zorder=3)
    axes.add_artist(patch)


def _hexagon(corner: tuple[float, float], size: tuple[float, float]) -> Patch:
    (x, y), (width, height) = corner, size
    point = POINT * height / NODE_HEIGHT
    upper = [(0, height / 2), (point, 0), (width - point, 0)]
    lower = [(width, height / 2), (width - point, height), (point, height)]
    return Polygon([(x + dx, y + dy) for dx, dy in upper + lower])


def _box(look: Look, corner: tuple[float, float], size: tuple[float, float]) -> Patch:
    rounding = size[1] / (2 if look == "embedding" else 12)
    return FancyBboxPatch(corner, *size, boxstyle=BoxStyle("Round", pad=0, rounding_size=rounding))


def _draw_edges(axes: Axes, page: Page) -> None:
    ports = _ports(page.layout)
    for edge in page.layout.edges:
        start = (page.right(edge.start.column), page.y(edge.start))
        left, y = page.lefts[edge.stop.column], page.y(edge.stop)
        if edge.stop.is_node:
            port = ports[edge.stop, edge.flow]
            tip = (left + abs(port) * 2 * POINT / NODE_HEIGHT, y + port)
            _draw_arrow(axes, tip, edge.flow)
            _draw_curve(axes, start, (tip[0] - ARROW[0], tip[1]), edge.flow)
        else:
            _draw_curve(axes, start, (left, y), edge.flow)
    for waypoint in page.layout.waypoints:
        ends = page.lefts[waypoint.column], page.right(waypoint.column)
        assert waypoint.flow is not None
        y = page.y(waypoint)
        _draw_curve(axes, (ends[0], y), (ends[1], y), waypoint.flow)


def _ports(layout: Layout) -> dict[tuple[Item, Flow], float]:
    """Where each flow enters a node, from its middle: the one that comes from above, above."""
    heights: defaultdict[Item, defaultdict[Flow, list[float]]]
    heights = defaultdict(lambda: defaultdict(list))
    for edge in layout.edges:
        heights[edge.stop][edge.flow].append(layout.y[edge.start])
    ports: dict[tuple[Item, Flow], float] = {}
    for item, flows in heights.items():
        ordered = sorted(flows, key=lambda flow: fmean(flows[flow]))
        places = (0.0,) if len(ordered) == 1 else (-PORT, PORT)
        ports |= {(item, s): port for s, port in zip(ordered, places, strict=True)}
    return ports


def _draw_curve(
    axes: Axes, start: tuple[float, float], stop: tuple[float, float], flow: Flow
) -> None:
    """Level at both ends."""
    colour, dashes = LINES[flow]
    middle = (start[0] + stop[0]) / 2
    points = [start, (middle, start[1]), (middle, stop[1]), stop]
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    curve = PathPatch(Curve(points, codes), fill=False, ec=colour, ls=dashes, lw=1.1, zorder=1)
    axes.add_artist(curve)


def _draw_arrow(axes: Axes, tip: tuple[float, float], flow: Flow) -> None:
    length, half = ARROW
    x, y = tip
    corners = [(x, y), (x - length, y - half), (x - length, y + half)]
    axes.add_artist(Polygon(corners, color=LINES[flow][0], lw=0, zorder=2))


def _draw_legend(axes: Axes, page: Page) -> None:
    x, y = MARGIN, page.floor + LEGEND - 8
    for entry in legend(page.diagram, page.layout):
        if entry.look:
            _draw_shape(axes, entry.look, (x, y - SWATCH[1] / 2), SWATCH, entry.is_output)
        elif entry.flow:
            _draw_curve(axes, (x, y), (x + SWATCH[0] - ARROW[0], y), entry.flow)
            _draw_arrow(axes, (x + SWATCH[0], y), entry.flow)
        write(axes, x + SWATCH[0] + SWATCH_GAP, y, entry.label, SMALL_FONT, FAINT)
        x += entry.width

"""Where the nodes and edges of a diagram go: a layered layout, in points, y downwards.

Nodes stand in columns. An edge that passes a column on its way gets a waypoint there, which takes
part in the layout like a node; so no edge runs behind a label. Orders within the columns follow
the barycentre of the neighbours (Sugiyama et al. 1981), heights the mean of the neighbours'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rinject.compiler.diagram import Column, Diagram, DiagramNode, Role

Flow = Literal["pattern", "values", "argument"]
"""What an edge carries: keys and queries, what a head copies, or a function's argument."""
FLOWS: dict[Role, Flow] = {
    "keys": "pattern",
    "queries": "pattern",
    "values": "values",
    "argument": "argument",
}
SWEEPS = 12
NODE_GAP = 12.0
LANE_GAP = 9.0  # between two waypoints


@dataclass(frozen=True)
class Item:
    """A node, or the waypoint of all edges of one flow that leave a node."""

    source: str
    flow: Flow | None = None
    column: int = 0

    @property
    def is_node(self) -> bool:
        return self.flow is None


@dataclass(frozen=True)
class Edge:
    """From one column to the next; edges that share waypoints share these pieces."""

    start: Item
    stop: Item
    flow: Flow


Neighbours: TypeAlias = Mapping[Item, Sequence[Item]]


@dataclass
class Layout:
    """Items by column, from top to bottom, and their heights."""

    columns: list[list[Item]]
    edges: list[Edge]
    node_height: float
    y: dict[Item, float] = field(default_factory=dict)
    """Middle of each item, from the upper end of the highest."""

    @property
    def height(self) -> float:
        """From the upper end of the highest item to the lower end of the lowest."""
        return max(y + self.reach(item) for item, y in self.y.items())

    @property
    def waypoints(self) -> list[Item]:
        """What edges pass on their way, each once."""
        return [item for column in self.columns for item in column if not item.is_node]

    def reach(self, item: Item) -> float:
        """From the middle of an item to its ends."""
        return self.node_height / 2 if item.is_node else 0.0


@dataclass(frozen=True)
class Stage:
    """Nodes that stand below each other, and the part of a layer that they belong to."""

    column: Column
    nodes: tuple[DiagramNode, ...]


def stages(diagram: Diagram) -> list[Stage]:
    """All drawn nodes from left to right.

    Functions of tokens or of positions stand to the right of these, within the embedding.
    """
    found: list[Stage] = []
    for column in diagram.columns:
        first = tuple(n for n in column.nodes if column.place != "embedding" or not n.reads)
        second = tuple(node for node in column.nodes if node not in first)
        found += [Stage(column, nodes) for nodes in (first, second) if nodes]
    return found


def lay_out(diagram: Diagram, node_height: float) -> Layout:
    """The layout of all drawn nodes; every node is `node_height` high."""
    layout = _routed([stage.nodes for stage in stages(diagram)], node_height)
    _order(layout)
    _place(layout)
    return layout


def _routed(columns: Sequence[Sequence[DiagramNode]], node_height: float) -> Layout:
    """All items in the order of the program, and the edges between neighbouring columns."""
    nodes = [node for column in columns for node in column]
    items = {n.name: Item(n.name, column=i) for i, column in enumerate(columns) for n in column}
    edges = dict.fromkeys(  # each once, in order
        piece
        for node in nodes
        for read in node.reads
        if read.name in items  # it may be a constant
        for piece in _pieces(items[read.name], items[node.name], FLOWS[read.role])
    )
    layout = Layout([[] for _ in columns], list(edges), node_height)
    for item in (*items.values(), *dict.fromkeys(edge.stop for edge in edges)):
        if item not in layout.columns[item.column]:
            layout.columns[item.column].append(item)
    return layout


def _pieces(start: Item, stop: Item, flow: Flow) -> Iterator[Edge]:
    """An edge from column to column, by the waypoints of its source."""
    between = range(start.column + 1, stop.column)
    way = [start, *(Item(start.source, flow, column) for column in between), stop]
    return (Edge(a, b, flow) for a, b in pairwise(way))


# --- order --------------------------------------------------------------------------------------


def _order(layout: Layout) -> None:
    """Sorts each column by its neighbours, back and forth, and keeps the fewest crossings."""
    before, after = _neighbours(layout.edges)
    best, fewest = layout.columns, _crossings(layout)
    for _ in range(SWEEPS):
        for neighbours, step in ((before, 1), (after, -1)):
            layout.columns = list(layout.columns)
            for i in range(len(layout.columns))[::step]:
                layout.columns[i] = _sorted(i, neighbours, layout)
            crossings = _crossings(layout)
            if crossings < fewest:
                best, fewest = layout.columns, crossings
    layout.columns = best


def _sorted(index: int, neighbours: Neighbours, layout: Layout) -> list[Item]:
    """A column by the mean rank of its neighbours, from 0 to 1; what has none keeps its rank."""
    rank = {item: i / len(c) for c in layout.columns for i, item in enumerate(c)}
    return sorted(
        layout.columns[index],
        key=lambda item: fmean(rank[n] for n in neighbours.get(item, [item])),
    )


def _neighbours(edges: Iterable[Edge]) -> tuple[Neighbours, Neighbours]:
    """For each item, those of the column before that it is made of, and those after it."""
    before: dict[Item, list[Item]] = {}
    after: dict[Item, list[Item]] = {}
    for edge in edges:
        before.setdefault(edge.stop, []).append(edge.start)
        after.setdefault(edge.start, []).append(edge.stop)
    return before, after


def _crossings(layout: Layout) -> int:
    rank = {item: i for column in layout.columns for i, item in enumerate(column)}
    between: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for edge in layout.edges:
        between[edge.stop.column].append((rank[edge.start], rank[edge.stop]))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for pairs in between.values()
        for i, a in enumerate(pairs)
        for b in pairs[:i]
    )


# --- heights ------------------------------------------------------------------------------------


def _place(layout: Layout) -> None:
    """Moves every item towards its neighbours as far as its column lets it."""
    before, after = _neighbours(layout.edges)
    offsets = [_offsets(column, layout) for column in layout.columns]
    for column, offset in zip(layout.columns, offsets, strict=True):
        middle = offset[-1] / 2
        layout.y |= {item: o - middle for item, o in zip(column, offset, strict=True)}
    columns = list(zip(layout.columns, offsets, strict=True))
    for _ in range(SWEEPS):
        for column, offset in columns:
            _settle(layout, column, offset, (before, after))
        for column, offset in reversed(columns):
            _settle(layout, column, offset, (after, before))
    top = min(y - layout.reach(item) for item, y in layout.y.items())
    layout.y = {item: y - top for item, y in layout.y.items()}


def _settle(
    layout: Layout,
    column: Sequence[Item],
    offsets: Sequence[float],
    sides: tuple[Neighbours, Neighbours],
) -> None:
    """Each item as near as it gets to its neighbours: those of the first side, where it has any."""
    wanted = []
    for item, offset in zip(column, offsets, strict=True):
        near = sides[0].get(item) or sides[1].get(item) or [item]
        wanted.append(fmean(layout.y[n] for n in near) - offset)
    found = _ascending(wanted)
    layout.y |= {item: y + o for item, y, o in zip(column, found, offsets, strict=True)}


def _offsets(column: Sequence[Item], layout: Layout) -> list[float]:
    """Middles of a column's items packed tight, from 0."""
    offsets = [0.0]
    for upper, lower in pairwise(column):
        gap = NODE_GAP if upper.is_node or lower.is_node else LANE_GAP
        offsets.append(offsets[-1] + layout.reach(upper) + gap + layout.reach(lower))
    return offsets


def _ascending(wanted: Sequence[float]) -> list[float]:
    """The ascending numbers nearest to the wanted ones (least squares): neighbours are pooled."""
    pools: list[tuple[float, int]] = []  # mean and size
    for value in wanted:
        mean, size = value, 1
        while pools and pools[-1][0] > mean:
            last, count = pools.pop()
            mean, size = (last * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    return [mean for mean, size in pools for _ in range(size)]

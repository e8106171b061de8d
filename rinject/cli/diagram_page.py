"""The measures of a picture of a diagram, in points, y downwards; texts are measured exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rinject.cli.diagram_layout import Flow, Item, Layout, Stage, lay_out, stages
from rinject.cli.diagram_words import column_head, counted, one_line, totals
from rinject.pictures import Font

if TYPE_CHECKING:
    from rinject.compiler.diagram import Diagram, DiagramNode

NODE_HEIGHT = 32.0
NODE_PADDING = 15.0
COLUMN_GAP = 58.0
STEEP = 0.12  # what a gap gains for each point that an edge rises in it
BAND_PADDING = 14.0
MARGIN = 18.0
TITLE = 44.0
HEAD = 44.0  # of a band, for what its columns are
LEGEND = 34.0
SWATCH = (22.0, 11.0)
SWATCH_GAP = 6.0
ENTRY_GAP = 18.0
LONGEST_NAME = 26
LONGEST_TITLE = 60

Look = Literal["embedding", "attention", "mlp", "pair"]
LOOKS: dict[Look, str] = {
    "embedding": "embedding",
    "attention": "attention head",
    "mlp": "MLP",
    "pair": "pair, made by the compiler",
}
FLOWS: dict[Flow, str] = {
    "pattern": "keys and queries",
    "values": "values",
    "argument": "arguments",
}

TITLE_FONT, BAND_FONT = Font(14, "bold"), Font(10, "bold")
NAME_FONT, OUTPUT_FONT, SMALL_FONT = Font(9.5), Font(9.5, "bold"), Font(8)


@dataclass(frozen=True)
class Mark:
    """What was measured of a node, shown in the place of its size."""

    line: str
    """Below its name."""
    colour: str
    """Inside."""
    is_outlined: bool = False
    """Whether it stands out."""


@dataclass(frozen=True)
class Caption:
    """What stands above a picture."""

    title: str
    line: str

    @property
    def width(self) -> float:
        """Of the longer of both."""
        return max(TITLE_FONT.width(self.title), SMALL_FONT.width(self.line))


@dataclass(frozen=True)
class Page:
    """Where everything goes."""

    diagram: Diagram
    caption: Caption
    stages: list[Stage]
    layout: Layout
    widths: list[float]
    """Of the nodes of each stage."""
    lefts: list[float]
    top: float
    """Upper end of the highest item."""
    floor: float
    """Lower end of the bands."""
    width: float
    height: float
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """What was measured, by the names of the nodes."""

    def y(self, item: Item) -> float:
        """Middle of an item."""
        return self.top + self.layout.y[item]

    def right(self, stage: int) -> float:
        """Right end of the nodes of a stage."""
        return self.lefts[stage] + self.widths[stage]


# --- measures -----------------------------------------------------------------------------------


def page_of(
    diagram: Diagram, caption: Caption | None = None, marks: Mapping[str, Mark] | None = None
) -> Page:
    """The measures of a picture of the diagram, by default with its name and size above it."""
    caption, marks = caption or Caption(title(diagram), totals(diagram)), marks or {}
    columns, layout = stages(diagram), lay_out(diagram, NODE_HEIGHT)
    widths = [_stage_width(stage, diagram.output, marks) for stage in columns]
    lefts = _lefts(widths, layout)
    content = lefts[-1] + widths[-1] + BAND_PADDING
    least = max(
        caption.width,
        sum(entry.width for entry in legend(diagram, layout)) - ENTRY_GAP,
    )
    shift = MARGIN + max(least - content, 0) / 2
    top = MARGIN + TITLE + HEAD
    floor = top + layout.height + BAND_PADDING
    return Page(
        diagram=diagram,
        caption=caption,
        stages=columns,
        layout=layout,
        widths=widths,
        lefts=[left + shift for left in lefts],
        top=top,
        floor=floor,
        width=max(content, least) + 2 * MARGIN,
        height=floor + LEGEND + MARGIN,
        marks=marks,
    )


def _stage_width(stage: Stage, output: str, marks: Mapping[str, Mark]) -> float:
    layer, part = column_head(stage.column)
    heads = BAND_FONT.width(layer), SMALL_FONT.width(part)
    nodes = (_node_width(node, output, marks.get(node.name)) for node in stage.nodes)
    return max(*heads, *nodes)


def _node_width(node: DiagramNode, output: str, mark: Mark | None) -> float:
    name = font_of(node, output).width(label(node))
    return max(name, SMALL_FONT.width(second_line(node, mark))) + 2 * NODE_PADDING


def _lefts(widths: list[float], layout: Layout) -> list[float]:
    """Left ends of the stages: the steeper the edges between two, the further they are apart."""
    lefts = [BAND_PADDING]
    for stage, width in enumerate(widths[:-1]):
        rises = [
            abs(layout.y[edge.stop] - layout.y[edge.start])
            for edge in layout.edges
            if edge.start.column == stage
        ]
        lefts.append(lefts[-1] + width + COLUMN_GAP + STEEP * max(rises, default=0))
    return lefts


# --- texts --------------------------------------------------------------------------------------


def title(diagram: Diagram) -> str:
    """What stands above the picture."""
    return elided(one_line(diagram.name), LONGEST_TITLE)


def label(node: DiagramNode) -> str:
    """The name in a node."""
    return "pair" if node.is_pair else elided(one_line(node.name), LONGEST_NAME)


def second_line(node: DiagramNode, mark: Mark | None) -> str:
    """The line below the name in a node: its size, or what was measured."""
    if mark is not None:
        return mark.line
    kind = f"{node.kind}, " if node.place == "attention" else ""
    return kind + counted(node.values, "value")


def font_of(node: DiagramNode, output: str) -> Font:
    """Of the name in a node."""
    return OUTPUT_FONT if node.name == output else NAME_FONT


def elided(text: str, longest: int) -> str:
    """A text without its middle, where it is too long: what differs is mostly at the ends."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"


def look_of(node: DiagramNode) -> Look:
    """Which shape and colours a node has."""
    return "pair" if node.is_pair else node.place


# --- legend -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """What a shape or a line means."""

    label: str
    look: Look | None = None
    flow: Flow | None = None
    is_output: bool = False

    @property
    def width(self) -> float:
        """With the gap to the next."""
        return SWATCH[0] + SWATCH_GAP + SMALL_FONT.width(self.label) + ENTRY_GAP


def legend(diagram: Diagram, layout: Layout) -> list[Entry]:
    """One entry for each shape and line that there is, and one for the output."""
    looks = {look_of(node) for node in diagram.drawn}
    flows = {edge.flow for edge in layout.edges}
    output = next(look_of(node) for node in diagram.drawn if node.name == diagram.output)
    return [
        *(Entry(label, look=look) for look, label in LOOKS.items() if look in looks),
        Entry("output", look=output, is_output=True),
        *(Entry(label, flow=flow) for flow, label in FLOWS.items() if flow in flows),
    ]

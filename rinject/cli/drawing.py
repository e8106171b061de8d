"""A program's diagram as text for a terminal, and as a picture in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rinject.cli.diagram_words import column_head, counted, one_line, totals
from rinject.errors import InputError
from rinject.placing import check_file_target

if TYPE_CHECKING:
    from rinject.compiler.diagram import Column, Diagram, DiagramNode

FORMATS = (".svg", ".png", ".pdf")
STYLES = {"embedding": "green", "attention": "yellow", "mlp": "cyan"}
HIDDEN = "bright_black"
GAP = 2  # blanks between two columns
READS_WIDTH = 26  # from here on, what a variable reads takes more lines
NARROW = 60  # with fewer cells, tables are too cramped
INDENT = (0, 0, 0, 2)
KEY = Text("Each variable with its number of values, and below it what it is made of.", "dim")


# --- the file -----------------------------------------------------------------------------------


def check_picture(path: Path) -> None:
    """Raises InputError where no picture can be written: by the ending, or by the place."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"{path} does not end like a picture",
            hint=f"the formats are {', '.join(FORMATS)}",
        )
    check_file_target(path)


def save_drawing(diagram: Diagram, path: str | Path) -> None:
    """Draws a diagram into a file, SVG, PNG or PDF by its ending; it is there whole or not at all.

    Raises InputError as :func:`check_picture` does.
    """
    path = Path(path)
    check_picture(path)
    from rinject.cli.diagram_figure import figure_of  # imports matplotlib
    from rinject.pictures import save_picture

    save_picture(path, lambda: figure_of(diagram))


# --- text ---------------------------------------------------------------------------------------


def diagram_text(diagram: Diagram, width: int) -> RenderableType:
    """A diagram for a terminal `width` cells wide.

    The columns stand side by side where there is room for all, else one layer below the other.
    """
    title = Text(one_line(diagram.name), style="bold")
    columns = diagram.columns
    widths = [_width(column) for column in columns]
    body: list[RenderableType]
    if sum(widths) + GAP * (len(widths) - 1) <= width:
        body = [_side_by_side(diagram, columns, widths), Text(), KEY]
    elif width >= NARROW:
        body = _tables(diagram, width)
    else:
        body = [*_lists(diagram), KEY]
    return Group(title, Text(), *body, *_constants(diagram), Text(totals(diagram)))


def _constants(diagram: Diagram) -> Iterator[Text]:
    names = ", ".join(one_line(node.name) for node in diagram.constants)
    if names:
        yield Text(f"constants, not drawn: {names}", style="dim")


def _style(node: DiagramNode, output: str) -> str:
    style = HIDDEN if node.is_pair else STYLES[node.place]
    return f"bold {style} underline" if node.name == output else style


def _kind(node: DiagramNode) -> str:
    """How a variable is computed; no word for a part of the embedding, whose name says it."""
    if node.is_pair:
        return "pair"
    return {"mlp": "MLP", "embedding": ""}.get(node.kind, node.kind)


def _reads(node: DiagramNode) -> list[str]:
    """What a variable is computed from; of a head, with what it is for."""
    if node.place != "attention":
        return [one_line(read.name) for read in node.reads]
    roles: dict[str, list[str]] = {}
    for read in node.reads:
        roles.setdefault(one_line(read.name), []).append(read.role)
    return [f"{' and '.join(what)} {name}" for name, what in roles.items()]


# --- columns side by side -----------------------------------------------------------------------


def _side_by_side(diagram: Diagram, columns: Sequence[Column], widths: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for column, width in zip(columns, widths, strict=True):
        head = Text("\n").join(Text(line) for line in column_head(column))
        table.add_column(head, width=width, overflow="fold")
    cells = (
        Text("\n\n").join(_entry(node, diagram.output) for node in column.nodes)
        for column in columns
    )
    table.add_row(*cells)
    return table


def _entry(node: DiagramNode, output: str) -> Text:
    """Name and number of values, and below what the variable is made of."""
    name = Text(one_line(node.name), style=_style(node, output))
    return Text("\n").join([name + Text(f" {node.values:,}", "not underline"), *_made_of(node)])


def _made_of(node: DiagramNode) -> list[Text]:
    """In one line, or if that is long, in one for each variable that is read."""
    kind = _kind(node) if node.place == "attention" or node.is_pair else ""
    together = ": ".join(part for part in (kind, ", ".join(_reads(node))) if part)
    lines = [together] if cell_len(together) <= READS_WIDTH else [kind, *_reads(node)]
    return [Text(f"  {line}", style="dim") for line in lines if line]


def _width(column: Column) -> int:
    """What a column takes without breaking a line."""
    lines = [line for node in column.nodes for line in _entry(node, "").plain.splitlines()]
    return max(map(cell_len, (*column_head(column), *lines)))


# --- one layer below the other ------------------------------------------------------------------


def _tables(diagram: Diagram, width: int) -> list[RenderableType]:
    """One table for each layer, all of one shape."""
    longest = max(cell_len(one_line(node.name)) for node in diagram.drawn)
    parts: list[RenderableType] = []
    for layer, nodes in _layers(diagram):
        table = Table(box=None, show_header=layer == 0, header_style="dim", pad_edge=False)
        table.add_column(width=len("aggregate"))
        table.add_column("variable", width=max(min(longest, width // 3), 8), overflow="fold")
        table.add_column("values", width=6, justify="right")
        table.add_column("reads", overflow="fold")
        for node in nodes:
            name = Text(one_line(node.name), style=_style(node, diagram.output))
            reads = Text(", ".join(_reads(node)), "dim")
            table.add_row(Text(_kind(node), "dim"), name, f"{node.values:,}", reads)
        parts += [_layer_line(layer, nodes), Padding(table, INDENT, expand=False), Text()]
    return parts


def _lists(diagram: Diagram) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for layer, nodes in _layers(diagram):
        entries = Group(*(_entry(node, diagram.output) for node in nodes))
        parts += [_layer_line(layer, nodes), Padding(entries, INDENT, expand=False), Text()]
    return parts


def _layers(diagram: Diagram) -> Iterator[tuple[int, list[DiagramNode]]]:
    for layer, columns in groupby(diagram.columns, key=lambda column: column.layer):
        yield layer, [node for column in columns for node in column.nodes]


def _layer_line(layer: int, nodes: Sequence[DiagramNode]) -> Text:
    """What a layer does, in short."""
    if layer == 0:
        return Text("embedding", style="bold")
    heads = sum(node.place == "attention" for node in nodes)
    numbers = sum(node.is_number for node in nodes)
    computed = sum(node.place == "mlp" for node in nodes)
    work = [f"decodes {counted(numbers, 'number')}"] if numbers else []
    work += [f"computes {counted(computed, 'variable')}"] if computed else []
    parts = [counted(heads, "head")] if heads else []
    parts += [f"MLP {' and '.join(work)}"] if work else []
    return Text(f"layer {layer}", style="bold") + Text(f": {', '.join(parts)}", style="not bold")

"""Heat maps of a compiled model: its residual stream on an input, and its weights, by variable.

Everything is drawn on one pair of axes whose unit is one point, y downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rinject.circuit.heat_map_panels import (
    Axis,
    Card,
    Group,
    Panel,
    Section,
    StreamPanels,
    stream_panels,
    weight_sections,
)
from rinject.circuit.model import CompiledModel
from rinject.pictures import FAINT, LINE, SIGNED, Font, save_picture, write, write_turned

PAGE = 900.0  # points that a row of panels may take
MARGIN = 18.0
GAP = 16.0  # between two panels
CARD_GAP = 26.0
LABEL_GAP = 3.0
CAPTION = 12.0
SECTION_GAP = 26.0
HEAD = 30.0  # above a part
CARD_HEAD = 20.0  # above a section
LONGEST_NAME = 30

TITLE_FONT, SECTION_FONT, CARD_FONT = Font(14, "bold"), Font(11, "bold"), Font(8, "bold")
NAME_FONT, OUTPUT_FONT, SMALL_FONT, VALUE_FONT = Font(7), Font(7, "bold"), Font(7), Font(5)


def save_heat_maps(
    model: CompiledModel, path: str | Path, tokens: Sequence[Any] | None = None
) -> None:
    """Draws into a file of a format that matplotlib knows by its ending; the same bytes every time.

    `tokens` is the input on which the residual stream is shown. Raises InputError where it is none.
    """
    save_picture(path, lambda: figure_of(model, tokens))


def figure_of(model: CompiledModel, tokens: Sequence[Any] | None = None) -> Figure:
    """The picture: a title, the residual stream, then the weights of the embeddings and layers."""
    output = model.graph.output
    sections = [_Section(s, output) for s in weight_sections(model) if s.cards]
    shelves = _shelves(sections, PAGE, SECTION_GAP)
    blocks: list[_Block] = [_Title(model), _Stream(stream_panels(model, tokens), output)]
    blocks += [_Heading("weights", _WEIGHTS_NOTE), *map(_Shelf, shelves)]
    width = max(block.width for block in blocks) + 2 * MARGIN
    height = sum(block.height for block in blocks) + 2 * MARGIN
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), frameon=False)
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    y = MARGIN
    for block in blocks:
        block.draw(axes, y)
        y += block.height
    return figure


# --- what stands below one another --------------------------------------------------------------


class _Title:
    """The program, and how to read the colours."""

    height = 46.0

    def __init__(self, model: CompiledModel) -> None:
        self._name = _short(model.program.name if model.program else model.graph.output, 60)
        self._totals = (
            f"{model.num_layers} layer{'s' * (model.num_layers != 1)},"
            f" residual width {model.residual_width:,},"
            f" {model.parameters:,} parameters"
        )
        self.width = max(TITLE_FONT.width(self._name), SMALL_FONT.width(self._totals), 520.0)

    def draw(self, axes: Axes, y: float) -> None:
        write(axes, MARGIN, y + 7, self._name, TITLE_FONT)
        write(axes, MARGIN, y + 24, self._totals, SMALL_FONT, FAINT)
        x = MARGIN + max(TITLE_FONT.width(self._name), SMALL_FONT.width(self._totals)) + 40
        shades = np.linspace(-1, 1, 101)[None]
        _paint(axes, np.linspace(x, x + 110, 102), np.array([y + 2, y + 10]), shades, 1.0)
        axes.add_patch(Rectangle((x, y + 2), 110, 8, fill=False, ec=LINE, lw=0.5))
        for place, text in ((0, "-s"), (55, "0"), (110, "s")):
            write(axes, x + place, y + 16, text, VALUE_FONT, FAINT, "center")
        write(
            axes,
            x,
            y + 24,
            "s is the largest number of the variables of a map; what is beyond it is cut off",
            SMALL_FONT,
            FAINT,
        )


class _Stream:
    """The residual stream at the embedding and after each layer, side by side."""

    def __init__(self, stream: StreamPanels, output: str) -> None:
        self._panels, self._output = stream.panels, output
        self._scale = max(p.scale for p in stream.panels)
        first = stream.panels[0]
        self._left = _label_room(first.rows, output)
        self._below = _column_room(first.columns, output)
        each = max(first.columns.length, *(CARD_FONT.width(p.title) for p in stream.panels)) + GAP
        self._each = each
        rows = -(-len(self._panels) // max(1, int((PAGE + GAP - self._left) // each)))
        self._per_row = -(-len(self._panels) // rows)
        self._row_height = CAPTION + first.rows.length + self._below + GAP
        self.width = self._left + each * min(len(self._panels), self._per_row) - GAP
        self.height = HEAD + rows * self._row_height

    def draw(self, axes: Axes, y: float) -> None:
        note = f"dimensions by positions, ±{_number(self._scale)}"
        _Heading("residual stream", note).draw(axes, y)
        y += HEAD
        for index, panel in enumerate(self._panels):
            row, column = divmod(index, self._per_row)
            x = MARGIN + self._left + column * self._each
            top = y + row * self._row_height + CAPTION
            write(axes, x, top - 6, panel.title, CARD_FONT)
            _map(axes, panel, x, top, self._scale)
            if column == 0:
                _row_labels(axes, panel.rows, x, top, self._output)
            _column_labels(axes, panel.columns, x, top + panel.rows.length, self._output)


class _Heading:
    """The name of a part, and how to read it."""

    height = HEAD

    def __init__(self, title: str, note: str) -> None:
        self._title, self._note = title, note
        self.width = SECTION_FONT.width(title) + 10 + SMALL_FONT.width(note)

    def draw(self, axes: Axes, y: float) -> None:
        write(axes, MARGIN, y + 12, self._title, SECTION_FONT)
        x = MARGIN + SECTION_FONT.width(self._title) + 10
        write(axes, x, y + 13, self._note, SMALL_FONT, FAINT)


class _Shelf:
    """Sections side by side."""

    def __init__(self, sections: Sequence[_Section]) -> None:
        self._sections = sections
        self.width = _taken(sections, SECTION_GAP)
        self.height = max(section.height for section in sections) + SECTION_GAP

    def draw(self, axes: Axes, y: float) -> None:
        x = MARGIN
        for section in self._sections:
            section.draw(axes, x, y)
            x += section.width + SECTION_GAP


class _Section:
    """The embeddings or a layer: heads in a grid, and what else there is to the right of it."""

    def __init__(self, section: Section, output: str) -> None:
        self._title = section.title
        cards = [_PlacedCard(card, output) for card in section.cards]
        tall = [card for card in cards if card.is_stacked]
        self._tall = tall[0] if tall else None
        self._rows = self._grid([card for card in cards if not card.is_stacked])
        self._left = max((_taken(row, CARD_GAP) for row in self._rows), default=-CARD_GAP)
        right = self._tall.width + CARD_GAP if self._tall else 0.0
        self.width = max(self._left + right, SECTION_FONT.width(self._title))
        inside = max(_stacked(self._rows), self._tall.height if self._tall else 0.0)
        self.height = CARD_HEAD + inside

    def _grid(self, cards: list[_PlacedCard]) -> list[list[_PlacedCard]]:
        """The narrowest grid that is not higher than what stands beside it; else the widest."""
        right = self._tall.width + CARD_GAP if self._tall else 0.0
        high = self._tall.height if self._tall else 0.0
        widest = max((card.width for card in cards), default=0.0)
        grids = (
            _shelves(cards, columns * (widest + CARD_GAP), CARD_GAP)
            for columns in range(1, len(cards) + 1)
            if columns == 1 or columns * (widest + CARD_GAP) + right <= PAGE
        )
        found: list[list[_PlacedCard]] = []
        for found in grids:
            if _stacked(found) <= high:
                break
        return found

    def draw(self, axes: Axes, x: float, y: float) -> None:
        write(axes, x, y + 6, self._title, SECTION_FONT)
        y += CARD_HEAD
        if self._tall:
            self._tall.draw(axes, x + self._left + CARD_GAP, y)
        for row in self._rows:
            at = x
            for card in row:
                card.draw(axes, at, y)
                at += card.width + CARD_GAP
            y += max(card.height for card in row) + GAP


def _stacked(rows: Sequence[Sequence[_PlacedCard]]) -> float:
    return sum(max(card.height for card in row) + GAP for row in rows)


class _Wide(Protocol):
    width: float


_Sized = TypeVar("_Sized", bound=_Wide)


def _shelves(items: Sequence[_Sized], width: float, gap: float) -> list[list[_Sized]]:
    """In order, as many in a row as fit."""
    rows: list[list[_Sized]] = []
    for item in items:
        if rows and _taken([*rows[-1], item], gap) <= width:
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _taken(row: Sequence[_Wide], gap: float) -> float:
    return sum(item.width for item in row) + gap * (len(row) - 1)


_WEIGHTS_NOTE = (
    "Q·Kᵀ: queries by keys. V·O: what is read by what is written. MLP: what its hidden units read,"
    " and write."
)
_Block = _Title | _Stream | _Heading | _Shelf


class _PlacedCard:
    """A card with its measures."""

    def __init__(self, card: Card, output: str) -> None:
        self._card, self._output = card, output
        self.is_stacked = card.is_stacked
        self._left = [_label_room(p.rows, output) for p in card.panels]
        self._below = [_column_room(p.columns, output) for p in card.panels]
        sizes = [(p.columns.length, p.rows.length) for p in card.panels]
        if card.is_stacked:
            self._left = [max(self._left)] * len(sizes)
            self._below[:-1] = [0.0] * (len(sizes) - 1)
            body = self._left[0] + max(w for w, _ in sizes)
            heights = [CAPTION + h + b for (_, h), b in zip(sizes, self._below, strict=True)]
            tall = sum(heights) + LABEL_GAP * (len(heights) - 1)
        else:
            body = sum(w for w, _ in sizes) + sum(self._left) + GAP * (len(sizes) - 1)
            tall = max(CAPTION + h + b for (_, h), b in zip(sizes, self._below, strict=True))
        self.width = max(body, CARD_FONT.width(card.title))
        self._lines = list(_wrapped(card.subtitle, self.width))
        self._head = 12.0 + 9.0 * len(self._lines)
        self.height = self._head + tall

    def draw(self, axes: Axes, x: float, y: float) -> None:
        card = self._card
        write(axes, x, y + 5, card.title, CARD_FONT)
        for index, line in enumerate(self._lines):
            write(axes, x, y + 15 + 9 * index, line, SMALL_FONT, FAINT)
        y += self._head
        for panel, left, below in zip(card.panels, self._left, self._below, strict=True):
            self._draw_panel(axes, panel, x + left, y + CAPTION, is_labelled=below > 0)
            if card.is_stacked:
                y += CAPTION + panel.rows.length + below + LABEL_GAP
            else:
                x += left + panel.columns.length + GAP

    def _draw_panel(
        self, axes: Axes, panel: Panel, x: float, y: float, *, is_labelled: bool
    ) -> None:
        caption = f"{panel.title} ±{_number(panel.scale)}".strip()
        write(axes, x, y - 6, caption, SMALL_FONT, FAINT)
        _map(axes, panel, x, y, panel.scale)
        _row_labels(axes, panel.rows, x, y, self._output)
        if is_labelled:
            _column_labels(axes, panel.columns, x, y + panel.rows.length, self._output)


# --- a heat map and its labels ------------------------------------------------------------------


def _map(axes: Axes, panel: Panel, x: float, y: float, scale: float) -> None:
    width, height = panel.columns.length, panel.rows.length
    _paint(axes, x + panel.columns.edges, y + panel.rows.edges, panel.cells, scale)
    lines = [[(x, y + at), (x + width, y + at)] for at in panel.rows.starts[1:-1]]
    if any(group.size > 1 for group in panel.columns.groups):
        lines += [[(x + at, y), (x + at, y + height)] for at in panel.columns.starts[1:-1]]
    axes.add_collection(LineCollection(lines, colors=LINE, linewidths=0.4, zorder=2))
    axes.add_patch(Rectangle((x, y), width, height, fill=False, ec=FAINT, lw=0.6, zorder=3))


def _paint(axes: Axes, x: np.ndarray, y: np.ndarray, cells: np.ndarray, scale: float) -> None:
    axes.pcolormesh(*(x, y, cells), cmap=SIGNED, vmin=-scale, vmax=scale, rasterized=True, zorder=1)


def _row_labels(axes: Axes, axis: Axis, x: float, y: float, output: str) -> None:
    """To the left: the names, and next to the map the values."""
    room = _value_room(axis)
    for group, start, length in zip(axis.groups, axis.starts, axis.lengths, strict=False):
        middle = y + start + length / 2
        write(
            *(axes, x - room - LABEL_GAP, middle, _short(group.label), _font(group, output)),
            align="right",
        )
        for at, text in _value_labels(group, length):
            write(axes, x - 2, y + start + at, text, VALUE_FONT, FAINT, "right")


def _column_labels(axes: Axes, axis: Axis, x: float, y: float, output: str) -> None:
    """Below: the values, and under them the names, both turned unless all are short."""
    room = _value_room(axis)
    is_turned = _is_turned(axis)
    for group, start, length in zip(axis.groups, axis.starts, axis.lengths, strict=False):
        middle, top = x + start + length / 2, y + room + LABEL_GAP
        name, font = _short(group.label), _font(group, output)
        if is_turned:
            write_turned(axes, middle, top, name, font)
        else:
            write(axes, middle, top + 4, name, font, align="center")
        for at, text in _value_labels(group, length):
            write_turned(axes, x + start + at, y + 2, text, VALUE_FONT, FAINT)


def _font(group: Group, output: str) -> Font:
    return OUTPUT_FONT if group.label == output else NAME_FONT


def _value_labels(group: Group, length: float) -> Iterator[tuple[float, str]]:
    """What is written beside the cells of a group, and where: all values, or the ends."""
    if group.size < 2 or not group.values:
        return
    each = length / group.size
    if each >= VALUE_FONT.size:
        yield from ((each * (i + 0.5), text) for i, text in enumerate(group.values))
    elif length >= 2 * VALUE_FONT.size:
        half = VALUE_FONT.size / 2
        yield max(each / 2, half), group.values[0]
        yield length - max(each / 2, half), group.values[-1]


def _value_room(axis: Axis) -> float:
    """What the longest value takes."""
    texts = (
        text
        for group, length in zip(axis.groups, axis.lengths, strict=True)
        for _, text in _value_labels(group, length)
    )
    return max((VALUE_FONT.width(text) + 2 for text in texts), default=0.0)


def _label_room(axis: Axis, output: str) -> float:
    """What the labels of rows take."""
    names = max((_font(g, output).width(_short(g.label)) for g in axis.groups), default=0.0)
    return names + _value_room(axis) + LABEL_GAP


def _column_room(axis: Axis, output: str) -> float:
    """What the labels of columns take, downwards."""
    if not _is_turned(axis):
        return _value_room(axis) + LABEL_GAP + 9.0
    return _label_room(axis, output) + LABEL_GAP


def _is_turned(axis: Axis) -> bool:
    return any(
        NAME_FONT.width(_short(group.label)) > length - 1
        for group, length in zip(axis.groups, axis.lengths, strict=True)
    )


# --- text ---------------------------------------------------------------------------------------


def _short(name: str, longest: int = LONGEST_NAME) -> str:
    """In one line, without its middle if it is long."""
    name = " ".join(name.split())
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def _wrapped(text: str, width: float) -> Iterator[str]:
    """Lines that fit, three at most."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and SMALL_FONT.width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > 3:
        lines = [*lines[:2], lines[2] + " …"]
    return (line for line in lines if line)


def _number(value: float) -> str:
    return f"{value:.3g}"

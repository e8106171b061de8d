"""The picture of a decoded prompt: variables by tokens, and below the stream, raw and projected.

All stand on one axis of tokens: figures 6, 4 and 5 of arXiv 2505.10719. Lengths are in points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rinject.cli.blocks import visible
from rinject.cli.decode_words import difference, word
from rinject.evaluate.decode import Cell, DecodeTable, VariableRow, table_of
from rinject.evaluate.decode_reading import Reading, Token
from rinject.evaluate.decode_scores import heat_scale, projected_stream
from rinject.inject.bundle import Bundle
from rinject.inject.projection import VariableSlice
from rinject.pictures import FAINT, INK, LINE, SIGNED, save_picture

POINTS = 72.0  # of an inch
MARGIN, TITLE, CAPTION, GAP = 16.0, 40.0, 16.0, 14.0
BAR, BAR_GAP, BAR_ROOM = 8.0, 10.0, 46.0  # of the colours
ROW = 15.0  # of the table
NARROWEST, WIDEST = 19.0, 70.0  # columns
LETTER = 4.5  # mean width of one, at the size of cells and labels
RAW = 170.0
VALUE, LEAST, PROJECTED = 1.8, 9.0, 300.0  # heights of a value, of a variable, and of many
LONGEST_NAME, LONGEST_TOKEN = 26, 12
TITLE_LETTER = 6.6

RIGHT, WRONG = ("#e3f3e8", "#155f38"), ("#fbdce0", "#9c1527")  # ground and text
NOTHING, UNREAD = ("#f6f7f9", "#7a8392"), ("#edf2fc", "#234a8c")


def save_decoded(
    bundle: Bundle, reading: Reading, layer: int, path: Path, *, show_all: bool = False
) -> None:
    """Draws one prompt at one compiled layer into a file of a format that matplotlib knows.

    Without `show_all`, the table leaves out what never changes.
    """
    save_picture(path, lambda: decode_figure(bundle, reading, layer, show_all))


def decode_figure(bundle: Bundle, reading: Reading, layer: int, show_all: bool = False) -> Figure:
    """The table above the two heat maps; see :func:`save_decoded`."""
    table = table_of(bundle, reading, layer)
    rows = tuple(row for row in table.rows if show_all or not row.is_constant)
    slices = tuple(one for one in bundle.projection.slices if one.layer <= layer and one.size)
    sheet = _Sheet(table, rows, slices)
    _draw_title(sheet)
    _draw_table(sheet)
    raw = reading.streams[layer].numpy().T  # [D, T]
    caption = f"The student's residual stream {table.student_layer}: {len(raw)} dimensions"
    axes = sheet.axes("raw", caption)
    sheet.add_bar("raw", _paint(axes, raw, np.linspace(0, RAW, len(raw) + 1)))
    _draw_projected(sheet, projected_stream(bundle, reading, layer).numpy().T)
    return sheet.figure


@dataclass(frozen=True)
class _Sheet:
    """Where everything goes."""

    table: DecodeTable
    rows: tuple[VariableRow, ...]
    slices: tuple[VariableSlice, ...]

    @cached_property
    def column(self) -> float:
        """Width of a token."""
        cells = [cell for row in self.rows for cell in _along(row, self.table)]
        longest = max((len(_text(*cell)) for cell in cells), default=0)
        return min(max(longest * LETTER + 5, NARROWEST), WIDEST)

    @cached_property
    def left(self) -> float:
        """Room for the names of variables."""
        names: list[VariableRow | VariableSlice] = [*self.rows, *self.slices]
        return MARGIN + max(len(_short(one.name, LONGEST_NAME)) for one in names) * LETTER + 8

    @cached_property
    def token_room(self) -> float:
        """Height of the tokens' texts."""
        return max(len(name) for name in self.tokens) * LETTER + 8

    @cached_property
    def tokens(self) -> list[str]:
        """Their texts, as written."""
        return [_short(visible(token.text), LONGEST_TOKEN) for token in self.table.tokens]

    @cached_property
    def width(self) -> float:
        """Of all."""
        return self.left + self.body + BAR_GAP + BAR + BAR_ROOM + MARGIN

    @property
    def body(self) -> float:
        """Width of all tokens."""
        return self.column * len(self.table.tokens)

    @cached_property
    def edges(self) -> np.ndarray:
        """The upper ends of the variables where they are projected, and the end of the last."""
        values = sum(one.size for one in self.slices)
        each = min(VALUE, PROJECTED / values)
        heights = [max(one.size * each, LEAST) for one in self.slices]
        return np.concatenate([[0.0], np.cumsum(heights)])

    @cached_property
    def panels(self) -> dict[str, tuple[float, float]]:
        """Upper end and height of each panel."""
        heights = {"table": ROW * len(self.rows), "raw": RAW, "projected": float(self.edges[-1])}
        places, y = {}, MARGIN + TITLE + self.token_room
        for name, height in heights.items():
            places[name] = (y + CAPTION, height)
            y += CAPTION + height + (GAP if height else 0)
        return places

    @property
    def first(self) -> str:
        """The panel below the tokens."""
        return "table" if self.rows else "raw"

    @cached_property
    def height(self) -> float:
        """Of all."""
        top, height = self.panels["projected"]
        return top + height + self.token_room + MARGIN

    @cached_property
    def figure(self) -> Figure:
        """The empty sheet."""
        return Figure(figsize=(self.width / POINTS, self.height / POINTS), facecolor="white")

    def axes(self, panel: str, caption: str) -> Axes:
        """A panel, x in tokens and y in points, downwards."""
        top, height = self.panels[panel]
        axes = self._place(self.left, top, self.body, height)
        axes.set(xlim=(0, len(self.table.tokens)), ylim=(height, 0), xticks=[], yticks=[])
        above = top - 5 - (self.token_room if panel == self.first else 0)
        x, y = self.left / self.width, 1 - above / self.height
        self.figure.text(x, y, caption, size=8, color=INK, parse_math=False)
        for spine in axes.spines.values():
            spine.set(color=FAINT, linewidth=0.6)
        if self.table.is_followed:
            axes.axvline(self.table.prompt_tokens, color=INK, lw=0.9, ls=(0, (3, 2)))
        if panel == self.first:
            _draw_tokens(self, axes, top=True)
        return axes

    def add_bar(self, panel: str, mesh: QuadMesh) -> None:
        """What the colours of a panel mean."""
        top, height = self.panels[panel]
        axes = self._place(self.left + self.body + BAR_GAP, top, BAR, min(height, 120.0))
        bar = self.figure.colorbar(mesh, cax=axes, extend="both")
        bar.ax.tick_params(labelsize=6.5, colors=FAINT, length=2, width=0.5)
        bar.outline.set(edgecolor=FAINT, linewidth=0.5)

    def _place(self, x: float, y: float, width: float, height: float) -> Axes:
        bottom = self.height - y - height
        wide, high = self.width, self.height
        return self.figure.add_axes((x / wide, bottom / high, width / wide, height / high))


# --- the parts ------------------------------------------------------------------------------------


def _draw_title(sheet: _Sheet) -> None:
    table = sheet.table
    write = sheet.figure.text
    x, top = MARGIN / sheet.width, sheet.height - MARGIN
    room = int((sheet.width - 2 * MARGIN) / TITLE_LETTER)
    title = _short(" ".join(table.prompt.split()), room)
    write(
        x, top / sheet.height, title, size=11, weight="bold", color=INK, va="top", parse_math=False
    )
    answer, colour = f"answer: {_short(visible(table.answer.strip(' ')), room)}", INK
    if table.answer == table.true_answer:
        answer, colour = f"{answer}  (right)", RIGHT[1]
    elif table.true_answer is not None:
        answer, colour = f"{answer}  (wrong: {table.true_answer.strip()})", WRONG[1]
    y = (top - 18) / sheet.height
    write(x, y, answer, size=9.5, color=colour, va="top", parse_math=False)


def _draw_table(sheet: _Sheet) -> None:
    table, rows = sheet.table, sheet.rows
    left_out = len(table.rows) - len(rows)
    caption = f"Decoded at layer {table.layer}"
    if left_out:
        caption += f" ({left_out} of {len(table.rows)} variables never change and are left out)"
    if not rows:
        return
    axes = sheet.axes("table", caption)
    for place, row in enumerate(rows):
        for x, (cell, token) in enumerate(_along(row, table)):
            _draw_cell(axes, x, place * ROW, cell, token)
    _label_rows(axes, [(place + 0.5) * ROW for place in range(len(rows))], rows)


def _draw_cell(axes: Axes, x: int, y: float, cell: Cell, token: Token) -> None:
    ground, colour = _look(cell, token)
    axes.add_patch(Rectangle((x, y), 1, ROW, fc=ground, ec="white", lw=0.8))
    axes.text(
        *(x + 0.5, y + ROW / 2, _text(cell, token)),
        size=7,
        color=colour,
        weight="bold" if cell.is_right is False else "normal",
        style="normal" if token.is_read else "italic",
        ha="center",
        va="center_baseline",
        parse_math=False,
    )


def _draw_projected(sheet: _Sheet, projected: np.ndarray) -> None:
    """`projected` [W, T]."""
    members = [np.arange(one.start, one.stop) for one in sheet.slices]
    ends = zip(sheet.edges[:-1], sheet.edges[1:], sheet.slices, strict=True)
    starts = [np.linspace(start, stop, one.size, endpoint=False) for start, stop, one in ends]
    count = sum(one.size for one in sheet.slices)
    caption = f"The same stream, projected onto {count} values of {len(sheet.slices)} variables"
    axes = sheet.axes("projected", caption)
    y = np.concatenate([*starts, sheet.edges[-1:]])
    sheet.add_bar("projected", _paint(axes, projected[np.concatenate(members)], y))
    _label_rows(axes, (sheet.edges[:-1] + sheet.edges[1:]) / 2, sheet.slices)
    for edge in sheet.edges[1:-1]:
        axes.axhline(edge, color=LINE, lw=0.5)
    _draw_tokens(sheet, axes, top=False)


def _paint(axes: Axes, cells: np.ndarray, y: np.ndarray) -> QuadMesh:
    """`cells` [rows, T]; the few that are far out have the outermost colours."""
    scale = heat_scale(cells)
    x = np.arange(cells.shape[1] + 1)
    return axes.pcolormesh(
        *(x, y, cells), cmap=SIGNED, vmin=-scale, vmax=scale, rasterized=True, zorder=0.5
    )


# --- labels ---------------------------------------------------------------------------------------


def _label_rows(
    axes: Axes, places: Sequence[float] | np.ndarray, named: Sequence[VariableRow | VariableSlice]
) -> None:
    names = [_short(one.name, LONGEST_NAME) for one in named]
    axes.set_yticks(places, names, fontsize=7.5, color=INK, parse_math=False)
    axes.tick_params(axis="y", length=0, pad=4)


def _draw_tokens(sheet: _Sheet, axes: Axes, *, top: bool) -> None:
    places = [place + 0.5 for place in range(len(sheet.tokens))]
    axes.set_xticks(
        places,
        sheet.tokens,
        fontsize=7.5,
        rotation=90,
        family="monospace",
        color=INK,
        parse_math=False,
    )
    axes.tick_params(axis="x", length=0, pad=3)
    if top:
        axes.tick_params(axis="x", labeltop=True, labelbottom=False)
    answers = axes.get_xticklabels()[sheet.table.prompt_tokens :]
    for label in answers:
        label.set(weight="bold", color=UNREAD[1])


def _along(row: VariableRow, table: DecodeTable) -> Iterator[tuple[Cell, Token]]:
    return zip(row.cells, table.tokens, strict=True)


def _text(cell: Cell, token: Token) -> str:
    if not token.is_read:
        return word(cell.decoded)
    if cell.true is None:
        return "·"
    return word(cell.decoded) if cell.is_right else difference(cell)


def _look(cell: Cell, token: Token) -> tuple[str, str]:
    """Ground and text colour."""
    if not token.is_read:
        return UNREAD
    return {True: RIGHT, False: WRONG, None: NOTHING}[cell.is_right]


def _short(name: str, longest: int) -> str:
    """In one line, without its middle if it is long."""
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"

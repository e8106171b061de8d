"""Wide tables, cut into blocks of columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2  # between two columns: one blank of padding, one in place of a line
MARKS = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}


@dataclass(frozen=True)
class Cell:
    """A piece of text and its style."""

    text: str
    style: str = ""

    @property
    def rich(self) -> Text:
        """For rich, which would read ``[`` as markup in a string."""
        return Text(self.text, style=self.style)


Column = Sequence[Cell]  # its head, then one cell for each row


def visible(text: str) -> str:
    """A token's text with its blanks shown; a token that is part of a character reads as `�`."""
    return "".join(MARKS.get(character, character) for character in text)


def print_blocks(console: Console, labels: Column, columns: Sequence[Column]) -> None:
    """Prints the columns side by side behind the row labels, in as many blocks as it takes."""
    available = console.width - _width(labels) - GAP
    for block in _chunks(columns, available):
        table = Table(
            box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False
        )
        for column in (labels, *block):
            table.add_column(column[0].rich, no_wrap=True)
        for cells in zip(*(column[1:] for column in (labels, *block)), strict=True):
            table.add_row(*(cell.rich for cell in cells))
        console.print(table)
        console.print()


def _chunks(columns: Sequence[Column], available: int) -> Iterator[list[Column]]:
    """As many columns at a time as fit, at least one."""
    block: list[Column] = []
    used = 0
    for column in columns:
        width = _width(column) + GAP
        if block and used + width > available:
            yield block
            block, used = [], 0
        block.append(column)
        used += width
    if block:
        yield block


def _width(column: Column) -> int:
    return max(cell_len(cell.text) for cell in column)

"""Lines of formatted text, with comments behind them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rinject.lang.trivia import Comment, Place

INDENT = 4


@dataclass
class Row:
    """One line of output."""

    code: str = ""
    comment: str = ""
    """The comment behind the code, if any."""
    column: int = 0
    """Where its author put the comment."""


class Page:
    """The lines written so far."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    @property
    def column(self) -> int:
        """Where the next character goes."""
        return len(self._rows[-1].code)

    def write(self, text: str) -> None:
        self._rows[-1].code += text

    def new_line(self, indent: int) -> None:
        self._rows.append(Row(" " * indent))

    def blank_line(self) -> None:
        self._rows.append(Row())

    def comment(self, comment: Comment, indent: int) -> None:
        """Writes a comment where its place says, on a line of its own with this indent."""
        if comment.place is Place.ALONE:
            self._rows.append(Row(" " * indent + comment.text))
            return
        if comment.place is Place.BELOW:
            self._rows.append(Row())
        self._rows[-1].comment = comment.text
        self._rows[-1].column = comment.column

    def text(self) -> str:
        """All lines. Comments in one column on lines that follow each other stay in one column."""
        lines: list[str] = []
        for _, run in groupby(self._rows, key=lambda row: (bool(row.comment), row.column)):
            rows = list(run)
            column = max(len(row.code) for row in rows) + 2
            if len(rows) > 1:
                column = max(column, rows[0].column)
            lines += [
                row.code.ljust(column) + row.comment if row.comment else row.code for row in rows
            ]
        return "".join(line + "\n" for line in lines)

"""Places in a text, as the language counts them and as editors do.

A span of the language counts lines and characters from 1, and only a line feed ends a line. The
protocol counts from 0, in units that client and server agree on (UTF-16 unless both know better),
and a lone carriage return ends a line too. Offsets into the text, in characters, lie between them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from lsprotocol.types import Position, Range

from rinject.lang.diagnostics import Span

Units = Callable[[str], int]
"""How long the protocol finds a string."""
_OPAQUE = re.compile(
    r"""\#[^\n]*|(?P<quote>["'])(?:\\.|(?!(?P=quote))[^\\\n])*(?P<close>(?P=quote))?"""
)
_WORD = re.compile(r"\w+")


def utf16_units(text: str) -> int:
    """UTF-16 code units, of which a character beyond U+FFFF takes two."""
    return len(text) + sum(character > "\uffff" for character in text)


class Text:
    """A text and its lines."""

    def __init__(self, source: str, units: Units = utf16_units) -> None:
        self.source = source
        self._units = units
        self._lines = [0, *(found.end() for found in re.finditer("\n", source))]
        self._rows = [0, *(found.end() for found in re.finditer(r"\r\n?|\n", source))]

    def other(self, source: str) -> Text:
        """Another text, counted in the same units."""
        return Text(source, self._units)

    # --- the language ----------------------------------------------------------------------

    def offset(self, line: int, column: int) -> int:
        """The offset of a place of the language; columns behind the line are its end."""
        return min(self._lines[line - 1] + column - 1, self._line_end(line))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def line(self, number: int) -> str:
        """A line without its end."""
        return self.source[self._lines[number - 1] : self._line_end(number)]

    def without_lines(self, first: int, last: int) -> Text:
        """The text with some of its lines empty: all other places stay what they are."""
        start, end = self._lines[first - 1], self._line_end(last)
        return self.other(self.source[:start] + "\n" * (last - first) + self.source[end:])

    def _line_end(self, number: int) -> int:
        return self._lines[number] - 1 if number < len(self._lines) else len(self.source)

    # --- the protocol ----------------------------------------------------------------------

    def position(self, offset: int) -> Position:
        """The protocol's name of an offset."""
        row = bisect_right(self._rows, offset) - 1
        return Position(row, self._units(self.source[self._rows[row] : offset]))

    def offset_at(self, position: Position) -> int:
        """The offset of a position; the nearest one where the text has no such position."""
        if position.line >= len(self._rows):
            return len(self.source)
        start, *rest = self._rows[position.line : position.line + 2]
        row = self.source[start : rest[0] if rest else None].rstrip("\r\n")
        units = 0
        for index, character in enumerate(row):
            if units >= position.character:
                return start + index
            units += self._units(character)
        return start + len(row)

    def range(self, span: Span) -> Range:
        """The protocol's name of a span."""
        start = self.offset(span.line, span.column)
        return self.between(start, self.offset(span.end_line, span.end_column))

    def between(self, start: int, end: int) -> Range:
        """The protocol's name of what lies between two offsets."""
        return Range(self.position(start), self.position(end))

    # --- words and what holds none ---------------------------------------------------------

    def word(self, offset: int) -> tuple[int, int]:
        """Start and end of the word around or right before an offset."""
        number, _ = self.place(offset)
        for found in _WORD.finditer(self.source, self._lines[number - 1], self._line_end(number)):
            if found.start() <= offset <= found.end():
                return found.span()
        return offset, offset

    def masked(self) -> str:
        """The text of the same length with blanks for comments and quotes for strings."""
        return _OPAQUE.sub(lambda found: (found["quote"] or " ") * len(found[0]), self.source)

    def is_opaque(self, offset: int) -> bool:
        """Whether a place lies within a comment or a string."""
        return any(
            found.start() < offset < found.end() + (found["close"] is None)
            for found in _OPAQUE.finditer(self.source)
        )


def comment_above(text: Text, line: int) -> str:
    """The comment that ends right above a line, without its marks."""
    lines: list[str] = []
    while line > 1 and (above := text.line(line - 1).strip()).startswith("#"):
        lines.insert(0, above.lstrip("#").strip())
        line -= 1
    return "\n".join(lines).strip()

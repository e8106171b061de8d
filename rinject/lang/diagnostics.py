"""What is wrong with a program, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from lark import Token
from lark.tree import Meta

from rinject.errors import InputError

WIDTH = 100  # of a source line as shown


@dataclass(frozen=True)
class Span:
    """A stretch of source text; lines and columns count from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def span_of(place: Meta | Token, file: str) -> Span:
    """The span of a token or of a rule; that of an empty rule is the start of the file."""
    if getattr(place, "line", None) is None:
        return Span(file, 1, 1, 1, 1)
    return Span(
        file,
        cast(int, place.line),
        cast(int, place.column),
        cast(int, place.end_line),
        cast(int, place.end_column),
    )


@dataclass(frozen=True)
class Note:
    """A second place that belongs to a diagnostic: a call, an earlier definition."""

    message: str
    span: Span


@dataclass(frozen=True)
class Diagnostic:
    """One mistake in a program. `code` is its stable name, such as `unknown-name`."""

    code: str
    message: str
    span: Span
    hint: str | None = None
    notes: tuple[Note, ...] = ()


class SourceError(InputError):
    """A program that cannot be used; carries every diagnostic found in it.

    The message shows each one with its source line and a caret under the mistake.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], text: str) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(render_all(self.diagnostics, text))


class Collector:
    """Gathers the diagnostics of one file, each mistake once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Loops and inlined functions visit one place often: the first report stays."""
        self._found.setdefault((diagnostic.code, diagnostic.span), diagnostic)

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_if_any(self, text: str) -> None:
        """Raises SourceError with all diagnostics, in the order of the source."""
        if self._found:
            ordered = sorted(self._found.values(), key=lambda d: (d.span.line, d.span.column))
            raise SourceError(ordered, text)


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint naming the known word closest to `word`, or `otherwise` when none is close."""
    close = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else otherwise


def render_all(diagnostics: Iterable[Diagnostic], text: str) -> str:
    """All diagnostics as text for a terminal, a blank line between them."""
    lines = text.split("\n")
    return "\n\n".join(render(diagnostic, lines) for diagnostic in diagnostics)


def render(diagnostic: Diagnostic, lines: list[str]) -> str:
    """One diagnostic: place and message, source line, caret, hint, notes."""
    parts = [f"{diagnostic.span}: error: {diagnostic.message}"]
    parts += _excerpt(diagnostic.span, lines)
    if diagnostic.hint:
        parts.append(f"hint: {diagnostic.hint}")
    for note in diagnostic.notes:
        parts.append(f"note: {note.message} ({note.span})")
    return "\n".join(parts)


def _excerpt(span: Span, lines: list[str]) -> list[str]:
    line = lines[span.line - 1].replace("\t", " ").rstrip("\r")
    last = span.end_column if span.end_line == span.line else len(line) + 1
    first = max(0, span.column - 1 - WIDTH // 2) if len(line) > WIDTH else 0
    shown = line[first : first + WIDTH]
    indent = span.column - 1 - first
    caret = "^" * max(1, min(last - span.column, len(shown) - indent))
    gutter = str(span.line)
    return [f" {gutter} | {shown}", f" {' ' * len(gutter)} | {' ' * indent}{caret}"]

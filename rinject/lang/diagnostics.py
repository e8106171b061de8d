"""What is wrong with a program, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from lark import Token
from lark.tree import Meta

from rinject.errors import InputError

WIDTH = 100  # of a source line as shown
Severity = Literal["error", "warning"]


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

    def holds(self, line: int, column: int) -> bool:
        """Whether a place lies in the stretch; its end counts, where a cursor may stand."""
        start, end = (self.line, self.column), (self.end_line, self.end_column)
        return start <= (line, column) <= end


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
    severity: Severity = "error"


Sources = Mapping[str, str]
"""The text of each file by the name that spans give it."""


class SourceError(InputError):
    """A program that cannot be used; carries every diagnostic found in it.

    The message shows each one with its source line and a caret under the mistake.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: Sources) -> None:
        self.diagnostics = tuple(diagnostics)
        self.sources = sources
        super().__init__(render_all(self.diagnostics, sources))


class Collector:
    """Gathers the diagnostics of a program, each mistake once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Loops and inlined functions visit one place often: the first report stays."""
        self._found.setdefault((diagnostic.code, diagnostic.span), diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether anything makes the program unusable."""
        return any(found.severity == "error" for found in self._found.values())

    def ordered(self) -> tuple[Diagnostic, ...]:
        """All diagnostics, in the order of the source, file by file."""
        files = list(dict.fromkeys(found.span.file for found in self._found.values()))
        return tuple(
            sorted(
                self._found.values(),
                key=lambda d: (files.index(d.span.file), d.span.line, d.span.column),
            )
        )

    def raise_if_errors(self, sources: Sources) -> None:
        """Raises SourceError with all diagnostics, warnings too, if one is an error."""
        if self.has_errors:
            raise SourceError(self.ordered(), sources)


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint naming the known word closest to `word`, or `otherwise` when none is close."""
    close = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else otherwise


def render_all(diagnostics: Iterable[Diagnostic], sources: Sources) -> str:
    """All diagnostics as text for a terminal, a blank line between them."""
    return "\n\n".join(render(diagnostic, sources) for diagnostic in diagnostics)


def render(diagnostic: Diagnostic, sources: Sources) -> str:
    """One diagnostic: place and message, source line, caret, hint, notes."""
    parts = [f"{diagnostic.span}: {diagnostic.severity}: {diagnostic.message}"]
    parts += _excerpt(diagnostic.span, sources.get(diagnostic.span.file, "").split("\n"))
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

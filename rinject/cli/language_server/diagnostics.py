"""Diagnostics of the language as those of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lsprotocol import types

from rinject.cli.language_server.documents import Document
from rinject.lang.diagnostics import Diagnostic, Note, Span

UriOf = Callable[[str], str]
"""The address of a file that spans name."""
SOURCE = "rinject"
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
}
_FADED = frozenset({"unused-name", "unreachable"})


def diagnostics_of(
    document: Document, every: Iterable[Diagnostic], uri_of: UriOf
) -> Iterator[tuple[str, types.Diagnostic]]:
    """What is wrong with a document and with what it loads, each with its file."""
    for found in every:
        yield (
            found.span.file,
            types.Diagnostic(
                range=_range(document, found.span),
                message=found.message + (f"\nhint: {found.hint}" if found.hint else ""),
                severity=_SEVERITIES[found.severity],
                code=found.code,
                source=SOURCE,
                tags=[types.DiagnosticTag.Unnecessary] if found.code in _FADED else None,
                related_information=[_related(document, note, uri_of) for note in found.notes],
            ),
        )


def _related(document: Document, note: Note, uri_of: UriOf) -> types.DiagnosticRelatedInformation:
    place = types.Location(uri_of(note.span.file), _range(document, note.span))
    return types.DiagnosticRelatedInformation(place, note.message)


def _range(document: Document, span: Span) -> types.Range:
    """Where a span is; an empty one, behind the end of a line, takes in what is before it."""
    text = document.text_of(span.file)
    start, end = text.offset(span.line, span.column), text.offset(span.end_line, span.end_column)
    if start == end and start > text.offset(span.line, 1):
        start -= 1
    return text.between(start, end)

"""A text as far as it can be understood, with whatever mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pygls.uris import to_fs_path

from rinject.cli.language_server.scopes import Scope, scopes_of
from rinject.cli.language_server.texts import Text, Units, comment_above, utf16_units
from rinject.cli.language_words import Word, described
from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.diagnostics import Diagnostic, SourceError, Span
from rinject.lang.files import LIBRARY, library_source
from rinject.lang.index import Definition, Index, Use
from rinject.lang.parser import parse
from rinject.lang.program import Analysis, analyse
from rinject.lang.values import FunctionRef

MOST_REPAIRS = 12
"""Statements with a syntax error that are left out to understand the others."""
_STATEMENT_END = re.compile(r"[;{}]")


@dataclass(frozen=True, eq=False)
class Document:
    """An analysed text."""

    uri: str
    """Its address in the editor."""
    text: Text
    analysis: Analysis
    """What the language says about it."""
    module: syntax.Module | None
    """Its tree, without statements that have a syntax error; None if nothing helps."""
    understood: Analysis
    """What the language says about that tree; the same where there is no syntax error."""

    @property
    def index(self) -> Index:
        """Where the names of the tree are bound and used."""
        return self.understood.index

    @property
    def path(self) -> Path | None:
        """The file it is, or is to be, the text of."""
        return path_of(self.uri)

    @property
    def file(self) -> str:
        """What spans call it."""
        return name_of(self.uri)

    @cached_property
    def scope(self) -> Scope:
        """The names of the tree by their scopes."""
        if self.module is None:
            return Scope(Span(self.file, 1, 1, 1, 1))
        return scopes_of(self.module)

    def name_at(self, offset: int) -> Definition | Use | None:
        """The name around or right before an offset."""
        return self.index.at(self.file, *self.text.place(offset))

    def text_of(self, file: str) -> Text:
        """The text of a file that spans name."""
        if file == self.file:
            return self.text
        known = library_source() if file == str(LIBRARY) else self.understood.sources[file]
        return self.text.other(known)

    def comment(self, place: Span) -> str:
        """The comment above a place."""
        return comment_above(self.text_of(place.file), place.line)

    def function(self, value: FunctionRef) -> Word:
        """A function, as a word of the language."""
        return described(value.definition, self.comment(value.definition.span))


def path_of(uri: str) -> Path | None:
    """The file of an address; None for a text that is not a file."""
    path = to_fs_path(uri)
    return None if path is None else Path(path)


def name_of(uri: str) -> str:
    """What spans call the text of an address, as `check_program` does."""
    return str(path_of(uri) or "<text>")


def understand(source: str, uri: str, units: Units = utf16_units) -> Document:
    """Analyses a text; never raises for what is wrong with it."""
    text, path, file = Text(source, units), path_of(uri), name_of(uri)
    try:
        analysis = analyse(source, path)
    except InputError as error:
        found = Diagnostic("unreadable", error.message, Span(file, 1, 1, 1, 1), error.hint)
        unread = Analysis(None, (found,), {}, Index())
        return Document(uri, text, unread, None, unread)
    module, repaired = _repaired(text, file)
    if repaired == source or module is None:
        return Document(uri, text, analysis, module, analysis)
    return Document(uri, text, analysis, module, analyse(repaired, path))


def _repaired(text: Text, file: str) -> tuple[syntax.Module | None, str]:
    """The tree of a text without the statements that have a syntax error, and that text."""
    for _ in range(MOST_REPAIRS):
        try:
            return parse(text.source, file), text.source
        except SourceError as error:
            found = error.diagnostics[0].span
        start = _statement_start(text, found)
        text = text.without_lines(start, max(start, found.line - 1))
    return None, text.source


def _statement_start(text: Text, place: Span) -> int:
    """The line on which the statement around a mistake begins.

    What cannot go on as it does has mostly begun above: `x = f(a` before the next statement.
    """
    masked = text.masked()[: text.offset(place.line, place.column)]
    *_, after = [0, *(found.end() for found in _STATEMENT_END.finditer(masked))]
    begins = after + len(masked[after:]) - len(masked[after:].lstrip())
    return text.place(begins)[0]


def definitions_elsewhere(document: Document) -> Iterator[Definition]:
    """What loaded files define for their loaders."""
    for one in document.index.definitions.values():
        is_local = one.place.file in (document.file, str(LIBRARY))
        if not is_local and one.role in ("variable", "function") and not one.name.startswith("_"):
            yield one

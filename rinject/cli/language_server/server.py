"""The documents that an editor has open, and what is known about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path
from pygls.workspace import TextDocument

from rinject import __version__
from rinject.cli.language_server.diagnostics import diagnostics_of
from rinject.cli.language_server.documents import Document, name_of, understand
from rinject.cli.language_server.facts import Facts, cost_warnings, facts_of
from rinject.cli.language_server.texts import Text
from rinject.lang.diagnostics import Diagnostic, SourceError
from rinject.lang.formatter import format_source

PAUSE = 0.2
"""Seconds without a change before a text is checked."""
Shown = dict[str, list[types.Diagnostic]]
"""Diagnostics by the address of the file that shows them."""
T = TypeVar("T")


class RaspServer(LanguageServer):
    """Keeps the documents of one editor."""

    def __init__(self) -> None:
        # Whole texts: pygls finds more line ends than the protocol has when it applies changes.
        super().__init__("rinject", __version__, types.TextDocumentSyncKind.Full)
        # One thread, since the checker sets Python's recursion limit; another for slow questions.
        self._checking = ThreadPoolExecutor(1)
        self._compiling = ThreadPoolExecutor(1)
        self._known: dict[str, tuple[str, asyncio.Future[Document]]] = {}
        self._facts: WeakKeyDictionary[Document, asyncio.Future[Mapping[int, Facts]]]
        self._facts = WeakKeyDictionary()
        self._due: dict[str, asyncio.Task[None]] = {}
        self._shown: dict[str, Shown] = {}  # by the document that was checked
        self.was_shut_down = False

    # --- questions -------------------------------------------------------------------------

    async def document(self, uri: str) -> Document | None:
        """An open document as it is now; None for one that is not open."""
        opened = self._opened(uri)
        if opened is None:
            return None
        source, units = opened.source, self.workspace.position_codec.client_num_units
        before, known = self._known.get(uri, (None, None))
        if known is None or before != source:
            known = _run(self._checking, lambda: understand(source, uri, units))
            self._known[uri] = source, known
        return await asyncio.shield(known)  # others may wait for it too

    async def facts(self, document: Document) -> Mapping[int, Facts]:
        """What the compiled program would hold; computed once, beside everything else."""
        program = document.analysis.program
        if program is None:
            return {}
        if document not in self._facts:
            self._facts[document] = _run(self._compiling, lambda: facts_of(program))
        return await asyncio.shield(self._facts[document])

    async def formatted(self, uri: str) -> list[types.TextEdit] | None:
        """The change that formats an open document; None where a syntax error prevents it."""
        opened = self._opened(uri)
        if opened is None:
            return None
        source, file = opened.source, name_of(uri)
        try:
            result = await _run(self._checking, lambda: format_source(source, file))
        except SourceError:
            return None
        text = Text(source, self.workspace.position_codec.client_num_units)
        return list(_change(text, result.replace("\n", "\r\n") if "\r\n" in source else result))

    def uri(self, document: Document, file: str) -> str:
        """The address of a file of a document's program, as the editor knows it."""
        others = (one.uri for one in self.workspace.text_documents.values())
        opened = (uri for uri in (document.uri, *others) if name_of(uri) == file)
        return next(opened, None) or from_fs_path(file) or file

    def _opened(self, uri: str) -> TextDocument | None:
        every: Mapping[str, TextDocument] = self.workspace.text_documents
        return every.get(unquote(uri))  # pygls has them by unquoted addresses

    # --- diagnostics -----------------------------------------------------------------------

    def check(self, uri: str, pause: float = 0) -> None:
        """Publishes the diagnostics of a document, unless it changes again within the pause."""
        self._stop_checking(uri)
        self._due[uri] = asyncio.ensure_future(self._check(uri, pause))

    def check_all(self) -> None:
        """Some file has changed, and documents may load it: what is known may be old."""
        self._known.clear()
        for opened in self.workspace.text_documents.values():
            self.check(opened.uri)

    def close(self, uri: str) -> None:
        """Forgets a document."""
        self._stop_checking(uri)
        self._known.pop(uri, None)
        self._show(uri, {})

    def _stop_checking(self, uri: str) -> None:
        if uri in self._due:
            self._due.pop(uri).cancel()

    async def _check(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        document = await self.document(uri)
        if document is None:
            return
        shown: Shown = {uri: []}
        every = await self._diagnostics(document)
        for file, diagnostic in diagnostics_of(document, every, partial(self.uri, document)):
            if self._is_as_read(document, file):
                shown.setdefault(self.uri(document, file), []).append(diagnostic)
        self._show(uri, shown)

    async def _diagnostics(self, document: Document) -> Sequence[Diagnostic]:
        found, program = document.analysis.diagnostics, document.analysis.program
        if program is None:
            return found
        return [*found, *await _run(self._compiling, lambda: cost_warnings(program))]

    def _is_as_read(self, document: Document, file: str) -> bool:
        """Whether a loaded file has no unsaved changes, which would misplace its diagnostics."""
        opened = self._opened(self.uri(document, file))
        return opened is None or opened.source == document.text_of(file).source

    def _show(self, owner: str, shown: Shown) -> None:
        """Replaces what one document says; a file shows what all documents say about it."""
        before = self._shown.pop(owner, {})
        if shown:
            self._shown[owner] = shown
        opened = self._opened(owner)
        for uri in {**before, **shown}:
            every = [one for said in self._shown.values() for one in said.get(uri, ())]
            version = opened.version if opened is not None and uri == owner else None
            params = types.PublishDiagnosticsParams(uri, _without_repetition(every), version)
            self.text_document_publish_diagnostics(params)


def _run(threads: ThreadPoolExecutor, work: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(threads, work)


def _without_repetition(every: list[types.Diagnostic]) -> list[types.Diagnostic]:
    keys = [(one.code, one.message, str(one.range)) for one in every]
    return list(dict(zip(keys, every, strict=True)).values())


def _change(text: Text, new: str) -> Iterator[types.TextEdit]:
    """What turns a text into another, without what they begin and end with alike."""
    if new == text.source:
        return
    start = _alike(text.source, new)
    end = _alike(text.source[start:][::-1], new[start:][::-1])
    place = text.between(start, len(text.source) - end)
    yield types.TextEdit(place, new[start : len(new) - end])


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))

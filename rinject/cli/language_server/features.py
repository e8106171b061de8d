"""Which request is answered by what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from rinject.cli.language_server.completion import completions, signature_help
from rinject.cli.language_server.documents import Document
from rinject.cli.language_server.hover import hover
from rinject.cli.language_server.server import PAUSE, RaspServer
from rinject.cli.language_server.symbols import (
    definition,
    occurrences,
    outline,
    renamable,
    rename,
)
from rinject.errors import RinjectError


def create_server() -> RaspServer:
    """A server that answers everything below."""
    # pygls logs each refused request with a traceback; the editor is told by the answer.
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_unexpected)
    server = RaspServer()
    features: list[tuple[str, Callable[..., Any], Any]] = [
        (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
        (types.TEXT_DOCUMENT_DID_SAVE, _files_changed, None),
        (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _files_changed, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
        (types.TEXT_DOCUMENT_HOVER, _hover, None),
        (types.TEXT_DOCUMENT_COMPLETION, _completion, None),
        (types.TEXT_DOCUMENT_SIGNATURE_HELP, _signature_help, _SIGNATURE),
        (types.TEXT_DOCUMENT_DEFINITION, _definition, None),
        (types.TEXT_DOCUMENT_REFERENCES, _references, None),
        (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, _highlights, None),
        (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _outline, None),
        (types.TEXT_DOCUMENT_PREPARE_RENAME, _prepare_rename, None),
        (types.TEXT_DOCUMENT_RENAME, _rename, types.RenameOptions(prepare_provider=True)),
        (types.TEXT_DOCUMENT_FORMATTING, _formatting, None),
        (types.SHUTDOWN, _shut_down, None),
    ]
    for name, answer, options in features:
        server.feature(name, options)(answer)
    return server


_SIGNATURE = types.SignatureHelpOptions(trigger_characters=["(", ","])
_At = (
    types.HoverParams
    | types.CompletionParams
    | types.SignatureHelpParams
    | types.DefinitionParams
    | types.ReferenceParams
    | types.DocumentHighlightParams
    | types.PrepareRenameParams
    | types.RenameParams
)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException))


async def _place(server: RaspServer, params: _At) -> tuple[Document, int] | None:
    """The document of a request, and the offset of its position."""
    document = await server.document(params.text_document.uri)
    return None if document is None else (document, document.text.offset_at(params.position))


# --- changes ---------------------------------------------------------------------------------


def _opened(server: RaspServer, params: types.DidOpenTextDocumentParams) -> None:
    server.check(params.text_document.uri)


def _changed(server: RaspServer, params: types.DidChangeTextDocumentParams) -> None:
    server.check(params.text_document.uri, PAUSE)


def _files_changed(
    server: RaspServer, params: types.DidSaveTextDocumentParams | types.DidChangeWatchedFilesParams
) -> None:
    server.check_all()


def _closed(server: RaspServer, params: types.DidCloseTextDocumentParams) -> None:
    server.close(params.text_document.uri)


def _shut_down(server: RaspServer, params: None) -> None:
    server.was_shut_down = True


# --- questions about a place -----------------------------------------------------------------


async def _hover(server: RaspServer, params: types.HoverParams) -> types.Hover | None:
    place = await _place(server, params)
    return None if place is None else hover(*place, await server.facts(place[0]))


async def _completion(
    server: RaspServer, params: types.CompletionParams
) -> list[types.CompletionItem]:
    place = await _place(server, params)
    return [] if place is None else completions(*place)


async def _signature_help(
    server: RaspServer, params: types.SignatureHelpParams
) -> types.SignatureHelp | None:
    place = await _place(server, params)
    return None if place is None else signature_help(*place)


async def _definition(server: RaspServer, params: types.DefinitionParams) -> types.Location | None:
    place = await _place(server, params)
    span = None if place is None else definition(*place)
    if place is None or span is None:
        return None
    return types.Location(server.uri(place[0], span.file), place[0].text_of(span.file).range(span))


async def _references(server: RaspServer, params: types.ReferenceParams) -> list[types.Location]:
    place = await _place(server, params)
    if place is None:
        return []
    document, offset = place
    found = occurrences(document, offset)
    if not params.context.include_declaration:
        found = [span for span in found if span not in document.index.definitions]
    return [types.Location(params.text_document.uri, document.text.range(span)) for span in found]


async def _highlights(
    server: RaspServer, params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight]:
    place = await _place(server, params)
    if place is None:
        return []
    return [types.DocumentHighlight(place[0].text.range(span)) for span in occurrences(*place)]


async def _prepare_rename(
    server: RaspServer, params: types.PrepareRenameParams
) -> types.Range | None:
    place = await _place(server, params)
    if place is None:
        return None
    with _refused():
        renamable(*place)
    document, offset = place
    return document.text.between(*document.text.word(offset))


async def _rename(server: RaspServer, params: types.RenameParams) -> types.WorkspaceEdit | None:
    place = await _place(server, params)
    if place is None:
        return None
    with _refused():
        places = rename(*place, params.new_name)
    edits = [types.TextEdit(place[0].text.range(span), params.new_name) for span in places]
    return types.WorkspaceEdit(changes={params.text_document.uri: edits})


# --- questions about a whole document --------------------------------------------------------


async def _outline(
    server: RaspServer, params: types.DocumentSymbolParams
) -> list[types.DocumentSymbol]:
    document = await server.document(params.text_document.uri)
    return [] if document is None else outline(document)


async def _formatting(
    server: RaspServer, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    with _refused():
        return await server.formatted(params.text_document.uri)


@contextmanager
def _refused() -> Iterator[None]:
    """An error of ours is the answer to the request."""
    try:
        yield
    except RinjectError as error:
        hint = f" ({error.hint})" if error.hint else ""
        code = types.LSPErrorCodes.RequestFailed
        raise JsonRpcException(f"{error.message}{hint}", code) from None

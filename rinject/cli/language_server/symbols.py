"""Where names are defined and used; renaming them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol import types
from lsprotocol.types import SymbolKind

from rinject.cli.language_server.documents import Document
from rinject.cli.language_server.scopes import Scope
from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.builtins import PROTECTED
from rinject.lang.diagnostics import Span
from rinject.lang.files import FolderLoader
from rinject.lang.index import Definition
from rinject.lang.syntax_errors import KEYWORDS
from rinject.lang.values import FunctionRef

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


# --- definitions -----------------------------------------------------------------------------


def definition(document: Document, offset: int) -> Span | None:
    """Where the name at an offset was bound, or the file that is loaded there."""
    found = document.name_at(offset)
    if found is None:
        return _loaded_file(document, offset)
    if isinstance(found, Definition):
        return found.place
    if found.definition is None and isinstance(found.value, FunctionRef):
        return found.value.definition.name.span
    return found.definition


def _loaded_file(document: Document, offset: int) -> Span | None:
    place = document.text.place(offset)
    for node in () if document.module is None else document.module.body:
        if isinstance(node, syntax.Load) and node.span.holds(*place) and document.path is not None:
            loader = FolderLoader(document.path.parent)
            try:
                file, _ = loader.load(str(node.file.value), document.file)
            except InputError:
                return None
            return Span(file, 1, 1, 1, 1)
    return None


# --- the outline -----------------------------------------------------------------------------


def outline(document: Document) -> list[types.DocumentSymbol]:
    """The program block, functions and variables of the top level, each where it is first bound."""
    if document.module is None:
        return []
    found: dict[str, types.DocumentSymbol] = {}
    if document.module.header is not None:
        header = document.module.header
        fields = [
            _symbol(document, one.name, one.span, SymbolKind.Property) for one in header.fields
        ]
        block = _symbol(document, header.name, header.span, SymbolKind.Module)
        block.children = fields
        found["program"] = block
    for name, span, kind in _defined(document.module.body):
        found.setdefault(name.text, _symbol(document, name, span, kind))
    return list(found.values())


def _block(document: Document, header: syntax.Header) -> types.DocumentSymbol:
    block = _symbol(document, header.name, header.span, SymbolKind.Module)
    block.children = [
        _symbol(document, field.name, field.span, SymbolKind.Property) for field in header.fields
    ]
    return block


def _defined(
    body: tuple[syntax.Statement, ...],
) -> Iterator[tuple[syntax.Name, Span, SymbolKind]]:
    for node in body:
        match node:
            case syntax.Assignment(span, targets):
                yield from ((target, span, SymbolKind.Variable) for target in targets)
            case syntax.Function(span, name):
                yield name, span, SymbolKind.Function
            case syntax.Loop(body=inner):
                yield from _defined(inner)


def _symbol(
    document: Document, name: syntax.Name, span: Span, kind: SymbolKind
) -> types.DocumentSymbol:
    place = document.text.range(span)
    return types.DocumentSymbol(name.text, kind, place, document.text.range(name.span))


# --- all places of one name ------------------------------------------------------------------


def occurrences(document: Document, offset: int) -> list[Span]:
    """Every place in the text of the name at an offset, in order; empty where there is none."""
    place = document.text.place(offset)
    for scope in document.scope.every():
        for name, owner in _named(document, scope):
            if name.span.holds(*place):
                return _all_of(document, name.text, owner)
    return []


def _all_of(document: Document, text: str, owner: Scope | None) -> list[Span]:
    found = [
        name.span
        for scope in document.scope.every()
        for name, its_owner in _named(document, scope)
        if name.text == text and its_owner is owner
    ]
    return sorted(found, key=lambda span: (span.line, span.column))


def _named(document: Document, scope: Scope) -> Iterator[tuple[syntax.Name, Scope | None]]:
    """The names bound or read in a scope, each with the scope it belongs to."""
    yield from ((name, scope) for name in scope.definitions())
    for name in scope.read:
        yield name, _owner(document, scope, name)


def _owner(document: Document, scope: Scope, name: syntax.Name) -> Scope | None:
    """What was really read counts: in a function, an outer name until it has one of its own."""
    use = document.index.uses.get(name.span)
    if use is None:
        return scope.owner(name.text)  # never reached, such as the body of a loop over nothing
    bound = use.definition
    owners = (
        one for one in scope.outward() if any(n.span == bound for n in one.bound.get(name.text, ()))
    )
    return next(owners, None)


# --- renaming --------------------------------------------------------------------------------


def renamable(document: Document, offset: int) -> list[Span]:
    """The places of a name that is the program's own. Raises InputError for any other."""
    places = occurrences(document, offset)
    if not places:
        raise InputError("there is no name here that can be changed")
    bound = (name.span for scope in document.scope.every() for name in scope.definitions())
    if not set(places).intersection(bound):
        raise InputError("this name is not defined in this file")
    return places


def rename(document: Document, offset: int, new: str) -> list[Span]:
    """The places that change when the name at an offset becomes `new`.

    Raises InputError where that is no name, or would mean something else.
    """
    places = renamable(document, offset)
    if not _NAME.fullmatch(new) or new in KEYWORDS:
        raise InputError(f"`{new}` is not a name")
    if new in PROTECTED:
        raise InputError(f"`{new}` belongs to the language")
    taken = {name.text for scope in document.scope.every() for name, _ in _named(document, scope)}
    if new in taken:
        raise InputError(f"there is a `{new}` already")
    return places

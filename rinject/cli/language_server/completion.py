"""What can be written at a place, and what a call takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsprotocol import types
from lsprotocol.types import CompletionItem, CompletionItemKind

from rinject.cli.language_server.documents import Document, definitions_elsewhere
from rinject.cli.language_server.hover import in_words
from rinject.cli.language_words import (
    FIELDS,
    FUNCTIONS,
    SOPS,
    STATEMENT_WORDS,
    Word,
    library,
    of_the_language,
)
from rinject.lang import syntax
from rinject.lang.index import Definition
from rinject.lang.values import FunctionRef, SOpRef

_HEADER = re.compile(r"\bprogram\s+\w+\s*\{(?P<fields>[^}]*)")
_FIELD = re.compile(r"(\w+)\W")
_CALL = re.compile(r"(\w+)\s*$")
_FIELD_WORDS = {"attention": ("causal", "full"), "balance": ("answers",), "spell": ("answers",)}


def completions(document: Document, offset: int) -> list[CompletionItem]:
    """Names, fields and keywords that fit at an offset; nothing in comments and strings."""
    if document.text.is_opaque(offset):
        return []
    field = _open_field(document, offset)
    if field is not None:
        return list(_for_field(document, field))
    own = visible(document, offset)
    language = (one for one in _language() if one.label not in own)
    return [*(_name(document, one) for one in own.values()), *language, *_keywords(STATEMENT_WORDS)]


# --- the program block -----------------------------------------------------------------------


def _open_field(document: Document, offset: int) -> str | None:
    """Within the program block: the field that goes on at an offset, or "" where one begins."""
    found = _HEADER.search(document.text.masked())
    if found is None or not found.start("fields") <= offset <= found.end("fields"):
        return None
    before = found["fields"][: offset - found.start("fields")].rpartition(";")[2].lstrip()
    name = _FIELD.match(before)
    return name[1] if name else ""


def _for_field(document: Document, field: str) -> Iterator[CompletionItem]:
    if field == "":
        yield from (_word(word, CompletionItemKind.Property) for word in FIELDS.values())
    elif field == "output":
        public = _public_names(document)
        for one in visible(document, len(document.text.source)).values():
            if one.name in public and isinstance(one.value, SOpRef):
                yield _name(document, one)
    else:
        yield from _keywords(_FIELD_WORDS.get(field, ("is", "True", "False")))


def _public_names(document: Document) -> set[str]:
    """Names assigned at the top level, outside of loops."""
    body = () if document.module is None else document.module.body
    own = (node.targets for node in body if isinstance(node, syntax.Assignment))
    loaded = (one.name for one in definitions_elsewhere(document))
    return {*(name.text for targets in own for name in targets), *loaded}


# --- everywhere else -------------------------------------------------------------------------


def visible(document: Document, offset: int) -> Mapping[str, Definition]:
    """What the program itself gives a name, seen from a place; inner names hide outer ones."""
    seen = {one.name: one for one in definitions_elsewhere(document)}
    place = document.text.place(offset)
    for scope in reversed(list(document.scope.at(*place).outward())):
        for name, places in scope.bound.items():
            latest = _latest(document, places, place)
            if latest is not None:
                seen[name] = latest
    return seen


def _latest(
    document: Document, names: Sequence[syntax.Name], place: tuple[int, int]
) -> Definition | None:
    """The last binding of a name before a place, or else the last of all."""
    found = [document.index.definitions.get(one.span) for one in names]
    known = sorted((one for one in found if one is not None), key=_start)
    before = [one for one in known if _start(one) < place]
    return next(reversed(before or known), None)


def _start(found: Definition) -> tuple[int, int]:
    return found.place.line, found.place.column


def _name(document: Document, found: Definition) -> CompletionItem:
    if isinstance(found.value, FunctionRef):
        return _word(document.function(found.value), CompletionItemKind.Function)
    is_variable = found.role in ("variable", "local")
    kind = CompletionItemKind.Variable if is_variable else CompletionItemKind.Value
    return _item(found.name, kind, in_words(found.value), document.comment(found.place), "1")


def _language() -> Iterator[CompletionItem]:
    for words in (FUNCTIONS, library()):
        yield from (_word(word, CompletionItemKind.Function, "2") for word in words.values())
    yield from (_word(word, CompletionItemKind.Constant, "2") for word in SOPS.values())


def _keywords(words: Iterable[str]) -> Iterator[CompletionItem]:
    return (
        CompletionItem(one, kind=CompletionItemKind.Keyword, sort_text=f"3{one}") for one in words
    )


def _word(word: Word, kind: CompletionItemKind, rank: str = "1") -> CompletionItem:
    return _item(word.name, kind, word.signature, word.text, rank)


def _item(name: str, kind: CompletionItemKind, detail: str, text: str, rank: str) -> CompletionItem:
    return CompletionItem(
        name,
        kind=kind,
        detail=detail,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, text) if text else None,
        sort_text=rank + name,
    )


# --- calls -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _OpenCall:
    """A call whose parenthesis is still open at a place."""

    function: str
    argument: int
    """The number of the argument at the place, from 0."""


def signature_help(document: Document, offset: int) -> types.SignatureHelp | None:
    """The parameters of the call around an offset."""
    call = _open_call(document.text.masked()[:offset])
    word = _callable(document, call.function, offset) if call is not None else None
    if call is None or word is None or not word.parameters:
        return None
    signature = types.SignatureInformation(
        word.signature,
        types.MarkupContent(types.MarkupKind.Markdown, word.text) if word.text else None,
        [types.ParameterInformation(parameter) for parameter in word.parameters],
    )
    argument = min(call.argument, len(word.parameters) - 1)
    return types.SignatureHelp([signature], active_signature=0, active_parameter=argument)


def _open_call(before: str) -> _OpenCall | None:
    """The innermost call that is open at the end of a masked text."""
    depth = commas = 0
    for place in range(len(before) - 1, -1, -1):
        character = before[place]
        if character == ";":
            return None
        if character in ")]}":
            depth += 1
        elif character in "([{" and depth:
            depth -= 1
        elif character == "(" and (name := _CALL.search(before[:place])):
            return _OpenCall(name[1], commas)
        elif character in "([{":
            commas = 0  # of a list, or in parentheses: what is open is further out
        elif character == "," and not depth:
            commas += 1
    return None


def _callable(document: Document, name: str, offset: int) -> Word | None:
    found = visible(document, offset).get(name)
    if found is None:
        return of_the_language(name)
    return document.function(found.value) if isinstance(found.value, FunctionRef) else None

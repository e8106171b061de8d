"""What is shown about the name under the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsprotocol import types

from rinject.cli.language_server.documents import Document
from rinject.cli.language_server.facts import Facts
from rinject.cli.language_words import FIELDS, Word, of_the_language
from rinject.graph.build import is_named
from rinject.lang.diagnostics import Span
from rinject.lang.index import Definition, Use
from rinject.lang.values import FunctionRef, Poison, SOpRef, Value, describe_in_full

MOST_SHOWN = 12
"""Values that are listed one by one."""


def hover(document: Document, offset: int, facts: Mapping[int, Facts]) -> types.Hover | None:
    """About the name at an offset; `facts` are those of the document's s-ops."""
    found = document.name_at(offset)
    if found is not None:
        return _hover(_about_name(document, found, facts), document.text.range(found.place))
    field = field_at(document, offset)
    if field is not None:
        return _hover(_about_word(field), document.text.between(*document.text.word(offset)))
    return None


def field_at(document: Document, offset: int) -> Word | None:
    """The field of the program block whose name is at an offset."""
    place = document.text.place(offset)
    header = None if document.module is None else document.module.header
    for field in () if header is None else header.fields:
        if field.name.span.holds(*place):
            return FIELDS.get(field.name.text)
    return None


def _hover(parts: Sequence[str], place: types.Range) -> types.Hover:
    content = "\n\n".join(part for part in parts if part)
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, content), place)


def _about_word(word: Word) -> list[str]:
    return [_code(word.signature), word.text]


def _about_name(
    document: Document, found: Definition | Use, facts: Mapping[int, Facts]
) -> list[str]:
    definition = found.place if isinstance(found, Definition) else found.definition
    if isinstance(found.value, FunctionRef):
        return _about_word(document.function(found.value))
    word = of_the_language(found.name) if definition is None else None
    if word is not None and word.parameters:
        return _about_word(word)
    about = [_code(found.name), _kind(document, found, definition)]
    if word is not None:
        about.append(word.text)
    elif definition is not None:
        about.append(document.comment(definition))
    if isinstance(found.value, SOpRef):
        about += _in_the_stream(facts.get(id(found.value.expr)))
    return about


def _kind(document: Document, found: Definition | Use, place: Span | None) -> str:
    """`variable: an s-op of whole numbers, named …`."""
    definition = document.index.definitions.get(place) if place is not None else None
    role = f"{definition.role}: " if definition is not None else ""
    return f"{role}{in_words(found.value)}{_given_name(found.name, found.value)}"


def in_words(value: Value) -> str:
    """What a name denotes."""
    return "not known" if isinstance(value, Poison) else describe_in_full(value)


def _given_name(name: str, value: Value) -> str:
    if not isinstance(value, SOpRef) or not is_named(value.expr) or value.expr.name == name:
        return ""
    return f", named `{value.expr.name}`"


def _in_the_stream(facts: Facts | None) -> list[str]:
    if facts is None:
        return []
    place = "the embedding" if facts.layer == 0 else f"layer {facts.layer}"
    stream = "not by itself" if facts.layer is None else f"from {place} on"
    return [f"**values** {in_short(facts.values)}", f"**in the residual stream** {stream}"]


def in_short(values: Sequence[Any]) -> str:
    """A value set: whole numbers without gaps as `0 to 48`, long sets cut."""
    shown = ", ".join(f"`{value!r}`" for value in values[:MOST_SHOWN])
    if len(values) > MOST_SHOWN:
        shown += ", …"
    if len(values) > 2 and all(type(value) is int for value in values):
        low, high = values[0], values[-1]
        if list(values) == list(range(low, high + 1)):
            shown = f"`{low}` to `{high}`"
    return f"{shown or 'none'} ({len(values)})"


def _code(text: str) -> str:
    return f"```rasp\n{text}\n```"

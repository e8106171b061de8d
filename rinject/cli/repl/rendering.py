"""What a statement made, as lines of text: the look of the original's session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.text import Text

from rinject.cli.language_words import of_the_language
from rinject.cli.shown_values import input_text, item, literal, matrix, sequence, types_note
from rinject.lang import Header
from rinject.lang.session import Loaded
from rinject.lang.values import (
    BuiltinRef,
    DictOf,
    FunctionRef,
    ListOf,
    Plain,
    SelectorRef,
    SOpRef,
    Value,
)

INDENT, DEEPER, MATRIX = 5, 9, 17  # columns
MOST_ITEMS, DEEPEST = 100, 10  # of a list as shown
LABEL = "bold cyan"

NameOf = Callable[[Value], str | None]
"""What the session calls an s-op, a selector or a function."""


def line(text: str | Text, indent: int = INDENT) -> Text:
    """A line of an answer."""
    return Text(" " * indent).append(text)


def headline(kind: str, rest: str) -> Text:
    """Such as `s-op: reverse`."""
    return line(Text(kind, LABEL)).append(f": {rest}")


def kind_of(value: Value) -> str:
    """What kind of thing a name denotes, in the original's words."""
    match value:
        case SOpRef():
            return "s-op"
        case SelectorRef():
            return "selector"
        case ListOf():
            return "list"
        case DictOf():
            return "dict"
        case FunctionRef() | BuiltinRef():
            return "function"
    return "value"


def definition(name: str, value: Value, name_of: NameOf) -> Text:
    """The line about a new value: `list: vowels = ["a", "e"]`."""
    kind = kind_of(value)
    match value:
        case FunctionRef() | BuiltinRef():
            return headline(kind, signature(name, value))
        case SOpRef() | SelectorRef():
            return headline(kind, name)
    return headline(kind, f"{name} = {written(value, name_of)}")


def signature(name: str, value: Value) -> str:
    """How a function is called."""
    if isinstance(value, FunctionRef):
        return f"{name}({', '.join(one.text for one in value.definition.parameters)})"
    known = of_the_language(value.name) if isinstance(value, BuiltinRef) else None
    return known.signature if known else name


def written(value: Value, name_of: NameOf) -> str:
    """A value known in advance as the language writes it; s-ops in it by their names."""
    return _Writer(name_of).written(value, 0)


class _Writer:
    """Writes a value, of a large one only the beginning."""

    def __init__(self, name_of: NameOf) -> None:
        self._name_of = name_of
        self._room = MOST_ITEMS

    def written(self, value: Value, depth: int) -> str:
        match value:
            case Plain(plain):
                return literal(plain)
            case ListOf() | DictOf() if depth == DEEPEST:
                return "…"
            case ListOf(items):
                shown = (self.written(one, depth + 1) for one in items)
                return f"[{', '.join(self._begun(shown, len(items)))}]"
            case DictOf(entries):
                pairs = entries.items()
                shown = (f"{literal(key)}: {self.written(one, depth + 1)}" for key, one in pairs)
                return f"{{{', '.join(self._begun(shown, len(entries)))}}}"
        return self._name_of(value) or f"({kind_of(value)})"

    def _begun(self, parts: Iterator[str], count: int) -> Iterator[str]:
        """The parts there is room for, and how many more there are."""
        for done in range(count):
            if self._room <= 0:
                yield f"… {count - done:,} more"
                return
            self._room -= 1
            yield next(parts)


def values_line(before: str, values: Sequence[Any], full: bool) -> Text:
    """The values of an s-op on an input."""
    shown = f"{before}= {sequence(values, full=full)} "
    return line(shown, DEEPER).append(f"({types_note(values)})", "dim")


def example_line(name: str, tokens: Sequence[Any], values: Sequence[Any], full: bool) -> Text:
    """The values of an s-op on the running example."""
    return values_line(f"Example: {name}({input_text(tokens)}) ", values, full)


def no_example_line(tokens: Sequence[Any], reason: str) -> Text:
    """Why the running example shows nothing."""
    text = f"Example: no value on {input_text(tokens)}, {reason}"
    return line(text, DEEPER).append(" (another: set example [1, 2, 3])", "dim")


def matrix_lines(tokens: Sequence[Any], rows: Sequence[Sequence[bool]], width: int) -> Text:
    """A selector on an input."""
    lines = matrix(tokens, rows, width - MATRIX)
    return Text("\n".join(f"{' ' * MATRIX}{one}".rstrip() for one in lines))


def loaded_lines(loaded: Loaded) -> Iterator[Text]:
    """What came from a file, by kind."""
    yield headline("loaded", loaded.file)
    groups: dict[str, list[str]] = {}
    for shown in loaded.shown:
        is_function = isinstance(shown.value, FunctionRef)
        word = signature(shown.name, shown.value) if is_function else shown.name
        groups.setdefault(kind_of(shown.value), []).append(word)
    for kind, words in groups.items():
        yield line(f"{kind}s: {', '.join(words)}", DEEPER)


def header_lines(header: Header) -> Iterator[Text]:
    """How the session meets inputs from now on."""
    kind, other = ("causal", "full") if header.causal else ("full", "causal")
    text = f"attention is {kind}, as {header.name} says (:attention {other} changes it)"
    yield line(text, DEEPER)
    if header.vocabulary:
        symbols = ", ".join(map(item, header.vocabulary))
        yield line(f"inputs: at most {header.longest} of {symbols}", DEEPER)

"""What an expression of the language can denote while a program is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.diagnostics import Span
from rinject.lang.limits import MAX_LENGTH
from rinject.lang.types import Types, in_words


@dataclass(frozen=True)
class Plain:
    """A number, a string or a truth value, known while the program is read."""

    value: Any


@dataclass(frozen=True, eq=False)
class SOpRef:
    """An s-op: one value for each position, of one of the types."""

    expr: rasp.SOp
    types: Types


@dataclass(frozen=True, eq=False)
class SelectorRef:
    """A selector: one truth value for each pair of positions."""

    expr: rasp.Selector


@dataclass(frozen=True, eq=False)
class ListOf:
    """A list, or the several results of a function."""

    items: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class DictOf:
    """A dictionary from plain values to anything."""

    items: Mapping[Any, Value]


@dataclass(frozen=True, eq=False)
class FunctionRef:
    """A function of the program, with the scope it was defined in."""

    definition: syntax.Function
    scope: Scope


@dataclass(frozen=True)
class BuiltinRef:
    """A function of the language."""

    name: str


@dataclass(frozen=True)
class OperatorRef:
    """A bare comparison, the third argument of select."""

    symbol: str


@dataclass(frozen=True)
class Poison:
    """Stands for a value already reported as wrong; whatever is made of it is poison, silently."""


POISON = Poison()
Value = (
    Plain | SOpRef | SelectorRef | ListOf | DictOf | FunctionRef | BuiltinRef | OperatorRef | Poison
)

_KINDS: dict[type, str] = {
    SOpRef: "an s-op",
    SelectorRef: "a selector",
    ListOf: "a list",
    DictOf: "a dictionary",
    FunctionRef: "a function",
    BuiltinRef: "a function",
    OperatorRef: "an operator",
    Poison: "an error",
}


def describe(value: Value) -> str:
    """The kind of a value, for messages."""
    if not isinstance(value, Plain):
        return _KINDS[type(value)]
    if isinstance(value.value, bool):
        return "a truth value"
    return "a string" if isinstance(value.value, str) else "a number"


def describe_in_full(value: Value) -> str:
    """The kind of a value with what it holds: `an s-op of strings`, `a list of 3`."""
    match value:
        case SOpRef(_, types):
            return f"an s-op of {in_words(types)}"
        case Plain(plain):
            return f"{describe(value)}, {plain!r}"
        case ListOf(items) | DictOf(items):
            return f"{describe(value)} of {len(items)}"
        case FunctionRef(definition):
            parameters = ", ".join(one.text for one in definition.parameters)
            return f"a function, {definition.name.text}({parameters})"
    return describe(value)


def as_python(value: Value) -> Any:
    """A value known in advance as a Python object; None where it is not, or is too large."""
    return _copied(value, [MAX_LENGTH])


def _copied(value: Value, room: list[int]) -> Any:
    # A list may hold another many times over, so what counts is the size of the copy.
    room[0] -= 1
    if room[0] < 0:
        return None
    match value:
        case Plain(plain):
            return plain
        case ListOf(items):
            parts = [_copied(item, room) for item in items]
            return None if None in parts else parts
        case DictOf(entries):
            found = {key: _copied(item, room) for key, item in entries.items()}
            return None if None in found.values() else found
    return None


def as_value(result: Any) -> Value:
    """A Python object, such as the values of an s-op on an input, as a value."""
    return ListOf(tuple(map(as_value, result))) if isinstance(result, list) else Plain(result)


@dataclass(frozen=True)
class Binding:
    """What a name denotes, and where it was bound; the names of the language have no place."""

    value: Value
    place: Span | None = None


@dataclass
class Scope:
    """The names of the language, of a module, of one call of a function."""

    parent: Scope | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    is_module: bool = False

    def bind(self, name: syntax.Name, value: Value) -> None:
        """Gives a name of the program a value."""
        self.bindings[name.text] = Binding(value, name.span)

    def find(self, name: str) -> Binding | None:
        """What `name` denotes here, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings:
                return scope.bindings[name]
            scope = scope.parent
        return None

    def visible(self) -> Iterator[str]:
        """Every name that can be used here."""
        yield from self.bindings
        if self.parent:
            yield from self.parent.visible()


@dataclass(frozen=True)
class Frame:
    """A call being checked."""

    definition: syntax.Function
    span: Span

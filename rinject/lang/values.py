"""What an expression of the language can denote while a program is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.diagnostics import Span


@dataclass(frozen=True)
class Plain:
    """A number, a string or a truth value, known while the program is read."""

    value: Any


@dataclass(frozen=True, eq=False)
class SOpRef:
    """An s-op: one value for each position."""

    expr: rasp.SOp


@dataclass(frozen=True, eq=False)
class SelectorRef:
    """A selector: one truth value for each pair of positions."""

    expr: rasp.Selector


@dataclass(frozen=True, eq=False)
class ListOf:
    """A list, or the several results of a function."""

    items: tuple[Value, ...]


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
Value = Plain | SOpRef | SelectorRef | ListOf | FunctionRef | BuiltinRef | OperatorRef | Poison

_KINDS: dict[type, str] = {
    SOpRef: "an s-op",
    SelectorRef: "a selector",
    ListOf: "a list",
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


@dataclass
class Scope:
    """The names of the language, of a module, of one call of a function."""

    parent: Scope | None = None
    values: dict[str, Value] = field(default_factory=dict)
    is_module: bool = False

    def find(self, name: str) -> Value | None:
        """What `name` denotes here, or None."""
        if name in self.values:
            return self.values[name]
        return self.parent.find(name) if self.parent else None

    def visible(self) -> Iterator[str]:
        """Every name that can be used here."""
        yield from self.values
        if self.parent:
            yield from self.parent.visible()


@dataclass(frozen=True)
class Frame:
    """A call being checked."""

    definition: syntax.Function
    span: Span

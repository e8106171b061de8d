"""Where each name of a program is bound and used: for editors, and to find what nobody uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rinject.lang import syntax
from rinject.lang.diagnostics import Span
from rinject.lang.values import Binding, Value

Role = Literal["variable", "local", "function", "parameter", "loop variable"]


@dataclass(frozen=True)
class Definition:
    """A place where a name is bound."""

    name: str
    place: Span
    role: Role
    value: Value
    """What it was bound to, the last time the place was passed."""


@dataclass(frozen=True)
class Use:
    """A place where a name is read."""

    name: str
    place: Span
    value: Value
    definition: Span | None
    """Where it was bound; None for the names of the language."""


@dataclass
class Index:
    """All definitions and uses by their places; loops and calls pass one place often."""

    definitions: dict[Span, Definition] = field(default_factory=dict)
    uses: dict[Span, Use] = field(default_factory=dict)
    read: set[Span] = field(default_factory=set)
    """The places of definitions that something reads."""

    def define(self, name: syntax.Name, role: Role, value: Value) -> None:
        self.definitions[name.span] = Definition(name.text, name.span, role, value)

    def use(self, name: syntax.Name, binding: Binding) -> None:
        self.uses[name.span] = Use(name.text, name.span, binding.value, binding.place)
        if binding.place is not None:
            self.read.add(binding.place)

    def at(self, file: str, line: int, column: int) -> Definition | Use | None:
        """The name at a place, counted from 1."""
        known: list[Definition | Use] = [*self.definitions.values(), *self.uses.values()]
        here = (one for one in known if one.place.file == file and one.place.holds(line, column))
        return next(here, None)

    def unread(self) -> Iterator[Definition]:
        """Definitions that nothing reads."""
        return (one for place, one in self.definitions.items() if place not in self.read)

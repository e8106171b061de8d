"""Which public name belongs to which s-op."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tracr.rasp import rasp

from rinject.lang.builder import Builder
from rinject.lang.diagnostics import Span

BASE_SOPS: dict[str, rasp.SOp] = {
    "tokens": rasp.tokens,
    "indices": rasp.indices,
    "length": rasp.length,
}
_SHARED = frozenset(map(id, BASE_SOPS.values()))


@dataclass(frozen=True, eq=False)
class _Entry:
    expr: rasp.SOp
    span: Span


@dataclass(frozen=True)
class Conflict:
    """Two different s-ops want one name."""

    name: str
    first: Span
    second: Span


class Naming:
    """Names given with named(), and those of top-level variables.

    A given name belongs to its s-op for good; a variable's name belongs to its last value.
    While `frozen`, nothing is recorded: code that never runs names nothing.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._entries: dict[tuple[str, bool], _Entry] = {}  # (name, was given) -> s-op
        self._given: dict[int, str] = {}
        self.frozen = False

    def give(self, expr: rasp.SOp, name: str, span: Span) -> rasp.SOp | Conflict:
        """`expr` under `name`; a second name for one s-op makes a second object."""
        if self.frozen or self._given.get(id(expr)) == name:
            return expr
        if id(expr) in _SHARED:
            expr = self._builder.identity(expr)
        if id(expr) in self._given and self._given[id(expr)] != name:
            expr = self._builder.renamed(expr, name)
        known = self._entries.get((name, True))
        if known and known.expr is not expr:
            return Conflict(name, known.span, span)
        self._entries[name, True] = _Entry(expr, span)
        self._given[id(expr)] = name
        _set_name(expr, name)
        return expr

    def bind(self, variable: str, expr: rasp.SOp | None, span: Span) -> None:
        """A top-level variable gets a value; None for one that is not an s-op."""
        if self.frozen:
            return
        self._entries.pop((variable, False), None)
        if expr is not None and id(expr) not in self._given:
            self._entries[variable, False] = _Entry(expr, span)

    def public_name(self, variable: str, expr: rasp.SOp) -> str:
        """The name under which the value of a top-level variable is public."""
        if (variable, False) in self._entries:
            return variable
        return self._given.get(id(expr), variable)

    def conflicts(self) -> Iterator[Conflict]:
        """Variables whose name was given to another s-op."""
        for (name, was_given), entry in self._entries.items():
            given = self._entries.get((name, True))
            if not was_given and given and given.expr is not entry.expr:
                first, second = sorted((given.span, entry.span), key=lambda s: (s.line, s.column))
                yield Conflict(name, first, second)

    def finish(self) -> dict[str, rasp.SOp]:
        """All public s-ops by name, each annotated with it, in the order of definition."""
        named: set[int] = set(self._given)
        public: dict[str, rasp.SOp] = {}
        for (name, was_given), entry in self._entries.items():
            public[name] = entry.expr if was_given else self._annotated(entry.expr, name, named)
        return public

    def _annotated(self, expr: rasp.SOp, name: str, named: set[int]) -> rasp.SOp:
        if id(expr) in _SHARED:
            expr = self._builder.identity(expr)
        if id(expr) in named:
            return expr if expr.name == name else expr.named(name)
        named.add(id(expr))
        _set_name(expr, name)
        return expr


def _set_name(expr: rasp.SOp, name: str) -> None:
    # In place, where tracr's `named` would copy: what already refers to the s-op keeps doing so.
    expr.annotations = {**expr.annotations, "name": name}

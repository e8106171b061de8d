"""Which names of a syntax tree belong together: the file, functions and comprehensions bind names.

Loops have no scope of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rinject.lang import syntax
from rinject.lang.diagnostics import Span


@dataclass(eq=False)
class Scope:
    """A stretch of the text in which names are bound."""

    span: Span
    parent: Scope | None = None
    inner: list[Scope] = field(default_factory=list)
    bound: dict[str, list[syntax.Name]] = field(default_factory=dict)
    """Each name that is bound here, at every place where it is."""
    read: list[syntax.Name] = field(default_factory=list)

    def open(self, span: Span) -> Scope:
        """A scope within this one."""
        self.inner.append(Scope(span, self))
        return self.inner[-1]

    def bind(self, *names: syntax.Name) -> None:
        """Adds places where names get a value."""
        for name in names:
            self.bound.setdefault(name.text, []).append(name)

    def definitions(self) -> Iterator[syntax.Name]:
        """Every place where a name is bound here."""
        for places in self.bound.values():
            yield from places

    def outward(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def every(self) -> Iterator[Scope]:
        """This scope and all within it."""
        stack = [self]
        while stack:
            scope = stack.pop()
            yield scope
            stack += scope.inner

    def at(self, line: int, column: int) -> Scope:
        """The innermost scope that holds a place."""
        scope: Scope | None = self
        while scope is not None:
            found, within = scope, (one for one in scope.inner if one.span.holds(line, column))
            scope = next(within, None)
        return found

    def owner(self, name: str) -> Scope | None:
        """The scope whose name it is when it is read here; None for one from outside the text."""
        return next((scope for scope in self.outward() if name in scope.bound), None)


def scopes_of(module: syntax.Module) -> Scope:
    """The scope of a file, with all within it."""
    top = Scope(module.span)
    if module.header is not None:
        outputs = (one for one in module.header.fields if one.name.text == "output")
        entries = (entry.left for one in outputs for entry in one.entries)
        top.read += [name for name in entries if isinstance(name, syntax.Name)]
    stack: list[tuple[Any, Scope]] = [(module.body, top)]
    while stack:  # not recursive: trees may be deep
        node, scope = stack.pop()
        if isinstance(node, tuple):
            stack += [(item, scope) for item in node]
        elif isinstance(node, syntax.Node):
            stack += _visit(node, scope)
    return top


def _visit(node: syntax.Node, scope: Scope) -> list[tuple[Any, Scope]]:
    """Notes what a node binds or reads; what is left to visit, each with its scope."""
    match node:
        case syntax.Name():
            scope.read.append(node)
            return []
        case syntax.Assignment(targets=targets, values=values):
            scope.bind(*targets)
            return [(values, scope)]
        case syntax.Function(span, name, parameters, body):
            scope.bind(name)
            inner = scope.open(span)
            inner.bind(*parameters)
            return [(body, inner)]
        case syntax.Loop(targets=targets, iterable=iterable, body=body):
            scope.bind(*targets)
            return [(iterable, scope), (body, scope)]
        case syntax.Comprehension(span, element, targets, iterable, condition):
            return _comprehension(scope, span, targets, iterable, (element, condition))
        case syntax.DictComprehension(span, pair, targets, iterable, condition):
            return _comprehension(scope, span, targets, iterable, (pair, condition))
    return [(value, scope) for value in vars(node).values()]


def _comprehension(
    scope: Scope,
    span: Span,
    targets: tuple[syntax.Name, ...],
    iterable: syntax.Expression,
    rest: tuple[Any, ...],
) -> list[tuple[Any, Scope]]:
    inner = scope.open(span)
    inner.bind(*targets)
    return [(iterable, scope), (rest, inner)]

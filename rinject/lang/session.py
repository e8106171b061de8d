"""Statements carried out one after the other, as they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.checker import ProgramChecker, room_to_nest
from rinject.lang.context import Context, ProgramTooLarge
from rinject.lang.diagnostics import Collector, Diagnostic, SourceError
from rinject.lang.parser import parse
from rinject.lang.values import BuiltinRef, SelectorRef, SOpRef, Value, as_python

NAME = "<input>"
"""What diagnostics call typed text."""
LAST = "out"
"""The name of the value of the last expression, as in the original."""


@dataclass(frozen=True)
class Shown:
    """Something a statement made."""

    name: str | None
    """What it is called now; None for the values of an s-op on an input."""
    value: Value


@dataclass(frozen=True)
class DrawRequest:
    """`draw(x)` or `draw(x, input)`."""

    value: SOpRef | SelectorRef
    tokens: list[Any] | None


class Session:
    """The state between statements. What fails changes nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where `load` looks; None allows no loading."""
        self._context = Context()
        file = NAME if folder is None else str(folder / NAME)
        self._checker = ProgramChecker(self._context, (), file, folder)

    def run(self, text: str) -> list[Shown | DrawRequest]:
        """Carries out all statements of a text; what they made, in order.

        Raises SourceError, with the session as it was before.
        """
        module = parse(text, NAME)
        if module.header is not None:
            raise InputError(
                "a program block belongs in a file", hint="write the file, then `:load` it"
            )
        context, scope = self._context, self._checker.scope
        before = dict(scope.bindings)
        context.collector, context.steps = Collector(), 0
        context.sources[NAME] = text
        shown: list[Shown | DrawRequest] = []
        try:
            with room_to_nest():
                for statement in module.body:
                    shown += self._statement(statement)
        except (ProgramTooLarge, RecursionError):
            if not context.collector.has_errors:
                context.report("too-deep", module.span, "this is nested too deeply")
        if context.collector.has_errors:
            context.calls.clear()
            scope.bindings = before
            raise SourceError(context.collector.ordered(), context.sources)
        return shown

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What was suspicious in the text last run."""
        return self._context.collector.ordered()

    def value(self, text: str) -> Any:
        """What an expression known in advance is in Python: a string, a number, a list.

        Raises SourceError, and InputError for an s-op, a selector or a function.
        """
        before = self._checker.scope.bindings.get(LAST)
        shown = self.run(f"{text};")
        if before is not None:
            self._checker.scope.bindings[LAST] = before
        last = shown[-1] if shown else None
        found = as_python(last.value) if isinstance(last, Shown) else None
        if found is None:
            raise InputError(f"`{text.strip()}` is not known in advance")
        return found

    def find(self, name: str) -> Value | None:
        """What a name denotes now, those of the language too."""
        binding = self._checker.scope.find(name)
        return None if binding is None else binding.value

    def names(self) -> tuple[str, ...]:
        """Every name that can be used, one's own first."""
        return tuple(dict.fromkeys(self._checker.scope.visible()))

    def _statement(self, node: syntax.Statement) -> Iterator[Shown | DrawRequest]:
        checker, scope = self._checker, self._checker.scope
        match node:
            case syntax.ExpressionStatement(_, syntax.Call() as call) if self._is_draw(call):
                yield from self._draw(call)
            case syntax.ExpressionStatement(_, value):
                yield self._expression(value)
            case _:
                before = dict(scope.bindings)
                checker.execute([node], scope)
                if not isinstance(node, syntax.Loop):
                    for name, binding in scope.bindings.items():
                        if before.get(name) is not binding:
                            yield Shown(name, binding.value)

    def _expression(self, node: syntax.Expression) -> Shown:
        scope = self._checker.scope
        value = self._checker.evaluate(node, scope)
        if isinstance(node, syntax.Name):
            return Shown(node.text, value)
        if isinstance(node, syntax.Call) and self._is_applied(node):
            return Shown(None, value)
        scope.bind(syntax.Name(node.span, LAST), value)
        return Shown(LAST, value)

    def _is_applied(self, call: syntax.Call) -> bool:
        """Whether a call evaluates an s-op or selector on an input."""
        function = self._checker.evaluate(call.function, self._checker.scope)
        return isinstance(function, SOpRef | SelectorRef)

    def _is_draw(self, call: syntax.Call) -> bool:
        return isinstance(call.function, syntax.Name) and self.find(
            call.function.text
        ) == BuiltinRef("draw")

    def _draw(self, call: syntax.Call) -> Iterator[DrawRequest]:
        values = [self._checker.evaluate(node, self._checker.scope) for node in call.arguments]
        if not values or not isinstance(values[0], SOpRef | SelectorRef) or len(values) > 2:
            message = "`draw` takes an s-op, and an input if you like"
            self._context.report("bad-draw", call.span, message, 'as in `draw(x, "hello")`')
            return
        tokens = self._checker.tokens(values[1], call.arguments[1]) if len(values) == 2 else None
        yield DrawRequest(values[0], tokens)

"""Statements carried out one after the other, as they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from lark.exceptions import UnexpectedInput, UnexpectedToken
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.checker import ProgramChecker, room_to_nest
from rinject.lang.context import Context, ProgramTooLarge
from rinject.lang.diagnostics import Collector, Diagnostic, SourceError, Span
from rinject.lang.files import LIBRARY, FolderLoader, KeptLoader, library_source
from rinject.lang.naming import BASE_SOPS, Naming
from rinject.lang.parser import grammar, parse
from rinject.lang.values import POISON, BuiltinRef, Poison, SelectorRef, SOpRef, Value, as_python

NAME = "<input>"
"""What diagnostics call typed text."""
LAST = "out"
"""The name of the value of the last expression, as in the original."""
_DEFINITION = re.compile(r"\bdef\b")


@dataclass(frozen=True)
class Shown:
    """A value that a statement made, and what it is called now."""

    name: str
    value: Value


@dataclass(frozen=True)
class Applied:
    """The values of an s-op or a selector on an input."""

    tokens: list[Any]
    values: Value


@dataclass(frozen=True)
class Loaded:
    """What came from another file."""

    file: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class DrawRequest:
    """`draw(x)` or `draw(x, input)`."""

    value: SOpRef | SelectorRef
    tokens: list[Any] | None


Made: TypeAlias = Shown | Applied | Loaded | DrawRequest | syntax.Directive


def is_unfinished(text: str) -> bool:
    """Whether a text only begins statements: nothing is wrong with it but its end."""
    try:
        grammar().parse(text)
    except UnexpectedInput as error:
        return isinstance(error, UnexpectedToken) and error.token.type == "$END"
    return False


class Session:
    """The state between statements. What fails changes nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where `load` looks; None allows no loading."""
        self._folder = folder
        self._context = Context(sources={str(LIBRARY): library_source()})
        self._checker = self._new_checker(folder)
        self._scope = self._checker.scope
        self._labelled: list[rasp.SOp] = []
        self._texts_kept = 0

    def _new_checker(self, folder: Path | None) -> ProgramChecker:
        file = NAME if folder is None else str(folder / NAME)
        loader = KeptLoader({}) if folder is None else FolderLoader(folder)
        return ProgramChecker(self._context, (), file, loader)

    @property
    def causal(self) -> bool:
        """Whether an s-op called on an input sees only what came before."""
        return self._context.causal

    @causal.setter
    def causal(self, causal: bool) -> None:
        self._context.causal = causal

    # --- what is typed -----------------------------------------------------------------------

    def run(self, text: str) -> list[Made]:
        """Carries out all statements of a text; what they made, in order.

        Raises SourceError, with the session as it was before.
        """
        module = parse(text, self._name_of(text))
        if module.header is not None:
            raise InputError(
                "a program block belongs in a file", hint="write the file, then `:load` it"
            )
        made: list[Made] = []
        with self._all_or_nothing(text, module.span):
            for statement in module.body:
                made += self._statement(statement)
        return made

    def load(self, path: Path) -> Loaded:
        """Carries out a file as `load` does, wherever it lies; it loads from its own folder.

        Raises SourceError as :meth:`run`.
        """
        here = Span(NAME, 1, 1, 1, 1)
        statement = syntax.Load(here, syntax.Literal(here, path.name))
        checker = self._new_checker(path.parent)
        with self._all_or_nothing(f'load "{path.name}";', here):
            checker.execute([statement], checker.scope)
            self._scope.bindings |= checker.scope.bindings
        bindings = checker.scope.bindings.items()
        return Loaded(str(path), tuple(Shown(name, found.value) for name, found in bindings))

    def evaluate(self, text: str) -> Value:
        """The value of one expression; nothing gets a name. Raises SourceError as :meth:`run`."""
        node, value = _expression_in(text), cast(Value, POISON)
        with self._all_or_nothing(text, node.span):
            value = self._checker.evaluate(node, self._scope)
        return value

    def tokens(self, text: str) -> list[Any]:
        """An input, written as an expression. Raises SourceError as :meth:`run`."""
        node, tokens = _expression_in(text), None
        with self._all_or_nothing(text, node.span):
            value = self._checker.evaluate(node, self._scope)
            tokens = None if isinstance(value, Poison) else self._checker.tokens(value, node)
        return tokens or []

    def value(self, text: str) -> Any:
        """What an expression known in advance is in Python: a string, a number, a list.

        Raises SourceError, and InputError for an s-op, a selector or a function.
        """
        found = as_python(self.evaluate(text))
        if found is None:
            raise InputError(f"`{text.strip()}` is not known in advance")
        return found

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What was suspicious in the text last run."""
        return self._context.collector.ordered()

    @property
    def sources(self) -> Mapping[str, str]:
        """The texts that diagnostics point into, by the name that spans give them."""
        return self._context.sources

    # --- names -------------------------------------------------------------------------------

    def find(self, name: str) -> Value | None:
        """What a name denotes now, those of the language too."""
        binding = self._scope.find(name)
        return None if binding is None else binding.value

    def names(self) -> tuple[str, ...]:
        """Every name that can be used, one's own first."""
        return tuple(dict.fromkeys(self._scope.visible()))

    def own_names(self) -> tuple[str, ...]:
        """The names that were given here, in that order."""
        return tuple(self._scope.bindings)

    def label(self) -> None:
        """Annotates each s-op with its name, for compiled models and drawings.

        A name given with `named` stays.
        """
        for expr in self._labelled:
            _set_name(expr, None)
        self._labelled.clear()
        taken = set(map(id, BASE_SOPS.values()))
        for name, binding in self._scope.bindings.items():
            value = binding.value
            if isinstance(value, SOpRef) and id(value.expr) not in taken and name != LAST:
                taken.add(id(value.expr))
                self._label(value.expr, name)

    def _label(self, expr: rasp.SOp, name: str) -> None:
        if expr.name == rasp.default_name(expr):
            _set_name(expr, name)
            self._labelled.append(expr)

    # --- statements --------------------------------------------------------------------------

    def _name_of(self, text: str) -> str:
        """What diagnostics call a text; functions outlive theirs, so it gets a number."""
        if not _DEFINITION.search(text):
            return NAME
        self._texts_kept += 1
        return f"<input {self._texts_kept}>"

    @contextmanager
    def _all_or_nothing(self, text: str, span: Span) -> Iterator[None]:
        """Within the block the session changes; it is as before if anything goes wrong in it."""
        context, before = self._context, dict(self._scope.bindings)
        context.sources[span.file] = text
        context.collector, context.steps = Collector(), 0
        context.naming = Naming(context.builder)  # what is loaded again may use its names again
        self._checker = self._new_checker(self._folder)
        self._checker.scope = self._scope
        try:
            with room_to_nest():
                yield
        except (ProgramTooLarge, RecursionError):
            if not context.collector.has_errors:
                context.report("too-deep", span, "this is nested too deeply")
        except BaseException:
            self._undo(before)
            raise
        if context.collector.has_errors:
            self._undo(before)
            raise SourceError(context.collector.ordered(), context.sources)

    def _undo(self, bindings: dict[str, Any]) -> None:
        self._context.calls.clear()
        self._scope.bindings = bindings

    def _statement(self, node: syntax.Statement) -> Iterator[Made]:
        match node:
            case syntax.Directive():
                yield node
            case syntax.ExpressionStatement(_, syntax.Call() as call) if self._is_draw(call):
                yield from self._draw(call)
            case syntax.ExpressionStatement(_, value):
                yield self._expression(value)
            case syntax.Load(_, file):
                yield Loaded(str(file.value), self._executed(node))
            case syntax.Loop():
                self._executed(node)
            case _:
                yield from self._executed(node)

    def _executed(self, node: syntax.Statement) -> tuple[Shown, ...]:
        """The names that a statement gave."""
        bindings = self._scope.bindings
        before = dict(bindings)
        self._checker.execute([node], self._scope)
        return tuple(
            Shown(name, binding.value)
            for name, binding in bindings.items()
            if before.get(name) is not binding
        )

    def _expression(self, node: syntax.Expression) -> Shown | Applied:
        value = self._checker.evaluate(node, self._scope)
        if isinstance(node, syntax.Name):
            return Shown(node.text, value)
        tokens = self._input_of(node)
        if tokens is not None:
            return Applied(tokens, value)
        self._scope.bind(syntax.Name(node.span, LAST), value)
        return Shown(LAST, value)

    def _input_of(self, node: syntax.Expression) -> list[Any] | None:
        """The input that a call evaluates an s-op or a selector on."""
        if not isinstance(node, syntax.Call) or len(node.arguments) != 1:
            return None
        function = self._checker.evaluate(node.function, self._scope)
        if not isinstance(function, SOpRef | SelectorRef):
            return None
        argument = node.arguments[0]
        return self._checker.tokens(self._checker.evaluate(argument, self._scope), argument)

    def _is_draw(self, call: syntax.Call) -> bool:
        return isinstance(call.function, syntax.Name) and self.find(
            call.function.text
        ) == BuiltinRef("draw")

    def _draw(self, call: syntax.Call) -> Iterator[DrawRequest]:
        values = [self._checker.evaluate(node, self._scope) for node in call.arguments]
        if not values or not isinstance(values[0], SOpRef | SelectorRef) or len(values) > 2:
            message = "`draw` takes an s-op, and an input if you like"
            self._context.report("bad-draw", call.span, message, 'as in `draw(x, "hello")`')
            return
        tokens = self._checker.tokens(values[1], call.arguments[1]) if len(values) == 2 else None
        yield DrawRequest(values[0], tokens)


def _expression_in(text: str) -> syntax.Expression:
    """The only expression of a text, with or without its semicolon."""
    text = text.rstrip().removesuffix(";")
    body = parse(f"{text};", NAME).body
    if len(body) != 1 or not isinstance(body[0], syntax.ExpressionStatement):
        raise InputError(f"`{text.strip()}` is not an expression")
    return body[0].value


def _set_name(expr: rasp.SOp, name: str | None) -> None:
    others = {key: value for key, value in expr.annotations.items() if key != "name"}
    expr.annotations = others if name is None else {**others, "name": name}

"""Checks a whole program and lowers it: functions inlined, loops unrolled, all mistakes found.

There is one pass. Each statement is carried out on values (values.py) that hold tracr RASP
objects, so what is wrong in a function is found at each call, with the types it has there.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import assert_never

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.builtins import PROTECTED, language_scope
from rinject.lang.context import Context, ProgramTooLarge
from rinject.lang.diagnostics import Diagnostic, SourceError, Span, did_you_mean
from rinject.lang.expressions import ExpressionChecker
from rinject.lang.files import LIBRARY, Loader, library_source
from rinject.lang.header import Draft, Header, check_header
from rinject.lang.index import Index, Role
from rinject.lang.limits import DEEPEST_CALL
from rinject.lang.lint import lint
from rinject.lang.parser import parse
from rinject.lang.recovery import recover
from rinject.lang.trial import try_out
from rinject.lang.types import TEXT
from rinject.lang.values import (
    POISON,
    Binding,
    Frame,
    FunctionRef,
    ListOf,
    OperatorRef,
    Poison,
    Scope,
    SelectorRef,
    SOpRef,
    Value,
    describe,
)

_PYTHON_FRAMES = 20_000  # enough for that many calls; expressions nest less deeply than that


@dataclass(frozen=True, eq=False)
class Checked:
    """A program without mistakes."""

    header: Header
    sops: dict[str, rasp.SOp]
    selectors: dict[str, rasp.Selector]
    """The selectors of the top level by name."""
    warnings: tuple[Diagnostic, ...]
    sources: dict[str, str]
    """The text of each file that was read for it, in that order, by the name that spans give it."""
    places: Mapping[int, Span]
    """By the id of an s-op or selector: the expression that first made it."""
    index: Index


def check(
    text: str, file: str, default_name: str, loader: Loader, context: Context | None = None
) -> Checked:
    """The header and the public s-ops of a program, which may load from `loader`.

    Raises SourceError with every mistake found in it. What a new `context` then holds is what could
    be understood in spite of them.
    """
    context = context or Context()
    context.sources[file] = text
    module, lost = _tree(text, file, context)
    draft = check_header(module.header, context, default_name)
    if draft.header.vocabulary:
        context.builder.tokens_hold(TEXT)
    context.vocabulary, context.causal = draft.header.vocabulary, draft.header.causal
    checker = ProgramChecker(context, module.body, file, loader)
    checker.forgive(lost)
    output = checker.run(module, draft)
    context.collector.raise_if_errors(_readable(context))
    sops = context.naming.finish()
    literals = (n for n in syntax.expressions(module.body) if isinstance(n, syntax.Literal))
    strings = [literal.value for literal in literals if isinstance(literal.value, str)]
    try_out(context, sops, draft.header.longest, strings)
    lint(context, module, draft, sops)
    context.collector.raise_if_errors(_readable(context))
    return Checked(
        draft.finished(output),
        sops,
        checker.selectors(),
        context.collector.ordered(),
        context.sources,
        context.places,
        context.index,
    )


def _tree(text: str, file: str, context: Context) -> tuple[syntax.Module, frozenset[str]]:
    """What can be read of a text, and the names lost to errors of syntax, which are recorded."""
    recovered = recover(text, file)
    for error in recovered.errors:
        context.collector.add(error)
    if recovered.module is None:
        raise SourceError(context.collector.ordered(), _readable(context))
    context.has_gaps = bool(recovered.errors)
    return recovered.module, recovered.lost


def _readable(context: Context) -> Mapping[str, str]:
    """Every file that a diagnostic may point into: what was read, and the library."""
    return {**context.sources, str(LIBRARY): library_source()}


def _too_deep(span: Span) -> Diagnostic:
    message = "the program is nested too deeply"
    hint = "use several variables for long expressions, functions for loops within loops"
    return Diagnostic("too-deep", message, _start(span), hint)


def _start(span: Span) -> Span:
    return Span(span.file, span.line, span.column, span.line, span.column + 1)


@contextmanager
def room_to_nest() -> Iterator[None]:
    """Within the block, Python's own limit is not what stops a nested program."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _PYTHON_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@functools.cache
def _library() -> syntax.Module:
    return parse(library_source(), str(LIBRARY))


class ProgramChecker(ExpressionChecker):
    """Carries out the statements of one program."""

    def __init__(
        self,
        context: Context,
        body: Sequence[syntax.Statement],
        file: str,
        loader: Loader,
    ) -> None:
        super().__init__(context, dict(_definitions(body)))
        self._loader = loader
        self._language = Scope(language_scope(context.builder))
        self.scope = Scope(self._language, is_module=True)
        self._public: set[str] = set()  # top-level variables
        self._functions: list[FunctionRef] = []
        self._called: set[int] = set()
        self._loading: list[str] = [file]
        self._loop_depth = 0
        self._last: tuple[str, rasp.SOp] | None = None  # the latest s-op of a top-level statement
        for statement in _library().body:
            assert isinstance(statement, syntax.Function)
            self._language.bind(statement.name, FunctionRef(statement, self._language))
            self.library |= {statement.name.text}

    def forgive(self, names: Iterable[str]) -> None:
        """Names that statements with an error of syntax would have bound: all uses are right."""
        for name in names:
            self.scope.bindings[name] = Binding(POISON)
            self._public.add(name)

    def run(self, module: syntax.Module, draft: Draft) -> str:
        """Checks a whole program; the public name of the output s-op, if it has one."""
        try:
            with room_to_nest():
                return self._run(module, draft)
        except ProgramTooLarge:
            pass
        except RecursionError:
            self.context.collector.add(_too_deep(module.span))
        return ""

    def _run(self, module: syntax.Module, draft: Draft) -> str:
        self.execute(module.body, self.scope)
        name = self._find_output(draft)
        self._check_uncalled_functions()
        for conflict in self.context.naming.conflicts():
            self.context.report_conflict(conflict)
        return name

    def selectors(self) -> dict[str, rasp.Selector]:
        """The selectors of the top level by name."""
        found = {name: binding.value for name, binding in self.scope.bindings.items()}
        return {name: value.expr for name, value in found.items() if isinstance(value, SelectorRef)}

    # --- statements ------------------------------------------------------------------------

    def execute(self, body: Sequence[syntax.Statement], scope: Scope) -> Value | None:
        """Carries out statements; the value of the `return` that ends them, if one does."""
        for position, statement in enumerate(body):
            result = self._statement(statement, scope)
            if result is not None:
                if position + 1 < len(body):
                    self._unreachable(body[position + 1])
                return result
        return None

    def _statement(self, node: syntax.Statement, scope: Scope) -> Value | None:
        match node:
            case syntax.Assignment():
                self._assign(node, scope)
            case syntax.Function():
                self._define(node, scope)
            case syntax.Loop():
                self._loop(node, scope)
            case syntax.ExpressionStatement():
                self._expression_statement(node, scope)
            case syntax.ReturnStatement():
                return self._return(node, scope)
            case syntax.Load():
                self._load(node, scope)
            case syntax.Directive():
                self._directive(node)
            case _:
                assert_never(node)
        return None

    def _assign(self, node: syntax.Assignment, scope: Scope) -> None:
        values = [self._assignable(value, scope) for value in node.values]
        if len(node.targets) == 1 and len(values) > 1:
            values = [ListOf(tuple(values))]
        elif len(values) == 1 and len(node.targets) > 1:
            values = self.unpack(values[0], len(node.targets), node.values[0].span)
        elif len(values) != len(node.targets):
            self.context.report(
                "wrong-number-of-names",
                node.span,
                f"{len(node.targets)} names, but {len(values)} values",
                "write one name for each value",
            )
            values = [POISON] * len(node.targets)
        for target, value in zip(node.targets, values, strict=True):
            self._bind(target, value, scope, "variable" if scope.is_module else "local")

    def _assignable(self, node: syntax.Expression, scope: Scope) -> Value:
        value = self.evaluate(node, scope)
        return self.stray_operator(node) if isinstance(value, OperatorRef) else value

    def _bind(self, target: syntax.Name, value: Value, scope: Scope, role: Role) -> None:
        self.bind(target, value, scope, role)
        if scope is not self.scope:
            return
        if self._loop_depth == 0:
            self._public.add(target.text)
        if target.text in self._public:
            self._publish(target.text, value, target.span)

    def _publish(self, name: str, value: Value, place: Span) -> None:
        """A top-level variable has a new value."""
        expr = value.expr if isinstance(value, SOpRef) else None
        self.context.naming.bind(name, expr, place)
        if expr is not None:
            self._last = (name, expr)

    def _define(self, node: syntax.Function, scope: Scope) -> None:
        seen: set[str] = set()
        for parameter in node.parameters:
            self.check_name(parameter)
            if parameter.text in seen:
                message = f"two parameters are called `{parameter.text}`"
                self.context.report("duplicate-parameter", parameter.span, message)
            seen.add(parameter.text)
        if not any(isinstance(item, syntax.ReturnStatement) for item in node.body):
            self.context.report(
                "missing-return",
                node.name.span,
                f"`{node.name.text}` does not end with a `return`",
                "a function ends with `return value;`",
            )
        function = FunctionRef(node, scope)
        self._functions.append(function)
        self._bind(node.name, function, scope, "function")

    # --- other files -----------------------------------------------------------------------

    def _load(self, node: syntax.Load, scope: Scope) -> None:
        """Runs another file by itself and takes over its names, except those with a `_`."""
        module = self._read(node)
        if module is None:
            return
        inner = Scope(self._language, is_module=True)
        self._loading.append(module.span.file)
        loop_depth, self._loop_depth = self._loop_depth, 0
        definitions = dict(_definitions(module.body))
        self._definitions, definitions = definitions, self._definitions
        self.execute(module.body, inner)
        self._definitions = definitions
        self._loop_depth = loop_depth
        self._loading.pop()
        self._take_over(inner, scope, node.span)

    def _read(self, node: syntax.Load) -> syntax.Module | None:
        here = self._loading[-1]
        try:
            file, text = self._loader.load(str(node.file.value), here)
            if file in self._loading:
                message = f"`{file}` loads itself" if file == here else f"`{file}` is being loaded"
                self.context.report("load-cycle", node.span, message, "loads cannot go in a circle")
                return None
            self.context.sources[file] = text
            return parse(text, file)
        except SourceError as error:
            for diagnostic in error.diagnostics:
                self.context.collector.add(diagnostic)
        except InputError as error:
            self.context.report("cannot-load", node.file.span, error.message, error.hint)
        return None

    def _take_over(self, loaded: Scope, scope: Scope, place: Span) -> None:
        for name, binding in loaded.bindings.items():
            if name.startswith("_"):
                continue
            scope.bindings[name] = binding
            if scope is self.scope and self._loop_depth == 0:
                self._public.add(name)
                self._publish(name, binding.value, place)

    def _directive(self, node: syntax.Directive) -> None:
        self.context.warn(
            "directive",
            node.span,
            "this belongs to the interactive session and does nothing here",
            "use `rinject repl`",
        )

    # --- loops and functions ---------------------------------------------------------------

    def _loop(self, node: syntax.Loop, scope: Scope) -> None:
        items = self.items(self.evaluate(node.iterable, scope), node.iterable.span)
        self._loop_depth += scope.is_module
        # Without a list the body is still checked once, so that its own mistakes are found.
        for item in [POISON] if items is None else items:
            self.context.step(node.span)
            self.bind_targets(node.targets, item, scope)
            for statement in node.body:
                if isinstance(statement, syntax.ReturnStatement):
                    self._return_in_loop(statement)
                else:
                    self._statement(statement, scope)
        self._loop_depth -= scope.is_module

    def _return_in_loop(self, node: syntax.ReturnStatement) -> None:
        self.context.report(
            "return-in-loop",
            node.span,
            "`return` inside a loop",
            "keep the result in a variable and return it after the loop",
        )

    def _expression_statement(self, node: syntax.ExpressionStatement, scope: Scope) -> None:
        value = self._assignable(node.value, scope)
        if scope.is_module and self._loop_depth == 0 and isinstance(value, SOpRef):
            name = node.value.text if isinstance(node.value, syntax.Name) else "output"
            if name not in self._public:
                self.context.naming.bind("output", value.expr, node.span)
                name = "output"
            self._last = (name, value.expr)

    def _return(self, node: syntax.ReturnStatement, scope: Scope) -> Value:
        if scope.is_module:
            message = "`return` outside of a function"
            hint = "to choose what a program computes, write `output name;` in its header"
            return self.context.report("return-outside-function", node.span, message, hint)
        values = tuple(self._assignable(value, scope) for value in node.values)
        return values[0] if len(values) == 1 else ListOf(values)

    def _unreachable(self, node: syntax.Statement) -> None:
        message = "this is never reached, it follows a `return`"
        self.context.report("unreachable", node.span, message, "remove it, or move it up")

    # --- functions -------------------------------------------------------------------------

    def call_function(self, function: FunctionRef, call: syntax.Call, args: list[Value]) -> Value:
        node, name = function.definition, function.definition.name.text
        self._called.add(id(node))
        if len(args) != len(node.parameters):
            parameters = ", ".join(parameter.text for parameter in node.parameters)
            plural = "s" * (len(node.parameters) != 1)
            return self.context.report(
                "wrong-number-of-arguments",
                call.span,
                f"`{name}` takes {len(node.parameters)} argument{plural}, not {len(args)}",
                f"write `{name}({parameters})`",
            )
        if self.context.naming.frozen and any(f.definition is node for f in self.context.calls):
            return POISON  # arguments of unknown kind: nothing would end it
        if len(self.context.calls) >= DEEPEST_CALL:
            message = f"`{name}` calls itself without end: {DEEPEST_CALL} calls within each other"
            hint = "a function that calls itself must end, by a condition known in advance"
            return self.context.report("recursion", call.span, message, hint)
        self.context.calls.append(Frame(node, call.span))
        result = self._inline(function, args)
        self.context.calls.pop()
        return result

    def _inline(self, function: FunctionRef, args: Sequence[Value]) -> Value:
        scope = Scope(function.scope)
        for parameter, value in zip(function.definition.parameters, args, strict=True):
            scope.bind(parameter, value)
            self.context.index.define(parameter, "parameter", value)
        return self.execute(function.definition.body, scope) or POISON

    def _check_uncalled_functions(self) -> None:
        """Arguments of unknown kind: only what is wrong for any arguments is found."""
        self.context.naming.frozen = True
        for function in list(self._functions):
            if id(function.definition) not in self._called:
                arguments = [POISON] * len(function.definition.parameters)
                self._inline(function, arguments)

    # --- output ----------------------------------------------------------------------------

    def _find_output(self, draft: Draft) -> str:
        node = draft.output_node
        if node is None:
            return self._last_output()
        binding = self.scope.bindings.get(node.text)
        value = binding.value if binding else None
        if binding is not None:
            self.context.index.use(node, binding)
        if isinstance(value, SOpRef) and node.text in self._public:
            return self.context.naming.public_name(node.text, value.expr)
        if value is None or node.text not in self._public:
            bindings = self.scope.bindings
            known = [n for n in self._public if isinstance(bindings[n].value, SOpRef)]
            self.context.report(
                "unknown-output",
                node.span,
                f"the program has no variable `{node.text}`",
                did_you_mean(node.text, known, otherwise="name a top-level variable"),
            )
        elif not isinstance(value, Poison):
            message = f"the output is an s-op, but `{node.text}` is {describe(value)}"
            self.context.report("output-not-an-s-op", node.span, message)
        return ""

    def _last_output(self) -> str:
        return "" if self._last is None else self.context.naming.public_name(*self._last)


def _definitions(body: Iterable[syntax.Statement]) -> Iterable[tuple[str, Span]]:
    """Every name that the top level binds; of several places the first counts."""
    found: dict[str, Span] = {}
    waiting = list(body)[::-1]
    while waiting:
        match waiting.pop():
            case syntax.Assignment(targets=targets):
                for target in targets:
                    found.setdefault(target.text, target.span)
            case syntax.Function(name=name):
                found.setdefault(name.text, name.span)
            case syntax.Loop(body=inner):
                waiting += reversed(inner)
    return [(text, span) for text, span in found.items() if text not in PROTECTED]

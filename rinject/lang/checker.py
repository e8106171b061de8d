"""Checks a whole program and lowers it: functions inlined, loops unrolled, all mistakes found.

There is one pass. Each statement is carried out on values (values.py) that hold tracr RASP
objects, so what is wrong in a function is found at each call, with the types it has there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.builtins import PROTECTED, language_scope
from rinject.lang.context import Context, ProgramTooLarge
from rinject.lang.diagnostics import Diagnostic, SourceError, Span, did_you_mean
from rinject.lang.expressions import ExpressionChecker
from rinject.lang.header import Header, check_header
from rinject.lang.values import (
    POISON,
    Frame,
    FunctionRef,
    ListOf,
    OperatorRef,
    Poison,
    Scope,
    SOpRef,
    Value,
    describe,
)


@dataclass(frozen=True, eq=False)
class Checked:
    """A program without mistakes."""

    header: Header
    sops: dict[str, rasp.SOp]


def check(module: syntax.Module, text: str, default_name: str) -> Checked:
    """The header and the public s-ops of a program.

    Raises SourceError with every mistake found in it.
    """
    context = Context()
    header = check_header(module.header, context, default_name)
    checker = _ProgramChecker(context, module)
    try:
        output = checker.run(header.output_node)
    except ProgramTooLarge:
        output = ""
    except RecursionError:
        raise SourceError([_too_deep(module.span)], text) from None
    context.collector.raise_if_any(text)
    return Checked(header.finished(output), context.naming.finish())


def _too_deep(span: Span) -> Diagnostic:
    message = "the program is nested too deeply"
    hint = "split long expressions into several variables"
    return Diagnostic("too-deep", message, _start(span), hint)


def _start(span: Span) -> Span:
    return Span(span.file, span.line, span.column, span.line, span.column + 1)


class _ProgramChecker(ExpressionChecker):
    """Carries out the statements of one program."""

    def __init__(self, context: Context, module: syntax.Module) -> None:
        super().__init__(context, dict(_definitions(module.body)))
        self._module = module
        self._scope = Scope(language_scope(context.builder), is_module=True)
        self._public: set[str] = set()  # top-level variables
        self._functions: list[FunctionRef] = []
        self._called: set[int] = set()
        self._loop_depth = 0
        self._last: tuple[str, rasp.SOp] | None = None  # the latest s-op of a top-level statement

    def run(self, output: syntax.Name | None) -> str:
        """Checks everything; the public name of the output s-op."""
        self._execute(self._module.body, self._scope)
        name = self._find_output(output)
        self._check_uncalled_functions()
        for conflict in self.context.naming.conflicts():
            self.context.report_conflict(conflict)
        return name

    # --- statements ------------------------------------------------------------------------

    def _execute(self, body: Sequence[syntax.Statement], scope: Scope) -> Value | None:
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
            case _:
                assert_never(node)
        return None

    def _assign(self, node: syntax.Assignment, scope: Scope) -> None:
        values = [self._assignable(value, scope) for value in node.values]
        if len(values) == 1 and len(node.targets) > 1:
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
            self._bind(target, value, scope)

    def _assignable(self, node: syntax.Expression, scope: Scope) -> Value:
        value = self.evaluate(node, scope)
        return self.stray_operator(node) if isinstance(value, OperatorRef) else value

    def _bind(self, target: syntax.Name, value: Value, scope: Scope) -> None:
        self.check_target(target)
        scope.values[target.text] = value
        if not scope.is_module:
            return
        if self._loop_depth == 0:
            self._public.add(target.text)
        if target.text in self._public:
            expr = value.expr if isinstance(value, SOpRef) else None
            self.context.naming.bind(target.text, expr, target.span)
            if expr is not None:
                self._last = (target.text, expr)

    def _define(self, node: syntax.Function, scope: Scope) -> None:
        seen: set[str] = set()
        for parameter in node.parameters:
            self.check_target(parameter)
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
        self._bind(node.name, function, scope)

    def _loop(self, node: syntax.Loop, scope: Scope) -> None:
        items = self.items(self.evaluate(node.iterable, scope), node.iterable.span)
        self._loop_depth += scope.is_module
        # Without a list the body is still checked once, so that its own mistakes are found.
        for item in [POISON] if items is None else items:
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
        if any(frame.definition is node for frame in self.context.calls):
            message = f"`{name}` calls itself"
            hint = "a transformer has no recursion; loop over a list"
            return self.context.report("recursion", call.span, message, hint)
        self.context.calls.append(Frame(node, call.span))
        result = self._inline(function, args)
        self.context.calls.pop()
        return result

    def _inline(self, function: FunctionRef, args: Sequence[Value]) -> Value:
        parameters = [parameter.text for parameter in function.definition.parameters]
        scope = Scope(function.scope, dict(zip(parameters, args, strict=True)))
        return self._execute(function.definition.body, scope) or POISON

    def _check_uncalled_functions(self) -> None:
        """Arguments of unknown kind: only what is wrong for any arguments is found."""
        self.context.naming.frozen = True
        for function in list(self._functions):
            if id(function.definition) not in self._called:
                arguments = [POISON] * len(function.definition.parameters)
                self._inline(function, arguments)

    # --- output ----------------------------------------------------------------------------

    def _find_output(self, node: syntax.Name | None) -> str:
        if node is None:
            return self._last_output()
        value = self._scope.values.get(node.text)
        if isinstance(value, SOpRef) and node.text in self._public:
            return self.context.naming.public_name(node.text, value.expr)
        if value is None or node.text not in self._public:
            known = [n for n in self._public if isinstance(self._scope.values[n], SOpRef)]
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
        if self._last is not None:
            return self.context.naming.public_name(*self._last)
        # A program with other mistakes may have lost its s-ops to them.
        if self._module.header is None and not self.context.collector:
            self.context.report(
                "no-output",
                _start(self._module.span),
                "the program computes no s-op",
                "assign one to a variable, as in `doubled = indices * 2;`",
            )
        return ""


def _definitions(body: Iterable[syntax.Statement]) -> Iterable[tuple[str, Span]]:
    """Every name that the top level binds; of several places the first counts."""
    found: dict[str, Span] = {}
    for statement in body:
        match statement:
            case syntax.Assignment(targets=targets):
                for target in targets:
                    found.setdefault(target.text, target.span)
            case syntax.Function(name=name):
                found.setdefault(name.text, name.span)
            case syntax.Loop(body=inner):
                for text, span in _definitions(inner):
                    found.setdefault(text, span)
    return [(text, span) for text, span in found.items() if text not in PROTECTED]

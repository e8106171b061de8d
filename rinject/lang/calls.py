"""Calls: of functions of the language and of the program, and of s-ops on an input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.builtins import call_builtin
from rinject.lang.interpreter import dependencies, interpret
from rinject.lang.limits import PAIRS_PER_STEP
from rinject.lang.values import (
    POISON,
    BuiltinRef,
    FunctionRef,
    OperatorRef,
    Poison,
    Scope,
    SelectorRef,
    SOpRef,
    Value,
    as_value,
    describe,
)

if TYPE_CHECKING:
    from rinject.lang.expressions import ExpressionChecker


def call(checker: ExpressionChecker, node: syntax.Call, scope: Scope) -> Value:
    function = checker.evaluate(node.function, scope)
    arguments = [checker.evaluate(argument, scope) for argument in node.arguments]
    if isinstance(function, Poison):
        return POISON
    if isinstance(function, BuiltinRef):
        return call_builtin(checker, function.name, node, arguments)
    for argument, value in zip(node.arguments, arguments, strict=True):
        if isinstance(value, OperatorRef):
            return checker.stray_operator(argument)
    if isinstance(function, FunctionRef):
        return checker.call_function(function, node, arguments)
    if isinstance(function, SOpRef | SelectorRef):
        return _applied(checker, function.expr, node, arguments)
    return checker.context.report(
        "not-a-function", node.function.span, f"{describe(function)} cannot be called"
    )


def _applied(
    checker: ExpressionChecker, expr: rasp.RASPExpr, node: syntax.Call, arguments: list[Value]
) -> Value:
    """`reverse("hello")`: an s-op or a selector on one input, as a list."""
    if len(arguments) != 1:
        message = f"an s-op is called on one input, not on {len(arguments)}"
        hint = 'write the input as a string or a list: `reverse("hello")`'
        return checker.context.report("wrong-number-of-arguments", node.span, message, hint)
    if isinstance(arguments[0], Poison):
        return POISON
    tokens = checker.tokens(arguments[0], node.arguments[0])
    if tokens is None:
        return POISON
    nodes = sum(1 for _ in dependencies([expr]))
    checker.context.step(node.span, nodes * len(tokens) ** 2 // PAIRS_PER_STEP)
    try:
        values = interpret(expr, tokens, causal=checker.context.causal)
    except InputError as error:
        return checker.context.report("no-value", node.span, error.message, error.hint)
    return as_value(values)

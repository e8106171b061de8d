"""Operators and conditionals on values, s-ops, selectors and lists."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from rinject.lang import syntax
from rinject.lang.builder import Operand
from rinject.lang.elementwise import BINARY, Binary, Constant, Member
from rinject.lang.limits import MAX_LENGTH
from rinject.lang.values import (
    POISON,
    DictOf,
    ListOf,
    Plain,
    Poison,
    Scope,
    SelectorRef,
    SOpRef,
    Value,
    as_python,
    describe,
)

if TYPE_CHECKING:
    from rinject.lang.expressions import ExpressionChecker

# On values these give one of their operands; on s-ops they give truth values.
_PLAIN: dict[str, Callable[..., Any]] = {
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
}


def unary(checker: ExpressionChecker, node: syntax.Unary, scope: Scope) -> Value:
    value = checker.evaluate(node.operand, scope)
    if isinstance(value, SelectorRef) and node.operator == "not":
        return SelectorRef(checker.context.builder.selector_not(value.expr))
    return checker.apply_unary(node.operator, node, node.operand, value)


def binary(checker: ExpressionChecker, node: syntax.Binary, scope: Scope) -> Value:
    left, right = checker.evaluate(node.left, scope), checker.evaluate(node.right, scope)
    if isinstance(left, Poison) or isinstance(right, Poison):
        return POISON
    if isinstance(left, SelectorRef) or isinstance(right, SelectorRef):
        return _combine_selectors(checker, node, left, right)
    if node.operator == "in":
        return _contains(checker, node, left, right)
    if isinstance(left, ListOf | DictOf) or isinstance(right, ListOf | DictOf):
        return _combine_lists(checker, node, left, right)
    operands = [checker.operand(node.left, left), checker.operand(node.right, right)]
    if operands[0] is None or operands[1] is None:
        return POISON
    return _joined(checker, node, node.operator, operands[0], operands[1])


def _joined(
    checker: ExpressionChecker,
    node: syntax.Expression,
    operator: str,
    left: Operand,
    right: Operand,
) -> Value:
    if isinstance(left, Constant) and isinstance(right, Constant):
        function = _PLAIN.get(operator, BINARY[operator])
        return checker.computed(node, function, [left.value, right.value])
    if _is_neutral(operator, left) and not isinstance(right, Constant):
        return checker.sop(checker.context.builder.truth(right))
    return checker.made(node, lambda a, b: Binary(operator, a, b), [left, right], operator)


def _combine_lists(
    checker: ExpressionChecker, node: syntax.Binary, left: Value, right: Value
) -> Value:
    match node.operator, left, right:
        case "+", ListOf(first), ListOf(second):
            return checker.sized(node, ListOf(first + second))
        case ("*", ListOf(items), Plain(int(times))) | ("*", Plain(int(times)), ListOf(items)):
            if len(items) * times > MAX_LENGTH:
                return checker.too_long(node)
            return checker.sized(node, ListOf(items * times))
        case ("==" | "!=", ListOf() | DictOf(), ListOf() | DictOf()):
            plain = as_python(left), as_python(right)
            if None not in plain:
                return Plain((plain[0] == plain[1]) == (node.operator == "=="))
    wrong = right if isinstance(left, Plain | SOpRef) else left
    place = node.right if wrong is right else node.left
    return checker.context.report(
        "list-operator",
        place.span,
        f"`{node.operator}` cannot join {describe(left)} and {describe(right)}",
        "lists join with `+`; pick an item with `xs[i]`, or loop over the list",
    )


def _combine_selectors(
    checker: ExpressionChecker, node: syntax.Binary, left: Value, right: Value
) -> Value:
    builder = checker.context.builder
    if isinstance(left, SelectorRef) and isinstance(right, SelectorRef):
        if node.operator == "and":
            return SelectorRef(builder.selector_and(left.expr, right.expr))
        if node.operator == "or":
            return SelectorRef(builder.selector_or(left.expr, right.expr))
        return checker.context.report(
            "selector-operator",
            node.span,
            f"`{node.operator}` does not apply to selectors",
            "selectors combine with `and`, `or` and `not`",
        )
    return checker.context.report(
        "mixed-selector",
        node.span,
        f"`{node.operator}` cannot join {describe(left)} and {describe(right)}",
        "turn a selector into an s-op with `aggregate` or `selector_width`",
    )


def _contains(checker: ExpressionChecker, node: syntax.Binary, left: Value, right: Value) -> Value:
    """`x in xs`: elementwise for an s-op on the left, anywhere in the input for one right."""
    if isinstance(right, SOpRef):
        return _anywhere(checker, node, left, right)
    items = checker.items(right, node.right.span)
    item = checker.operand(node.left, left)
    if items is None or item is None:
        return POISON
    if isinstance(item, Constant) and isinstance(right, Plain) and isinstance(item.value, str):
        return Plain(item.value in right.value)  # a part of a string
    checker.charge(node, items)
    options = [checker.operand(node.right, option) for option in items]
    if any(option is None for option in options):
        return POISON
    constants = tuple(option for option in options if isinstance(option, Constant))
    if len(constants) < len(options):
        return _any_equal(checker, node, item, [o for o in options if o is not None])
    values = [option.value for option in constants]
    if isinstance(item, Constant):
        return Plain(item.value in values)
    return checker.made(node, lambda term: Member(term, constants), [item], "in")


def _anywhere(checker: ExpressionChecker, node: syntax.Binary, left: Value, right: SOpRef) -> Value:
    if not isinstance(left, Plain):
        message = f"only a single value can be sought in an s-op, not {describe(left)}"
        return checker.context.report("bad-member", node.left.span, message)
    builder = checker.context.builder
    found = builder.select(right.expr, builder.full(left.value), "==")
    share = builder.aggregate(found, builder.full(1), 0)
    above = [share, Constant(0)]
    return checker.sop(builder.elementwise(lambda a, b: Binary(">", a, b), above))


def _any_equal(
    checker: ExpressionChecker, node: syntax.Binary, item: Operand, options: list[Operand]
) -> Value:
    matches = [_joined(checker, node, "==", item, option) for option in options]

    def either(a: Value, b: Value) -> Value:
        left, right = checker.operand(node, a), checker.operand(node, b)
        if left is None or right is None:
            return POISON
        return _joined(checker, node, "or", left, right)

    return reduce(either, matches)


def conditional(checker: ExpressionChecker, node: syntax.Conditional, scope: Scope) -> Value:
    condition = checker.evaluate(node.condition, scope)
    if isinstance(condition, Plain):
        return checker.evaluate(node.then if condition.value else node.otherwise, scope)
    operands = [
        checker.operand(node.condition, condition),
        checker.operand(node.then, checker.evaluate(node.then, scope)),
        checker.operand(node.otherwise, checker.evaluate(node.otherwise, scope)),
    ]
    test, then, otherwise = operands
    if test is None or then is None or otherwise is None:
        return POISON
    return checker.attempted(
        node, "if", lambda: checker.context.builder.conditional(test, then, otherwise)
    )


def _is_neutral(operator: str, left: Operand) -> bool:
    """Whether `left operator x` is as true as x."""
    if operator not in _PLAIN or not isinstance(left, Constant):
        return False
    return bool(left.value) == (operator == "and")

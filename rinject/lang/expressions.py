"""Checks an expression and lowers it in one go: its value holds tracr RASP objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from rinject.lang import syntax
from rinject.lang.builder import Operand
from rinject.lang.builtins import PROTECTED, call_builtin
from rinject.lang.context import Context
from rinject.lang.diagnostics import Note, Span, did_you_mean
from rinject.lang.elementwise import BINARY, MAX_BITS, UNARY, Binary, Constant, Member, Term, Unary
from rinject.lang.values import (
    POISON,
    BuiltinRef,
    FunctionRef,
    ListOf,
    OperatorRef,
    Plain,
    Poison,
    Scope,
    SelectorRef,
    SOpRef,
    Value,
    describe,
)

MAX_LENGTH = 10_000  # of a string or list made while the program is read
_FAILURES = (ArithmeticError, TypeError, ValueError)


class ExpressionChecker:
    """Evaluates expressions of a program; what goes wrong is reported and becomes poison."""

    def __init__(self, context: Context, definitions: dict[str, Span]) -> None:
        self.context = context
        self._definitions = definitions  # where each top-level name is first bound

    def call_function(self, function: FunctionRef, call: syntax.Call, args: list[Value]) -> Value:
        """The result of a function of the program."""
        raise NotImplementedError

    def evaluate(self, node: syntax.Expression, scope: Scope) -> Value:
        """The value of an expression."""
        self.context.step(node.span)
        return _RULES[type(node)](self, node, scope)

    def operand(self, node: syntax.Expression, value: Value) -> Operand | None:
        """A value as an operand of an elementwise function; None after a report."""
        match value:
            case Plain(constant):
                return Constant(constant)
            case SOpRef(expr):
                return expr
            case Poison():
                return None
        self.context.report(
            "not-elementwise",
            node.span,
            f"expected an s-op or a value here, found {describe(value)}",
            _elementwise_hint(value),
        )
        return None

    def unpack(self, value: Value, count: int, span: Span) -> list[Value]:
        """The parts of a list or string, for `count` names."""
        items = self.items(value, span)
        if items is None:
            return [POISON] * count
        if len(items) != count:
            self.context.report(
                "wrong-number-of-names",
                span,
                f"cannot give {count} names to {len(items)} values",
                "write one name for each value",
            )
            return [POISON] * count
        return items

    def items(self, value: Value, span: Span) -> list[Value] | None:
        """What a list holds, or the characters of a string; None after a report."""
        match value:
            case ListOf(items):
                return list(items)
            case Plain(str(text)):
                return [Plain(character) for character in text]
            case Poison():
                return None
        hint = "a loop runs over a list known in advance, not over positions"
        self.context.report(
            "not-a-list",
            span,
            f"expected a list here, found {describe(value)}",
            hint if isinstance(value, SOpRef) else None,
        )
        return None

    # --- names and literals ----------------------------------------------------------------

    def _name(self, node: syntax.Name, scope: Scope) -> Value:
        value = scope.find(node.text)
        if value is not None:
            return value
        if node.text in self._definitions:
            return self.context.report(
                "used-before-definition",
                node.span,
                f"`{node.text}` is used before it is defined",
                "move its definition up",
                (Note("it is defined here", self._definitions[node.text]),),
            )
        return self.context.report(
            "unknown-name",
            node.span,
            f"unknown name `{node.text}`",
            did_you_mean(node.text, scope.visible()),
        )

    def _literal(self, node: syntax.Literal, scope: Scope) -> Value:
        return Plain(node.value)

    def _operator(self, node: syntax.Operator, scope: Scope) -> Value:
        return OperatorRef(node.symbol)

    # --- lists -----------------------------------------------------------------------------

    def _list(self, node: syntax.ListDisplay, scope: Scope) -> Value:
        return ListOf(tuple(self.evaluate(item, scope) for item in node.items))

    def _comprehension(self, node: syntax.Comprehension, scope: Scope) -> Value:
        items = self.items(self.evaluate(node.iterable, scope), node.iterable.span)
        results = []
        for item in [POISON] if items is None else items:
            inner = Scope(scope)
            self.bind_targets(node.targets, item, inner)
            if node.condition is None or self._holds(node.condition, inner):
                results.append(self.evaluate(node.element, inner))
        return POISON if items is None else ListOf(tuple(results))

    def bind_targets(self, targets: Sequence[syntax.Name], item: Value, scope: Scope) -> None:
        """Gives the names of a loop their values."""
        values = [item]
        if len(targets) > 1:
            values = self.unpack(item, len(targets), targets[0].span)
        for target, value in zip(targets, values, strict=True):
            self.check_target(target)
            scope.values[target.text] = value

    def check_target(self, target: syntax.Name) -> None:
        """Reports a name that belongs to the language."""
        if target.text in PROTECTED:
            self.context.report(
                "protected-name",
                target.span,
                f"`{target.text}` belongs to the language and cannot be redefined",
                "choose another name",
            )

    def _holds(self, node: syntax.Expression, scope: Scope) -> bool:
        value = self.evaluate(node, scope)
        if isinstance(value, Plain | Poison):
            return bool(value.value) if isinstance(value, Plain) else True
        self.context.report(
            "not-known-in-advance",
            node.span,
            f"the condition of a list must be known in advance; this is {describe(value)}",
        )
        return True

    def _index(self, node: syntax.Index, scope: Scope) -> Value:
        sequence = self.evaluate(node.sequence, scope)
        index = self.evaluate(node.index, scope)
        if isinstance(sequence, SOpRef):
            message = "only a list can be indexed, not an s-op"
            hint = "to read another position: `aggregate(select(indices, place, ==), values)`"
            return self.context.report("not-a-list", node.sequence.span, message, hint)
        items = self.items(sequence, node.sequence.span)
        if items is None or isinstance(index, Poison):
            return POISON
        if not isinstance(index, Plain) or type(index.value) is not int:
            message = f"a list is indexed by a whole number, not by {describe(index)}"
            return self.context.report("bad-index", node.index.span, message)
        if not -len(items) <= index.value < len(items):
            message = f"there is no item {index.value} in a list of {len(items)}"
            hint = "the first item has index 0, the last -1" if items else "the list is empty"
            return self.context.report("index-out-of-range", node.index.span, message, hint)
        return items[index.value]

    # --- operators -------------------------------------------------------------------------

    def _unary(self, node: syntax.Unary, scope: Scope) -> Value:
        value = self.evaluate(node.operand, scope)
        if isinstance(value, SelectorRef) and node.operator == "not":
            return SelectorRef(self.context.builder.selector_not(value.expr))
        return self.apply_unary(node.operator, node, node.operand, value)

    def apply_unary(
        self, operator: str, node: syntax.Expression, operand_node: syntax.Expression, value: Value
    ) -> Value:
        """One of elementwise.UNARY on a value or an s-op."""
        operand = self.operand(operand_node, value)
        if operand is None:
            return POISON
        return self._elementwise(
            node, lambda term: Unary(operator, term), UNARY[operator], [operand]
        )

    def _binary(self, node: syntax.Binary, scope: Scope) -> Value:
        left, right = self.evaluate(node.left, scope), self.evaluate(node.right, scope)
        if isinstance(left, Poison) or isinstance(right, Poison):
            return POISON
        if isinstance(left, SelectorRef) or isinstance(right, SelectorRef):
            return self._combine_selectors(node, left, right)
        if node.operator == "in":
            return self._member(node, left, right)
        if _is_neutral(node.operator, left) and isinstance(right, SOpRef):
            return right
        if isinstance(left, ListOf) and isinstance(right, ListOf) and node.operator == "+":
            return self._sized(node, ListOf(left.items + right.items))
        operands = [self.operand(node.left, left), self.operand(node.right, right)]
        if operands[0] is None or operands[1] is None:
            return POISON
        return self._elementwise(
            node,
            lambda a, b: Binary(node.operator, a, b),
            BINARY[node.operator],
            [operands[0], operands[1]],
        )

    def _combine_selectors(self, node: syntax.Binary, left: Value, right: Value) -> Value:
        builder = self.context.builder
        if isinstance(left, SelectorRef) and isinstance(right, SelectorRef):
            if node.operator == "and":
                return SelectorRef(builder.selector_and(left.expr, right.expr))
            if node.operator == "or":
                return SelectorRef(builder.selector_or(left.expr, right.expr))
            return self.context.report(
                "selector-operator",
                node.span,
                f"`{node.operator}` does not apply to selectors",
                "selectors combine with `and`, `or` and `not`",
            )
        return self.context.report(
            "mixed-selector",
            node.span,
            f"`{node.operator}` cannot join {describe(left)} and {describe(right)}",
            "turn a selector into an s-op with `aggregate` or `selector_width`",
        )

    def _member(self, node: syntax.Binary, left: Value, right: Value) -> Value:
        items = self.items(right, node.right.span)
        item = self.operand(node.left, left)
        if items is None or item is None:
            return POISON
        options = [self.operand(node.right, option) for option in items]
        if any(option is None for option in options):
            return POISON
        constants = tuple(option for option in options if isinstance(option, Constant))
        if len(constants) == len(options):
            values = [option.value for option in constants]
            return self._elementwise(
                node, lambda term: Member(term, constants), lambda x: x in values, [item]
            )
        return self._any_equal(node, item, [option for option in options if option is not None])

    def _any_equal(self, node: syntax.Binary, item: Operand, options: list[Operand]) -> Value:
        def join(operator: str, a: Value, b: Value) -> Value:
            pair = [x for x in (self.operand(node, a), self.operand(node, b)) if x is not None]
            return self._elementwise(
                node, lambda x, y: Binary(operator, x, y), BINARY[operator], pair
            )

        matches = [join("==", _value(item), _value(option)) for option in options]
        return reduce(lambda a, b: join("or", a, b), matches)

    def _conditional(self, node: syntax.Conditional, scope: Scope) -> Value:
        condition = self.evaluate(node.condition, scope)
        if isinstance(condition, Plain):
            return self.evaluate(node.then if condition.value else node.otherwise, scope)
        operands = [
            self.operand(node.condition, condition),
            self.operand(node.then, self.evaluate(node.then, scope)),
            self.operand(node.otherwise, self.evaluate(node.otherwise, scope)),
        ]
        test, then, otherwise = operands
        if test is None or then is None or otherwise is None:
            return POISON
        return SOpRef(self.context.builder.conditional(test, then, otherwise))

    def _elementwise(
        self,
        node: syntax.Expression,
        make: Callable[..., Term],
        function: Callable[..., Any],
        operands: list[Operand],
    ) -> Value:
        constants = [o.value for o in operands if isinstance(o, Constant)]
        if len(constants) < len(operands):
            return SOpRef(self.context.builder.elementwise(make, operands))
        try:
            result = function(*constants)
        except _FAILURES as error:
            message = f"this cannot be computed: {error}"
            return self.context.report("bad-constant", node.span, message)
        return self._sized(node, Plain(result))

    def _sized(self, node: syntax.Expression, value: Plain | ListOf) -> Value:
        content = value.items if isinstance(value, ListOf) else value.value
        if isinstance(content, int) and content.bit_length() > MAX_BITS:
            message = "this number grows too large"
        elif isinstance(content, str | tuple) and len(content) > MAX_LENGTH:
            message = f"this grows beyond {MAX_LENGTH:,} items"
        else:
            return value
        return self.context.report("value-too-long", node.span, message)

    # --- calls -----------------------------------------------------------------------------

    def _call(self, node: syntax.Call, scope: Scope) -> Value:
        function = self.evaluate(node.function, scope)
        arguments = [self.evaluate(argument, scope) for argument in node.arguments]
        if isinstance(function, Poison):
            return POISON
        if isinstance(function, BuiltinRef):
            return call_builtin(self, function.name, node, arguments)
        for argument, value in zip(node.arguments, arguments, strict=True):
            if isinstance(value, OperatorRef):
                return self.stray_operator(argument)
        if isinstance(function, FunctionRef):
            return self.call_function(function, node, arguments)
        return self.context.report(
            "not-a-function",
            node.function.span,
            f"{describe(function)} cannot be called",
            "an s-op is evaluated from outside the program"
            if isinstance(function, SOpRef)
            else None,
        )

    def stray_operator(self, node: syntax.Expression) -> Poison:
        """Reports a bare comparison in the wrong place."""
        return self.context.report(
            "stray-operator",
            node.span,
            "an operator by itself stands only as the last argument of select",
            "write `select(keys, queries, ==)`",
        )


def _value(operand: Operand) -> Value:
    return Plain(operand.value) if isinstance(operand, Constant) else SOpRef(operand)


def _is_neutral(operator: str, left: Value) -> bool:
    """Whether `left operator x` is x for every x."""
    if not isinstance(left, Plain) or operator not in ("and", "or"):
        return False
    return bool(left.value) == (operator == "and")


def _elementwise_hint(value: Value) -> str | None:
    if isinstance(value, FunctionRef | BuiltinRef):
        return "call the function: `f(...)`"
    if isinstance(value, SelectorRef):
        return "turn a selector into an s-op with `aggregate` or `selector_width`"
    if isinstance(value, ListOf):
        return "pick an item with `xs[i]`, or loop over the list"
    return None


_RULES: dict[type, Callable[[ExpressionChecker, Any, Scope], Value]] = {
    syntax.Name: ExpressionChecker._name,
    syntax.Literal: ExpressionChecker._literal,
    syntax.Operator: ExpressionChecker._operator,
    syntax.ListDisplay: ExpressionChecker._list,
    syntax.Comprehension: ExpressionChecker._comprehension,
    syntax.Index: ExpressionChecker._index,
    syntax.Unary: ExpressionChecker._unary,
    syntax.Binary: ExpressionChecker._binary,
    syntax.Conditional: ExpressionChecker._conditional,
    syntax.Call: ExpressionChecker._call,
}

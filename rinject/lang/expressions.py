"""Checks an expression and lowers it in one go: its value holds tracr RASP objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracr.rasp import rasp

from rinject.lang import calls, containers, operators, syntax
from rinject.lang.builder import Operand
from rinject.lang.builtins import PROTECTED
from rinject.lang.context import Context
from rinject.lang.diagnostics import Note, Span, did_you_mean
from rinject.lang.elementwise import (
    COMPARISONS,
    UNARY,
    Constant,
    Term,
    Unary,
)
from rinject.lang.index import Role
from rinject.lang.limits import ITEMS_PER_STEP, MAX_BITS, MAX_INPUT, MAX_LENGTH
from rinject.lang.types import NUMBERS, Impossible
from rinject.lang.values import (
    POISON,
    BuiltinRef,
    DictOf,
    FunctionRef,
    ListOf,
    OperatorRef,
    Plain,
    Poison,
    Scope,
    SelectorRef,
    SOpRef,
    Value,
    as_python,
    describe,
)

_FAILURES = (ArithmeticError, TypeError, ValueError)
_SESSION_HINT = "the value of the last expression has this name in the interactive session only"
_TYPE_HINTS = {
    "+": "numbers add, strings join; `tokens_int` reads tokens as numbers",
    "<": "compare values of one kind; `tokens_int` reads tokens as numbers",
}


class ExpressionChecker:
    """Evaluates expressions of a program; what goes wrong is reported and becomes poison."""

    def __init__(self, context: Context, definitions: dict[str, Span]) -> None:
        self.context = context
        self._definitions = definitions  # where each top-level name is first bound
        self.library: frozenset[str] = frozenset()  # the functions of the library

    def call_function(self, function: FunctionRef, call: syntax.Call, args: list[Value]) -> Value:
        """The result of a function of the program."""
        raise NotImplementedError

    def evaluate(self, node: syntax.Expression, scope: Scope) -> Value:
        """The value of an expression."""
        self.context.step(node.span)
        value = _RULES[type(node)](self, node, scope)
        if isinstance(value, SOpRef | SelectorRef):
            self.context.place(value.expr, node.span)
        return value

    def sop(self, expr: rasp.SOp) -> SOpRef:
        """An s-op as a value."""
        return SOpRef(expr, self.context.builder.types(expr))

    def operand(self, node: syntax.Expression, value: Value) -> Operand | None:
        """A value as an operand of an elementwise function; None after a report."""
        match value:
            case Plain(constant):
                return Constant(constant)
            case SOpRef(expr, _):
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
        """What a list holds, a string's characters, a dictionary's keys; None after a report."""
        match value:
            case ListOf(items):
                return list(items)
            case DictOf(entries):
                return [Plain(key) for key in entries]
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
        binding = scope.find(node.text)
        if binding is not None:
            self.context.index.use(node, binding)
            return binding.value
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
            _SESSION_HINT if node.text == "out" else did_you_mean(node.text, scope.visible()),
        )

    def _literal(self, node: syntax.Literal, scope: Scope) -> Value:
        return Plain(node.value)

    def _operator(self, node: syntax.Operator, scope: Scope) -> Value:
        return OperatorRef(node.symbol)

    def bind_targets(self, targets: Sequence[syntax.Name], item: Value, scope: Scope) -> None:
        """Gives the names of a loop their values."""
        values = [item]
        if len(targets) > 1:
            values = self.unpack(item, len(targets), targets[0].span)
        for target, value in zip(targets, values, strict=True):
            self.bind(target, value, scope, "loop variable")

    def bind(self, target: syntax.Name, value: Value, scope: Scope, role: Role) -> None:
        """Gives a name a value; reports one that belongs to the language."""
        self.check_name(target)
        scope.bind(target, value)
        self.context.index.define(target, role, value)

    def check_name(self, target: syntax.Name) -> None:
        """Reports a name that belongs to the language, and warns of one that hides a function."""
        if target.text in PROTECTED:
            self.context.report(
                "protected-name",
                target.span,
                f"`{target.text}` belongs to the language and cannot be redefined",
                "choose another name",
            )
        elif target.text in self.library:
            self.context.warn(
                "shadowed-function",
                target.span,
                f"`{target.text}` hides a function of the library",
                "choose another name, unless it is meant to",
            )

    # --- s-ops -----------------------------------------------------------------------------

    def aggregated(self, selector: rasp.Selector, values: rasp.SOp) -> rasp.SOp:
        """`aggregate` without a default: 0 where nothing is selected, as in the original.

        Among strings a 0 is an error there; here such a position has no value.
        """
        types = self.context.builder.types(values)
        default = 0 if types and types <= NUMBERS else None
        return self.context.builder.aggregate(selector, values, default)

    def apply_unary(
        self, operator: str, node: syntax.Expression, operand_node: syntax.Expression, value: Value
    ) -> Value:
        """One of elementwise.UNARY on a value or an s-op."""
        operand = self.operand(operand_node, value)
        if operand is None:
            return POISON
        if isinstance(operand, Constant):
            return self.computed(node, UNARY[operator], [operand.value])
        return self.made(node, lambda term: Unary(operator, term), [operand], operator)

    def made(
        self,
        node: syntax.Expression,
        make: Callable[..., Term],
        operands: Sequence[Operand],
        operator: str,
    ) -> Value:
        """An elementwise s-op, of which at least one operand is an s-op."""
        return self.attempted(
            node, operator, lambda: self.context.builder.elementwise(make, operands)
        )

    def attempted(
        self, node: syntax.Expression, operator: str, make: Callable[[], rasp.SOp]
    ) -> Value:
        try:
            return self.sop(make())
        except Impossible as problem:
            return self.impossible(node.span, operator, problem)

    def impossible(self, span: Span, operator: str, problem: Impossible) -> Poison:
        """Reports an operator that has no result for what it is applied to."""
        if not problem.is_about_types:
            return self.context.report("no-value", span, f"this never has a value: {problem}")
        return self.context.report(
            "type-mismatch",
            span,
            f"`{operator}` does not apply to {problem}",
            _TYPE_HINTS.get(operator, _TYPE_HINTS["<"] if operator in COMPARISONS else None),
        )

    def computed(
        self, node: syntax.Expression, function: Callable[..., Any], values: Sequence[Any]
    ) -> Value:
        """The result of an operator on values known in advance."""
        try:
            result = function(*values)
        except _FAILURES as error:
            message = f"this cannot be computed: {error}"
            return self.context.report("bad-constant", node.span, message)
        return self.sized(node, Plain(result))

    def sized(self, node: syntax.Expression, value: Plain | ListOf) -> Value:
        content = value.items if isinstance(value, ListOf) else value.value
        if isinstance(content, int) and content.bit_length() > MAX_BITS:
            message = "this number grows too large"
        elif isinstance(content, str | tuple) and len(content) > MAX_LENGTH:
            return self.too_long(node)
        else:
            self.charge(node, content)
            return value
        return self.context.report("value-too-long", node.span, message)

    def charge(self, node: syntax.Expression, made: Any) -> None:
        """Counts the work of making, or searching, many items at once."""
        if isinstance(made, str | tuple | list | dict):
            self.context.step(node.span, len(made) // ITEMS_PER_STEP)

    def too_long(self, node: syntax.Expression) -> Poison:
        message = f"this grows beyond {MAX_LENGTH:,} items"
        return self.context.report("value-too-long", node.span, message)

    def tokens(self, value: Value, node: syntax.Expression) -> list[Any] | None:
        """An input written in the program; None after a report."""
        tokens = as_python(value)
        is_input = isinstance(tokens, str | list) and 0 < len(tokens) <= MAX_INPUT
        if is_input and not any(isinstance(token, list | dict) for token in tokens):
            return list(tokens)
        self.context.report(
            "bad-input",
            node.span,
            f"an input is a string or a list of 1 to {MAX_INPUT} values, not {describe(value)}",
            'as in `reverse("hello")` or `reverse(["a", "b"])`',
        )
        return None

    def stray_operator(self, node: syntax.Expression) -> Poison:
        """Reports a bare comparison in the wrong place."""
        return self.context.report(
            "stray-operator",
            node.span,
            "an operator by itself stands only as the last argument of select",
            "write `select(keys, queries, ==)`",
        )


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
    syntax.ListDisplay: containers.list_display,
    syntax.Comprehension: containers.comprehension,
    syntax.DictDisplay: containers.dict_display,
    syntax.DictComprehension: containers.dict_comprehension,
    syntax.Index: containers.index,
    syntax.Unary: operators.unary,
    syntax.Binary: operators.binary,
    syntax.Conditional: operators.conditional,
    syntax.Call: calls.call,
}

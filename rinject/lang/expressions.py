"""Checks an expression and lowers it in one go: its value holds tracr RASP objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import syntax
from rinject.lang.builder import Operand
from rinject.lang.builtins import PROTECTED, call_builtin
from rinject.lang.context import Context
from rinject.lang.diagnostics import Note, Span, did_you_mean
from rinject.lang.elementwise import (
    BINARY,
    COMPARISONS,
    MAX_BITS,
    UNARY,
    Binary,
    Constant,
    Lookup,
    Member,
    Term,
    Unary,
)
from rinject.lang.index import Role
from rinject.lang.interpreter import interpret
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
    describe,
)

MAX_LENGTH = 10_000  # of a string or list made while the program is read
MAX_INPUT = 500  # tokens of an input that an s-op is called on
_FAILURES = (ArithmeticError, TypeError, ValueError)
# On values these give one of their operands; on s-ops they give truth values.
_PLAIN: dict[str, Callable[..., Any]] = {
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
}
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
        scopes = self._passes(node, scope)
        results = tuple(self.evaluate(node.element, inner) for inner in scopes or [])
        return POISON if scopes is None else ListOf(results)

    def _passes(
        self, node: syntax.Comprehension | syntax.DictComprehension, scope: Scope
    ) -> list[Scope] | None:
        """The scope of each pass of a comprehension that its condition lets through.

        Without a list the element is still checked once, so that its own mistakes are found.
        """
        items = self.items(self.evaluate(node.iterable, scope), node.iterable.span)
        scopes = []
        for item in [POISON] if items is None else items:
            inner = Scope(scope)
            self.bind_targets(node.targets, item, inner)
            if node.condition is None or self._holds(node.condition, inner):
                scopes.append(inner)
        if items is not None:
            return scopes
        element = node.element if isinstance(node, syntax.Comprehension) else node.pair.value
        for inner in scopes:
            self.evaluate(element, inner)
        return None

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

    # --- dictionaries ----------------------------------------------------------------------

    def _dict(self, node: syntax.DictDisplay, scope: Scope) -> Value:
        entries: dict[Any, Value] = {}
        for pair in node.pairs:
            if not self._enter(pair, scope, entries):
                return POISON
        return DictOf(entries)

    def _dict_comprehension(self, node: syntax.DictComprehension, scope: Scope) -> Value:
        scopes = self._passes(node, scope)
        entries: dict[Any, Value] = {}
        whole = [self._enter(node.pair, inner, entries) for inner in scopes or []]
        return DictOf(entries) if scopes is not None and all(whole) else POISON

    def _enter(self, pair: syntax.Pair, scope: Scope, entries: dict[Any, Value]) -> bool:
        """Adds an entry to a dictionary; False after a report about its key."""
        key, value = self.evaluate(pair.key, scope), self.evaluate(pair.value, scope)
        if not isinstance(key, Plain):
            if not isinstance(key, Poison):
                self.context.report(
                    "bad-key",
                    pair.key.span,
                    f"a key is a value known in advance, not {describe(key)}",
                )
            return False
        entries[key.value] = value
        return True

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

    # --- indexing --------------------------------------------------------------------------

    def _index(self, node: syntax.Index, scope: Scope) -> Value:
        sequence = self.evaluate(node.sequence, scope)
        index = self.evaluate(node.index, scope)
        if isinstance(sequence, Poison) or isinstance(index, Poison):
            return POISON
        if isinstance(sequence, SOpRef):
            return self._position(node, sequence, index)
        if isinstance(sequence, DictOf):
            entries = dict(sequence.items)
        else:
            items = self.items(sequence, node.sequence.span)
            if items is None:
                return POISON
            # As in Python, -1 is the last item.
            entries = {at: items[at] for at in range(-len(items), len(items))}
        if isinstance(index, SOpRef):
            return self._look_up(node, entries, index)
        if isinstance(sequence, DictOf):
            return self._entry(node, entries, index)
        return self._item(node, entries, index)

    def _item(self, node: syntax.Index, entries: dict[Any, Value], index: Value) -> Value:
        if not isinstance(index, Plain) or not isinstance(index.value, int):
            message = f"a list is indexed by a whole number or an s-op, not by {describe(index)}"
            return self.context.report("bad-index", node.index.span, message)
        if index.value in entries:
            return entries[index.value]
        count = len(entries) // 2
        message = f"there is no item {index.value} in a list of {count}"
        hint = "the first item has index 0, the last -1" if count else "the list is empty"
        return self.context.report("index-out-of-range", node.index.span, message, hint)

    def _entry(self, node: syntax.Index, entries: dict[Any, Value], index: Value) -> Value:
        if not isinstance(index, Plain):
            message = f"a dictionary is indexed by a value or an s-op, not by {describe(index)}"
            return self.context.report("bad-index", node.index.span, message)
        if index.value in entries:
            return entries[index.value]
        known = [str(key) for key in entries]
        every = f"it has {', '.join(known[:20])}" if known else "it is empty"
        hint = did_you_mean(str(index.value), known, otherwise=every)
        message = f"the dictionary has no key {index.value!r}"
        return self.context.report("missing-key", node.index.span, message, hint)

    def _look_up(self, node: syntax.Index, entries: dict[Any, Value], index: SOpRef) -> Value:
        """`xs[s]`: at each position the item that the s-op names there."""
        table = []
        for key, value in entries.items():
            if isinstance(value, Poison):
                return POISON
            if not isinstance(value, Plain):
                return self.context.report(
                    "not-plain",
                    node.sequence.span,
                    f"an s-op looks up values known in advance, but this holds {describe(value)}",
                    "choose with `a if condition else b`",
                )
            table.append((Constant(key), Constant(value.value)))
        return self._made(node, lambda term: Lookup(term, tuple(table)), [index.expr], "look-up")

    def _position(self, node: syntax.Index, values: SOpRef, index: Value) -> Value:
        """`s[i]`: the value at one position, counted from the end below 0."""
        if not isinstance(index, Plain) or not isinstance(index.value, int):
            message = f"a position of an s-op is a whole number, not {describe(index)}"
            hint = "to read another position: `aggregate(select(indices, place, ==), values)`"
            return self.context.report("bad-index", node.index.span, message, hint)
        builder = self.context.builder
        place: rasp.SOp = builder.full(index.value)
        if index.value < 0:
            add = [rasp.length, Constant(index.value)]
            place = builder.elementwise(lambda a, b: Binary("+", a, b), add)
        selector = builder.select(rasp.indices, place, "==")
        return self.sop(self.aggregated(selector, values.expr))

    def aggregated(self, selector: rasp.Selector, values: rasp.SOp) -> rasp.SOp:
        """`aggregate` without a default: 0 where nothing is selected, as in the original.

        Among strings a 0 is an error there; here such a position has no value.
        """
        types = self.context.builder.types(values)
        default = 0 if types and types <= NUMBERS else None
        return self.context.builder.aggregate(selector, values, default)

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
        if isinstance(operand, Constant):
            return self._computed(node, UNARY[operator], [operand.value])
        return self._made(node, lambda term: Unary(operator, term), [operand], operator)

    def _binary(self, node: syntax.Binary, scope: Scope) -> Value:
        left, right = self.evaluate(node.left, scope), self.evaluate(node.right, scope)
        if isinstance(left, Poison) or isinstance(right, Poison):
            return POISON
        if isinstance(left, SelectorRef) or isinstance(right, SelectorRef):
            return self._combine_selectors(node, left, right)
        if node.operator == "in":
            return self._contains(node, left, right)
        if isinstance(left, ListOf | DictOf) or isinstance(right, ListOf | DictOf):
            return self._combine_lists(node, left, right)
        operands = [self.operand(node.left, left), self.operand(node.right, right)]
        if operands[0] is None or operands[1] is None:
            return POISON
        return self._joined(node, node.operator, operands[0], operands[1])

    def _joined(
        self, node: syntax.Expression, operator: str, left: Operand, right: Operand
    ) -> Value:
        if isinstance(left, Constant) and isinstance(right, Constant):
            function = _PLAIN.get(operator, BINARY[operator])
            return self._computed(node, function, [left.value, right.value])
        if _is_neutral(operator, left) and not isinstance(right, Constant):
            return self.sop(self.context.builder.truth(right))
        return self._made(node, lambda a, b: Binary(operator, a, b), [left, right], operator)

    def _combine_lists(self, node: syntax.Binary, left: Value, right: Value) -> Value:
        match node.operator, left, right:
            case "+", ListOf(first), ListOf(second):
                return self._sized(node, ListOf(first + second))
            case ("*", ListOf(items), Plain(int(times))) | ("*", Plain(int(times)), ListOf(items)):
                if len(items) * times > MAX_LENGTH:
                    return self._too_long(node)
                return ListOf(items * times)
            case ("==" | "!=", ListOf() | DictOf(), ListOf() | DictOf()):
                plain = as_python(left), as_python(right)
                if None not in plain:
                    return Plain((plain[0] == plain[1]) == (node.operator == "=="))
        wrong = right if isinstance(left, Plain | SOpRef) else left
        place = node.right if wrong is right else node.left
        return self.context.report(
            "list-operator",
            place.span,
            f"`{node.operator}` cannot join {describe(left)} and {describe(right)}",
            "lists join with `+`; pick an item with `xs[i]`, or loop over the list",
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

    def _contains(self, node: syntax.Binary, left: Value, right: Value) -> Value:
        """`x in xs`: elementwise for an s-op on the left, anywhere in the input for one right."""
        if isinstance(right, SOpRef):
            return self._anywhere(node, left, right)
        items = self.items(right, node.right.span)
        item = self.operand(node.left, left)
        if items is None or item is None:
            return POISON
        if isinstance(item, Constant) and isinstance(right, Plain) and isinstance(item.value, str):
            return Plain(item.value in right.value)  # a part of a string
        options = [self.operand(node.right, option) for option in items]
        if any(option is None for option in options):
            return POISON
        constants = tuple(option for option in options if isinstance(option, Constant))
        if len(constants) < len(options):
            return self._any_equal(node, item, [o for o in options if o is not None])
        values = [option.value for option in constants]
        if isinstance(item, Constant):
            return Plain(item.value in values)
        return self._made(node, lambda term: Member(term, constants), [item], "in")

    def _anywhere(self, node: syntax.Binary, left: Value, right: SOpRef) -> Value:
        if not isinstance(left, Plain):
            message = f"only a single value can be sought in an s-op, not {describe(left)}"
            return self.context.report("bad-member", node.left.span, message)
        builder = self.context.builder
        found = builder.select(right.expr, builder.full(left.value), "==")
        share = builder.aggregate(found, builder.full(1), 0)
        above = [share, Constant(0)]
        return self.sop(builder.elementwise(lambda a, b: Binary(">", a, b), above))

    def _any_equal(self, node: syntax.Binary, item: Operand, options: list[Operand]) -> Value:
        matches = [self._joined(node, "==", item, option) for option in options]

        def either(a: Value, b: Value) -> Value:
            left, right = self.operand(node, a), self.operand(node, b)
            if left is None or right is None:
                return POISON
            return self._joined(node, "or", left, right)

        return reduce(either, matches)

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
        return self._attempted(
            node, "if", lambda: self.context.builder.conditional(test, then, otherwise)
        )

    def _made(
        self,
        node: syntax.Expression,
        make: Callable[..., Term],
        operands: Sequence[Operand],
        operator: str,
    ) -> Value:
        """An elementwise s-op, of which at least one operand is an s-op."""
        return self._attempted(
            node, operator, lambda: self.context.builder.elementwise(make, operands)
        )

    def _attempted(
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

    def _computed(
        self, node: syntax.Expression, function: Callable[..., Any], values: Sequence[Any]
    ) -> Value:
        """The result of an operator on values known in advance."""
        try:
            result = function(*values)
        except _FAILURES as error:
            message = f"this cannot be computed: {error}"
            return self.context.report("bad-constant", node.span, message)
        return self._sized(node, Plain(result))

    def _sized(self, node: syntax.Expression, value: Plain | ListOf) -> Value:
        content = value.items if isinstance(value, ListOf) else value.value
        if isinstance(content, int) and content.bit_length() > MAX_BITS:
            message = "this number grows too large"
        elif isinstance(content, str | tuple) and len(content) > MAX_LENGTH:
            return self._too_long(node)
        else:
            return value
        return self.context.report("value-too-long", node.span, message)

    def _too_long(self, node: syntax.Expression) -> Poison:
        message = f"this grows beyond {MAX_LENGTH:,} items"
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
        if isinstance(function, SOpRef | SelectorRef):
            return self._applied(function.expr, node, arguments)
        return self.context.report(
            "not-a-function", node.function.span, f"{describe(function)} cannot be called"
        )

    def _applied(self, expr: rasp.RASPExpr, node: syntax.Call, arguments: list[Value]) -> Value:
        """`reverse("hello")`: an s-op or a selector on one input, as a list."""
        if len(arguments) != 1:
            message = f"an s-op is called on one input, not on {len(arguments)}"
            hint = 'write the input as a string or a list: `reverse("hello")`'
            return self.context.report("wrong-number-of-arguments", node.span, message, hint)
        if isinstance(arguments[0], Poison):
            return POISON
        tokens = self.tokens(arguments[0], node.arguments[0])
        if tokens is None:
            return POISON
        try:
            values = interpret(expr, tokens, causal=self.context.causal)
        except InputError as error:
            return self.context.report("no-value", node.span, error.message, error.hint)
        return _as_value(values)

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


def _is_neutral(operator: str, left: Operand) -> bool:
    """Whether `left operator x` is as true as x."""
    if operator not in _PLAIN or not isinstance(left, Constant):
        return False
    return bool(left.value) == (operator == "and")


def as_python(value: Value) -> Any:
    """A value known in advance as a Python object; None where some part of it is not."""
    match value:
        case Plain(plain):
            return plain
        case ListOf(items):
            parts = [as_python(item) for item in items]
            return None if None in parts else parts
        case DictOf(entries):
            found = {key: as_python(item) for key, item in entries.items()}
            return None if None in found.values() else found
    return None


def _as_value(result: Any) -> Value:
    return ListOf(tuple(map(_as_value, result))) if isinstance(result, list) else Plain(result)


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
    syntax.DictDisplay: ExpressionChecker._dict,
    syntax.DictComprehension: ExpressionChecker._dict_comprehension,
    syntax.Index: ExpressionChecker._index,
    syntax.Unary: ExpressionChecker._unary,
    syntax.Binary: ExpressionChecker._binary,
    syntax.Conditional: ExpressionChecker._conditional,
    syntax.Call: ExpressionChecker._call,
}

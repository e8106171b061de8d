"""The functions and s-ops of the language itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.builder import Builder
from rinject.lang.limits import MAX_LENGTH
from rinject.lang.naming import BASE_SOPS, Conflict
from rinject.lang.types import NUMBERS, TEXT, Impossible, types_of
from rinject.lang.values import (
    POISON,
    Binding,
    BuiltinRef,
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

if TYPE_CHECKING:
    from rinject.lang.expressions import ExpressionChecker

KINDS = (str, int, float, bool)


@dataclass(frozen=True)
class _Builtin:
    """A function of the language: how it is called, and what does the work."""

    signature: str
    arguments: range
    run: Callable[[ExpressionChecker, syntax.Call, Sequence[Value]], Value]


def language_scope(builder: Builder) -> Scope:
    """Everything a program can name without defining it."""
    sops = {
        **BASE_SOPS,
        "tokens_asis": rasp.tokens,
        **{f"tokens_{kind.__name__}": builder.converted(rasp.tokens, kind) for kind in KINDS},
    }
    values: dict[str, Value] = {
        **{name: SOpRef(sop, builder.types(sop)) for name, sop in sops.items()},
        **{name: BuiltinRef(name) for name in _BUILTINS},
        "full_s": SelectorRef(builder.everything()),
    }
    return Scope(bindings={name: Binding(value) for name, value in values.items()})


def call_builtin(
    checker: ExpressionChecker, name: str, call: syntax.Call, arguments: Sequence[Value]
) -> Value:
    """The result of a function of the language."""
    builtin = _BUILTINS[name]
    if len(arguments) not in builtin.arguments:
        return checker.context.report(
            "wrong-number-of-arguments",
            call.span,
            f"`{name}` takes {_counts(builtin.arguments)}, not {len(arguments)}",
            f"write `{builtin.signature}`",
        )
    for node, value in zip(call.arguments, arguments, strict=True):
        if isinstance(value, OperatorRef) and (name != "select" or node is not call.arguments[2]):
            return checker.stray_operator(node)
    return builtin.run(checker, call, arguments)


def _counts(counts: range) -> str:
    low, high = counts[0], counts[-1]
    return f"{low} argument{'s' * (low > 1)}" if low == high else f"{low} to {high} arguments"


# --- attention -----------------------------------------------------------------------------


def _select(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    keys = _sop(checker, call.arguments[0], arguments[0])
    queries = _sop(checker, call.arguments[1], arguments[1])
    operator = arguments[2]
    if not isinstance(operator, OperatorRef | Poison):
        return checker.context.report(
            "select-operator",
            call.arguments[2].span,
            f"the last argument of `select` is a comparison, not {describe(operator)}",
            "one of == != < > <= >=, as in `select(keys, queries, ==)`",
        )
    if keys is None or queries is None or isinstance(operator, Poison):
        return POISON
    try:
        return SelectorRef(checker.context.builder.select(keys, queries, operator.symbol))
    except Impossible as problem:
        return checker.impossible(call.span, operator.symbol, problem)


def _aggregate(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    selector = _selector(checker, call.arguments[0], arguments[0])
    values = _sop(checker, call.arguments[1], arguments[1])
    default = arguments[2] if len(arguments) == 3 else None
    if not isinstance(default, Plain | Poison | None):
        return checker.context.report(
            "bad-default",
            call.arguments[2].span,
            f"the default of `aggregate` is a single value, not {describe(default)}",
        )
    if selector is None or values is None or isinstance(default, Poison):
        return POISON
    if default is None:
        return checker.sop(checker.aggregated(selector, values))
    _warn_of_mixture(checker, call, values, default.value)
    return checker.sop(checker.context.builder.aggregate(selector, values, default.value))


def _warn_of_mixture(
    checker: ExpressionChecker, call: syntax.Call, values: rasp.SOp, default: Any
) -> None:
    """A default of another kind than the values; `a if c else b` may mix kinds on purpose."""
    kinds = checker.context.builder.types(values), types_of([default])
    if TEXT in kinds and any(kind and kind <= NUMBERS for kind in kinds):
        checker.context.warn(
            "mixed-types",
            call.span,
            "this holds strings at some positions and numbers at others",
            "give a default of the same kind; the original RASP refuses such a sequence",
        )


def _selector_width(
    checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]
) -> Value:
    selector = _selector(checker, call.arguments[0], arguments[0])
    if selector is None:
        return POISON
    return checker.sop(checker.context.builder.selector_width(selector))


def _sop(checker: ExpressionChecker, node: syntax.Expression, value: Value) -> rasp.SOp | None:
    match value:
        case SOpRef(expr, _):
            return expr
        case Plain(constant):
            return checker.context.builder.full(constant)
        case Poison():
            return None
    checker.context.report(
        "not-an-s-op",
        node.span,
        f"expected an s-op here, found {describe(value)}",
        "turn a selector into an s-op with `aggregate` or `selector_width`"
        if isinstance(value, SelectorRef)
        else None,
    )
    return None


def _selector(
    checker: ExpressionChecker, node: syntax.Expression, value: Value
) -> rasp.Selector | None:
    if isinstance(value, SelectorRef):
        return value.expr
    if not isinstance(value, Poison):
        checker.context.report(
            "not-a-selector",
            node.span,
            f"expected a selector here, found {describe(value)}",
            "make one with `select(keys, queries, ==)`",
        )
    return None


# --- elementwise ---------------------------------------------------------------------------


def _unary(name: str) -> _Builtin:
    def run(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
        return checker.apply_unary(name, call, call.arguments[0], arguments[0])

    return _Builtin(f"{name}(x)", range(1, 2), run)


# --- names ---------------------------------------------------------------------------------


def _named(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    value, text = arguments
    context = checker.context
    if isinstance(value, Poison) or isinstance(text, Poison):
        return POISON
    if not isinstance(value, SOpRef):
        message = f"only an s-op can be named, not {describe(value)}"
        return context.report("cannot-be-named", call.arguments[0].span, message)
    if not isinstance(text, Plain) or not isinstance(text.value, str) or not text.value:
        return context.report(
            "bad-name",
            call.arguments[1].span,
            "a name is a string that is not empty",
            'write `named(x, "text")`; strings can be joined with `+`',
        )
    if text.value in BASE_SOPS:
        message = f"`{text.value}` already names an s-op of the language"
        return context.report("protected-name", call.arguments[1].span, message)
    # What another place should be told of a name given in a function is the call.
    place = context.calls[0].span if context.calls else call.arguments[1].span
    named = context.naming.give(value.expr, text.value, place)
    if isinstance(named, Conflict):
        return context.report_conflict(replace(named, second=call.arguments[1].span))
    return checker.sop(named)


# --- lists ---------------------------------------------------------------------------------


def _range(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    bounds = []
    for node, value in zip(call.arguments, arguments, strict=True):
        if isinstance(value, Poison):
            return POISON
        if not isinstance(value, Plain) or not isinstance(value.value, int):
            message = f"`range` takes whole numbers known in advance, not {describe(value)}"
            return checker.context.report("bad-range", node.span, message)
        bounds.append(value.value)
    if len(bounds) == 3 and bounds[2] == 0:
        message = "the step of `range` cannot be 0"
        return checker.context.report("bad-range", call.arguments[2].span, message)
    numbers = range(*bounds)
    if numbers and abs(numbers[-1] - numbers[0]) // abs(numbers.step) >= MAX_LENGTH:
        message = f"this range has more than {MAX_LENGTH:,} numbers"
        return checker.context.report("value-too-long", call.span, message)
    return checker.sized(call, ListOf(tuple(Plain(number) for number in numbers)))


def _len(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    if isinstance(arguments[0], SOpRef):
        message = "`len` counts a list, not positions"
        hint = "the length of the input is `length`"
        return checker.context.report("not-a-list", call.arguments[0].span, message, hint)
    items = checker.items(arguments[0], call.arguments[0].span)
    return POISON if items is None else Plain(len(items))


def _zip(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    columns = []
    for node, value in zip(call.arguments, arguments, strict=True):
        items = checker.items(value, node.span)
        if items is None:
            return POISON
        columns.append(items)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        message = f"`zip` takes lists of one length, not of {', '.join(map(str, lengths))}"
        return checker.context.report("uneven-lists", call.span, message)
    return checker.sized(call, ListOf(tuple(ListOf(row) for row in zip(*columns, strict=True))))


# --- the interactive session ---------------------------------------------------------------


def _draw(checker: ExpressionChecker, call: syntax.Call, arguments: Sequence[Value]) -> Value:
    """In a file it only checks: there is nowhere to draw."""
    _sop(checker, call.arguments[0], arguments[0])
    checker.context.warn(
        "directive",
        call.span,
        "`draw` belongs to the interactive session and does nothing here",
        "draw a file with `rinject draw`",
    )
    return POISON


_BUILTINS: dict[str, _Builtin] = {
    "select": _Builtin("select(keys, queries, ==)", range(3, 4), _select),
    "aggregate": _Builtin("aggregate(selector, values, default)", range(2, 4), _aggregate),
    "selector_width": _Builtin("selector_width(selector)", range(1, 2), _selector_width),
    "round": _unary("round"),
    "indicator": _unary("indicator"),
    "named": _Builtin('named(value, "text")', range(2, 3), _named),
    "range": _Builtin("range(start, stop, step)", range(1, 4), _range),
    "len": _Builtin("len(xs)", range(1, 2), _len),
    "zip": _Builtin("zip(xs, ys)", range(1, 9), _zip),
    "draw": _Builtin("draw(x, input)", range(1, 3), _draw),
}
PROTECTED = frozenset(
    {*_BUILTINS, "indices", "tokens_asis", *(f"tokens_{kind.__name__}" for kind in KINDS)}
)
"""Names a program cannot redefine; `tokens`, `length` and `full_s` it can, as in the original."""

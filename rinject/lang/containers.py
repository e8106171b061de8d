"""Lists and dictionaries, what they hold, and the positions of an s-op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.diagnostics import did_you_mean
from rinject.lang.elementwise import Binary, Constant, Lookup
from rinject.lang.values import (
    POISON,
    DictOf,
    ListOf,
    Plain,
    Poison,
    Scope,
    SOpRef,
    Value,
    describe,
)

if TYPE_CHECKING:
    from rinject.lang.expressions import ExpressionChecker


def list_display(checker: ExpressionChecker, node: syntax.ListDisplay, scope: Scope) -> Value:
    return ListOf(tuple(checker.evaluate(item, scope) for item in node.items))


def comprehension(checker: ExpressionChecker, node: syntax.Comprehension, scope: Scope) -> Value:
    scopes = _passes(checker, node, scope)
    results = tuple(checker.evaluate(node.element, inner) for inner in scopes or [])
    return POISON if scopes is None else ListOf(results)


def _passes(
    checker: ExpressionChecker, node: syntax.Comprehension | syntax.DictComprehension, scope: Scope
) -> list[Scope] | None:
    """The scope of each pass of a comprehension that its condition lets through.

    Without a list the element is still checked once, so that its own mistakes are found.
    """
    items = checker.items(checker.evaluate(node.iterable, scope), node.iterable.span)
    scopes = []
    for item in [POISON] if items is None else items:
        inner = Scope(scope)
        checker.bind_targets(node.targets, item, inner)
        if node.condition is None or _holds(checker, node.condition, inner):
            scopes.append(inner)
    if items is not None:
        return scopes
    element = node.element if isinstance(node, syntax.Comprehension) else node.pair.value
    for inner in scopes:
        checker.evaluate(element, inner)
    return None


def dict_display(checker: ExpressionChecker, node: syntax.DictDisplay, scope: Scope) -> Value:
    entries: dict[Any, Value] = {}
    for pair in node.pairs:
        if not _enter(checker, pair, scope, entries):
            return POISON
    return DictOf(entries)


def dict_comprehension(
    checker: ExpressionChecker, node: syntax.DictComprehension, scope: Scope
) -> Value:
    scopes = _passes(checker, node, scope)
    entries: dict[Any, Value] = {}
    whole = [_enter(checker, node.pair, inner, entries) for inner in scopes or []]
    return DictOf(entries) if scopes is not None and all(whole) else POISON


def _enter(
    checker: ExpressionChecker, pair: syntax.Pair, scope: Scope, entries: dict[Any, Value]
) -> bool:
    """Adds an entry to a dictionary; False after a report about its key."""
    key, value = checker.evaluate(pair.key, scope), checker.evaluate(pair.value, scope)
    if not isinstance(key, Plain):
        if not isinstance(key, Poison):
            checker.context.report(
                "bad-key",
                pair.key.span,
                f"a key is a value known in advance, not {describe(key)}",
            )
        return False
    entries[key.value] = value
    return True


def _holds(checker: ExpressionChecker, node: syntax.Expression, scope: Scope) -> bool:
    value = checker.evaluate(node, scope)
    if isinstance(value, Plain | Poison):
        return bool(value.value) if isinstance(value, Plain) else True
    checker.context.report(
        "not-known-in-advance",
        node.span,
        f"the condition of a list must be known in advance; this is {describe(value)}",
    )
    return True


def index(checker: ExpressionChecker, node: syntax.Index, scope: Scope) -> Value:
    sequence = checker.evaluate(node.sequence, scope)
    index = checker.evaluate(node.index, scope)
    if isinstance(sequence, Poison) or isinstance(index, Poison):
        return POISON
    if isinstance(sequence, SOpRef):
        return _position(checker, node, sequence, index)
    if isinstance(sequence, DictOf):
        entries = dict(sequence.items)
    else:
        items = checker.items(sequence, node.sequence.span)
        if items is None:
            return POISON
        # As in Python, -1 is the last item.
        entries = {at: items[at] for at in range(-len(items), len(items))}
    if isinstance(index, SOpRef):
        return _look_up(checker, node, entries, index)
    if isinstance(sequence, DictOf):
        return _entry(checker, node, entries, index)
    return _item(checker, node, entries, index)


def _item(
    checker: ExpressionChecker, node: syntax.Index, entries: dict[Any, Value], index: Value
) -> Value:
    if not isinstance(index, Plain) or not isinstance(index.value, int):
        message = f"a list is indexed by a whole number or an s-op, not by {describe(index)}"
        return checker.context.report("bad-index", node.index.span, message)
    if index.value in entries:
        return entries[index.value]
    count = len(entries) // 2
    message = f"there is no item {index.value} in a list of {count}"
    hint = "the first item has index 0, the last -1" if count else "the list is empty"
    return checker.context.report("index-out-of-range", node.index.span, message, hint)


def _entry(
    checker: ExpressionChecker, node: syntax.Index, entries: dict[Any, Value], index: Value
) -> Value:
    if not isinstance(index, Plain):
        message = f"a dictionary is indexed by a value or an s-op, not by {describe(index)}"
        return checker.context.report("bad-index", node.index.span, message)
    if index.value in entries:
        return entries[index.value]
    known = [str(key) for key in entries]
    every = f"it has {', '.join(known[:20])}" if known else "it is empty"
    hint = did_you_mean(str(index.value), known, otherwise=every)
    message = f"the dictionary has no key {index.value!r}"
    return checker.context.report("missing-key", node.index.span, message, hint)


def _look_up(
    checker: ExpressionChecker, node: syntax.Index, entries: dict[Any, Value], index: SOpRef
) -> Value:
    """`xs[s]`: at each position the item that the s-op names there."""
    checker.charge(node, entries)
    table = []
    for key, value in entries.items():
        if isinstance(value, Poison):
            return POISON
        if not isinstance(value, Plain):
            return checker.context.report(
                "not-plain",
                node.sequence.span,
                f"an s-op looks up values known in advance, but this holds {describe(value)}",
                "choose with `a if condition else b`",
            )
        table.append((Constant(key), Constant(value.value)))
    return checker.made(node, lambda term: Lookup(term, tuple(table)), [index.expr], "look-up")


def _position(
    checker: ExpressionChecker, node: syntax.Index, values: SOpRef, index: Value
) -> Value:
    """`s[i]`: the value at one position, counted from the end below 0."""
    if not isinstance(index, Plain) or not isinstance(index.value, int):
        message = f"a position of an s-op is a whole number, not {describe(index)}"
        hint = "to read another position: `aggregate(select(indices, place, ==), values)`"
        return checker.context.report("bad-index", node.index.span, message, hint)
    builder = checker.context.builder
    place: rasp.SOp = builder.full(index.value)
    if index.value < 0:
        add = [rasp.length, Constant(index.value)]
        place = builder.elementwise(lambda a, b: Binary("+", a, b), add)
    selector = builder.select(rasp.indices, place, "==")
    return checker.sop(checker.aggregated(selector, values.expr))

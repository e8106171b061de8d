"""Warnings about a program that is right as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracr.rasp import rasp

from rinject.lang import syntax
from rinject.lang.context import Context
from rinject.lang.elementwise import FAILURES
from rinject.lang.header import Draft
from rinject.lang.index import Definition
from rinject.lang.interpreter import NoValue, dependencies, values_of
from rinject.lang.values import SOpRef

POSITIONS = 6  # of the input on which selectors are seen to look ahead


def lint(
    context: Context, module: syntax.Module, draft: Draft, sops: Mapping[str, rasp.SOp]
) -> None:
    """Adds all warnings to the context; `sops` are the program's public variables."""
    used = list(dependencies(list(sops.values())))
    _unused_names(context, module, draft)
    if context.causal:
        _looking_ahead(context, used)
    _unread_symbols(context, draft, used)
    lines = context.sources[module.span.file].split("\n")
    for node in syntax.expressions(module.body):
        _precedence(context, node, lines)


# --- names that nothing reads ---------------------------------------------------------------------


def _unused_names(context: Context, module: syntax.Module, draft: Draft) -> None:
    """Without a header the names of the top level are what the file offers to others."""
    for found in context.index.unread():
        is_ours = found.place.file == module.span.file
        if is_ours and not found.name.startswith("_") and _matters(found, draft):
            context.warn(
                "unused-name",
                found.place,
                f"nothing uses the {found.role} `{found.name}`",
                "remove it, or begin its name with `_`",
            )


def _matters(found: Definition, draft: Draft) -> bool:
    if found.role in ("variable", "function") and draft.output_node is None:
        return False
    # A variable of an injectable program is there to be injected, whether or not it is read.
    return not (found.role == "variable" and isinstance(found.value, SOpRef))


# --- attention ------------------------------------------------------------------------------------


def _looking_ahead(context: Context, used: Sequence[rasp.RASPExpr]) -> None:
    """Selectors that choose later positions by their place, in a program that sees none.

    One that chooses by content means "so far" under causal attention, which its author asked for.
    """
    positional = _positional(used)
    readers = [one for one in used if isinstance(one, rasp.Aggregate | rasp.SelectorWidth)]
    for selector in {id(one.selector): one.selector for one in readers}.values():
        places, span = positional[id(selector)], context.places.get(id(selector))
        if places is not None and span is not None and _sees_later(places):
            context.warn(
                "looks-ahead",
                span,
                "this selects later positions, but attention is causal: it sees none of them",
                "write `attention full;`, or select earlier positions only",
            )


def _positional(used: Sequence[rasp.RASPExpr]) -> dict[int, rasp.Selector | None]:
    """By id, what each selector says about positions alone; None where it says nothing."""
    found: dict[int, rasp.Selector | None] = {}
    for one in used:
        match one:
            case rasp.Select():
                found[id(one)] = one if _knows_only_places(one) else None
            case rasp.SelectorAnd():
                fst, snd = found[id(one.fst)], found[id(one.snd)]
                both = fst is not None and snd is not None
                found[id(one)] = rasp.SelectorAnd(fst, snd) if both else fst or snd
            case rasp.SelectorOr():
                fst, snd = found[id(one.fst)], found[id(one.snd)]
                both = fst is not None and snd is not None
                found[id(one)] = rasp.SelectorOr(fst, snd) if both else None
            case rasp.SelectorNot():
                inner = found[id(one.inner)]
                found[id(one)] = None if inner is None else rasp.SelectorNot(inner)
    return found


def _knows_only_places(selector: rasp.Select) -> bool:
    below = list(dependencies([selector]))
    if any(isinstance(one, rasp.TokensType) for one in below):
        return False
    return any(isinstance(one, rasp.IndicesType | rasp.LengthType) for one in below)


def _sees_later(selector: rasp.Selector) -> bool:
    try:
        (rows,) = values_of([selector], ["a"] * POSITIONS, causal=False)
    except NoValue:
        return False
    return any(row[key] for query, row in enumerate(rows) for key in range(query + 1, POSITIONS))


# --- symbols --------------------------------------------------------------------------------------


def _unread_symbols(context: Context, draft: Draft, used: Sequence[rasp.RASPExpr]) -> None:
    """Symbols that the program cannot tell from an earlier one of the vocabulary."""
    header, node = draft.header, draft.vocabulary_node
    readings = _readings(used)
    if node is None or readings is None:
        return
    first = {
        tuple(reading(symbol) for reading in readings): symbol
        for symbol in (*reversed(header.vocabulary), header.otherwise)
        if symbol is not None
    }
    for entry in node.entries:
        symbol = getattr(entry.left, "value", None)
        like = first.get(tuple(reading(symbol) for reading in readings))
        if like is not None and like != symbol:
            context.warn(
                "unread-symbol",
                entry.span,
                f'the program never tells "{symbol}" from "{like}"',
                "remove it from the vocabulary, or read it",
            )


def _readings(used: Sequence[rasp.RASPExpr]) -> list[Callable[[Any], Any]] | None:
    """All that the program computes of a token alone; None where it passes tokens on as they are.

    Selectors that compare tokens with a constant read them as well.
    """
    readings: list[Callable[[Any], Any]] = []
    for expr in used:
        if not any(child is rasp.tokens for child in expr.children):
            continue
        reading = _reading(expr)
        if reading is None:
            return None
        readings.append(reading)
    return readings or None


def _reading(expr: rasp.RASPExpr) -> Callable[[Any], Any] | None:
    match expr:
        case rasp.Map():
            return _quietly(expr.f)
        case rasp.Select(keys=rasp.Full(fill=value)):
            return _quietly(lambda token: expr.predicate(value, token))
        case rasp.Select(queries=rasp.Full(fill=value)):
            return _quietly(lambda token: expr.predicate(token, value))
    return None


def _quietly(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(token: Any) -> Any:
        try:
            return function(token)
        except FAILURES:
            return None

    return run


# --- precedence -----------------------------------------------------------------------------------


def _precedence(context: Context, node: syntax.Expression, lines: Sequence[str]) -> None:
    """Places where the original's parser groups operators in another way, without parentheses."""
    other = None
    match node:
        case syntax.Unary(_, operator, syntax.Binary() as inner):
            if (operator == "not" or inner.operator == "^") and not _enclosed(inner, lines):
                other = f"({operator} …) {inner.operator} …"
        case syntax.Binary(_, left, operator, right):
            other = _right_first(operator, right, lines) or _left_last(left, operator, lines)
        case syntax.Conditional(_, _, _, syntax.Conditional() as last):
            if not _enclosed(last, lines):
                other = "(… if … else …) if … else …"
        case syntax.Conditional(_, _, _, syntax.Binary(_, _, "in", _) as last):
            if not _enclosed(last, lines):
                other = "(… if … else …) in …"
        case syntax.Conditional(_, syntax.Binary(_, _, "in", _) as first):
            if not _enclosed(first, lines):
                other = "… in (… if … else …)"
    if other is not None:
        context.warn(
            "precedence",
            node.span,
            f"the original RASP reads this as `{other}`",
            "here operators bind as in Python; parentheses make it clear to both",
        )


def _right_first(operator: str, right: syntax.Expression, lines: Sequence[str]) -> str | None:
    if not isinstance(right, syntax.Binary) or _enclosed(right, lines):
        return None
    if (operator, right.operator) in {("or", "and"), ("^", "^")}:
        return f"(… {operator} …) {right.operator} …"
    if operator in ("and", "or") and right.operator == "in":
        return f"(… {operator} …) in …"
    return None


def _left_last(left: syntax.Expression, operator: str, lines: Sequence[str]) -> str | None:
    if not isinstance(left, syntax.Binary) or _enclosed(left, lines):
        return None
    if left.operator == "%" and operator in ("*", "/"):
        return f"… % (… {operator} …)"
    return f"… in (… {operator} …)" if left.operator == "in" and operator in ("and", "or") else None


def _enclosed(node: syntax.Expression, lines: Sequence[str]) -> bool:
    """Whether an expression stands in parentheses of its own, as in `not (a == b)`."""
    line = node.span.line - 1
    before = lines[line][: node.span.column - 1].rstrip()
    while not before and line > 0:
        line -= 1
        before = lines[line].rstrip()
    return before.endswith("(")

"""Expressions in the words of the language, for people who look at a compiled model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from tracr.rasp import rasp

from rinject.lang.elementwise import Always, Compare, Elementwise, Slot

LONGEST = 160
"""Characters of a formula; what is longer is cut."""


def formula(expr: rasp.RASPExpr, children: Sequence[str]) -> str:
    """One expression, given its children as text."""
    text = _formula(expr, children)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _formula(expr: rasp.RASPExpr, children: Sequence[str]) -> str:
    match expr:
        case rasp.Full():
            return repr(expr.fill)
        case rasp.Map() | rasp.SequenceMap():
            return _applied(expr.f, children)
        case rasp.Select():
            return f"select({', '.join(children)}, {_predicate(expr.predicate)})"
        case rasp.SelectorNot():
            return f"not {children[0]}"
        case rasp.SelectorAnd():
            return f"({children[0]} and {children[1]})"
        case rasp.SelectorOr():
            return f"({children[0]} or {children[1]})"
        case rasp.SelectorWidth():
            return f"selector_width({children[0]})"
        case rasp.Aggregate():
            default = "" if expr.default is None else f", {expr.default!r}"
            return f"aggregate({', '.join(children)}{default})"
    return str(expr.name)


@dataclass(frozen=True)
class _Word:
    """An argument in the place of its slot."""

    text: str

    def __str__(self) -> str:
        return self.text


def _applied(function: Any, arguments: Sequence[str]) -> str:
    if isinstance(function, Elementwise):
        return str(_filled(function.body, arguments))
    name = getattr(function, "__name__", type(function).__name__)
    return f"{'function' if name == '<lambda>' else name}({', '.join(arguments)})"


def _filled(term: Any, arguments: Sequence[str]) -> Any:
    """The term with its slots replaced by words."""
    if isinstance(term, Slot):
        return _Word(arguments[term.index])
    if not is_dataclass(term) or isinstance(term, type):
        return term
    parts = {part.name: getattr(term, part.name) for part in fields(term)}
    return replace(term, **{n: _filled(p, arguments) for n, p in parts.items() if is_dataclass(p)})


def _predicate(predicate: Any) -> str:
    match predicate:
        case Compare(operator):
            return operator
        case rasp.Comparison():
            return str(predicate.value)
        case Always():
            return "always"
    name = getattr(predicate, "__name__", type(predicate).__name__)
    return "predicate" if name == "<lambda>" else str(name)

"""Which Python types an s-op can hold, found by trying each function on a few values of each type.

The types of a result follow from those of the operands alone, so a mistake such as adding a number
to a string is found without an input. What holds for every value cannot be known that way: a
combination of types counts as possible as soon as some values of them have a result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from rinject.lang.elementwise import (
    FAILURES,
    Binary,
    Conditional,
    Constant,
    KeepIf,
    KeptOr,
    Lookup,
    Member,
    Slot,
    Term,
    Unary,
)

Types = frozenset[type]
"""Some of bool, int, float and str; at run time a value may also be missing."""

TEXT: Types = frozenset({str})
WHOLE: Types = frozenset({int})
TRUTH: Types = frozenset({bool})
NUMBERS: Types = frozenset({bool, int, float})
ANYTHING: Types = NUMBERS | TEXT
_SAMPLES: dict[type, tuple[Any, ...]] = {
    bool: (False, True),
    int: (0, 1, 2, -1, 3),
    float: (0.5, 2.0, -1.5),
    str: ("a", "1", ""),
}
_WORDS = {bool: "truth values", int: "whole numbers", float: "numbers", str: "strings"}


class Impossible(Exception):
    """No values of the operands' types have a result; the message names the types, or says why."""

    def __init__(self, message: str, *, is_about_types: bool) -> None:
        super().__init__(message)
        self.is_about_types = is_about_types


def in_words(types: Types) -> str:
    """The types of an s-op for messages: `strings`, `whole numbers or strings`."""
    if types == ANYTHING:
        return "anything"
    names = [_WORDS[one] for one in (bool, int, float, str) if one in types]
    if {int, float} <= types:
        names.remove(_WORDS[int])
    return " or ".join(names) or "nothing"


def types_of(values: Iterable[Any]) -> Types:
    """The types among some values; a missing value has none."""
    return frozenset(type(value) for value in values if value is not None)


def result_types(function: Callable[..., Any], operands: Sequence[Types | Constant]) -> Types:
    """The types of `function` over operands of these types, or with this constant value.

    Raises Impossible when it has no result for any of them.
    """
    found: set[type] = set()
    problem: Exception | None = None
    for values in product(*(tuple(_samples(operand)) for operand in operands)):
        try:
            result = function(*values)
        except FAILURES as error:
            if problem is None or isinstance(problem, TypeError):
                problem = error
        else:
            found.add(type(result))
    if not found and problem is not None:
        about_types = isinstance(problem, TypeError)
        message = _named(operands) if about_types else str(problem)
        raise Impossible(message, is_about_types=about_types) from None
    return frozenset(found) & (ANYTHING | {tuple})


def term_types(term: Term, slots: Sequence[Types]) -> Types:
    """The types of an elementwise function whose arguments have the given types.

    Raises Impossible, as :func:`result_types`.
    """
    match term:
        case Slot(index):
            return slots[index]
        case Constant(value):
            return types_of([value])
        case Unary() | Binary():
            return _operator_types(term, slots)
        case Member(item, _):
            term_types(item, slots)
            return TRUTH
        case Lookup():
            return _lookup_types(term, slots)
        case Conditional(condition, then, otherwise):
            term_types(condition, slots)
            return term_types(then, slots) | term_types(otherwise, slots)
        case KeepIf(condition, value):
            term_types(condition, slots)
            return term_types(value, slots)
        case KeptOr(kept, otherwise):
            return term_types(kept, slots) | term_types(otherwise, slots)


def _operator_types(term: Unary | Binary, slots: Sequence[Types]) -> Types:
    terms = (term.operand,) if isinstance(term, Unary) else (term.left, term.right)
    operands = tuple(
        inner if isinstance(inner, Constant) else term_types(inner, slots) for inner in terms
    )
    # Two operands that are one slot always agree, which types alone cannot tell: too wide is safe.
    return _cached(term.function, operands)


@functools.lru_cache(maxsize=4096)
def _cached(function: Callable[..., Any], operands: tuple[Types | Constant, ...]) -> Types:
    return result_types(function, operands)


def _lookup_types(term: Lookup, slots: Sequence[Types]) -> Types:
    index = term_types(term.index, slots)
    keys = types_of(key.value for key, _ in term.table)
    reached = index & keys or (index & NUMBERS and keys & NUMBERS)
    if not reached and not index >= ANYTHING:
        shown = f"an index of {in_words(index)}, the keys being {in_words(keys)}"
        raise Impossible(shown, is_about_types=True)
    return types_of(value.value for _, value in term.table)


def _samples(operand: Types | Constant) -> Iterable[Any]:
    if isinstance(operand, Constant):
        yield operand.value
        return
    for one in (int, float, str, bool):
        if one in operand:
            yield from _SAMPLES[one]


def _named(operands: Sequence[Types | Constant]) -> str:
    shown = [in_words(types_of([o.value]) if isinstance(o, Constant) else o) for o in operands]
    return " and ".join(dict.fromkeys(shown))

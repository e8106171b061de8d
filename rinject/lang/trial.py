"""Runs a checked program on a few inputs, to find what never, or not always, has a value.

Kinds and types say whether an expression makes sense; whether `1 / x` divides by zero, or a look-up
finds its key, only values can say.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tracr.rasp import rasp

from rinject.lang.context import Context
from rinject.lang.diagnostics import Span
from rinject.lang.interpreter import NoValue, dependencies, values_of

LONGEST_TRIAL = 8
RANDOM_TRIALS = 3
MOST_MENTIONED = 20
LARGEST_TRIAL = 4_000  # s-ops and selectors; larger programs are not tried
TRIED_NODES = 1_500  # in all: the larger a program, the fewer inputs
# A program without a header may read letters, digits or numbers: it is fine if it can read any.
_INPUTS_WITHOUT_HEADER: tuple[Sequence[Any], ...] = (
    "hello",
    "20131",
    (3, 1, 2, 0, 1),
    (0.5, -1.0, 2.0),
    (True, False, True),
)


def try_out(
    context: Context, sops: Mapping[str, rasp.SOp], longest: int | None, strings: Sequence[str]
) -> None:
    """Reports s-ops without a value: an error where there is none on any input, else a warning.

    `strings` are those that the program mentions: without a header, what it may be made to read.
    """
    exprs = list(islice(dependencies(list(sops.values())), LARGEST_TRIAL + 1))
    if not exprs or len(exprs) > LARGEST_TRIAL:
        return
    most = max(3, TRIED_NODES // len(exprs))
    inputs = list(islice(_inputs(context.vocabulary, longest, strings), most))
    failures = [(tokens, _failure(exprs, tokens, context.causal)) for tokens in inputs]
    failed = [(tokens, found) for tokens, found in failures if found is not None]
    if not failed or (not context.vocabulary and len(failed) < len(inputs)):
        return
    # The input that gets furthest says most: on the others something earlier already failed.
    tokens, failure = max(failed, key=lambda pair: pair[1].done)
    # Without a header nobody says what is read: a look-up may know other tokens than these.
    is_certain = context.vocabulary or not isinstance(failure.reason, LookupError)
    report = context.report if is_certain and len(failed) == len(inputs) else context.warn
    span = _place(failure.expr, exprs, context.places)
    if span is not None:
        _report(report, span, tokens, failure)


def _inputs(
    vocabulary: Sequence[str], longest: int | None, strings: Sequence[str]
) -> Iterator[Sequence[Any]]:
    if not vocabulary:
        yield from _INPUTS_WITHOUT_HEADER
        mentioned = list(dict.fromkeys([*strings, *"".join(strings)]))[:MOST_MENTIONED]
        if mentioned:
            yield mentioned
        return
    length = min(longest or LONGEST_TRIAL, LONGEST_TRIAL)
    yield tuple((list(vocabulary) * length)[:length])
    draw = random.Random(0)
    for _ in range(RANDOM_TRIALS):
        yield tuple(draw.choices(vocabulary, k=length))
    for symbol in vocabulary[:LONGEST_TRIAL]:
        yield (symbol,)


def _failure(exprs: Sequence[rasp.RASPExpr], tokens: Sequence[Any], causal: bool) -> NoValue | None:
    try:
        values_of(exprs, tokens, causal=causal)
    except NoValue as failure:
        return failure
    return None


def _place(
    expr: rasp.RASPExpr, exprs: Sequence[rasp.RASPExpr], places: Mapping[int, Span]
) -> Span | None:
    """Where an expression was written, or else the first that is made of it."""
    if id(expr) in places:
        return places[id(expr)]
    readers = (one for one in exprs if any(child is expr for child in one.children))
    return next((places[id(one)] for one in readers if id(one) in places), None)


def _report(
    report: Callable[..., Any], span: Span, tokens: Sequence[Any], failure: NoValue
) -> None:
    shown = " ".join(map(str, tokens))
    report(
        "no-value",
        span,
        f"this has no value on the input `{shown}`: {failure.reason}",
        "every position is computed, also those that a later condition discards",
    )

"""Properties over generated programs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rinject.errors import RinjectError
from rinject.lang import load_program

FRAGMENTS = [
    *"(){}[];,=+-*/%^<>\"'#\\ \n",
    *("==", "!=", "<=", "def ", "return ", "for ", " in ", " if ", " else ", " and ", "not "),
    *("select", "aggregate", "selector_width", "full_s", "tokens", "indices", "length", "named"),
    *("x", "f", "f(x)", "1", "2.5", '"a"', "True", "range(3)", "x = ", "program p {", "output "),
    *("vocabulary ", "longest ", "is ", "prompt ", "é", "\x00", "\u2028", "\t"),
]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_any_text_is_a_program_or_a_clear_error(text: str) -> None:
    try:
        program = load_program(text=text)
    except RinjectError:
        return
    else:
        assert program.header.output in ("", *program.names)


Evaluated = tuple[str, Callable[[int, int], Any]]  # source, and meaning at (token, index)
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARISONS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, ">=": operator.ge}


def _joined(symbol: str, meaning: Any, a: Evaluated, b: Evaluated) -> Evaluated:
    return f"({a[0]} {symbol} {b[0]})", lambda t, i: meaning(a[1](t, i), b[1](t, i))


def _chosen(a: Evaluated, c: Evaluated, b: Evaluated) -> Evaluated:
    source = f"({a[0]} if {c[0]} else {b[0]})"
    return source, lambda t, i: a[1](t, i) if c[1](t, i) else b[1](t, i)


def _extend(inner: st.SearchStrategy[Evaluated]) -> st.SearchStrategy[Evaluated]:
    operators = {**ARITHMETIC, **COMPARISONS}
    joined = st.builds(
        lambda symbol, a, b: _joined(symbol, operators[symbol], a, b),
        st.sampled_from(sorted(operators)),
        inner,
        inner,
    )
    negated = inner.map(lambda a: (f"(-{a[0]})", lambda t, i: -a[1](t, i)))
    inverted = inner.map(lambda a: (f"(not {a[0]})", lambda t, i: not a[1](t, i)))
    return joined | negated | inverted | st.builds(_chosen, inner, inner, inner)


LEAVES: st.SearchStrategy[Evaluated] = st.sampled_from(
    [("tokens", lambda t, i: t), ("indices", lambda t, i: i)]
) | st.integers(0, 5).map(lambda n: (str(n), lambda t, i: n))
EXPRESSIONS = st.recursive(LEAVES, _extend, max_leaves=8)


@settings(deadline=None)
@given(EXPRESSIONS, st.lists(st.integers(-3, 3), max_size=5))
def test_elementwise_programs_mean_what_python_means(
    expression: Evaluated, tokens: list[int]
) -> None:
    source, meaning = expression
    program = load_program(text=f"out = indices * 0 + {source};")
    expected = [meaning(token, index) for index, token in enumerate(tokens)]
    assert program.evaluate(tokens) == expected


@settings(deadline=None)
@given(
    st.sampled_from(sorted(COMPARISONS)),
    st.lists(st.integers(0, 3), max_size=6),
    st.booleans(),
)
def test_selectors_mean_what_python_means(symbol: str, tokens: list[int], causal: bool) -> None:
    program = load_program(text=f"out = selector_width(select(tokens, indices, {symbol}));")
    expected = [
        sum(
            COMPARISONS[symbol](key, query)
            for place, key in enumerate(tokens)
            if place <= query or not causal
        )
        for query in range(len(tokens))
    ]
    assert program.evaluate(tokens, causal=causal) == expected

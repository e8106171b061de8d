"""No source breaks the checker, and what checks without error also evaluates.

The default run tries some hundred sources; the slow suite 30,000 of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs_table import CASES

from rinject.errors import InputError, RinjectError
from rinject.lang import Program, load_program

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(case.source for case in CASES),
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "programs").glob("*.rasp"))),
    *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "tests/lang/golden").glob("*.rasp"))),
]
INPUTS: list[Any] = ["hello", "20131", [3, 1, 2], "a", [1.5, 2.0], [True, False]]
HEADER = """program fuzz {
    vocabulary "a", "b", "1";
    longest 4;
    output x;
}
"""
quick = settings(max_examples=150, suppress_health_check=list(HealthCheck))
many = settings(max_examples=10_000, suppress_health_check=list(HealthCheck))


# --- sources made by the grammar --------------------------------------------------------------

NAMES = ["x", "y", "z", "f", "d", "s"]
ATOMS = st.sampled_from(
    [
        *NAMES,
        *("tokens", "indices", "length", "full_s", "tokens_int", "tokens_str", "True", "0", "1"),
        *("2", "-1", "0.5", '"a"', '"1"', '""', "[]", "{}", "range(3)", '"ab"', "select", "max"),
    ]
)
OPERATORS = [*"+-*/%^", "==", "!=", "<", ">=", "and", "or", "in"]


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(st.sampled_from(["not ", "-", "+"]), inner).map("".join),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(inner, inner, st.sampled_from(["==", "<", "!=", ">="])).map(
            lambda t: f"select({t[0]}, {t[1]}, {t[2]})"
        ),
        pair.map(lambda t: f"aggregate({t[0]}, {t[1]})"),
        pair.map(lambda t: f"aggregate({t[0]}, {t[1]}, 0)"),
        st.tuples(
            st.sampled_from(
                ["selector_width", "round", "indicator", "len", "has_focus", "average", "f", "x"]
            ),
            inner,
        ).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["count", "contains", "min", "sort", "zip", "f"]), pair).map(
            lambda t: f"{t[0]}({t[1][0]}, {t[1][1]})"
        ),
        pair.map(lambda t: f"[{t[0]}, {t[1]}]"),
        pair.map(lambda t: f"{{{t[0]}: {t[1]}}}"),
        pair.map(lambda t: f"{t[0]}[{t[1]}]"),
        pair.map(lambda t: f"[{t[0]} for z in {t[1]}]"),
        pair.map(lambda t: f"{{z: {t[0]} for z in {t[1]}}}"),
        inner.map(lambda t: f'named({t}, "name")'),
    )


EXPRESSIONS = st.recursive(ATOMS, _deeper, max_leaves=6)
NAME = st.sampled_from(NAMES)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(" ".join)
    return st.one_of(
        st.tuples(NAME, EXPRESSIONS, body).map(lambda t: f"for {t[0]} in {t[1]} {{ {t[2]} }}"),
        st.tuples(body, EXPRESSIONS).map(lambda t: f"def f(x) {{ {t[0]} return {t[1]}; }}"),
    )


STATEMENTS = st.recursive(
    st.one_of(
        st.tuples(NAME, EXPRESSIONS).map(lambda t: f"{t[0]} = {t[1]};"),
        st.tuples(NAME, NAME, EXPRESSIONS).map(lambda t: f"{t[0]}, {t[1]} = {t[2]};"),
        EXPRESSIONS.map(lambda t: f"{t};"),
    ),
    _blocks,
    max_leaves=4,
)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=6).map(
    lambda body: "x = tokens;\ny = indices;\n" + "\n".join(body)
)


def holds(source: str) -> None:
    """A program or errors of ours; and a program has values wherever nothing warns otherwise."""
    try:
        program = load_program(text=source)
    except RinjectError:
        return
    vocabulary = program.header.vocabulary
    if vocabulary:
        assert _evaluates(program, vocabulary) or _warned(program)
    elif program.sops:
        tried = any(_evaluates(program, tokens) for tokens in INPUTS)
        assert tried or _is_untried(program) or _warned(program)


def _evaluates(program: Program, tokens: Any) -> bool:
    """Whether all public variables have values; nothing but our own error says that not."""
    try:
        return all(len(program.evaluate(tokens, name)) == len(tokens) for name in program.names)
    except InputError:
        return False


def _warned(program: Program) -> bool:
    return any(warning.code == "no-value" for warning in program.warnings)


def _is_untried(program: Program) -> bool:
    # A value may need one of the strings that the program mentions; those are tried as well.
    mentioned = [text for text in ("a", "1", "") if f'"{text}"' in program.source]
    return bool(mentioned) and _evaluates(program, mentioned)


@quick
@given(PROGRAMS)
def test_generated(source: str) -> None:
    holds(source)


@pytest.mark.slow
@many
@given(PROGRAMS)
def test_many_generated(source: str) -> None:
    holds(source)


@pytest.mark.slow
@many
@given(PROGRAMS)
def test_many_generated_with_a_header(source: str) -> None:
    holds(HEADER + source)


# --- sources that are nearly right ------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *"(){}[];,=+-*/%^<>\"'#.:\\ \n",
        *("==", " def ", " return ", " for ", " in ", " if ", " else ", " and ", " not ", " load "),
        *("tokens", "indices", "select", "full_s", "x", "1", '"a"', "True", "program p {", "é"),
        *("set example ", "exit\n", "draw(x);", "_", "0", "9" * 400, "\x00", "\u2028", "\t"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A source with some stretches removed, doubled, moved or replaced."""
    text = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 12)))
        place = draw(st.integers(0, len(text)))
        stretch = text[start:stop]
        match draw(st.sampled_from(["remove", "double", "move", "replace"])):
            case "remove":
                text = text[:start] + text[stop:]
            case "double":
                text = text[:stop] + stretch + text[stop:]
            case "move":
                text = text[:place] + stretch + text[place:]
            case _:
                text = text[:start] + draw(PIECES) + text[stop:]
    return text


@quick
@given(mutated())
def test_mutated(source: str) -> None:
    holds(source)


@pytest.mark.slow
@many
@given(mutated())
def test_many_mutated(source: str) -> None:
    holds(source)

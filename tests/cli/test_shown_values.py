"""Values as text: what the language can read back, and matrices that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rinject.cli.shown_values import input_text, item, matrix, quoted, sequence, types_note, word
from rinject.lang.session import Session

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from('\n\t\\"'))
TOKEN = TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
SESSION = Session()


@given(TEXT)
def test_strings_can_be_read_back(text: str) -> None:
    assert SESSION.value(quoted(text)) == text


@given(st.lists(TOKEN, min_size=1, max_size=20))
def test_inputs_can_be_read_back(tokens: list[object]) -> None:
    found = SESSION.tokens(input_text(tokens))
    assert found == tokens
    assert list(map(type, found)) == list(map(type, tokens))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "T"),
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (2.0, "2.0"),
        (1 / 3, "0.333"),
        (1234.5678, "1234.568"),
        (-0.00012345, "-0.000123"),
        (None, "-"),
        ("-", '"-"'),
        ("", '""'),
        ("a b", '"a b"'),
        ("a", "a"),
        ("é", "é"),
    ],
)
def test_single_values(value: object, shown: str) -> None:
    assert item(value) == shown
    assert word(value) == (value if isinstance(value, str) else shown)


def test_sequences_are_alike() -> None:
    assert sequence([0, 0.5, None, True]) == "[0.0, 0.5, -, T]"
    assert sequence(["a", 1, "a"]) == '["a", 1, "a"]'
    assert sequence([1]) == "[1]"
    assert sequence([]) == "[]"
    assert sequence([1, True]) == "[1, T]"
    assert sequence([1, 1]) == "[1]*2"
    assert sequence([1, 1], full=True) == "[1, 1]"


def test_types() -> None:
    assert types_note([1, 2.0, None]) == "floats"
    assert types_note([True, "a"]) == "bools and strings"
    assert types_note([None]) == "no values"


@st.composite
def selectors(draw: st.DrawFn) -> tuple[list[str], list[list[bool]]]:
    """Tokens, and a selector on them."""
    tokens = draw(st.lists(st.text("ab 漢", max_size=6), min_size=1, max_size=12))
    row = st.lists(st.booleans(), min_size=len(tokens), max_size=len(tokens))
    return tokens, draw(st.lists(row, min_size=len(tokens), max_size=len(tokens)))


@given(selectors(), st.integers(30, 90))
def test_matrices_fit_and_lose_nothing(
    selector: tuple[list[str], list[list[bool]]], width: int
) -> None:
    tokens, rows = selector
    lines = matrix(tokens, rows, width)
    assert all(cell_len(line) <= width for line in lines)
    assert sum(line.count("1") for line in lines) == sum(map(sum, rows))
    blocks = "\n".join(lines).split("\n\n")
    assert all(len(block.split("\n")) == len(tokens) + 1 for block in blocks)


def test_a_row_is_a_position_that_selects() -> None:
    assert matrix(["a", "bb"], [[False, False], [True, True]], 80) == [
        "     a bb",
        " a |",
        "bb | 1  1",
    ]

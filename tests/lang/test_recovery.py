"""After an error of syntax the rest of the file is still checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.lang import SourceError, load_program
from rinject.lang.recovery import MOST_ERRORS, recover


def places(source: str) -> list[tuple[int, str]]:
    """Line and code of each error of a program."""
    with pytest.raises(SourceError) as caught:
        load_program(text=source)
    return [(found.span.line, found.code) for found in caught.value.diagnostics]


def test_all_kinds_in_one_run() -> None:
    source = """
x = tokns;
y = 1 +;
z = select(tokens, 1);
def f(a b) { return a; }
w = f(y) + z
v = indices & 1;
u = "open;
d = {"a": 1, "b" 2};
for i in [1] { t = i +; s = oops; }
if x { r = 1; }
q = [1][4];
"""
    assert places(source) == [
        (2, "unknown-name"),
        (3, "syntax"),
        (4, "wrong-number-of-arguments"),
        (5, "syntax"),
        (6, "missing-semicolon"),
        (7, "unexpected-character"),
        (8, "unclosed-string"),
        (9, "syntax"),
        (10, "syntax"),
        (10, "unknown-name"),
        (11, "foreign-word"),
        (12, "index-out-of-range"),
    ]


def test_what_a_lost_statement_binds_is_known() -> None:
    source = "a, b = 1 +; def f(x y) { return x; } for i in 3 3 { c = i; } out = a + b + f(i);"
    assert [code for _, code in places(source)] == ["syntax"] * 3


def test_a_header_with_an_error_lacks_nothing() -> None:
    source = 'program p { vocabulary "a" "b"; longest 3; output x; }\nx = tokens == "a";'
    assert places(source) == [(1, "syntax")]


def test_a_bracket_that_is_never_closed_ends_it() -> None:
    assert places("x = 1 +;\ny = (1;\ndef f() {\n") == [
        (1, "syntax"),
        (2, "syntax"),
        (3, "unclosed-bracket"),
    ]


def test_many_errors_end() -> None:
    assert len(recover("x = ;\n" * 1000, "f").errors) == MOST_ERRORS


@given(st.text(alphabet='xy=+;(){}[]" \n1:,#defor', max_size=40))
def test_places_are_those_of_the_text(text: str) -> None:
    for error in recover(text, "f").errors:
        assert 1 <= error.span.line <= text.count("\n") + 1
        assert error.span.column >= 1

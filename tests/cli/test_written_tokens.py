"""Vocabularies as they are written after --vocab, and inputs over them."""

from __future__ import annotations

from typing import Any

import pytest

from rinject.cli.written_tokens import read_input, read_vocabulary
from rinject.errors import InputError


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("a,b,c", ("a", "b", "c")),
        (" a , b ", ("a", "b")),
        ("x", ("x",)),
        ("0, 1, -2.5", (0, 1, -2.5)),
        ('a,1,"1"', ("a", 1, "1")),
        ('["a b", ",", 2, true]', ("a b", ",", 2, True)),
        ("[,],(,)", ("[", "]", "(", ")")),
        ("[CLS],[SEP]", ("[CLS]", "[SEP]")),
        ("true,null,NaN", ("true", "null", "NaN")),
    ],
)
def test_vocabularies(text: str, symbols: tuple[Any, ...]) -> None:
    read = read_vocabulary(text)
    assert read == symbols
    assert list(map(type, read)) == list(map(type, symbols))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the vocabulary is empty"),
        (" , ", "the vocabulary is empty"),
        ("a,b,a", "the vocabulary has 'a' twice"),
        ("1,1.0", "the vocabulary has 1.0 twice"),
        ("[1, 2,]", "is not a JSON list"),
        ('["a", null]', "holds null"),
    ],
)
def test_no_vocabularies(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_vocabulary(text)


def test_inputs_over_numbers() -> None:
    vocabulary = (1, 12, "a")
    assert read_input("1 12a", vocabulary, name="p") == [1, 12, "a"]
    assert read_input('[1, "a"]', vocabulary, name="p") == [1, "a"]
    with pytest.raises(InputError, match="`p` has no symbol for 2"):
        read_input("[2]", vocabulary, name="p")


def test_an_empty_symbol_is_in_no_text() -> None:
    with pytest.raises(InputError, match='no symbol for "b"'):
        read_input("ab", ("", "a"), name="p")
    assert read_input('[""]', ("", "a"), name="p") == [""]

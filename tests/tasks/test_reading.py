"""Text read without a tokenizer, and sequences proposed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tasks.drawn_programs import alike

from rinject.lang import load_program
from rinject.tasks.oracle import Oracle
from rinject.tasks.proposals import FAMILIES, Family, combined, descended, edited
from rinject.tasks.reading import Reader

ALPHABET = ("a", "b", "c", "d")
HEADER = load_program(
    text="""program numbers {
        vocabulary "1", "10", "[", "x", "end", "_";
        longest 9; attention causal; output r;
        prompt "{input}:"; answer True is "yes"; otherwise "_";
        symbol ":" is "end", "so far" is "end";
    } r = tokens;"""
).header


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("1 10 1", ["1", "_", "10", "_", "1"]),
        ("10101", ["10", "10", "1"]),  # the longest first
        ("x[x x", ["x", "[", "x", "x"]),  # a word takes its space
        ("text x1", ["_", "x", "1"]),  # letters are pieces only as whole words
        ("two words, then:", ["_", "_", "_", "end"]),
        ("a\n  b", ["_", "_", "_", "_"]),
        ("so far so", ["end", "_"]),
        ("", []),
    ],
)
def test_symbols_of_a_text(text: str, symbols: list[str]) -> None:
    assert Reader(HEADER).symbols(text) == symbols


def test_what_has_no_meaning() -> None:
    assert Reader(HEADER).others("x and 10 more: y") == [" and", " ", " more", " y"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_outputs_in_bulk_are_those_of_the_interpreter(symbols: list[str]) -> None:
    program = alike()
    prompts = [["_", *symbols[:n], "end"] for n in range(len(symbols))]
    meant = [program.evaluate(prompt)[-1] for prompt in prompts]
    assert Oracle(program).outputs(prompts) == meant


@pytest.mark.parametrize("family", FAMILIES)
@given(length=st.integers(1, 20), size=st.integers(1, 4), seed=st.integers())
def test_proposals_have_their_length(family: Family, length: int, size: int, seed: int) -> None:
    found = family(ALPHABET[:size], length, Random(seed))
    assert len(found) == length
    assert set(found) <= set(ALPHABET[:size])


def sequences() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=12)


@given(sequences(), sequences(), st.integers())
def test_combining_keeps_the_symbols(first: list[str], second: list[str], seed: int) -> None:
    assert sorted(combined(first, second, Random(seed))) == sorted(first + second)


@given(sequences(), st.integers(1, 20), st.integers())
def test_edits_reach_the_length(parent: list[str], length: int, seed: int) -> None:
    found = edited(parent, ("x",), length, Random(seed))
    assert len(found) == length
    assert found.count("x") <= 1
    assert set(found) <= {"x", *parent}


@given(st.lists(sequences(), min_size=1), st.integers(1, 20), st.integers())
def test_descendants_reach_the_length(known: list[list[str]], length: int, seed: int) -> None:
    earlier: dict[int, list[list[str]]] = {}
    for one in known:
        earlier.setdefault(len(one), []).append(one)
    assert len(descended(earlier, ALPHABET, length, Random(seed))) == length

"""Every program in `programs/` computes what its comment says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_examples import PAGES, PROGRAMS, Page, read_page, read_value

from rinject.lang import Program, load_program
from rinject.lang.formatter import format_source

Tokens = Sequence[str]
FEWEST_EXAMPLES = 3
PROGRAM = {page.name: page.load() for page in PAGES}


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_examples(page: Page) -> None:
    program = PROGRAM[page.name]
    for example in page.examples:
        values = program.evaluate(example.tokens, example.variable)
        assert values == list(example.expected), example
        assert list(map(type, values)) == list(map(type, example.expected)), example


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_complete(page: Page) -> None:
    header = PROGRAM[page.name].header
    assert page.labels.keys() == {"Layers", "Source", "Injectable"}
    assert sum(example.variable is None for example in page.examples) >= FEWEST_EXAMPLES
    assert page.says_injectable == header.is_injectable
    assert header.name == page.name
    assert all(len(example.tokens) <= (header.longest or 0) for example in page.examples)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_is_suspicious_in_it(page: Page) -> None:
    assert PROGRAM[page.name].warnings == ()


@pytest.mark.parametrize("path", sorted(PROGRAMS.rglob("*.rasp")), ids=lambda path: path.stem)
def test_it_is_laid_out(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert format_source(source) == source


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("2", 2),
        ("-1", -1),
        ("0.5", 0.5),
        ("1/3", 1 / 3),
        ("True", True),
        ("None", None),
        ('"None"', "None"),
        ('"5"', "5"),
        ('" "', " "),
        ("_", "_"),
        ("c'", "c'"),
        ("</p>", "</p>"),
    ],
)
def test_values_of_examples(word: str, value: object) -> None:
    assert (read_value(word), type(read_value(word))) == (value, type(value))


def test_example_lines(tmp_path: Path) -> None:
    path = tmp_path / "page.rasp"
    path.write_text('# A: b?\n#\n# try: a " " -> 1 "1"\n# try x: a -> a\n\nx = tokens;\n# try: c')
    first, second = read_page(path).examples
    assert (first.variable, first.tokens, first.expected) == (None, ("a", " "), (1, "1"))
    assert (second.variable, second.tokens, second.expected) == ("x", ("a",), ("a",))
    path.write_text("# A: b?\n# try: a\n")
    with pytest.raises(AssertionError, match="is not `try: input"):
        read_page(path)


# --- prompts --------------------------------------------------------------------------------------

ANSWERING_ONCE = [
    name
    for name, program in PROGRAM.items()
    if program.header.is_injectable and not program.header.spelled
]


@pytest.mark.parametrize("name", ANSWERING_ONCE)
def test_what_is_drawn_has_an_answer(name: str) -> None:
    program, draw = PROGRAM[name], random.Random(0)
    header = program.header
    fewest, most = header.lengths or (1, 12)
    answers = {(type(rule.value), rule.value) for rule in header.answers}
    for _ in range(50):
        symbols = draw.choices(header.alphabet, k=draw.randint(fewest, most))
        value = at_the_end(program, symbols)
        assert (type(value), value) in answers


def at_the_end(program: Program, symbols: Tokens) -> Any:
    """The output where a prompt with this input ends; other words stand before the input."""
    filler, end = program.header.otherwise, program.header.symbols[0].symbol
    assert filler is not None
    asks = [end] if end == "compute" else []
    return program.evaluate([filler, filler, *symbols, *asks])[-1]


# --- meanings -------------------------------------------------------------------------------------


def is_balanced(tokens: Tokens, pairs: dict[str, str]) -> bool:
    """Whether brackets are balanced, by a stack; `pairs` leads from opening to closing."""
    waiting = []
    for token in tokens:
        if token in pairs:
            waiting.append(pairs[token])
        elif token in pairs.values() and (not waiting or waiting.pop() != token):
            return False
    return not waiting


def is_element(tokens: Tokens) -> bool:
    tags = {"<p>": "</p>", "<b>": "</b>"}
    is_outside = [is_balanced(tokens[:end], tags) for end in range(1, len(tokens))]
    return is_balanced(tokens, tags) and tokens[-1] in tags.values() and not any(is_outside)


def by_frequency(tokens: Tokens) -> list[str]:
    found = [token for token, _ in Counter(tokens).most_common()]
    return found + ["_"] * (len(tokens) - len(found))


def stayed_for(tokens: Tokens) -> int:
    before = [place for place, token in enumerate(tokens) if token != tokens[-1]]
    return len(tokens) - 1 - max(before, default=-1)


def after_last(tokens: Tokens) -> str:
    """What followed the last token where it stood before."""
    pairs = dict(pairwise(tokens))
    return pairs.get(tokens[-1], "?")


def looked_up(tokens: Tokens) -> str:
    pairs = pairwise(tokens)
    known = {name: value for name, value in pairs if name in "xyz" and value in "abc"}
    return known.get(tokens[-1], "?")


def are_anagrams(tokens: Tokens) -> bool:
    if "|" not in tokens:
        return False
    bar = tokens.index("|")
    second = [token for token in tokens[bar:] if token != "|"]
    return sorted(tokens[:bar]) == sorted(second)


def winner(tokens: Tokens) -> str:
    lead = tokens.count("x") - tokens.count("y")
    return "x" if lead > 0 else "y" if lead < 0 else "equal"


WHOLE: dict[str, Callable[[Tokens], Sequence[Any]]] = {
    "double_histogram": lambda xs: [
        sum(xs.count(other) == xs.count(x) for other in set(xs)) for x in xs
    ],
    "histogram": lambda xs: [xs.count(x) for x in xs],
    "length": lambda xs: [len(xs)] * len(xs),
    "rank": lambda xs: [1 + sum(other > x for other in xs) for x in xs],
    "reverse": lambda xs: xs[::-1],
    "rotate": lambda xs: [*xs[1:], xs[0]],
    "shift": lambda xs: ["_", "_", *xs][: len(xs)],
    "sort": sorted,
    "sort_by_frequency": by_frequency,
    "unique": lambda xs: [*dict.fromkeys(xs), *["_"] * (len(xs) - len(set(xs)))],
}
"""What a program makes of an input."""

SO_FAR: dict[str, Callable[[Tokens], Any]] = {
    "anagram": are_anagrams,
    "anbncn": lambda xs: "".join(xs) == "".join(x * (len(xs) // 3) for x in "abc"),
    "count_words": lambda xs: len("".join(xs).split()),
    "dyck2": lambda xs: is_balanced(xs, {"(": ")", "[": "]"}),
    "dyck3": lambda xs: is_balanced(xs, {"(": ")", "[": "]", "{": "}"}),
    "find_pattern": lambda xs: sum("".join(xs[i : i + 3]) == "aba" for i in range(len(xs))),
    "frac_prevs": lambda xs: float(Fraction(xs.count("x"), len(xs))),
    "run_length": stayed_for,
    "xml": is_element,
}
"""What a program says of the input up to a position."""

AT_THE_END: dict[str, Callable[[Tokens], Any]] = {
    "count": lambda xs: xs.count("x"),
    "count_distinct": lambda xs: len(set(xs)),
    "dyck1": lambda xs: is_balanced(xs, {"(": ")"}),
    "has_duplicate": lambda xs: len(set(xs)) < len(xs),
    "induction": after_last,
    "is_sorted": lambda xs: list(xs) == sorted(xs),
    "lookup": looked_up,
    "majority": winner,
    "maximum": max,
    "most_frequent": lambda xs: max("abc", key=xs.count),
    "palindrome": lambda xs: list(xs) == list(xs)[::-1],
    "parity": lambda xs: xs.count("x") % 2 == 0,
    "token_before_last": lambda xs: xs[-2],
}
"""What a program answers to an input in a prompt."""

OWN_TESTS = {
    "caesar", "copy", "int_sum", "int_sum4", "int_sum_shared", "long_addition", "shuffle_dyck",
    "shuffle_dyck_bits",
}  # fmt: skip


def test_every_program_has_a_meaning() -> None:
    assert sorted([*WHOLE, *SO_FAR, *AT_THE_END, *OWN_TESTS]) == sorted(PROGRAM)


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40)
@given(data=st.data())
def test_of_a_whole_input(name: str, data: st.DataObject) -> None:
    tokens = data.draw(inputs(PROGRAM[name]))
    assert PROGRAM[name].evaluate(tokens) == list(WHOLE[name](tokens))


@pytest.mark.parametrize("name", SO_FAR)
@settings(max_examples=40)
@given(data=st.data())
def test_of_what_came_so_far(name: str, data: st.DataObject) -> None:
    tokens = data.draw(inputs(PROGRAM[name]))
    expected = [SO_FAR[name](tokens[: end + 1]) for end in range(len(tokens))]
    assert PROGRAM[name].evaluate(tokens) == expected


@pytest.mark.parametrize("name", AT_THE_END)
@settings(max_examples=40)
@given(data=st.data())
def test_in_a_prompt(name: str, data: st.DataObject) -> None:
    header = PROGRAM[name].header
    assert header.lengths is not None
    fewest, most = header.lengths
    letters = st.lists(st.sampled_from(header.alphabet), min_size=fewest, max_size=most)
    symbols = data.draw(letters)
    assert at_the_end(PROGRAM[name], symbols) == AT_THE_END[name](symbols)


def inputs(program: Program) -> st.SearchStrategy[list[str]]:
    """Inputs of a program; half of them use two symbols only, or repeat a few."""
    vocabulary, longest = program.header.vocabulary, program.header.longest
    assert longest is not None
    some = st.lists(st.sampled_from(vocabulary), min_size=1, max_size=longest)
    motif = st.lists(st.sampled_from(vocabulary), min_size=1, max_size=4)
    return some | motif.map(lambda symbols: (symbols * longest)[:longest])


# --- those that read and write a whole ------------------------------------------------------------


def test_caesar() -> None:
    assert "".join(PROGRAM["caesar"].evaluate("abcdefgh")) == "defghabc"


@given(st.text("abc", min_size=1, max_size=5), st.integers(0, 5))
def test_copy(word: str, written: int) -> None:
    tokens = [*word, "|", *word[:written]]
    copied = [*word, "|"][: len(tokens) - len(word)]
    assert PROGRAM["copy"].evaluate(tokens) == ["_"] * len(word) + copied


@pytest.mark.parametrize(
    ("name", "digits"), [("int_sum", 3), ("int_sum4", 4), ("int_sum_shared", 3)]
)
@settings(max_examples=40)
@given(data=st.data())
def test_int_sum(name: str, digits: int, data: st.DataObject) -> None:
    first, second = (data.draw(numbers(digits)) for _ in range(2))
    blank = "_" if data.draw(st.booleans()) else ""
    question, result = f"{first}{blank}+{second}{blank}=", str(first + second)
    values = PROGRAM[name].evaluate([*question, *result])
    expected = ["_"] * (len(question) - 1) + [*map(int, result), "end"]
    assert values == expected


def numbers(digits: int) -> st.SearchStrategy[int]:
    """Numbers of each length alike, those with many nines among them, where carries run far."""
    lengths = st.integers(1, digits)
    return lengths.flatmap(lambda n: st.text("09", min_size=n, max_size=n)).map(int) | (
        lengths.flatmap(lambda n: st.integers(0, 10**n - 1))
    )


@settings(max_examples=40)
@given(st.integers(1, 4), st.data())
def test_long_addition(size: int, data: st.DataObject) -> None:
    first, second = data.draw(st.tuples(*[st.integers(0, 10**size - 1)] * 2))
    values = PROGRAM["long_addition"].evaluate(f"{first:0{size}}+{second:0{size}}")
    assert values == ["_"] * size + [int(digit) for digit in f"{first + second:0{size + 1}}"]


def test_programs_load_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_program(PROGRAMS / "dyck2.rasp").names == PROGRAM["dyck2"].names

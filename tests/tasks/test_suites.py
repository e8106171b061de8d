"""The out-of-distribution suites against what the paper says of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from rinject.lang import Program, load_program
from rinject.tasks import Example, examples, find_suites, find_task, split_of
from rinject.tasks.suites import SUITES, written

PROGRAMS = Path(__file__).parents[2] / "programs"
EVERY = [(task, suite.name) for task, suites in SUITES.items() for suite in suites]
BRACKETS = {"(": ")", "{": "}", "[": "]", "<": ">"}


@cache
def program(name: str) -> Program:
    return load_program(PROGRAMS / f"{name}.rasp")


@cache
def trained(task: str) -> frozenset[str]:
    found = examples(find_task(program(task)), "train", 5000, seed=0)
    return frozenset(example.input for example in found)


def drawn(task: str, name: str, n: int = 400, seed: int = 0) -> list[Example]:
    (suite,) = (suite for suite in SUITES[task] if suite.name == name)
    return suite.examples(program(task).header, n, seed)


def inputs(task: str, name: str) -> list[str]:
    return [example.input for example in drawn(task, name)]


def balanced(text: str) -> bool:
    """Each kind of bracket reduced by itself, pair by pair."""
    for left, right in BRACKETS.items():
        kind = "".join(bracket for bracket in text if bracket in left + right)
        while left + right in kind:
            kind = kind.replace(left + right, "")
        if kind:
            return False
    return True


def pairs(texts: Sequence[str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(a), Decimal(b)) for a, b in (text.split(" + ") for text in texts)]


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_examples_are_of_the_seed_and_come_once(task: str, name: str) -> None:
    found = drawn(task, name)
    assert found == drawn(task, name)
    assert found[:30] == drawn(task, name, 30)
    assert found != drawn(task, name, seed=1)
    assert (
        len({example.input for example in found}) == len(found) == (40 if name == "x only" else 400)
    )
    assert all(example.input in example.prompt for example in found)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_no_input_is_one_of_training(task: str, name: str) -> None:
    assert trained(task).isdisjoint(inputs(task, name))


def test_answers_of_shuffle_dyck_count_every_bracket() -> None:
    for suite in SUITES["shuffle_dyck"]:
        for example in drawn("shuffle_dyck", suite.name):
            assert example.answer == (" yes" if balanced(example.input) else " no")


@pytest.mark.parametrize(
    ("name", "shortest", "longest"), [("almost balanced", 5, 29), ("almost balanced, long", 15, 89)]
)
def test_almost_balanced_lacks_one_bracket(name: str, shortest: int, longest: int) -> None:
    found = inputs("shuffle_dyck", name)
    assert {len(text) for text in found} == set(range(shortest, longest + 1, 2))
    for text in found:
        assert not balanced(text)
        assert any(balanced(text + bracket) for bracket in ")}]")


def test_longer_brackets() -> None:
    found = drawn("shuffle_dyck", "3x length")
    lengths = {len(example.input) for example in found}
    assert (min(lengths) < 15, max(lengths)) == (True, 90)
    assert 0.4 < [example.answer for example in found].count(" yes") / len(found) < 0.6


def test_an_extra_family() -> None:
    found = drawn("shuffle_dyck", "extra family")
    assert all({"<", ">"} & set(e.input) and len(e.input) <= 30 for e in found)
    assert 0.35 < [example.answer for example in found].count(" yes") / len(found) < 0.6


def test_count() -> None:
    for suite in SUITES["count"]:
        for example in drawn("count", suite.name):
            assert example.answer == f" {example.input.count('x')}"
    only = inputs("count", "x only")
    assert sorted(text.count("x") for text in only) == list(range(1, 41))
    assert set("".join(only)) == {"x", " "}
    assert all(41 <= len(text.split()) <= 120 for text in inputs("count", "3x length"))
    for text in inputs("count", "y to z"):
        assert set(text) <= {"x", "z", " "}
        assert "z" in text
        assert 5 <= len(text.split()) <= 40
        assert split_of(text.replace("z", "y")) == "test"


@pytest.mark.parametrize("task", ["int_sum", "int_sum4", "int_sum_shared"])
def test_int_sum(task: str) -> None:
    for suite in SUITES[task]:
        found = drawn(task, suite.name)
        for (a, b), example in zip(pairs([e.input for e in found]), found, strict=True):
            assert example.answer.strip() == str(a + b)


@pytest.mark.parametrize(("task", "places"), [("int_sum", 3), ("int_sum4", 4)])
def test_cascades_carry_in_every_place(task: str, places: int) -> None:
    limit = 450 * 10 ** (places - 3)
    for first, second in pairs(inputs(task, "cascading overflow")):
        a, b = int(first), int(second)
        assert a + b in range(10 ** (places - 1), 10**places, 10 ** (places - 1))
        sums = [a // 10**k % 10 + b // 10**k % 10 for k in range(places - 1)]
        assert sums == [10] + [9] * (places - 2)
        assert a >= limit or b >= limit or split_of(f"{a} + {b}") == "test"


@pytest.mark.parametrize(
    ("task", "name", "first"), [("int_sum", "4 digits", 1000), ("int_sum4", "5 digits", 10_000)]
)
def test_one_digit_more(task: str, name: str, first: int) -> None:
    assert all(first <= n < 4.5 * first for pair in pairs(inputs(task, name)) for n in pair)


@pytest.mark.parametrize(("task", "limit"), [("int_sum", 450), ("int_sum4", 4500)])
def test_decimals(task: str, limit: int) -> None:
    for pair in pairs(inputs(task, "decimals")):
        assert all(0 <= n < limit and n.as_tuple().exponent == -2 for n in pair)


def test_the_suites_of_a_task() -> None:
    assert find_suites(find_task(program("shuffle_dyck"))) == SUITES["shuffle_dyck"]
    assert find_suites(find_task(program("parity"))) == ()


def test_held_out_inputs_are_those_of_the_test_split() -> None:
    header = program("count").header
    for suite in SUITES["count"]:
        drawn = suite.held_out().examples(header, 30, 0)
        assert {split_of(one.input) for one in drawn} == {"test"}
        assert all(one.answer == written(header, suite.truth(one.input)) for one in drawn)

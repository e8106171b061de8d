"""The pairs of int-sum: all of them, each once, with the digits of their sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinject.errors import InputError
from rinject.lang import load_program
from rinject.tasks import (
    SPLITS,
    Exhausted,
    Split,
    answer_text,
    example,
    examples,
    find_task,
    split_of,
    stream,
    up_to,
)
from rinject.tasks.int_sum import IntSum
from rinject.tasks.oracle import Oracle

PROGRAMS = Path(__file__).parents[2] / "programs"
PROGRAM = load_program(PROGRAMS / "int_sum.rasp")
TASK = IntSum(PROGRAM.header)
ORACLE = Oracle(PROGRAM)


def all_cases(split: Split) -> Iterator[tuple[str, tuple[int, ...]]]:
    cases = TASK.cases(split, Random(0))
    while True:
        try:
            yield next(cases)
        except Exhausted:
            return


def test_all_pairs_below_450_come_once_in_one_split() -> None:
    found = {split: list(all_cases(split)) for split in SPLITS}
    inputs = [text for cases in found.values() for text, _ in cases]
    assert len(inputs) == len(set(inputs)) == 450**2
    assert set(inputs) == {f"{a} + {b}" for a in range(450) for b in range(450)}
    for split, cases in found.items():
        assert {split_of(text) for text, _ in cases} == {split}
    for text, digits in found["test"]:
        first, second = text.split(" + ")
        assert "".join(map(str, digits)) == str(int(first) + int(second))


def test_the_order_is_random_and_that_of_the_seed() -> None:
    first = examples(TASK, "train", 200, seed=1)
    assert first == examples(TASK, "train", 200, seed=1)
    assert first != examples(TASK, "train", 200, seed=2)
    sums = [int(one.answer) for one in first]
    assert sums != sorted(sums)
    assert min(sums) < 200 < 700 < max(sums)


def test_an_example_is_written_as_in_the_paper() -> None:
    found = example(find_task(PROGRAM), "211 + 123")
    assert found.prompt + found.answer == "211 + 123 = 334"
    assert found.prompt.endswith("= ")


def test_the_end_of_the_pairs() -> None:
    task = replace(TASK, below=3)
    assert sum(len(up_to(task, split, 99, seed=0)) for split in ("train", "test")) > 6
    with pytest.raises(Exhausted, match="no more train inputs") as caught:
        list(stream(task, "train", 0))
    assert caught.value.hint == "these were all pairs of numbers below 3 in this split"


@pytest.mark.parametrize("text", ["1+2", "1.5 + 2.5", "1 + 2 + 3", "", "-1 + 2"])
def test_what_is_no_sum(text: str) -> None:
    with pytest.raises(InputError, match="is no sum"):
        TASK.output(text)


def test_answers_are_those_of_the_program() -> None:
    some = examples(TASK, "validation", 300, seed=0)
    outputs = ORACLE.outputs([ORACLE.read(one.input) for one in some])
    assert outputs == [TASK.output(one.input) for one in some]
    assert [answer_text(PROGRAM.header, one) for one in outputs] == [one.answer for one in some]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(0, 999))
def test_the_program_writes_every_sum_of_three_digits(first: int, second: int) -> None:
    written = answer_text(PROGRAM.header, ORACLE.output(f"{first} + {second}"))
    assert written == str(first + second)


def test_the_program_for_four_digits_has_a_task_of_its_own() -> None:
    program = load_program(PROGRAMS / "int_sum4.rasp")
    task, oracle = find_task(program), Oracle(program)
    assert task == IntSum(program.header, below=4500)
    inputs = ["4499 + 4499", "9999 + 1", "999 + 1", "0 + 0", "9999 + 9999", "5 + 4495"]
    assert oracle.outputs([oracle.read(text) for text in inputs]) == [
        task.output(text) for text in inputs
    ]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("1 + 449", True), ("0 + 0", True), ("450 + 1", False), ("01 + 2", False), ("1+2", False)],
)
def test_what_its_rule_allows(text, allowed):
    assert IntSum(PROGRAM.header).allows(text) is allowed

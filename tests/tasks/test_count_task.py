"""The sampler of count against its data rules and the program itself."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinject.lang import load_program
from rinject.tasks import example, examples, find_task
from rinject.tasks.count import Count
from rinject.tasks.oracle import Oracle

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "count.rasp")
TASK = find_task(PROGRAM)
TRAIN = examples(TASK, "train", 6000, seed=0)


def test_inputs_are_5_to_40_characters_with_a_y() -> None:
    assert isinstance(TASK, Count)
    letters = [one.input.split(" ") for one in TRAIN]
    assert {len(some) for some in letters} == set(range(5, 41))
    assert all(set(some) <= {"x", "y"} and "y" in some for some in letters)


def test_letters_and_lengths_are_uniform() -> None:
    rng = Random(0)
    drawn = [Count(PROGRAM.header).draw("any", rng).split(" ") for _ in range(6000)]
    letters = [letter for some in drawn for letter in some]
    assert 0.49 < letters.count("x") / len(letters) < 0.51
    repeated = sum(first == second for some in drawn for first, second in pairwise(some))
    assert 0.49 < repeated / (len(letters) - len(drawn)) < 0.51
    shares = [sum(len(some) == n for some in drawn) / 6000 for n in range(5, 41)]
    assert max(abs(share - 1 / 36) for share in shares) < 0.01


def test_an_example_is_written_as_in_the_paper() -> None:
    found = example(TASK, "x y x x y")
    assert found.prompt == "What is the number of 'X' in this text? x y x x y\nAnswer:"
    assert found.answer == " 3"


def test_answers_are_those_of_the_program() -> None:
    oracle, some = Oracle(PROGRAM), TRAIN[:400]
    values = oracle.outputs([oracle.read(one.input) for one in some])
    assert values == [one.input.count("x") for one in some]
    assert [one.answer for one in some] == [f" {value}" for value in values]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("xy"), min_size=1, max_size=120))
def test_the_program_counts_up_to_120_characters(letters: list[str]) -> None:
    text = " ".join(letters)
    meant = letters.count("x")
    assert PROGRAM.evaluate(Oracle(PROGRAM).read(text))[-1] == meant == TASK.output(text)
    assert example(TASK, text).answer == f" {meant}"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("x y x x y", True), ("y y y y y", True), ("x x x x x", False), ("x y", False),
     (" ".join("y" * 41), False), ("x  y x x", False), ("x z y x x", False)],
)  # fmt: skip
def test_what_its_rule_allows(text, allowed):
    assert Count(PROGRAM.header).allows(text) is allowed

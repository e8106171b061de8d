"""The sampler of shuffle-dyck against the program itself."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random

import pytest

from rinject.lang import load_program
from rinject.tasks import examples, find_task
from rinject.tasks.shuffle_dyck import BRACKETS, ShuffleDyck, correct_string, is_balanced

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp")
TASK = find_task(PROGRAM)


def test_outputs_are_those_of_the_program() -> None:
    for example in examples(TASK, "train", 300, seed=3):
        meant = PROGRAM.evaluate([*example.input, "compute"])[-1]
        assert TASK.output(example.input) is meant
        assert example.answer == (" yes" if meant else " no")


def test_about_half_of_the_answers_are_yes_however_many_are_drawn() -> None:
    answers = [example.answer for example in examples(TASK, "train", 20_000, seed=0)]
    assert 0.48 < answers.count(" yes") / 20_000 < 0.53
    late = answers[-2000:]  # short correct strings are used up by now
    assert 0.46 < late.count(" yes") / 2000 < 0.55


def test_inputs_have_5_to_30_brackets() -> None:
    inputs = [example.input for example in examples(TASK, "train", 3000, seed=0)]
    assert set("".join(inputs)) == set(BRACKETS)
    assert {len(text) for text in inputs} == set(range(5, 31))


def test_correct_strings_are_correct_and_all_of_them_come_up() -> None:
    rng = Random(0)
    drawn = {correct_string(2, rng) for _ in range(4000)}
    assert drawn == {"".join(t) for t in product(BRACKETS, repeat=4) if is_balanced("".join(t))}


def test_the_kinds_are_what_they_say() -> None:
    task, rng = ShuffleDyck(PROGRAM.header), Random(0)
    assert all(is_balanced(task.draw("correct", rng)) for _ in range(200))
    assert sum(is_balanced(task.draw("random", rng)) for _ in range(200)) < 20


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("([)]{}", True), ("((((((", True), ("()()(", False), ("([)]{", False), ("()", False),
     ("()" * 16, False), ("()<>()", False)],
)  # fmt: skip
def test_what_its_rule_allows(text, allowed):
    """Less what the suite of almost balanced strings holds."""
    assert ShuffleDyck(PROGRAM.header).allows(text) is allowed

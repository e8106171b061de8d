"""Streams of examples: disjoint, without repeats, the same for the same seed."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from rinject.errors import InputError, RinjectError
from rinject.lang import load_program
from rinject.tasks import (
    SPLITS,
    Exhausted,
    Split,
    answer_text,
    examples,
    find_task,
    split_of,
    stream,
    up_to,
)
from rinject.tasks.shuffle_dyck import ShuffleDyck

PROGRAMS = Path(__file__).parents[2] / "programs"
PROGRAM = load_program(PROGRAMS / "shuffle_dyck.rasp")
TASK = find_task(PROGRAM)


class Pairs(ShuffleDyck):
    """Two brackets: nine correct strings, thirty-six in all."""

    def draw(self, kind: str, rng: Random) -> str:
        return "".join(rng.choices("()[]{}", k=2))


def test_splits_are_disjoint_and_without_repeats() -> None:
    drawn = {split: [e.input for e in examples(TASK, split, 1500, seed=1)] for split in SPLITS}
    for split, inputs in drawn.items():
        assert len(set(inputs)) == 1500
        assert {split_of(text) for text in inputs} == {split}
    assert len(set().union(*drawn.values())) == 1500 * len(SPLITS)


@pytest.mark.parametrize("name", ["shuffle_dyck", "count", "int_sum"])
def test_no_input_of_the_papers_tasks_is_in_two_splits(name: str) -> None:
    """By hashes of the prompts, over streams of other seeds too."""
    task = find_task(load_program(PROGRAMS / f"{name}.rasp"))
    drawn = {
        split: {
            hashlib.sha256(one.prompt.encode()).digest()
            for seed in (0, 1)
            for one in examples(task, split, 2500, seed)
        }
        for split in SPLITS
    }
    assert all(len(hashes) > 2500 for hashes in drawn.values())
    assert len(set().union(*drawn.values())) == sum(map(len, drawn.values()))


def test_a_split_is_a_stable_function_of_the_input() -> None:
    found: dict[str, Split] = {text: split_of(text) for text in ("()", "([)]", "()[]", "[]{()}")}
    assert found == {"()": "test", "([)]": "test", "()[]": "train", "[]{()}": "train"}


def test_the_same_seed_gives_the_same_examples() -> None:
    first = examples(TASK, "validation", 50, seed=7)
    assert first == examples(TASK, "validation", 50, seed=7)
    assert first == list(islice(stream(TASK, "validation", 7), 50))
    assert first != examples(TASK, "validation", 50, seed=8)


def test_an_example_is_written_as_the_program_says() -> None:
    for example in examples(TASK, "test", 20, seed=0):
        question = "Are parenthesis here correctly matched? "
        assert example.prompt == f"{question}{example.input}\nAnswer:"
        assert example.answer in (" yes", " no")


def test_a_split_that_is_used_up_says_so() -> None:
    with pytest.raises(RinjectError, match="no more train inputs") as caught:
        examples(Pairs(PROGRAM.header), "train", 40, seed=0)
    assert caught.value.hint == "ask for fewer examples"


def test_an_output_without_an_answer_is_an_error() -> None:
    with pytest.raises(RinjectError, match="does not say how to write the output 1"):
        answer_text(PROGRAM.header, 1)  # 1 == True, but is written otherwise


def test_no_output_at_all_is_an_error() -> None:
    with pytest.raises(RinjectError, match=r"has no value .* on the input '\(\)'") as caught:
        answer_text(PROGRAM.header, None, "()")
    assert "default" in str(caught.value.hint)


def test_up_to_so_many_examples() -> None:
    task = Pairs(PROGRAM.header)
    found = up_to(task, "train", 40, seed=0)
    assert 25 < len(found) < 36
    assert found == examples(task, "train", len(found), seed=0)
    assert up_to(task, "train", 5, seed=0) == found[:5]


def test_none_at_all_is_an_error() -> None:
    class One(Pairs):
        def draw(self, kind: str, rng: Random) -> str:
            return "()"  # belongs to the test split

    task = One(PROGRAM.header)
    assert len(up_to(task, "test", 5, seed=0)) == 1
    with pytest.raises(Exhausted, match=r"no more train inputs .* after 0 examples") as caught:
        up_to(task, "train", 5, seed=0)
    assert "longer" in str(caught.value.hint)


def test_a_stream_stays_what_it_was() -> None:
    inputs = [example.input for example in examples(TASK, "train", 3, seed=0)]
    assert inputs == ["()()()", "[][{}]{([{{{{}){(()})}}}]}", "[){{{){]]"]


@pytest.mark.parametrize("name", ["shuffle_dyck", "sorting"])
def test_a_program_that_does_not_meet_text_is_an_error(name: str) -> None:
    program = load_program(
        text=f'program {name} {{ vocabulary "a"; longest 9; output r; }} r = tokens;'
    )
    with pytest.raises(InputError, match="does not say how it meets text") as caught:
        find_task(program)
    assert "needs a prompt" in str(caught.value.hint)

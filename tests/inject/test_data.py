"""Which examples a run trains on, by its data rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.inject.data import training_examples
from rinject.inject.settings import InjectSettings
from rinject.lang import load_program
from rinject.student import load_student
from rinject.tasks import Task, find_suites, find_task, split_of
from rinject.tasks.count import Count
from rinject.tokens import reconcile

COUNT = load_program(Path(__file__).parents[2] / "programs" / "count.rasp")


def drawn(data: str, task: Task | None = None, examples: int = 1500) -> list[str]:
    settings = InjectSettings.for_student(True, data=data, examples=examples)
    reconciliation = reconcile(load_student("tiny").tokenizer, COUNT.header)
    found = training_examples(COUNT, task or find_task(COUNT), reconciliation, settings)
    return [one.input for one in found]


def test_the_rules_differ_in_what_they_reach():
    letters = {data: {len(text.split()) for text in drawn(data)} for data in
               ("paper", "spread", "coverage")}  # fmt: skip
    assert letters["paper"] == letters["spread"] == set(range(5, 41))
    assert max(letters["coverage"]) > 40
    most = {data: max(text.split().count("x") for text in drawn(data)) for data in letters}
    assert most["paper"] < most["spread"] < 40


def test_a_task_without_a_rule_cannot_be_spread(tmp_path):
    listed = tmp_path / "given.jsonl"
    listed.write_text("".join(f'{{"input": "{"x " * n}y"}}\n' for n in range(4, 30)))
    with pytest.raises(InputError, match="does not say which inputs") as caught:
        drawn("spread", find_task(COUNT, str(listed)), examples=10)
    assert "allows(text)" in str(caught.value.hint)


@dataclass(frozen=True)
class Loose(Count):
    """Its rule forgets that a text has a y."""

    def allows(self, text: str) -> bool:
        return super().allows(text) or set(text.split()) == {"x"}

    @property
    def suites(self):
        (only,) = (one for one in find_suites(Count(self.header)) if one.name == "x only")
        texts = [text for n in range(5, 41) if split_of(text := " ".join("x" * n)) == "train"]
        return (replace(only, inputs=lambda _: iter(texts)),)


def test_inputs_of_a_suite_cannot_be_allowed():
    with pytest.raises(InputError, match="suite 'x only'"):
        drawn("spread", Loose(COUNT.header), examples=10)

"""Which examples a run trains on, by its data rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.inject.data import TrainingExamples, training_examples
from rinject.inject.settings import InjectSettings
from rinject.lang import load_program
from rinject.student import load_student
from rinject.tasks import Task, find_suites, find_task, split_of
from rinject.tasks.count import Count
from rinject.tokens import reconcile

COUNT = load_program(Path(__file__).parents[2] / "programs" / "count.rasp")


def found(data: str, task: Task | None = None, examples: int = 1500) -> TrainingExamples:
    settings = InjectSettings.for_student(True, data=data, examples=examples)
    reconciliation = reconcile(load_student("tiny").tokenizer, COUNT.header)
    return training_examples(COUNT, task or find_task(COUNT), reconciliation, settings)


def drawn(data: str, task: Task | None = None, examples: int = 1500) -> list[str]:
    return [one.input for one in found(data, task, examples).examples]


def test_the_rules_differ_in_what_they_reach():
    inputs = {data: drawn(data) for data in ("paper", "spread", "coverage")}
    letters = {data: {len(text.split()) for text in texts} for data, texts in inputs.items()}
    assert letters["paper"] == letters["spread"] == set(range(5, 41))
    assert max(letters["coverage"]) > 40
    most = {data: max(text.split().count("x") for text in inputs[data]) for data in inputs}
    assert most["paper"] < most["spread"] < 40


def test_inputs_are_drawn_until_they_cover_the_program():
    few, enough = found("coverage", examples=200), found("coverage", examples=1500)
    assert len(few.examples) == 8 * 200  # as many as may be
    assert not few.covered.is_settled
    assert len(enough.examples) in (3000, 6000, 12000)
    assert enough.covered.is_settled
    assert enough.covered.examples == len(enough.examples)
    assert enough.covered.values.found > few.covered.values.found


def test_other_rules_do_not_say_what_they_cover():
    assert found("paper", examples=10).covered is None


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


@dataclass(frozen=True)
class Failing(Count):
    """With a suite whose inputs fail."""

    @property
    def suites(self):
        return (replace(find_suites(Count(self.header))[0], inputs=lambda rng: 1 / 0),)


def test_a_suite_that_fails_is_named():
    with pytest.raises(InputError, match=r"the suite 'x only' fails at .*test_data.py:"):
        drawn("spread", Failing(COUNT.header), examples=10)

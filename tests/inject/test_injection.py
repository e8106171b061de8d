"""What a training begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
from inject.small_injection import TEXTS

from rinject.compiler import compile_program
from rinject.inject.injection import Injection, begun_trainer
from rinject.inject.processes import Processes
from rinject.inject.settings import InjectSettings
from rinject.lang import load_program
from rinject.student import load_student
from rinject.tasks import SPLITS, examples, find_task, split_of
from rinject.tokens import reconcile

COUNT = load_program(Path(__file__).parents[2] / "programs" / "count.rasp")


@pytest.mark.parametrize(("data", "splits"), [("paper", {*SPLITS}), ("coverage", {"test"})])
def test_suites_are_followed_on_inputs_that_training_has_not(data: str, splits: set[str]) -> None:
    student, task = load_student("tiny"), find_task(COUNT)
    settings = InjectSettings(data=data, suite_examples=60, text_tokens=8, eval_examples=5)
    reconciliation = reconcile(student.tokenizer, COUNT.header)
    compiled = compile_program(COUNT, causal=True)
    injection = Injection(compiled, COUNT, student, reconciliation, settings)
    rows = injection.rows(examples(task, "train", 5, seed=0))
    trainer = begun_trainer(injection, Processes.join(settings), rows, task, TEXTS)
    before, after = COUNT.header.prompt.split("{input}")
    found = trainer.suites["x only"]
    pairs = zip(found.ids, found.prompt_lengths, strict=True)
    prompts = [student.tokenizer.decode(ids[:length]) for ids, length in pairs]
    inputs = [text.removeprefix(before).removesuffix(after) for text in prompts]
    assert {split_of(text) for text in inputs} == splits

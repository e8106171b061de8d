"""The examples of a training run, as its settings say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from rinject.errors import InputError
from rinject.inject.settings import InjectSettings
from rinject.lang import Program
from rinject.tasks import Example, Exhausted, Task, find_suites, split_of, up_to
from rinject.tasks.covering import Covered, Covering
from rinject.tasks.task import next_of, rule_of, stream
from rinject.tokens import Reconciliation

TRIED = 50  # inputs of each suite
MOST_TIMES = 8
"""How often as many as are needed may be drawn so that they cover the program."""


@dataclass(frozen=True)
class TrainingExamples:
    """Those that steps choose from."""

    examples: list[Example]
    covered: Covered | None = None
    """What they show of the program, where they were drawn until all of it had come up."""


def training_examples(
    program: Program, task: Task, reconciliation: Reconciliation, settings: InjectSettings
) -> TrainingExamples:
    """As many as the steps need, or as the task and the settings allow.

    By the rules `spread` and `coverage` they are the task's own and edits of them; by `coverage`
    they are doubled, up to `MOST_TIMES` as many, until the second half brings nothing new. Raises
    Exhausted where the task has none, and InputError for edits that keep to a rule that it does not
    state.
    """
    needed = settings.examples if settings.task_tokens else settings.steps * settings.task_rows
    count = min(needed, settings.examples)
    if settings.goes_beyond_task:
        return _covering(Covering(program, task, reconciliation), count, settings.seed)
    if settings.data == "spread":
        task = Covering(program, task, reconciliation, _rule(task))
    return TrainingExamples(up_to(task, "train", count, settings.seed))


def _covering(task: Covering, count: int, seed: int) -> TrainingExamples:
    source, wanted = stream(task, "train", seed), count
    examples = next_of(source, count)
    covered = task.covered_by(examples)
    while not covered.is_settled and len(examples) == wanted < MOST_TIMES * count:
        wanted *= 2
        with suppress(Exhausted):
            examples += next_of(source, wanted - len(examples))
        covered = task.covered_by(examples)
    return TrainingExamples(examples, covered)


def _rule(task: Task) -> Callable[[str], bool]:
    """What the task's rule allows, which must not hold inputs of its suites."""
    rule = rule_of(task)
    if rule is None:
        raise InputError(
            f"the task of `{task.header.name}` does not say which inputs its rule can draw",
            hint="give a task FILE.py:NAME a method `allows(text)`, or leave out --data spread",
        )
    for suite in find_suites(task):
        for text in suite.texts(TRIED):
            if split_of(text) == "train" and rule(text):
                raise InputError(
                    f"the task of `{task.header.name}` allows {text!r}, an input of its"
                    f" out-of-distribution suite {suite.name!r}",
                    hint="leave it out in `allows(text)`, or train with --data coverage",
                )
    return rule

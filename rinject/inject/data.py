"""The examples of a training run, as its settings say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from random import Random

from rinject.errors import InputError
from rinject.inject.settings import InjectSettings
from rinject.lang import Program
from rinject.tasks import Example, Task, find_suites, split_of, up_to
from rinject.tasks.covering import Covering
from rinject.tasks.task import rule_of
from rinject.tokens import Reconciliation

TRIED = 50  # inputs of each suite


def training_examples(
    program: Program, task: Task, reconciliation: Reconciliation, settings: InjectSettings
) -> list[Example]:
    """Those that steps choose from: as many as they need, or as the task and the settings allow.

    By the rules `spread` and `coverage` they are the task's own and edits of them. Raises Exhausted
    where the task has none, and InputError for edits that keep to a rule that it does not state.
    """
    needed = settings.examples if settings.task_tokens else settings.steps * settings.task_rows
    if settings.data == "coverage":
        task = Covering(program, task, reconciliation)
    elif settings.data == "spread":
        task = Covering(program, task, reconciliation, _rule(task))
    return up_to(task, "train", min(needed, settings.examples), settings.seed)


def _rule(task: Task) -> Callable[[str], bool]:
    """What the task's rule allows, which must not hold inputs of its suites."""
    rule = rule_of(task)
    if rule is None:
        raise InputError(
            f"the task of `{task.header.name}` does not say which inputs its rule can draw",
            hint="give a task FILE.py:NAME a method `allows(text)`, or leave out --data spread",
        )
    for suite in find_suites(task):
        for text in islice(suite.inputs(Random(0)), TRIED):
            if split_of(text) == "train" and rule(text):
                raise InputError(
                    f"the task of `{task.header.name}` allows {text!r}, an input of its"
                    f" out-of-distribution suite {suite.name!r}",
                    hint="leave it out in `allows(text)`, or train with --data coverage",
                )
    return rule

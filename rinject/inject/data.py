"""The examples of a training run, as its settings say."""

from __future__ import annotations

from rinject.inject.settings import InjectSettings
from rinject.lang import Program
from rinject.tasks import Example, Task, up_to
from rinject.tasks.covering import Covering
from rinject.tokens import Reconciliation


def training_examples(
    program: Program, task: Task, reconciliation: Reconciliation, settings: InjectSettings
) -> list[Example]:
    """Those that steps choose from: as many as they need, or as the task and the settings allow.

    By the rule `coverage` they are the task's own and edits of them. Raises Exhausted where the
    task has none.
    """
    needed = settings.examples if settings.task_tokens else settings.steps * settings.task_rows
    if settings.data == "coverage":
        task = Covering(program, task, reconciliation)
    return up_to(task, "train", min(needed, settings.examples), settings.seed)

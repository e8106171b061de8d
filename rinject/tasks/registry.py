"""Which task belongs to which program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rinject.errors import InputError
from rinject.lang import Header, Program
from rinject.tasks.shuffle_dyck import ShuffleDyck
from rinject.tasks.task import Task

TASKS: Mapping[str, Callable[[Header], Task]] = {"shuffle_dyck": ShuffleDyck}


def find_task(program: Program) -> Task:
    """The task of a program, found by the program's name.

    Raises InputError where there is none, or where the program cannot be injected.
    """
    if program.name not in TASKS:
        raise InputError(
            f"there is no task for the program `{program.name}`",
            hint=f"there are tasks for {', '.join(TASKS)}",
        )
    if not program.header.is_injectable:
        raise InputError(
            f"the program `{program.name}` does not say how it meets text",
            hint="its header needs a prompt, an `otherwise` symbol and answers",
        )
    return TASKS[program.name](program.header)

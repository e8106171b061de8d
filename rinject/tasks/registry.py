"""Which task belongs to which program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rinject.errors import InputError
from rinject.lang import Header, Program
from rinject.tasks.drawn import Drawn
from rinject.tasks.listed import read_examples
from rinject.tasks.shuffle_dyck import ShuffleDyck
from rinject.tasks.task import Task

TASKS: Mapping[str, Callable[[Header], Task]] = {"shuffle_dyck": ShuffleDyck}


def find_task(program: Program) -> Task:
    """The task of a program: its listed examples, the built-in one of its name, or drawn ones.

    Raises InputError where the program cannot be injected, and where its header or its examples do
    not describe inputs.
    """
    if not program.header.is_injectable:
        raise InputError(
            f"the program `{program.name}` does not say how it meets text",
            hint="its header needs a prompt, an `otherwise` symbol and answers",
        )
    if program.header.examples is not None:
        return read_examples(program)
    built_in = TASKS.get(program.name)
    return built_in(program.header) if built_in is not None else Drawn(program)

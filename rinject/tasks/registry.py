"""Which task belongs to which program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rinject.errors import InputError, RinjectError
from rinject.lang import Header, Program
from rinject.tasks.agreement import check_agreement
from rinject.tasks.count import Count
from rinject.tasks.drawn import Drawn
from rinject.tasks.int_sum import IntSum
from rinject.tasks.listed import kept_examples, read_examples
from rinject.tasks.own import made_task, own_task
from rinject.tasks.shuffle_dyck import ShuffleDyck
from rinject.tasks.source import TaskSource
from rinject.tasks.task import Task

LISTED = ".jsonl"
TASKS: Mapping[str, Callable[[Header], Task]] = {
    "shuffle_dyck": ShuffleDyck,
    "shuffle_dyck_bits": ShuffleDyck,
    "count": Count,
    "int_sum": IntSum,
    "int_sum4": partial(IntSum, below=4500),
    "int_sum_shared": IntSum,
}


def find_task(program: Program, chosen: str | TaskSource | None = None) -> Task:
    """The task of a program: its listed examples, the built-in one of its name, or drawn ones.

    Or the one that is `chosen`: a class or an object in a Python file, as `FILE.py:NAME`, a file of
    examples, as `FILE.jsonl`, or what a bundle kept of either. Python is run. Raises InputError
    where the program cannot be injected, and where what describes its inputs is wrong.
    """
    if not program.header.is_injectable:
        raise InputError(
            f"the program `{program.name}` does not say how it meets text",
            hint="its header needs a prompt, an `otherwise` symbol and answers",
        )
    if isinstance(chosen, str):
        is_listed = chosen.endswith(LISTED)
        return read_examples(program, Path(chosen)) if is_listed else own_task(program, chosen)
    if chosen is not None:
        return made_task(program, chosen) if chosen.is_code else kept_examples(program, chosen)
    if program.header.examples is not None:
        return read_examples(program)
    built_in = TASKS.get(program.name)
    if built_in is not None:
        task = built_in(program.header)
        if _computes(program, task):
            return task
    return Drawn(program)


def _computes(program: Program, task: Task) -> bool:
    """Whether a program answers as the task does, on a few inputs: its name alone says little."""
    try:
        check_agreement(program, task, program.name)
    except RinjectError:
        return False
    return True


def task_source(task: Task) -> TaskSource | None:
    """What a bundle has to keep to find the task again; None where its program says enough."""
    source = getattr(task, "source", None)
    return source if isinstance(source, TaskSource) else None

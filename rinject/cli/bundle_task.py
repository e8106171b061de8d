"""The task of a bundle: the one that it was injected with, or another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.inject import Bundle
    from rinject.lang import Program
    from rinject.tasks import Task
    from rinject.tasks.source import TaskSource

TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="FILE.py:NAME|FILE.jsonl",
        help="Where inputs come from: a Python class, which is run, or a file of examples.",
        show_default="as injected",
    ),
]
TrustTask = Annotated[
    bool,
    typer.Option("--trust-task", help="Run the Python class that the bundle keeps."),
]


def find_recorded_task(
    program: Program, kept: TaskSource | None, named: str | None, trusted: bool
) -> Task:
    """The task that was named, or the one that a bundle kept, or the program's own.

    Python that came with the bundle is run only when trusted, or where it is the file that lies
    here. Raises InputError otherwise, and for a task that cannot be made.
    """
    from rinject.tasks import find_task

    if named is not None:
        return find_task(program, named)
    if kept is not None and kept.is_code and not (trusted or kept.is_unchanged()):
        raise InputError(
            f"the bundle was made with {kept.path}:{kept.name}, which is not here as it was",
            hint="give --task FILE.py:NAME, or run what the bundle keeps with --trust-task",
        )
    return find_task(program, kept)


def find_bundle_task(bundle: Bundle, named: str | None, trusted: bool) -> Task:
    """The same for a bundle that is loaded."""
    return find_recorded_task(bundle.program, bundle.record.task, named, trusted)

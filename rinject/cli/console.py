"""Where the commands write: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rinject.errors import RinjectError
from rinject.lang import SourceError

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def print_json(record: Any) -> None:
    """One JSON value on stdout, for machines."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def note(message: str) -> None:
    """A line beside the result, on stderr."""
    stderr.print(Text(message, style="dim"), soft_wrap=True)


def show_error(error: RinjectError) -> None:
    """The message and the hint; never a traceback. Mistakes in a program come with their places."""
    label = "" if isinstance(error, SourceError) else "error: "
    stderr.print(Text(label, style="bold red") + Text(error.message), soft_wrap=True)
    if error.hint:
        stderr.print(Text("hint: ", style="bold") + Text(error.hint), soft_wrap=True)


def shows_progress(quiet: bool) -> bool:
    """Whether bars are drawn: on a terminal, unless the output is for a machine."""
    return stderr.is_terminal and not quiet


@contextmanager
def progress_bar(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr; the yielded function takes what is done and what there is in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    disable = not shows_progress(quiet)
    with Progress(
        *columns, TimeRemainingColumn(), console=stderr, transient=True, disable=disable
    ) as bar:
        task = bar.add_task(label, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield update


@contextmanager
def waiting(label: str, *, quiet: bool) -> Iterator[None]:
    """A spinner on stderr, for work of unknown length."""
    if not shows_progress(quiet):
        yield
        return
    with stderr.status(label):
        yield

"""Where the commands write: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rinject.errors import RinjectError
from rinject.lang import Diagnostic, Program, SourceError
from rinject.lang.diagnostics import Sources, render

RANK = os.environ.get("RANK", "0")
"""This process's number among those that train together, as torchrun gives it."""
IS_MAIN = RANK == "0"
"""Whether this process speaks for all."""
PATIENCE = 5.0  # seconds
stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def print_json(record: Any) -> None:
    """One JSON value on stdout, for machines."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def note(message: str) -> None:
    """A line beside the result, on stderr."""
    if IS_MAIN:
        stderr.print(Text(message, style="dim"), soft_wrap=True)


def show_error(error: RinjectError) -> None:
    """The message and the hint; never a traceback. Mistakes in a program come with their places.

    Of several processes, the main one says what all of them meet, and what starts them then ends
    the others: they speak only where that does not happen.
    """
    if not IS_MAIN:
        time.sleep(PATIENCE)
        stderr.print(Text(f"process {RANK}: {error.message}"), soft_wrap=True)
        return
    if isinstance(error, SourceError):
        show_diagnostics(error.diagnostics, error.sources)
        return
    stderr.print(Text("error: ", style="bold red") + Text(error.message), soft_wrap=True)
    if error.hint:
        stderr.print(Text("hint: ", style="bold") + Text(error.hint), soft_wrap=True)


_STYLES = {"error": "bold red", "warning": "bold yellow"}


def show_diagnostics(
    diagnostics: Iterable[Diagnostic], sources: Sources, console: Console = stderr
) -> None:
    """What is wrong with, or suspicious in, a program."""
    for diagnostic in diagnostics:
        text = Text(render(diagnostic, sources) + "\n")
        text.highlight_words([f": {diagnostic.severity}:"], _STYLES[diagnostic.severity])
        text.highlight_regex(r"(?m)^ +\| +(\^+)$", "bold red")
        text.highlight_regex(r"(?m)^(hint|note):", "bold")
        console.print(text, soft_wrap=True)


def show_warnings(program: Program) -> None:
    """The warnings of a program, on stderr, before work with it begins."""
    if IS_MAIN:
        show_diagnostics(program.warnings, program.sources)


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

"""Options that `report` and `reproduce` share, and what they do alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from rinject.cli.bundle_base import base_student
from rinject.cli.bundle_task import find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate.results import Compiled, Effort, Material, Store, Subject, Table
    from rinject.tasks import TaskSource

SHOWN = 6
"""Columns of the first table that a terminal shows."""
RetentionData = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where Tiny Shakespeare, LAMBADA, SST-2 and MRPC lie.",
        show_default="the Hugging Face hub",
    ),
]

TestExamples = Annotated[
    int | None,
    typer.Option(min=1, help="Unseen examples for each figure.", show_default="some hundreds"),
]


def effort_of(quick: bool, retention_data: Path | None, test_examples: int | None) -> Effort:
    """How much is measured. Raises InputError where the folder is none."""
    from rinject.evaluate.results import QUICK, Effort
    from rinject.evaluate.retention.hub import HERE

    if retention_data is not None and not retention_data.is_dir():
        raise InputError(f"there is no folder {retention_data}", hint=HERE)
    folder = None if retention_data is None else str(retention_data)  # as reports may name it
    effort = Effort(retention_data=folder, **(QUICK if quick else {}))
    if test_examples is None:
        return effort
    return replace(
        effort,
        examples=test_examples,
        suite_examples=test_examples,
        probe_examples=test_examples,
    )


def subject_of(
    path: Path, *, task: str | None, trust_task: bool, trust_remote_code: bool
) -> Subject:
    """A bundle that is to be measured.

    Raises InputError where there is none or it is damaged, and where there is no such task.
    """
    from rinject.evaluate.results import Subject
    from rinject.inject.bundle import checked_record

    load = partial(_load, path, task, trust_task, trust_remote_code)
    record = checked_record(path)
    return Subject(path, record, load, record.task if task is None else _source(task))


def _source(task: str) -> TaskSource:
    """The file of the task that was named. Raises InputError where it cannot be read."""
    from rinject.tasks import TaskSource
    from rinject.tasks.registry import LISTED
    from rinject.tasks.source import read

    path, _, name = (task, "", "") if task.endswith(LISTED) else task.rpartition(":")
    try:
        return TaskSource.of(path, read(Path(path)), name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--task {task}: the file cannot be read", hint="FILE.py:NAME or FILE.jsonl"
        ) from error


def _load(path: Path, task: str | None, trust_task: bool, trust_remote_code: bool) -> Material:
    from torch.nn import Module

    from rinject.cli.decode_figure import decode_figure
    from rinject.evaluate.results import Material
    from rinject.inject import load_bundle
    from rinject.student import device_of
    from rinject.tasks.text import read_texts

    bundle = load_bundle(path, trust_remote_code=trust_remote_code)
    settings = bundle.record.settings
    found = find_bundle_task(bundle, task, trust_task)
    base = base_student(bundle).model
    device = device_of(settings.device)
    bundle.projection.to(device)
    for model in (bundle.model, base):
        Module.to(model, device)
    texts = read_texts(settings.text, settings.tokens_of_text).held_out
    return Material(bundle, base, found, texts, decode_figure)


def make_report(
    subjects: Sequence[Subject],
    programs: dict[str, Compiled],
    *,
    store: Store,
    effort: Effort,
    directory: Path,
    unedited: bool,
    json: bool,
) -> None:
    """Measures what was not measured before, writes the report and shows its first table."""
    from rinject.cli.report_files import PAGE, check_report_place, write_report
    from rinject.evaluate.results import Collector, Results
    from rinject.inject.record import versions

    check_report_place(directory)
    collector = Collector(store, effort, partial(_watch, quiet=json))
    runs = collector.runs(subjects, unedited=unedited)
    results = Results(tuple(runs), programs, effort, versions())
    shown = write_report(results, store.folder, directory)
    if json:
        print_json(results.to_record())
        return
    for table in shown[0].tables:
        stdout.print(_terminal(table))
    for run in runs:
        for part, why in run.missing.items():
            note(f"{run.name}: no {part}: {why}")
    stdout.print(f"the report is {directory / PAGE}", markup=False, soft_wrap=True)


@contextmanager
def _watch(student: str, part: str, *, quiet: bool) -> Iterator[Any]:
    """A line where there is no terminal, else a bar."""
    if not quiet:
        note(f"{student}: measuring {part}")
    with progress_bar(f"{student}: {part}", quiet=quiet) as update:
        yield update


def _terminal(table: Table) -> RichTable:
    """As much of a table as 80 cells take."""
    made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in table.columns[:SHOWN]:
        is_number = name in table.numbers
        made.add_column(Text(name), justify="right" if is_number else "left", no_wrap=not is_number)
    for row in table.rows:
        made.add_row(*map(Text, row[:SHOWN]))
    return made

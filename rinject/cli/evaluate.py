"""``rinject eval``: what a bundle knows, and what it has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from rinject.cli.bundle_base import base_student
from rinject.cli.bundle_task import TaskOption, TrustTask, find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.metrics import fidelity_table, summary_table
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate import EvalReport
    from rinject.evaluate.retention import FoundSets, RetentionReport
    from rinject.inject import Bundle
    from rinject.student import Student
    from rinject.tasks import Task

Data = Annotated[
    Path | None,
    typer.Option(
        "--retention-data",
        metavar="FOLDER",
        help="Where the files of the retention sets lie.",
        show_default="the Hugging Face hub",
    ),
]
Sets = Annotated[
    str | None,
    typer.Option(
        "--sets",
        metavar="NAME,NAME",
        help="Of tiny-shakespeare, lambada, sst2 and mrpc, those to measure.",
        show_default="all that are there",
    ),
]
Most = Annotated[
    int | None,
    typer.Option(
        "--retention-examples", min=1, help="Most of each set, its first.", show_default="all"
    ),
]


def register(app: typer.Typer) -> None:
    app.command(name="eval", epilog="Example: rinject eval --bundle bundles/dyck")(evaluate)


def evaluate(
    bundle: BundleOption = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Unseen examples.")] = 1000,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    retention: Annotated[
        bool,
        typer.Option(
            "--retention", help="Also: Tiny Shakespeare, LAMBADA, SST-2 and MRPC, as in the paper."
        ),
    ] = False,
    retention_data: Data = None,
    sets: Sets = None,
    retention_examples: Most = None,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Measure accuracy, perplexity beside the base model's, and each variable's fidelity."""
    _check_retention(retention, retention_data, sets, retention_examples)
    path = bundle or last_bundle()
    found = _find_sets(retention_data, sets, retention_examples, json) if retention else None
    with waiting(f"loading {path}", quiet=json):
        loaded = _load(path, trust_remote_code)
        chosen = find_bundle_task(loaded, task, trust_task)
    with waiting(f"loading {loaded.record.base.name}", quiet=json):
        base = base_student(loaded)
    metrics = _measure(loaded, base, n, chosen, quiet=json).to_record()
    kept = _retention(loaded, base, found, quiet=json) if found else []
    if json:
        print_json(metrics | ({"retention": [one.to_record() for one in kept]} if found else {}))
        return
    stdout.print(summary_table(metrics))
    if found:
        stdout.print(retention_table(kept))
        _notes(kept)
    stdout.print(fidelity_table(metrics))


def _load(path: Path, trust_remote_code: bool) -> Bundle:
    from rinject.inject import load_bundle

    return load_bundle(path, trust_remote_code=trust_remote_code)


def _measure(bundle: Bundle, base: Student, n: int, task: Task, *, quiet: bool) -> EvalReport:
    from rinject.evaluate import evaluate
    from rinject.tasks.text import read_texts

    settings = bundle.record.settings
    with waiting("reading the text", quiet=quiet):
        texts = read_texts(settings.text, settings.tokens_of_text)
    with waiting("measuring", quiet=quiet):
        return evaluate(bundle, base.model, task, texts.held_out, n=n)


# --- retention ------------------------------------------------------------------------------------


def _check_retention(wanted: bool, data: Path | None, sets: str | None, most: int | None) -> None:
    options = {"--retention-data": data, "--sets": sets, "--retention-examples": most}
    given = [name for name, value in options.items() if value is not None]
    if given and not wanted:
        raise InputError(f"{given[0]} says what --retention measures", hint="add --retention")


def _find_sets(data: Path | None, sets: str | None, most: int | None, quiet: bool) -> FoundSets:
    from rinject.evaluate.retention import find_sets

    names = None if sets is None else [name.strip() for name in sets.split(",") if name.strip()]
    if names == []:
        raise InputError("--sets names no set", hint="leave it out for all that are there")
    with waiting("reading the retention sets", quiet=quiet):
        found = find_sets(data, names, most=most)
    for reason in found.missing.values():
        note(f"left out: {reason}")
    return found


def _retention(
    bundle: Bundle, base: Student, found: FoundSets, *, quiet: bool
) -> list[RetentionReport]:
    from rinject.evaluate.retention import retention

    tokenizer = bundle.reconciliation.tokenizer
    with progress_bar("retention", quiet=quiet) as update:
        return retention(bundle.model, base.model, tokenizer, found.sets, report=update)


def retention_table(reports: Sequence[RetentionReport]) -> Table:
    """Each figure before and after the injection, and the change with its interval."""
    columns = ("retention", "n", "before", "after", "change", "95 % interval")
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in reports:
        table.add_row(f"{one.set}, {one.measure}", f"{one.n:,}", *_figures(one))
    return table


def _figures(report: RetentionReport) -> list[str]:
    """Before, after, the change and its interval; shares in percent."""
    if report.base is None or report.value is None or report.ci is None:
        return ["-"] * 4
    scale, places = (100, 1) if report.is_share else (1, 2)
    low, high = (f"{scale * edge:+.{places}f}" for edge in report.ci)
    return [
        f"{scale * report.base:.{places}f}",
        f"{scale * report.value:.{places}f}",
        f"{scale * (report.value - report.base):+.{places}f}",
        f"{low} to {high}",
    ]


def _notes(reports: Sequence[RetentionReport]) -> None:
    note("retention: accuracy, last word and last token in percent; intervals are of the change")
    for one in reports:
        if one.skipped:
            note(f"{one.set}, {one.measure}: {one.skipped:,} more are too long or too short")

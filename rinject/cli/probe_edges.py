"""``rinject probe --edges``: where its inputs are right, is each variable right too?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rinject.cli.bundle_task import find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout, waiting
from rinject.cli.drawing import check_picture
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate.edges import EdgeReport, Positions, Shown, Source
    from rinject.evaluate.suites import TaskSuite
    from rinject.inject import Bundle
    from rinject.tasks import Task

ALL, NO_SUITE = "all", "none"


@dataclass(frozen=True)
class EdgesAsked:
    """What `rinject probe --edges` was asked for."""

    path: Path
    suite: str
    """A suite's name, `all` that the program supports, or `none`."""
    positions: Positions
    coverage: bool
    """Whether to say what no training example has."""
    n: int
    seed: int
    task: str | None
    trust_task: bool
    trust_remote_code: bool
    plot: Path | None
    json: bool


def check_edges(edges: bool, coverage: bool, **others: object) -> None:
    """Raises InputError for what does not go together with --edges."""
    if not edges:
        flag = "--coverage" if coverage else "--suite"
        raise InputError(f"{flag} goes with --edges", hint="rinject probe --edges --suite all")
    names = {"text": "a prompt", "setting": "--set", "variable": "--variable", "html": "--html"}
    for name, given in others.items():
        if given:
            raise InputError(f"--edges does not go with {names[name]}")


def probe_edges(asked: EdgesAsked) -> None:
    """Measures the edges, and shows them."""
    from rinject.evaluate.edges import measure_edges
    from rinject.inject import load_bundle

    if asked.plot is not None:
        check_picture(asked.plot)
    with waiting(f"loading {asked.path}", quiet=asked.json):
        bundle = load_bundle(asked.path, trust_remote_code=asked.trust_remote_code)
        task = find_bundle_task(bundle, asked.task, asked.trust_task)
    with waiting("drawing examples", quiet=asked.json):
        sources = _sources(bundle, task, asked)
    shown = _shown(bundle, task, asked) if asked.coverage else None
    with progress_bar("edges", quiet=asked.json) as update:
        report = measure_edges(
            bundle, sources, positions=asked.positions, seed=asked.seed, shown=shown, report=update
        )
    if asked.plot is not None:
        _save(report, bundle.program.name, asked.plot)
    if asked.json:
        print_json({"bundle": str(asked.path), "edges": report.to_record()})
        return
    _print(report)
    if asked.plot is not None:
        note(f"written: {asked.plot}")


def _shown(bundle: Bundle, task: Task, asked: EdgesAsked) -> Shown:
    from rinject.evaluate.edges import shown_by, training_rows

    with waiting("drawing the training examples again", quiet=asked.json):
        rows = training_rows(bundle, task)
    with progress_bar("what training showed", quiet=asked.json) as update:
        return shown_by(bundle, rows, update)


def _print(report: EdgeReport) -> None:
    from rinject.cli.probe_edges_tables import (
        edge_notes,
        edge_tables,
        replacement_notes,
        replacement_tables,
        verdicts,
    )

    for table in edge_tables(report, stdout.width):
        stdout.print(table)
    for line in verdicts(report):
        stdout.print(line, soft_wrap=True)
    for words in edge_notes(report):
        note(words)
    for table in replacement_tables(report, stdout.width):
        stdout.print(table)
    for words in replacement_notes(report):
        note(words)


def _sources(bundle: Bundle, task: Task, asked: EdgesAsked) -> list[Source]:
    """The test split and the suites; of all suites, those that the program supports."""
    from rinject.evaluate.edges import draw_sources

    suites = _suites(bundle, task, asked.suite)
    plain, *beyond = draw_sources(bundle, task, suites, n=asked.n, seed=asked.seed)
    for one in beyond:
        if not len(one.rows):
            note(f"{one.name}: left out, the program can read none of its {one.drawn:,} examples")
        elif not one.is_supported:
            left = "left out, " if asked.suite == ALL else ""
            share = f"{100 * (one.solved or 0.0):.0f} %"
            note(f"{one.name}: {left}the program itself answers {share} right")
    is_wanted = {one.name: one.is_supported or asked.suite != ALL for one in beyond}
    return [plain, *(one for one in beyond if is_wanted[one.name] and len(one.rows))]


def _suites(bundle: Bundle, task: Task, name: str) -> list[TaskSuite]:
    """Those of that name. Raises InputError where there is none, unless all are meant."""
    from rinject.evaluate.suites import bundle_suites

    if name == NO_SUITE:
        return []
    try:
        return bundle_suites(bundle, task, name)
    except InputError as error:
        if name != ALL:
            raise
        note(error.message)
        return []


def _save(report: EdgeReport, program: str, path: Path) -> None:
    from rinject.cli.probe_edges_figure import draw_edges
    from rinject.pictures import save_picture

    save_picture(path, lambda: draw_edges(report, program))

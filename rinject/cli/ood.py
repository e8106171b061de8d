"""``rinject ood``: a bundle on inputs unlike those of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.bundle_task import TaskOption, TrustTask, find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.metrics import share
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate.suites import SuiteReport
    from rinject.inject import Bundle
    from rinject.tasks import Suite

Measured = Sequence[tuple[Path, Sequence["SuiteReport"]]]
"""For each bundle, a report of each suite."""


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: rinject ood --bundle bundles/dyck --baseline bundles/dyck-finetune"
    )(ood)


def ood(
    bundle: BundleOption = None,
    suite: Annotated[str, typer.Option("--suite", "-s", help="A suite's name, or `all`.")] = "all",
    baseline: Annotated[
        Path | None,
        typer.Option(help="A bundle of the same program to set beside.", show_default="none"),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Most examples of a suite.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the examples.")] = 42,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Measure a bundle where inputs are longer, rarer or of another kind than in training.

    Beside each suite: which share of it the program itself solves, and how faithfully the student
    carries the program's variables there.
    """
    path = bundle or last_bundle()
    paths = [path] if baseline is None else [path, baseline]
    bundles = [_loaded(one, trust_remote_code, quiet=json) for one in paths]
    _check_alike(bundles, paths)
    suites = _suites(bundles[0], suite, task, trust_task)
    measured = [
        (one, _measure(loaded, suites, n, seed, str(one), quiet=json))
        for one, loaded in zip(paths, bundles, strict=True)
    ]
    if json:
        print_json(
            [one.to_record() | {"bundle": str(at)} for at, reports in measured for one in reports]
        )
        return
    stdout.print(_table(suites, measured))
    _notes(suites, measured)


def _loaded(path: Path, trust_remote_code: bool, *, quiet: bool) -> Bundle:
    from rinject.inject import load_bundle

    with waiting(f"loading {path}", quiet=quiet):
        return load_bundle(path, trust_remote_code=trust_remote_code)


def _check_alike(bundles: Sequence[Bundle], paths: Sequence[Path]) -> None:
    programs = [bundle.record.program for bundle in bundles]
    if len({program.sha256 for program in programs}) > 1:
        raise InputError(
            f"{paths[0]} and {paths[1]} hold different programs, `{programs[0].name}` and"
            f" `{programs[1].name}`",
            hint="compare bundles of one program",
        )


def _suites(bundle: Bundle, name: str, task: str | None, trusted: bool) -> Sequence[Suite]:
    from rinject.tasks import choose_suites

    return choose_suites(find_bundle_task(bundle, task, trusted), name)


def _measure(
    bundle: Bundle, suites: Sequence[Suite], n: int, seed: int, label: str, *, quiet: bool
) -> list[SuiteReport]:
    from rinject.evaluate.suites import measure_suites

    with progress_bar(label, quiet=quiet) as update:
        return measure_suites(bundle, suites, n=n, seed=seed, report=update)


# --- the table ------------------------------------------------------------------------------------


def _table(suites: Sequence[Suite], measured: Measured) -> Table:
    """A row for each suite: the program, then accuracy and fidelity of each bundle."""
    table = Table("suite", "program", box=box.SIMPLE_HEAD, pad_edge=False)
    methods = [reports[0].method for _, reports in measured]
    are_alike = len(set(methods)) < len(methods)
    for (path, _), method in zip(measured, methods, strict=True):
        table.add_column(Text(path.name if are_alike else method))
        table.add_column("fidelity")
    for column in table.columns[1:]:
        column.justify = "right"
    for suite, *reports in zip(suites, *(column for _, column in measured), strict=True):
        cells = [cell for report in reports for cell in _cells(report)]
        table.add_row(Text(suite.name), _percent(reports[0].supported), *cells)
    return table


def _cells(report: SuiteReport) -> tuple[str, str]:
    if report.accuracy is None or report.ci is None:
        return "-", share(report.fidelity)
    low, high = (f"{100 * edge:.1f}" for edge in report.ci)
    return f"{_percent(report.accuracy)} ({low}-{high})", share(report.fidelity)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _notes(suites: Sequence[Suite], measured: Measured) -> None:
    """What the suites are, and what was left out."""
    for suite, report in zip(suites, measured[0][1], strict=True):
        note(f"{suite.name}: {suite.sentence} (n = {report.n + report.skipped})")
    note("program: the share that the program itself solves; in brackets: 95 % intervals")
    for path, reports in measured:
        for report in reports:
            for line in _left_out(report):
                note(f"{path}, {report.suite}: {line}")


def _left_out(report: SuiteReport) -> list[str]:
    total, lines = report.n + report.skipped, []
    if report.skipped:
        lines.append(f"{report.skipped} of {total} examples exceed the student's positions")
    if report.read < report.n:
        read = report.read or "none"
        lines.append(f"the program can read {read} of {total}; fidelity is on those")
    return lines

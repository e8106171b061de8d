"""``rinject ood``: a bundle on inputs unlike those of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.bundle_base import base_student
from rinject.cli.bundle_task import TaskOption, TrustTask, find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.metrics import share
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from rinject.evaluate.suites import SuiteReport, TaskSuite
    from rinject.inject import Bundle

BASE = "none"
"""The baseline that is the bundle's own student before the injection."""


@dataclass(frozen=True)
class Asked:
    """A student that is asked."""

    name: str
    """Its bundle, or its model where it holds no program."""
    bundle: Bundle
    base: PreTrainedModel | None = None
    """The student before the injection, where that is the one."""


Measured = Sequence[tuple[Asked, Sequence["SuiteReport"]]]
"""For each student, a report of each suite."""


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: rinject ood --bundle bundles/dyck --baseline bundles/dyck-finetune"
    )(ood)


def ood(
    bundle: BundleOption = None,
    suite: Annotated[str, typer.Option("--suite", "-s", help="A suite's name, or `all`.")] = "all",
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE|none",
            help="What to set beside: a bundle of the same program, or the student before the"
            " injection, `none`.",
            show_default="nothing",
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Most examples of a suite.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the examples.")] = 42,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Measure a bundle where inputs are longer, rarer or of another kind than in training.

    Beside each suite: whether the program itself solves it, and how faithfully the student
    carries the program's variables there.
    """
    path = bundle or last_bundle()
    own = Asked(str(path), _loaded(path, trust_remote_code, quiet=json))
    beside = [] if baseline is None else [_baseline(own, baseline, trust_remote_code, quiet=json)]
    with waiting("looking for suites", quiet=json):
        asked = [one.bundle for one in beside]
        suites = _suites(own.bundle, asked, suite, task, trust_task)
    measured = [(one, _measure(one, suites, n, seed, quiet=json)) for one in (own, *beside)]
    if json:
        print_json(
            [
                report.to_record() | {"bundle": one.name}
                for one, reports in measured
                for report in reports
            ]
        )
        return
    stdout.print(_table(suites, measured))
    _notes(suites, measured)


def _loaded(path: Path, trust_remote_code: bool, *, quiet: bool) -> Bundle:
    from rinject.inject import load_bundle

    with waiting(f"loading {path}", quiet=quiet):
        return load_bundle(path, trust_remote_code=trust_remote_code)


def _baseline(own: Asked, named: str, trust_remote_code: bool, *, quiet: bool) -> Asked:
    """What is set beside. Raises InputError for a bundle of another program."""
    if named == BASE:
        name = own.bundle.record.base.name
        with waiting(f"loading {name}", quiet=quiet):
            return Asked(name, own.bundle, base_student(own.bundle).model)
    other = Asked(named, _loaded(Path(named), trust_remote_code, quiet=quiet))
    programs = [one.bundle.record.program for one in (own, other)]
    if programs[0].sha256 != programs[1].sha256:
        raise InputError(
            f"{own.name} and {other.name} hold different programs, `{programs[0].name}` and"
            f" `{programs[1].name}`",
            hint="compare bundles of one program",
        )
    return other


def _suites(
    bundle: Bundle, beside: Sequence[Bundle], name: str, task: str | None, trusted: bool
) -> list[TaskSuite]:
    from rinject.evaluate.suites import bundle_suites

    return bundle_suites(bundle, find_bundle_task(bundle, task, trusted), name, beside=beside)


def _measure(
    asked: Asked, suites: Sequence[TaskSuite], n: int, seed: int, *, quiet: bool
) -> list[SuiteReport]:
    from rinject.evaluate.suites import measure_suites

    with progress_bar(asked.name, quiet=quiet) as update:
        return measure_suites(asked.bundle, suites, n=n, seed=seed, base=asked.base, report=update)


# --- the table ------------------------------------------------------------------------------------


def _table(suites: Sequence[TaskSuite], measured: Measured) -> Table:
    """A row for each suite: whether the program solves it, then accuracy and fidelity of each
    student."""
    table = Table("suite", "supported", box=box.SIMPLE_HEAD, pad_edge=False)
    methods = [reports[0].method for _, reports in measured]
    are_alike = len(set(methods)) < len(methods)
    for (asked, _), method in zip(measured, methods, strict=True):
        name = Path(asked.name).name if are_alike else method
        table.add_column(Text("before" if asked.base is not None else name))
        if asked.base is None:
            table.add_column("fidelity")
    for column in table.columns[1:]:
        column.justify = "right"
    columns = [reports for _, reports in measured]
    for place, name in enumerate(_names(suites)):
        cells = [
            cell
            for asked, reports in measured
            for cell in _cells(reports[place], reads=asked.base is None)
        ]
        table.add_row(Text(name), _support(columns[0][place]), *cells)
    return table


def _names(suites: Sequence[TaskSuite]) -> list[str]:
    """What the suites are called: with their task where they are of several."""
    several = len({one.task for one in suites}) > 1
    return [f"{one.task}: {one.suite.name}" if several else one.suite.name for one in suites]


def _support(report: SuiteReport) -> str:
    """Whether the program solves the suite; where not, the share that it does."""
    if report.solved is None:
        return "-"
    return "yes" if report.supported else f"no, {_percent(report.solved)}"


def _cells(report: SuiteReport, *, reads: bool) -> list[str]:
    fidelity = [share(report.fidelity)] if reads else []
    if report.accuracy is None or report.ci is None:
        return ["-", *fidelity]
    low, high = (f"{100 * edge:.1f}" for edge in report.ci)
    return [f"{_percent(report.accuracy)} ({low}-{high})", *fidelity]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _notes(suites: Sequence[TaskSuite], measured: Measured) -> None:
    """What the suites are, and what was left out."""
    from rinject.evaluate.suites import TRAINED_ON

    for name, one, report in zip(_names(suites), suites, measured[0][1], strict=True):
        note(f"{name}: {one.suite.sentence} (n = {report.n + report.skipped})")
    note(
        "supported: whether the program itself answers all examples right, or which share;"
        " in brackets: 95 % intervals"
    )
    for asked, reports in measured:
        for rule in dict.fromkeys(report.data for report in reports if report.data in TRAINED_ON):
            note(f"{asked.name} was trained with --data {rule}: {TRAINED_ON[rule]}")
        for name, report in zip(_names(suites), reports, strict=True):
            for line in left_out(report, reads=asked.base is None):
                note(f"{asked.name}, {name}: {line}")


def left_out(report: SuiteReport, *, reads: bool) -> list[str]:
    """Of which examples a student has no accuracy, or if it `reads` variables no fidelity."""
    lines = []
    if report.skipped:
        total = report.n + report.skipped
        lines.append(f"{report.skipped} of {total} examples exceed the student's positions")
    if report.read < report.n and reads:
        read = report.read or "none"
        lines.append(f"the program can read {read} of {report.n}; fidelity is on those")
    return lines

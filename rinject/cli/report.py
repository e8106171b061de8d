"""``rinject report``: everything about a few bundles, beside the paper's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rinject.cli.bundle_task import TaskOption, TrustTask
from rinject.cli.console import waiting
from rinject.cli.memory import last_bundle
from rinject.cli.options import Json, TrustRemoteCode
from rinject.cli.report_options import (
    RetentionData,
    TestExamples,
    effort_of,
    make_report,
    subject_of,
)
from rinject.errors import InputError

OUTPUT = Path("report")
MEASURED = "measured"
"""The folder within a report that keeps what was measured."""


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: rinject report bundles/dyck bundles/dyck-finetune --output report"
    )(report)


def report(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(
            help="The bundles.", metavar="BUNDLE", show_default="the one made last here"
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The report's folder.")] = OUTPUT,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure on few examples, for a first look.")
    ] = False,
    test_examples: TestExamples = None,
    retention_data: RetentionData = None,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Write the paper's tables and figures for a few bundles, as a page, as Markdown and as JSON.

    What was measured is kept beside the report, and measured again only where it has changed.
    """
    paths = bundles or [last_bundle()]
    _check_names(paths)
    effort = effort_of(quick, retention_data, test_examples)
    with waiting("checking the bundles", quiet=json):  # all of them, before any is measured
        subjects = [
            subject_of(path, task=task, trust_task=trust_task, trust_remote_code=trust_remote_code)
            for path in paths
        ]

    from rinject.evaluate.results import Store
    from rinject.inject.run_folder import held_run_folder

    with held_run_folder(output):
        make_report(
            subjects,
            {},
            store=Store(output / MEASURED),
            effort=effort,
            directory=output,
            unedited=True,
            json=json,
        )


def _check_names(paths: list[Path]) -> None:
    names = [path.resolve().name for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two of the bundles are called {name}", hint="rename one: the report names them so"
            )

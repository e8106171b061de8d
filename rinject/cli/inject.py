"""``rinject inject``: a program into a student, and what it did to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rinject.cli.console import print_json, show_warnings, stdout, waiting
from rinject.cli.memory import last_program, remember_bundle
from rinject.cli.metrics import summary_table
from rinject.cli.options import Json, Model
from rinject.cli.setting_options import with_setting_options
from rinject.cli.training_display import training_display
from rinject.inject.settings import CHOICES, TINY, InjectSettings
from rinject.lang import Program, load_program

if TYPE_CHECKING:
    from rinject.inject import Bundle, Result
    from rinject.student import Student
    from rinject.tasks import Task

OUTPUT = Path("bundles")


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: rinject inject programs/shuffle_dyck.rasp --model tiny -o bundles/dyck"
    )(inject)


def _default(name: str) -> str:
    default = getattr(InjectSettings, name)
    words = "none" if default is None else str(default)
    return f"{words}; for tiny {TINY[name]}" if name in TINY else words


@with_setting_options(InjectSettings, CHOICES, _default)
def inject(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The program.", metavar="FILE", show_default="the one compiled last here"
        ),
    ] = None,
    model: Model = "tiny",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The bundle.", show_default="bundles/PROGRAM-METHOD"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run that was stopped with Ctrl-C.")
    ] = False,
    test_examples: Annotated[
        int, typer.Option(min=1, help="Unseen examples for the figures at the end.")
    ] = 1000,
    json: Json = False,
    **settings: Any,
) -> None:
    """Train a language model to carry a program's variables, and keep it as a bundle."""
    program = load_program(file or last_program())
    show_warnings(program)
    InjectSettings.for_student(is_embedded=model == "tiny", **settings)  # before anything is loaded

    from rinject.student import load_student
    from rinject.tasks import find_task

    task = find_task(program)
    with waiting(f"loading {model}", quiet=json):
        student = load_student(model)
    chosen = InjectSettings.for_student(student.is_embedded, **settings)
    directory = output or OUTPUT / f"{program.name}-{chosen.method}"
    begun = time.monotonic()
    result = _run(program, student, task, chosen, directory, resume, test_examples, json)
    remember_bundle(directory)
    _report(result, directory, time.monotonic() - begun, json)


def _run(
    program: Program,
    student: Student,
    task: Task,
    settings: InjectSettings,
    directory: Path,
    resume: bool,
    test_examples: int,
    quiet: bool,
) -> Result:
    from rinject.compiler import compile_program
    from rinject.inject import inject
    from rinject.tasks.text import documentation_pages
    from rinject.tokens import reconcile

    reconciliation = reconcile(student.tokenizer, program.header)
    with waiting(f"compiling {program.name}", quiet=quiet):
        compiled = compile_program(program, causal=program.header.causal)
    with waiting("reading the text", quiet=quiet):
        pages = documentation_pages()
    held_out = [page.text for page in pages if page.held_out]
    with training_display(f"injecting {program.name}", quiet=quiet) as show:
        return inject(
            compiled,
            student,
            reconciliation,
            task,
            [page.text for page in pages if not page.held_out],
            settings,
            directory=directory,
            report=show,
            measure=_measure(student, task, held_out, test_examples),
            resume=resume,
        )


def _measure(
    student: Student, task: Task, texts: list[str], n: int
) -> Callable[[Bundle], dict[str, Any]]:
    from rinject.evaluate import evaluate

    def measure(bundle: Bundle) -> dict[str, Any]:
        return evaluate(bundle, student.model, task, texts, n=n).to_record()

    return measure


def _report(result: Result, directory: Path, seconds: float, json: bool) -> None:
    record = result.bundle.record
    if json:
        head = {
            "program": record.program.name,
            "method": record.settings.method,
            "steps": record.settings.steps,
            "seconds": round(seconds, 1),
            "bundle": str(directory),
        }
        print_json(head | record.metrics)
        return
    stdout.print(summary_table(record.metrics))
    where = f"{record.program.name} is in {directory} after {seconds:.0f} s"
    stdout.print(where, markup=False, soft_wrap=True)

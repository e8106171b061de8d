"""``rinject inject``: a program into a student, and what it did to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rinject.cli.bundle_task import TrustTask
from rinject.cli.console import IS_MAIN, note, print_json, show_warnings, stdout, waiting
from rinject.cli.drawing import check_picture
from rinject.cli.injection_options import check_acting, injection_options
from rinject.cli.injection_place import Intended, check_new, stopped_settings
from rinject.cli.like import Like, Recipe, Wanted
from rinject.cli.memory import last_program, remember_bundle
from rinject.cli.metrics import summary_table
from rinject.cli.options import STUDENT, TYPE, Json, Revision, TrustRemoteCode, Type
from rinject.cli.training_display import training_display
from rinject.errors import InputError
from rinject.inject.settings import InjectSettings
from rinject.lang import Program, load_program

if TYPE_CHECKING:
    from rinject.inject import Bundle, Result
    from rinject.student import Student
    from rinject.tasks import Task
    from rinject.tasks.text import Texts

OUTPUT = Path("bundles")
OTHER_TEXT = (
    "the pages of text are not those that the bundle was trained on (another Python, file or"
    " amount), so the weights will differ"
)


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: rinject inject programs/shuffle_dyck.rasp --model tiny -o bundles/dyck"
    )(inject)


@injection_options()
def inject(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The program.", metavar="FILE", show_default="the one compiled last here"
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help=STUDENT, show_default="tiny")
    ] = None,
    revision: Revision = None,
    dtype: Annotated[Type | None, typer.Option(help=TYPE, show_default="float32")] = None,
    trust_remote_code: TrustRemoteCode = False,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME|FILE.jsonl",
            help="Where inputs come from: a Python class, which is run, or a file of examples.",
            show_default="as the program says",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The bundle.", show_default="bundles/PROGRAM-METHOD"),
    ] = None,
    like: Like = None,
    recipe: Recipe = None,
    trust_task: TrustTask = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run that was stopped, with its settings.")
    ] = False,
    test_examples: Annotated[
        int, typer.Option(min=1, help="Unseen examples for the figures at the end.")
    ] = 1000,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw losses and fidelity: .png, .pdf or .svg.", metavar="FILE"),
    ] = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """Train a language model to carry a program's variables, and keep it as a bundle."""
    if plot is not None:
        check_picture(plot)
    wanted = Wanted.as_in(like)
    program = wanted.program(file) or load_program(last_program())
    show_warnings(program)
    base = wanted.model(model, revision, dtype)
    if resume and recipe is not None:
        raise InputError("--recipe does not go with --resume", hint="the run has its settings")
    # Of a run that was stopped, only its own settings and the given ones must go together.
    chosen = wanted.settings(base, program, recipe, {} if resume else settings)
    method = settings.get("method") or chosen.method
    directory = output or OUTPUT / f"{program.name}-{method}"
    if resume:
        chosen = stopped_settings(directory, chosen, settings)
    check_acting(settings, chosen)
    chosen = with_text_found(chosen)
    found = wanted.task(program, task, trust_task)
    if not resume:
        check_new(directory, Intended(program, found, chosen, base))

    from rinject.student import device_of, load_student

    device_of(chosen.device)
    with waiting(f"loading {base.name}", quiet=json):
        student = load_student(
            base.name,
            revision=base.revision,
            dtype=base.dtype,
            trust_remote_code=trust_remote_code,
        )
    begun = time.monotonic()
    before = None if settings.get("text") else wanted.text_sha256
    result = run_injection(
        program, student, found, chosen, directory, resume, test_examples, json, text_before=before
    )
    if not IS_MAIN:
        return
    remember_bundle(directory)
    _report(result, directory, time.monotonic() - begun, json)
    if plot is not None:
        _plot(directory, plot, quiet=json)


def with_text_found(settings: InjectSettings) -> InjectSettings:
    """The settings with their text named so that it is found from everywhere."""
    from rinject.tasks.text import text_source

    return replace(settings, text=text_source(settings.text))


def run_injection(
    program: Program,
    student: Student,
    task: Task,
    settings: InjectSettings,
    directory: Path,
    resume: bool,
    test_examples: int,
    quiet: bool,
    *,
    text_before: str | None = None,
) -> Result:
    """Compiles the program, injects it, and measures the bundle on so many test examples.

    Says so where the pages of text do not have the hash `text_before`.
    """
    from rinject.compiler import compile_program
    from rinject.evaluate.report import SEED
    from rinject.inject import inject
    from rinject.inject.codes import code_words
    from rinject.inject.projection import variable_slices
    from rinject.student import hidden_size
    from rinject.tasks import up_to
    from rinject.tasks.text import pages_sha256
    from rinject.tokens import reconcile

    tested = up_to(task, "test", test_examples, SEED)  # without any, nothing is measured at the end
    reconciliation = reconcile(student.tokenizer, program.header)
    with waiting(f"compiling {program.name}", quiet=quiet):
        compiled = compile_program(
            program, causal=program.header.causal, stepwise=settings.stepwise
        )
    if settings.has_codes and IS_MAIN:
        note(
            code_words(
                variable_slices(compiled.graph), hidden_size(student.model), settings.code_rank
            )
        )
    texts = _texts(settings, quiet=quiet)
    if IS_MAIN and text_before is not None and text_before != pages_sha256(texts.train):
        note(OTHER_TEXT)
    with training_display(f"injecting {program.name}", quiet=quiet or not IS_MAIN) as show:
        return inject(
            compiled,
            student,
            reconciliation,
            task,
            texts.train,
            settings,
            directory=directory,
            report=show,
            measure=_measure(student, task, texts.held_out, test_examples),
            tested=tested,
            resume=resume,
            say=note,
        )


def _texts(settings: InjectSettings, *, quiet: bool) -> Texts:
    from rinject.tasks.text import DOCUMENTATION, read_texts

    with waiting("reading the text", quiet=quiet):
        texts = read_texts(settings.text, settings.tokens_of_text)
    if IS_MAIN and settings.text != DOCUMENTATION:
        size = f"{len(texts.train)} pages, {texts.characters:,} characters"
        rest = "" if texts.is_whole else "; the rest is not read"
        note(f"text: {size}, and {len(texts.held_out)} pages held out{rest}")
    return texts


def _measure(
    student: Student, task: Task, texts: Sequence[str], n: int
) -> Callable[[Bundle], dict[str, Any]]:
    from rinject.evaluate import evaluate

    def measure(bundle: Bundle) -> dict[str, Any]:
        return evaluate(bundle, student.model, task, texts, n=n).to_record()

    return measure


def _plot(directory: Path, path: Path, *, quiet: bool) -> None:
    from rinject.inject.curves import save_curves  # imports matplotlib
    from rinject.inject.run_folder import METRICS_FILE

    with waiting("drawing", quiet=quiet):
        save_curves(directory / METRICS_FILE, path)
    note(f"drawn in {path}")


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

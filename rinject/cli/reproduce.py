"""``rinject reproduce``: the paper's experiments from the programs to the report, in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rinject.cli.console import note, progress_bar, show_warnings, waiting
from rinject.cli.inject import run_injection, with_text_found
from rinject.cli.injection_options import injection_options
from rinject.cli.injection_place import ELSEWHERE, Intended, made_before
from rinject.cli.like import TINY, Model, Recipe, default_settings
from rinject.cli.memory import remember_bundle
from rinject.cli.options import STUDENT, TYPE, Json, Revision, TrustRemoteCode, Type
from rinject.cli.report_options import (
    RetentionData,
    TestExamples,
    effort_of,
    make_report,
    subject_of,
)
from rinject.cli.reproduce_plan import (
    METHODS,
    NONE,
    QUICK,
    Injection,
    injections,
    methods_of,
    programs_of,
    seeds_of,
)
from rinject.errors import InputError, RinjectError
from rinject.inject.settings import InjectSettings
from rinject.lang import Program

if TYPE_CHECKING:
    from rinject.evaluate.results import Compiled, Effort, Store
    from rinject.student import Student

OUTPUT = Path("reproduction")
BUNDLES, RESULTS, REPORT = "bundles", "results", "report"
VERIFIED, VERIFIED_QUICK = 2000, 200  # random inputs
AGAIN = "the same command goes on from here"


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject reproduce --model tiny --quick")(reproduce)


@injection_options(without=("method", "seed"))
def reproduce(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="The programs.", metavar="FILE", show_default="the paper's three, in programs/"
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help=STUDENT)] = TINY,
    revision: Revision = None,
    dtype: Annotated[Type, typer.Option(help=TYPE)] = "float32",
    trust_remote_code: TrustRemoteCode = False,
    recipe: Recipe = None,
    methods: Annotated[
        str, typer.Option(help="Some of the methods, with commas between them.")
    ] = ",".join(METHODS),
    seeds: Annotated[
        str, typer.Option(help="Seeds, with commas; a bundle is made for each.")
    ] = str(InjectSettings.seed),
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where bundles, results and report go.")
    ] = OUTPUT,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer steps and examples: within an hour for tiny."),
    ] = False,
    test_examples: TestExamples = None,
    retention_data: RetentionData = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """Compile, inject, measure and report the paper's experiments.

    Each stage is kept and done once: the same command goes on where it was stopped.
    """
    programs = programs_of(files)
    wanted, numbers = methods_of(methods), seeds_of(seeds)
    chosen = {name: value for name, value in settings.items() if value is not None}
    given = (QUICK if quick else {}) | chosen

    def settings_of(program: str, method: str) -> InjectSettings:
        asked = given | {"method": method}
        return with_text_found(default_settings(model, recipe, program, asked))

    plan = injections(programs, wanted, numbers, settings_of, output / BUNDLES)
    base = Model(model, revision, dtype)
    effort = effort_of(quick, retention_data, test_examples)
    for program in programs:
        show_warnings(program)

    from rinject.cli.report_files import check_report_place
    from rinject.evaluate.results import Store
    from rinject.inject.run_folder import held_run_folder
    from rinject.student import device_of

    device_of(plan[0].settings.device)
    check_report_place(output / REPORT)
    store = Store(output / RESULTS)
    student = cache(partial(_student, base, trust_remote_code))
    with held_run_folder(output), _way_on():
        # Before anything takes long:
        made = [made_before(one.directory, _intended(one, base)) for one in plan]
        _check_whole(one.directory for one, is_there in zip(plan, made, strict=True) if is_there)
        if not all(made):
            with waiting(f"loading {base.name}", quiet=json):
                student()
        compiled = _all_compiled(plan, store, VERIFIED_QUICK if quick else VERIFIED, json)
        _inject(plan, made, student, effort, json)
        student.cache_clear()  # students are large, and those of the bundles come next
        make_report(
            [
                subject_of(
                    one.directory,
                    task=None,
                    trust_task=False,
                    trust_remote_code=trust_remote_code,
                )
                for one in plan
            ],
            compiled,
            store=store,
            effort=effort,
            directory=output / REPORT,
            unedited=NONE in wanted,
            json=json,
        )


@contextmanager
def _way_on() -> Iterator[None]:
    """Whatever stops the work, the message says how it goes on: here that takes no option."""
    try:
        yield
    except RinjectError as error:
        hint = error.hint or ""
        for words in ("continue with --resume", "--resume continues from the last checkpoint"):
            hint = hint.replace(words, AGAIN)
        if hint == (error.hint or ""):
            raise
        raise type(error)(error.message, hint=hint) from error
    except KeyboardInterrupt:
        raise RinjectError("stopped", hint=AGAIN) from None


# --- the stages -----------------------------------------------------------------------------------


def _all_compiled(
    plan: Sequence[Injection], store: Store, random_inputs: int, quiet: bool
) -> dict[str, Compiled]:
    """By the program's name what it looks like for its first method. Where another one has a layer
    for each step, that is compared with tracr's interpreter as well."""
    found: dict[str, Compiled] = {}
    for one in {(one.program.name, one.settings.stepwise): one for one in plan}.values():
        made = _compiled(one.program, one.settings, store, random_inputs, quiet)
        found.setdefault(one.program.name, made)
    return found


def _compiled(
    program: Program, settings: InjectSettings, store: Store, random_inputs: int, quiet: bool
) -> Compiled:
    """What the compiled program looks like; it is compared with tracr's interpreter once.

    Raises RinjectError where it cannot be compiled, or differs.
    """
    from rinject import __version__
    from rinject.evaluate.results import Compiled, Outcome

    stage = f"{program.name}.compiled" + (".stepwise" if settings.stepwise else "")
    key = {"program": program.sha256, "random_inputs": random_inputs, "version": __version__}
    kept = store.find(stage, key, Compiled)
    if kept is None:
        made = _compile(program, random_inputs, quiet, stepwise=settings.stepwise)
        kept = store.keep(stage, key, Outcome(made))
    found: Compiled = kept.value
    return found


def _compile(program: Program, random_inputs: int, quiet: bool, *, stepwise: bool) -> Compiled:
    from rinject.compiler.compare import attempt
    from rinject.evaluate.results import Compiled

    if not quiet:
        note(f"{program.name}: compiling and verifying")
    with progress_bar(f"compiling {program.name}", quiet=quiet) as update:

        @contextmanager
        def watch(_backend: str, stage: str) -> Iterator[Any]:
            yield update if stage == "verifying" else None

        made = attempt(
            program,
            "native",
            random_inputs=random_inputs,
            watch=watch,
            causal=program.header.causal,
            stepwise=stepwise,
        )
    if made.refusal is not None:
        raise made.refusal
    model, verified = made.model, made.verified
    assert model is not None
    assert verified is not None
    if verified.mismatches:
        raise RinjectError(
            f"the model of {program.name} differs from the program on {verified.mismatches} of"
            f" {verified.inputs} inputs; the first: {verified.first}",
            hint="please report this program",
        )
    return Compiled(
        model.num_layers,
        model.residual_width,
        round(made.seconds, 3),
        verified.inputs,
        verified.mismatches,
    )


def _intended(injection: Injection, base: Model) -> Intended:
    from rinject.tasks import find_task

    program = injection.program
    return Intended(program, find_task(program), injection.settings, base)


def _check_whole(bundles: Iterable[Path]) -> None:
    """Raises InputError for a bundle whose files are not as they were written."""
    from rinject.inject.bundle import checked_record

    for directory in bundles:
        try:
            checked_record(directory)
        except InputError as error:
            raise InputError(error.message, hint=ELSEWHERE) from error


def _student(base: Model, trust_remote_code: bool) -> Student:
    """The student to inject into. Raises InputError where there is none of that name."""
    from rinject.student import load_student

    return load_student(
        base.name,
        revision=base.revision,
        dtype=base.dtype,
        trust_remote_code=trust_remote_code,
    )


def _inject(
    plan: Sequence[Injection],
    made: Sequence[bool],
    student: Callable[[], Student],
    effort: Effort,
    quiet: bool,
) -> None:
    """Makes the bundles that are not there yet; an unfinished one goes on from its checkpoint."""
    from rinject.inject.run_folder import RunFolder, run_path
    from rinject.tasks import find_task

    for one, is_there in zip(plan, made, strict=True):
        resumes = bool(RunFolder(run_path(one.directory)).checkpoints())
        if not quiet:
            how = "made before" if is_there else "going on" if resumes else "injecting"
            note(f"{one.directory.name}: {how}")
        if not is_there:
            run_injection(
                one.program,
                student(),
                find_task(one.program),
                one.settings,
                one.directory,
                resumes,
                effort.examples,
                quiet,
            )
        remember_bundle(one.directory)

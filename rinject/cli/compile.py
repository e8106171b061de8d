"""``rinject compile``: a program to an exact transformer, verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from rinject.cli.compile_report import comparison, record_of, summary
from rinject.cli.console import (
    note,
    print_json,
    progress_bar,
    show_warnings,
    shows_progress,
    stderr,
    stdout,
    waiting,
)
from rinject.cli.drawing import check_picture
from rinject.cli.memory import remember_program
from rinject.cli.options import (
    Causal,
    Json,
    Keep,
    MaxSeqLen,
    Objective,
    Stepwise,
    TableLimit,
    Vocab,
)
from rinject.cli.written_tokens import read_input, read_vocabulary
from rinject.errors import InputError, RinjectError
from rinject.lang import Program, load_program

if TYPE_CHECKING:
    from rinject.circuit import CompiledModel
    from rinject.compiler.compare import Attempt, Stage, Watch
    from rinject.compiler.pipeline import Backend

OUTPUT = Path("compiled")


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject compile programs/shuffle_dyck.rasp")(compile)


def compile(
    file: Annotated[Path, typer.Argument(help="The program, a .rasp file.", metavar="FILE")],
    backend: Annotated[
        Literal["native", "tracr"],
        typer.Option(help="The compiler: rinject's own, or the tracr package's for reference."),
    ] = "native",
    compare: Annotated[
        bool, typer.Option("--compare", help="Compile with both, and report where they differ.")
    ] = False,
    max_seq_len: MaxSeqLen = None,
    vocab: Vocab = None,
    causal: Causal = None,
    keep: Keep = "named",
    objective: Objective = "depth",
    table_limit: TableLimit = 4096,
    stepwise: Stepwise = False,
    verify: Annotated[
        bool,
        typer.Option(help="Compare the model with tracr's interpreter on short and random inputs."),
    ] = True,
    samples: Annotated[
        int, typer.Option(min=0, help="Random inputs to verify, beside all the shortest ones.")
    ] = 2000,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the residual stream and the weights: .png, .pdf or .svg.", metavar="FILE"
        ),
    ] = None,
    plot_input: Annotated[
        str | None,
        typer.Option(help="The input that is drawn.", show_default="one that shows many values"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory.", show_default="compiled/PROGRAM"),
    ] = None,
    json: Json = False,
) -> None:
    """Compile a program into an exact transformer and prove it on thousands of inputs."""
    if plot is not None:
        check_picture(plot)
    elif plot_input is not None:
        raise InputError("--plot-input names an input for --plot", hint="add --plot FILE.png")
    if stepwise and backend == "tracr":
        raise InputError("--stepwise is of rinject's own compiler", hint="leave out --backend")
    program = load_program(file)
    show_warnings(program)
    symbols = None if vocab is None else read_vocabulary(vocab)
    _check_domain(program, symbols, max_seq_len)
    shown_input = _shown_input(program, symbols, max_seq_len, plot_input)

    from rinject.circuit.saving import check_place

    directory = output or OUTPUT / program.name
    check_place(directory)
    made = _compile(
        program,
        backend,
        compare=compare,
        quiet=json,
        random_inputs=samples if verify else None,
        vocab=symbols,
        max_seq_len=max_seq_len,
        causal=program.header.causal if causal is None else causal,
        keep=keep,
        table_limit=table_limit,
        objective=objective,
        stepwise=stepwise,
    )
    model = _report(program, backend, made, compare=compare, json=json)
    model.save(directory)
    remember_program(file)
    if plot is not None:
        _plot(model, plot, shown_input, quiet=json)
    if not json:
        note(f"saved in {directory}")
        if plot is not None:
            note(f"drawn in {plot}")


def _check_domain(program: Program, vocab: tuple[Any, ...] | None, longest: int | None) -> None:
    """Raises InputError where it is not known what inputs there are."""
    header = program.header
    missing = [] if vocab or header.vocabulary else ["its vocabulary (--vocab)"]
    missing += [] if longest or header.longest else ["its longest input (--max-seq-len)"]
    if missing:
        raise InputError(
            f"{program.name} does not say {' and '.join(missing)}",
            hint='give it here, or in a header: program NAME { vocabulary "a", "b"; longest 9; … }',
        )


def _shown_input(
    program: Program, vocab: tuple[Any, ...] | None, longest: int | None, text: str | None
) -> list[Any] | None:
    """The input to draw, if one is named. Raises InputError where it is none of the program's."""
    if text is None:
        return None
    tokens = read_input(text, vocab or program.header.vocabulary, name=program.name)
    most = longest or program.header.longest
    if most is not None and len(tokens) > most:
        raise InputError(
            f"the input to draw has {len(tokens)} tokens, the longest {most}",
            hint="draw a shorter one, or compile for longer ones (--max-seq-len)",
        )
    return tokens


# --- compiling ----------------------------------------------------------------------------------


def _compile(
    program: Program, backend: Backend, *, compare: bool, quiet: bool, **options: Any
) -> dict[str, Attempt]:
    """What each backend that was asked for made of the program."""
    from rinject.compiler.compare import attempt
    from rinject.compiler.compare import compare as compare_backends

    watch = _watch(program.name, quiet=quiet)
    if compare:
        attempts = compare_backends(program, watch=watch, **options)
    else:
        attempts = (attempt(program, backend, watch=watch, **options),)
    return {made.backend: made for made in attempts}


def _watch(name: str, *, quiet: bool) -> Watch:
    def watch(backend: Backend, stage: Stage) -> AbstractContextManager[Any]:
        label = f"{stage} {name}" + (" with tracr" if backend == "tracr" else "")
        if stage == "verifying":
            return progress_bar(label, quiet=quiet)
        return _timer(f"{label}, which may take minutes" if backend == "tracr" else label, quiet)

    return watch


@contextmanager
def _timer(label: str, quiet: bool) -> Iterator[None]:
    """A spinner and the time since it began."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    disable = not shows_progress(quiet)
    with Progress(*columns, console=stderr, transient=True, disable=disable) as bar:
        bar.add_task(label, total=None)
        yield


# --- what came of it ----------------------------------------------------------------------------


def _report(
    program: Program, backend: Backend, made: dict[str, Attempt], *, compare: bool, json: bool
) -> CompiledModel:
    """Shows everything, and returns the model to save. Raises RinjectError where it is none."""
    chosen = made[backend]
    if compare:
        _show_comparison(program, chosen, list(made.values()), json=json)
    if chosen.refusal is not None:
        raise chosen.refusal
    assert chosen.model is not None
    record = record_of(program, chosen)
    if not compare:
        if json:
            print_json(record)
        else:
            stdout.print(summary(record))
    _check_exact(chosen)
    return chosen.model


def _show_comparison(
    program: Program, chosen: Attempt, attempts: list[Attempt], *, json: bool
) -> None:
    if json:
        record = {"program": program.name} if chosen.model is None else record_of(program, chosen)
        print_json({**record, "comparison": [attempt.to_record() for attempt in attempts]})
        return
    for part in comparison(program, attempts):
        stdout.print(part, soft_wrap=isinstance(part, Text))


def _check_exact(made: Attempt) -> None:
    verified = made.verified
    if verified is not None and verified.mismatches:
        raise RinjectError(
            f"the model differs from the program on {verified.mismatches} of {verified.inputs}"
            f" inputs; the first: {verified.first}",
            hint="nothing was saved; "
            + (
                "tracr's compiler is not always exact (--no-verify saves its model as it is)"
                if made.backend == "tracr"
                else "please report this program"
            ),
        )


def _plot(model: CompiledModel, path: Path, tokens: list[Any] | None, *, quiet: bool) -> None:
    from rinject.circuit.heat_maps import save_heat_maps  # imports matplotlib

    with waiting("drawing", quiet=quiet):
        save_heat_maps(model, path, tokens)

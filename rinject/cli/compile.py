"""``rinject compile``: a program to an exact transformer, verified."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from rinject.cli.console import note, print_json, progress_bar, show_warnings, stdout, waiting
from rinject.cli.memory import remember_program
from rinject.cli.options import Causal, Json, MaxSeqLen
from rinject.errors import RinjectError
from rinject.lang import load_program
from rinject.placing import check_target

if TYPE_CHECKING:
    from rinject.circuit import CompiledModel
    from rinject.compiler import Verification

OUTPUT = Path("compiled")
MODEL_FILE = "circuit.safetensors"  # as rinject.circuit writes it; that import would be slow


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject compile programs/shuffle_dyck.rasp")(compile)


def compile(
    file: Annotated[Path, typer.Argument(help="The program, a .rasp file.", metavar="FILE")],
    backend: Annotated[
        Literal["native", "tracr"],
        typer.Option(help="The compiler: rinject's own, or the tracr package's for reference."),
    ] = "native",
    max_seq_len: MaxSeqLen = None,
    causal: Causal = None,
    verify: Annotated[
        bool,
        typer.Option(help="Compare the model with tracr's interpreter on short and random inputs."),
    ] = True,
    samples: Annotated[
        int, typer.Option(min=0, help="Random inputs to verify, beside all the shortest ones.")
    ] = 2000,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory.", show_default="compiled/PROGRAM"),
    ] = None,
    json: Json = False,
) -> None:
    """Compile a program into an exact transformer and prove it on thousands of inputs."""
    from rinject.compiler import compile_program

    program = load_program(file)
    show_warnings(program)
    directory = output or OUTPUT / program.name
    check_target(directory, MODEL_FILE)
    begun = time.monotonic()
    with waiting(f"compiling {program.name}", quiet=json):
        model = compile_program(
            program,
            max_seq_len=max_seq_len,
            causal=program.header.causal if causal is None else causal,
            backend=backend,
        )
    seconds = time.monotonic() - begun
    verified = _verify(model, samples, quiet=json) if verify else None
    record = _record(model, seconds, verified)
    if json:
        print_json(record)
    else:
        _show(record)
    _check_exact(verified, backend)
    model.save(directory)
    remember_program(file)
    if not json:
        note(f"saved in {directory}")


def _verify(model: CompiledModel, samples: int, *, quiet: bool) -> Verification:
    from rinject.compiler import verify

    with progress_bar("verifying", quiet=quiet) as update:
        return verify(model, random_inputs=samples, progress=update)


def _check_exact(verified: Verification | None, backend: str) -> None:
    if verified is not None and verified.mismatches:
        raise RinjectError(
            f"the model differs from the program on {verified.mismatches} of {verified.inputs}"
            f" inputs; the first: {verified.first}",
            hint="nothing was saved; "
            + (
                "tracr's compiler is not always exact (--no-verify saves its model as it is)"
                if backend == "tracr"
                else "please report this program"
            ),
        )


def _record(model: CompiledModel, seconds: float, verified: Verification | None) -> dict[str, Any]:
    return {
        "program": model.program.name if model.program else None,
        "backend": model.backend,
        "layers": model.num_layers,
        "heads": model.num_heads,
        "residual_width": model.residual_width,
        "parameters": model.parameters,
        "variables": list(model.variables),
        "seconds": round(seconds, 3),
        "verified": None
        if verified is None
        else {"inputs": verified.inputs, "mismatches": verified.mismatches},
    }


def _show(record: dict[str, Any]) -> None:
    verified = record["verified"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "program": record["program"],
        "backend": record["backend"],
        "layers": record["layers"],
        "heads": f"{record['heads']} at most in a layer",
        "residual width": record["residual_width"],
        "parameters": f"{record['parameters']:,}",
        "variables": ", ".join(record["variables"]),
        "compiled in": f"{record['seconds']:.2f} s",
        "verified": "no"
        if verified is None
        else f"{verified['inputs']:,} inputs, {verified['mismatches']:,} mismatches",
    }
    for label, value in rows.items():
        table.add_row(label, str(value))
    stdout.print(table, markup=False)

"""``rinject check``: are there mistakes in a program, and what would it cost to compile?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rinject.cli.console import print_json, show_diagnostics, stdout
from rinject.cli.diagram_words import counted
from rinject.cli.options import Json
from rinject.errors import InputError, RinjectError
from rinject.graph.estimate import Cause, Estimate
from rinject.graph.program_cost import explosion_warnings, place_of, program_cost
from rinject.lang import Diagnostic, Program, SourceError, load_program


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject check programs/*.rasp")(check)


def check(
    files: Annotated[list[Path], typer.Argument(help="Programs.", metavar="FILE…")],
    json: Json = False,
) -> None:
    """Find every mistake in programs, and estimate what compiling them would cost.

    Exit code 2 if any has a mistake; warnings alone do not count.
    """
    failed: list[RinjectError] = []
    records = []
    for path in files:
        try:
            records.append(_checked(path, quiet=json))
        except RinjectError as error:
            failed.append(error)
            records.append(_failure(path, error))
            if not json:
                _show_failure(error)
    if json:
        print_json(records)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def _checked(path: Path, *, quiet: bool) -> dict[str, Any]:
    program = load_program(path)
    estimate, problem = _cost(program)
    warnings = list(program.warnings)
    if estimate is not None:
        warnings += explosion_warnings(program, estimate)
    if not quiet:
        show_diagnostics(warnings, program.sources, stdout)
        _show(path, program, estimate, problem)
    return {
        "file": str(path),
        "ok": True,
        "program": program.name,
        "variables": list(program.names),
        "injectable": program.header.is_injectable,
        "diagnostics": _records(warnings),
        "cost": None if estimate is None else _cost_record(program, estimate),
        "cannot_compile": None if problem is None else problem.message,
    }


def _cost(program: Program) -> tuple[Estimate | None, InputError | None]:
    try:
        return program_cost(program), None
    except InputError as error:
        return None, error


# --- for people -----------------------------------------------------------------------------------


def _show(
    path: Path, program: Program, estimate: Estimate | None, problem: InputError | None
) -> None:
    kind = "injectable" if program.header.is_injectable else "not injectable"
    count = len(program.names)
    line = f"{path}: ok, {count} variable{'s' * (count != 1)}, {kind}"
    stdout.print(line, markup=False, soft_wrap=True)
    if estimate is not None:
        stdout.print(_cost_line(program, estimate), soft_wrap=True)
    if problem is not None:
        stdout.print(Text(f"  cannot be compiled: {problem.message}", "dim"), soft_wrap=True)


def _cost_line(program: Program, estimate: Estimate) -> Text:
    about = "" if estimate.exact else "at least "
    at_most = "" if estimate.exact else "at most "
    parts = (
        f"{about}{counted(estimate.layers, 'layer')} ({_where(program, estimate.deepest)})",
        f"width {at_most}{estimate.width:,} ({_where(program, estimate.widest)},"
        f" {estimate.widest.size:,} values)",
        f"largest table {at_most}{estimate.largest_table:,} cells"
        f" ({_where(program, estimate.largest)})",
    )
    return Text("  compiles into " + ", ".join(parts), "dim")


def _where(program: Program, cause: Cause) -> str:
    return f"{cause.name}, line {place_of(program, cause).line}"


def _show_failure(error: RinjectError) -> None:
    if isinstance(error, SourceError):
        show_diagnostics(error.diagnostics, error.sources, stdout)
    else:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        stdout.print(f"{error.message}{hint}", markup=False, soft_wrap=True)


# --- for machines ---------------------------------------------------------------------------------


def _cost_record(program: Program, estimate: Estimate) -> dict[str, Any]:
    def cause(one: Cause) -> dict[str, Any]:
        place = place_of(program, one)
        return {"name": one.name, "size": one.size, "line": place.line, "column": place.column}

    return {
        "exact": estimate.exact,
        "layers": estimate.layers,
        "residual_width": estimate.width,
        "largest_table": estimate.largest_table,
        "deepest": cause(estimate.deepest),
        "widest": cause(estimate.widest),
        "largest": cause(estimate.largest),
    }


def _failure(path: Path, error: RinjectError) -> dict[str, Any]:
    record = {"file": str(path), "ok": False, "message": error.message, "hint": error.hint}
    if isinstance(error, SourceError):
        record["diagnostics"] = _records(error.diagnostics)
    return record


def _records(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    return [
        {
            "code": found.code,
            "severity": found.severity,
            "message": found.message,
            "file": found.span.file,
            "line": found.span.line,
            "column": found.span.column,
            "end_line": found.span.end_line,
            "end_column": found.span.end_column,
            "hint": found.hint,
        }
        for found in diagnostics
    ]

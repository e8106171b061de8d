"""``rinject check``: are there mistakes in a program?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rinject.cli.console import print_json, stdout
from rinject.cli.options import Json
from rinject.errors import RinjectError
from rinject.lang import Program, SourceError, load_program


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject check programs/*.rasp")(check)


def check(
    files: Annotated[list[Path], typer.Argument(help="Programs.", metavar="FILE…")],
    json: Json = False,
) -> None:
    """Load programs and show every mistake in them."""
    failed: list[RinjectError] = []
    records = []
    for path in files:
        try:
            records.append(_record(path, load_program(path)))
        except RinjectError as error:
            failed.append(error)
            records.append(_failure(path, error))
    if json:
        print_json(records)
    else:
        for record in records:
            _show(record)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def _record(path: Path, program: Program) -> dict[str, object]:
    header = program.header
    return {
        "file": str(path),
        "ok": True,
        "program": program.name,
        "variables": list(program.names),
        "injectable": header.is_injectable,
    }


def _failure(path: Path, error: RinjectError) -> dict[str, object]:
    record = {"file": str(path), "ok": False, "message": error.message, "hint": error.hint}
    if not isinstance(error, SourceError):
        return record
    return record | {
        "diagnostics": [
            {
                "code": found.code,
                "message": found.message,
                "line": found.span.line,
                "column": found.span.column,
                "hint": found.hint,
            }
            for found in error.diagnostics
        ]
    }


def _show(record: dict[str, object]) -> None:
    if record["ok"]:
        kind = "injectable" if record["injectable"] else "not injectable"
        variables = record["variables"]
        assert isinstance(variables, list)
        line = f"{record['file']}: ok, {len(variables)} variables, {kind}"
    else:
        hint = f"\nhint: {record['hint']}" if record["hint"] else ""
        line = f"{record['message']}{hint}"
    stdout.print(line, markup=False, soft_wrap=True)

"""``rinject tokens``: a text as the student reads it, above the same text as the program does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.blocks import Cell, print_blocks, visible
from rinject.cli.console import print_json, stdout, waiting
from rinject.cli.memory import last_program
from rinject.cli.options import Json, Model, Revision, TrustRemoteCode
from rinject.lang import load_program

if TYPE_CHECKING:
    from rinject.tokens import Coverage, TokenRow

FILLER = "dim"
SYMBOL = "bold cyan"
NO_SYMBOL = "bold red"
SHOWN_TEXTS = 12


def register(app: typer.Typer) -> None:
    app.command(
        epilog='Example: rinject tokens "([)]" --program programs/shuffle_dyck.rasp --model tiny'
    )(tokens)


def tokens(
    text: Annotated[str, typer.Argument(help="An input of the program, or any text.")],
    program: Annotated[
        Path | None,
        typer.Option("--program", "-p", help="The program.", show_default="the one compiled last"),
    ] = None,
    model: Model = "tiny",
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Show the student's tokens of a text, and the program's symbol for each."""
    from rinject.student import load_student
    from rinject.tokens import align, reconcile

    header = load_program(program or last_program("--program FILE.rasp")).header
    with waiting(f"loading {model}", quiet=json):
        student = load_student(model, revision=revision, trust_remote_code=trust_remote_code)
        reconciliation = reconcile(student.tokenizer, header)
    rows = align(reconciliation, text)
    if json:
        coverage = [asdict(covered) for covered in reconciliation.coverage]
        print_json({"tokens": [asdict(row) for row in rows], "coverage": coverage})
        return
    _show_tokens(rows)
    _show_coverage(reconciliation.coverage, header.otherwise)


def _show_tokens(rows: list[TokenRow]) -> None:
    labels = (Cell("student", "bold"), Cell("program", "bold"))
    print_blocks(stdout, labels, [_column(row) for row in rows])


def _column(row: TokenRow) -> tuple[Cell, Cell]:
    if row.symbol is None:
        return Cell(visible(row.text), NO_SYMBOL), Cell("?", NO_SYMBOL)
    style = FILLER if row.is_filler else SYMBOL
    return Cell(visible(row.text), style), Cell(row.symbol, style)


def _show_coverage(coverage: tuple[Coverage, ...], otherwise: str | None) -> None:
    table = Table("symbol", "student's tokens", box=box.SIMPLE_HEAD, pad_edge=False)
    for covered in coverage:
        table.add_row(Text(covered.symbol, style=SYMBOL), _texts(covered, otherwise))
    stdout.print(table)


def _texts(covered: Coverage, otherwise: str | None) -> Text:
    shown = "  ".join(visible(text) for text in covered.texts[:SHOWN_TEXTS])
    more = len(covered.texts) - SHOWN_TEXTS
    if more > 0:
        shown += f"  and {more} more"
    if covered.symbol == otherwise:
        return Text("every other token", style=FILLER)
    return Text(shown)

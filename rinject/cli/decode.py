"""``rinject decode``: the program's variables, read out of the student (the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rinject.cli.blocks import Cell, Column, print_blocks, visible
from rinject.cli.console import print_json, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.options import BundleOption, Json, TrustRemoteCode

if TYPE_CHECKING:
    from rinject.evaluate import Cell as Reading
    from rinject.evaluate import DecodeTable, VariableRow

RIGHT, WRONG, NOTHING = "", "bold red", "dim"


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: rinject decode "([)]{}" --bundle bundles/dyck')(decode)


def decode(
    text: Annotated[str, typer.Argument(help="A prompt, or just an input of the program.")],
    bundle: BundleOption = None,
    layer: Annotated[
        int | None,
        typer.Option(min=0, help="The program's layer; 0: embedding.", show_default="the last"),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Fold nothing away.")] = False,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Answer a prompt, and show every variable at every token, beside the true value if wrong.

    Variables that never change are listed below the table, and tokens alike are one column.
    """
    from rinject.evaluate import decode
    from rinject.inject import load_bundle

    path = bundle or last_bundle()
    with waiting(f"loading {path}", quiet=json):
        loaded = load_bundle(path, trust_remote_code=trust_remote_code)
    table = decode(loaded, text, layer=layer)
    if json:
        print_json(_record(table))
    else:
        _show(table, show_all)


def _record(table: DecodeTable) -> dict[str, Any]:
    return {
        "prompt": table.prompt,
        "answer": table.answer,
        "true_answer": table.true_answer,
        "layer": table.layer,
        "student_layer": table.student_layer,
        "tokens": [token.text for token in table.tokens],
        "symbols": [token.symbol for token in table.tokens],
        "variables": {
            row.name: {
                "decoded": [cell.decoded for cell in row.cells],
                "true": [cell.true for cell in row.cells],
            }
            for row in table.rows
        },
    }


def _show(table: DecodeTable, show_all: bool) -> None:
    stdout.print(_answer_line(table), soft_wrap=True)
    rows = [row for row in table.rows if show_all or not row.is_constant]
    if rows:
        print_blocks(stdout, *_blocks(table, rows, show_all))
    folded = [row for row in table.rows if row not in rows]
    if folded:
        constants = ", ".join(f"{row.name} = {_constant(row)}" for row in folded)
        stdout.print(Text(f"constant: {constants}", style="dim"))
    stdout.print(_verdict(table), soft_wrap=True)


def _answer_line(table: DecodeTable) -> Text:
    line = Text("answer: ", style="bold") + Text(visible(table.answer.strip(" ")))
    if table.true_answer is None:
        return line
    if table.answer == table.true_answer:
        return line + Text(" (right)", style="green")
    return line + Text(f" (wrong: {table.true_answer.strip()})", style=WRONG)


def _blocks(
    table: DecodeTable, rows: Sequence[VariableRow], show_all: bool
) -> tuple[Column, list[Column]]:
    labels = [Cell(f"layer {table.layer}", "bold"), *(Cell(row.name) for row in rows)]
    columns: list[Column] = []
    for places in _runs(table, show_all):
        head = visible("…".join(table.tokens[place].text for place in places))
        columns.append([Cell(head, "bold"), *(_cell(row.cells[places[0]]) for row in rows)])
    return labels, columns


def _runs(table: DecodeTable, show_all: bool) -> list[list[int]]:
    """The first and last place of each run of tokens with the same, right values."""
    runs: list[list[int]] = []
    for place in range(len(table.tokens)):
        if show_all or not runs or not _alike(table, runs[-1][0], place):
            runs.append([place])
        else:
            runs[-1][1:] = [place]
    return runs


def _alike(table: DecodeTable, one: int, other: int) -> bool:
    pairs = [(row.cells[one], row.cells[other]) for row in table.rows]
    return all(a == b and a.is_right is not False for a, b in pairs)


def _cell(reading: Reading) -> Cell:
    """The value, and the true one beside it where they differ; a dot where there is none."""
    if reading.true is None:
        return Cell("·", NOTHING)
    if reading.is_right:
        return Cell(_word(reading.decoded), RIGHT)
    return Cell(f"{_word(reading.decoded)}≠{_word(reading.true)}", WRONG)


def _word(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "none" if value is None else str(value)


def _constant(row: VariableRow) -> str:
    return next((_word(cell.true) for cell in row.cells if cell.true is not None), "none")


def _verdict(table: DecodeTable) -> Text:
    judged = [cell.is_right for row in table.rows for cell in row.cells if cell.true is not None]
    wrong = judged.count(False)
    if not wrong:
        return Text(f"all {len(judged):,} values are the program's", style="green")
    return Text(f"{wrong:,} of {len(judged):,} values are not the program's (read≠true)", WRONG)

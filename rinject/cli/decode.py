"""``rinject decode``: the program's variables, read out of the student (the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rinject.cli.blocks import Cell, Column, print_blocks, visible
from rinject.cli.console import note, print_json, stdout, waiting
from rinject.cli.decode_words import difference, word
from rinject.cli.drawing import check_picture
from rinject.cli.memory import last_bundle
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate import Cell as Reading
    from rinject.evaluate import DecodeTable, Token, VariableRow
    from rinject.evaluate.decode_reading import Reading as PromptReading
    from rinject.inject import Bundle

RIGHT, WRONG, NOTHING, UNREAD = "", "bold red", "dim", "italic cyan"

ONE_A_LINE = "write a prompt on each line, in UTF-8"


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: rinject decode "([)]{}" --generate --html decoded.html')(decode)


def decode(
    text: Annotated[
        str | None,
        typer.Argument(help="A prompt, or just an input of the program.", show_default=False),
    ] = None,
    bundle: BundleOption = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="A file with a prompt or an input on each line."),
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(min=0, help="The program's layer; 0: embedding.", show_default="the last"),
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Follow the answer, token by token.")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Fold nothing away.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write a page to look at: all layers, scores and streams."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the table and the stream: .svg, .png or .pdf. Of several prompts each"
            " has a file, numbered."
        ),
    ] = None,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Answer prompts, and show every variable at every token, beside the true value if wrong.

    Variables that never change are listed below the table, and tokens alike are one column. With
    --generate the table goes on over the answer; where the program does not read the answer, there
    are no true values.
    """
    texts = _texts(text, file)
    _check_outputs(html, plot, len(texts))
    from rinject.evaluate.decode import chosen_layer, table_of
    from rinject.evaluate.decode_reading import read_prompts
    from rinject.inject import load_bundle

    path = bundle or last_bundle()
    with waiting(f"loading {path}", quiet=json):
        loaded = load_bundle(path, trust_remote_code=trust_remote_code)
    layer = chosen_layer(loaded, layer)
    layers = range(loaded.last_layer + 1) if html else [layer]
    with waiting("answering", quiet=json):
        readings = read_prompts(loaded, texts, layers=layers, generate=generate)
    tables = [table_of(loaded, reading, layer) for reading in readings]
    if json:
        records = [_record(table) for table in tables]
        print_json(records if file else records[0])
    else:
        for table in tables:
            _show(table, show_all, is_named=len(tables) > 1)
    _save(loaded, readings, layer, html, plot, show_all=show_all, quiet=json)


def _texts(text: str | None, file: Path | None) -> list[str]:
    """The prompts: the one given, or those of a file."""
    if (text is None) == (file is None):
        raise InputError(
            "give a prompt or a file of prompts" + (", not both" if file else ""),
            hint='rinject decode "([)]{}", or rinject decode --file prompts.txt',
        )
    return _lines(file) if file else [text or ""]


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        problem = f"{file} is not text in UTF-8 (byte {error.start})"
        raise InputError(problem, hint=ONE_A_LINE) from None
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", hint=ONE_A_LINE) from None
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise InputError(f"{file} holds no prompt", hint=ONE_A_LINE)
    return texts


def _check_outputs(html: Path | None, plot: Path | None, prompts: int) -> None:
    """Raises InputError for what cannot be written of so many prompts, before the work begins."""
    if html:
        from rinject.cli.pages.page import check_page

        check_page(html)
    if plot:
        for path in _numbered(plot, prompts) if plot.suffix else [plot]:
            check_picture(path)


def _save(
    bundle: Bundle,
    readings: Sequence[PromptReading],
    layer: int,
    html: Path | None,
    plot: Path | None,
    *,
    show_all: bool,
    quiet: bool,
) -> None:
    saved: list[Path] = []
    if html:
        from rinject.cli.decode_page import write_decoded

        write_decoded(bundle, readings, layer, html)
        saved.append(html)
    if plot:
        from rinject.cli.decode_figure import save_decoded

        for path, reading in zip(_numbered(plot, len(readings)), readings, strict=True):
            save_decoded(bundle, reading, layer, path, show_all=show_all)
            saved.append(path)
    if saved and not quiet:
        note(f"saved in {', '.join(map(str, saved))}")


def _numbered(path: Path, count: int) -> list[Path]:
    """The path itself for one picture; else a number before its ending."""
    if count == 1:
        return [path]
    width = len(str(count))
    return [path.with_stem(f"{path.stem}-{n:0{width}}") for n in range(1, count + 1)]


def _record(table: DecodeTable) -> dict[str, Any]:
    followed = {
        "prompt_tokens": table.prompt_tokens,
        "writes": [token.writes for token in table.tokens],
    }
    return {
        "prompt": table.prompt,
        "answer": table.answer,
        "true_answer": table.true_answer,
        "layer": table.layer,
        "student_layer": table.student_layer,
        "tokens": [token.text for token in table.tokens],
        "symbols": [token.symbol for token in table.tokens],
        **(followed if table.is_followed else {}),
        "variables": {
            row.name: {
                "decoded": [cell.decoded for cell in row.cells],
                "true": [cell.true for cell in row.cells],
            }
            for row in table.rows
        },
    }


def _show(table: DecodeTable, show_all: bool, *, is_named: bool) -> None:
    """Among several, each names its prompt."""
    if is_named:
        stdout.print(Text(visible(table.prompt), style="bold underline"), soft_wrap=True)
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
    written = [Cell("writes", "bold")] if table.is_followed else []
    labels = [Cell(f"layer {table.layer}", "bold"), *written, *(Cell(row.name) for row in rows)]
    columns: list[Column] = []
    for places in _runs(table, show_all):
        head = visible("…".join(table.tokens[place].text for place in places))
        token = table.tokens[places[0]]
        if table.is_followed:
            written = [Cell(_written(token), "bold")]
        style = "bold cyan" if places[0] >= table.prompt_tokens else "bold"
        cells = (_cell(row.cells[places[0]], token) for row in rows)
        columns.append([Cell(head, style), *written, *cells])
    return labels, columns


def _written(token: Token) -> str:
    """What the student writes after a token; an answer that is over has an end."""
    return {None: "", "": "(end)"}.get(token.writes) or visible(token.writes or "")


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
    if table.tokens[one].writes is not None or table.tokens[other].writes is not None:
        return False
    if other >= table.prompt_tokens:
        return False
    pairs = [(row.cells[one], row.cells[other]) for row in table.rows]
    return all(a == b and a.is_right is not False for a, b in pairs)


def _cell(reading: Reading, token: Token) -> Cell:
    """The value, and the true one beside it where they differ; a dot where there is none."""
    if not token.is_read:
        return Cell(word(reading.decoded), UNREAD)
    if reading.true is None:
        return Cell("·", NOTHING)
    return (
        Cell(word(reading.decoded), RIGHT) if reading.is_right else Cell(difference(reading), WRONG)
    )


def _constant(row: VariableRow) -> str:
    return next((word(cell.true) for cell in row.cells if cell.true is not None), "none")


def _verdict(table: DecodeTable) -> Text:
    judged = [cell.is_right for row in table.rows for cell in row.cells if cell.true is not None]
    wrong = judged.count(False)
    if not wrong:
        return Text(f"all {len(judged):,} values are the program's", style="green")
    return Text(f"{wrong:,} of {len(judged):,} values are not the program's (read≠true)", WRONG)

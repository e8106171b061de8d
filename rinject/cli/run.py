"""``rinject run``: every variable of a program on some inputs, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rinject.cli.blocks import Cell, print_blocks
from rinject.cli.console import note, print_json, show_warnings, stdout
from rinject.cli.options import Causal, Json
from rinject.cli.shown_values import items, matrix, token_label
from rinject.cli.written_tokens import read_input
from rinject.lang import Program, interpret_many, load_program

OUTPUT = "bold green"
TOKEN = "bold"
NOTHING = "dim"


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: rinject run programs/shuffle_dyck.rasp "([)]compute"')(run)


def run(
    file: Annotated[Path, typer.Argument(help="The program, a .rasp file.", metavar="FILE")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help='Text, as "([)]" or "hello", with blanks between longer symbols; or a JSON list,'
            ' as "[1, 2]".',
            metavar="INPUT…",
        ),
    ],
    selectors: Annotated[
        bool, typer.Option("--selectors", help="Show the selectors too, as matrices.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A variable or a selector to show; may be repeated."),
    ] = None,
    causal: Causal = None,
    json_input: Annotated[
        bool, typer.Option("--json-input", help="Read every input as a JSON list.")
    ] = False,
    json: Json = False,
) -> None:
    """Run a program on inputs, by tracr's interpreter, and show every variable at each token."""
    program = load_program(file)
    wanted = _wanted(program, only or [], selectors)
    attention = program.header.causal if causal is None else causal
    token_rows = [_input(program, text, as_json=json_input) for text in inputs]
    results = [_run(program, wanted, tokens, causal=attention) for tokens in token_rows]
    _warn(program, token_rows)
    if wanted.selectors == ():
        note(f"{program.name} has no selector at its top level")
    if json:
        print_json([_record(program, wanted, result) for result in results])
    else:
        for result in results:
            _show(program, result)


# --- what is shown ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """The names to show."""

    variables: tuple[str, ...]
    selectors: tuple[str, ...] | None
    """None where none are asked for."""


@dataclass(frozen=True)
class Result:
    """What a program computes on T tokens."""

    tokens: list[Any]
    variables: dict[str, list[Any]]
    """[T] each."""
    selectors: dict[str, list[list[bool]]]
    """[T][T] each; a row for each position that selects."""
    output: list[Any]


def _wanted(program: Program, only: Sequence[str], selectors: bool) -> Wanted:
    """In the order of definition, the output last; as named where names are given."""
    if only:
        for name in only:
            program.find(name)  # raises for a name that is not there
        picked = tuple(dict.fromkeys(only))
        matrices = tuple(name for name in picked if _is_selector(program, name))
        variables = tuple(name for name in picked if name not in matrices)
        return Wanted(variables, matrices or None)
    output = program.header.output
    variables = (*(name for name in program.names if name != output), output)
    return Wanted(variables, tuple(program.selectors) if selectors else None)


def _is_selector(program: Program, name: str) -> bool:
    return name in program.selectors and name not in program.sops


def _input(program: Program, text: str, *, as_json: bool) -> list[Any]:
    return read_input(text, program.header.vocabulary, name=program.name, as_json=as_json)


def _run(program: Program, wanted: Wanted, tokens: list[Any], *, causal: bool) -> Result:
    matrices = wanted.selectors or ()
    names = (*wanted.variables, *matrices)
    computed = program.output  # raises where there is none, before its name is looked for
    exprs = [program.find(name) for name in names]
    *found, output = interpret_many([*exprs, computed], tokens, causal=causal)
    values = dict(zip(names, found, strict=True))
    return Result(
        tokens,
        {name: values[name] for name in wanted.variables},
        {name: values[name] for name in matrices},
        output,
    )


def _record(program: Program, wanted: Wanted, result: Result) -> dict[str, Any]:
    record = {
        "tokens": result.tokens,
        "variables": result.variables,
        "output": {"name": program.header.output, "values": result.output},
    }
    return record | ({} if wanted.selectors is None else {"selectors": result.selectors})


def _warn(program: Program, token_rows: Sequence[Sequence[Any]]) -> None:
    """About the program, and about inputs longer than it says."""
    show_warnings(program)
    longest = program.header.longest
    for tokens in token_rows:
        if longest is not None and len(tokens) > longest:
            note(f"an input has {len(tokens)} tokens; {program.name} is made for {longest} at most")


# --- tables -------------------------------------------------------------------------------------


def _show(program: Program, result: Result) -> None:
    if result.variables:
        labels, *cells = zip(*_rows(program, result), strict=True)
        print_blocks(stdout, labels, cells)
    for name, rows in result.selectors.items():
        stdout.print(Text(name, TOKEN), soft_wrap=True)
        for line in matrix(result.tokens, rows, stdout.width):
            stdout.print(Text(line), soft_wrap=True)
        stdout.print()


def _rows(program: Program, result: Result) -> Iterator[list[Cell]]:
    """The tokens, then each variable: its name, then its values."""
    yield [Cell(text, TOKEN) for text in ("token", *map(token_label, result.tokens))]
    for name, values in result.variables.items():
        style = OUTPUT if name == program.header.output else ""
        cells = [
            Cell(text, NOTHING if value is None else style)
            for text, value in zip(items(values), values, strict=True)
        ]
        yield [Cell(name, style), *cells]

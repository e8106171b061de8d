"""``rinject run``: every variable of a program on some inputs, token by token."""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rinject.cli.blocks import Cell, print_blocks
from rinject.cli.console import note, print_json, show_warnings, stdout
from rinject.cli.options import Causal, Json
from rinject.cli.shown_values import items, matrix, quoted, token_label
from rinject.errors import InputError
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
    token_rows = [_tokens(program, text, as_json=json_input) for text in inputs]
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


def _run(program: Program, wanted: Wanted, tokens: list[Any], *, causal: bool) -> Result:
    matrices = wanted.selectors or ()
    names = (*wanted.variables, *matrices)
    exprs = [program.find(name) for name in names]
    *found, output = interpret_many([*exprs, program.output], tokens, causal=causal)
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


# --- inputs -------------------------------------------------------------------------------------


def _tokens(program: Program, text: str, *, as_json: bool) -> list[Any]:
    """The tokens of an input. Raises InputError for what the program does not know."""
    vocabulary = program.header.vocabulary
    # A program that reads brackets gets brackets.
    bracketed = text.lstrip().startswith("[") and not any(s.startswith("[") for s in vocabulary)
    tokens = _json_tokens(text) if as_json or bracketed else _split(text, program)
    if not tokens:
        raise InputError("an input is empty", hint='give at least one token, as in "hello"')
    for token in tokens if vocabulary else ():
        if token not in vocabulary:
            raise _unknown(token, text, program)
    return tokens


def _json_tokens(text: str) -> list[Any]:
    try:
        tokens = json_format.loads(text)
    except ValueError as error:
        raise InputError(
            f"the input {text} is not a JSON list: {error}",
            hint='write it as ["a", "b"] or [1, 2]; text does not begin with [',
        ) from None
    if not isinstance(tokens, list):
        raise InputError(f"the input {text} is not a JSON list", hint='as in ["a", "b"] or [1, 2]')
    for token in tokens:
        if not isinstance(token, str | int | float):
            raise InputError(
                f"the input {text} holds {json_format.dumps(token)}",
                hint="tokens are strings, numbers, true and false",
            )
    return tokens


def _split(text: str, program: Program) -> list[str]:
    """Words where there are blanks, else characters; of a vocabulary, its longest symbols."""
    vocabulary = program.header.vocabulary
    if not vocabulary:
        return text.split() if re.search(r"\s", text) else list(text)
    has_blanks = any(re.search(r"\s", symbol) for symbol in vocabulary)
    longest_first = sorted(vocabulary, key=len, reverse=True)
    symbols = []
    for part in [text] if has_blanks else text.split():
        place = 0
        while place < len(part):
            found = next((one for one in longest_first if part.startswith(one, place)), None)
            if found is None:
                raise _unknown(part[place:], text, program)
            symbols.append(found)
            place += len(found)
    return symbols


def _unknown(token: Any, text: str, program: Program) -> InputError:
    shown = quoted(token) if isinstance(token, str) else repr(token)
    return InputError(
        f"`{program.name}` has no symbol for {shown}, in the input {text}",
        hint=f"its vocabulary is {' '.join(program.header.vocabulary)}",
    )


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

"""``rinject draw``: a program's transformer as a picture, or as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rinject.cli.console import note, print_json, show_warnings, stdout, waiting
from rinject.cli.drawing import check_picture, diagram_text, save_drawing
from rinject.cli.options import Causal, Json, MaxSeqLen
from rinject.lang import load_program

if TYPE_CHECKING:
    from rinject.compiler.diagram import Diagram
    from rinject.lang import Program


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject draw programs/shuffle_dyck.rasp -o dyck.svg")(draw)


def draw(
    file: Annotated[Path, typer.Argument(help="The program, a .rasp file.", metavar="FILE")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A picture: .svg, .png or .pdf.", show_default="text, shown here"
        ),
    ] = None,
    max_seq_len: MaxSeqLen = None,
    causal: Causal = None,
    json: Json = False,
) -> None:
    """Draw which layer computes what: attention and MLP, what they read, and how wide it is."""
    if output is not None:
        check_picture(output)
    program = load_program(file)
    show_warnings(program)
    with waiting(f"compiling {program.name}", quiet=json):
        diagram = _diagram(program, max_seq_len, causal)
    if json:
        print_json(diagram.to_record())
    elif output is None:
        stdout.print(diagram_text(diagram, stdout.width))
    if output is not None:
        save_drawing(diagram, output)
        if not json:
            note(f"saved in {output}")


def _diagram(program: Program, max_seq_len: int | None, causal: bool | None) -> Diagram:
    """Of the program as `rinject compile` would compile it."""
    from rinject.compiler import compile_program
    from rinject.compiler.diagram import diagram_of

    attention = program.header.causal if causal is None else causal
    model = compile_program(program, max_seq_len=max_seq_len, causal=attention)
    return diagram_of(model.graph, name=program.name)

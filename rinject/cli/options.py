"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle", "-b", help="The bundle's directory.", show_default="the one made last here"
    ),
]
MaxSeqLen = Annotated[
    int | None,
    typer.Option(min=1, help="Most tokens of an input.", show_default="the header's `longest`"),
]
Causal = Annotated[
    bool | None,
    typer.Option(
        "--causal/--full",
        help="Whether a position sees only what came before it, or all.",
        show_default="the header's `attention`",
    ),
]
Vocab = Annotated[
    str | None,
    typer.Option(
        help='The symbols of inputs, as "a,b,c"; numbers are numbers, and "1" in quotes is text.'
        " Or a JSON list.",
        show_default="the header's `vocabulary`",
    ),
]
Keep = Annotated[
    Literal["named", "all", "output"],
    typer.Option(
        help="The variables in the residual stream: all that have a name, all, or only what the"
        " output is made of."
    ),
]
TableLimit = Annotated[
    int, typer.Option(min=1, help="Most cells of a table that joins functions to save layers.")
]
Stepwise = Annotated[
    bool,
    typer.Option(
        "--stepwise",
        help="Give each step of the program a layer of its own: what a variable with a name is"
        " computed from is there a layer before, but for what the embedding tells of a token.",
    ),
]
Objective = Annotated[
    Literal["depth", "width", "balanced"],
    typer.Option(
        help="What is to be small: the number of layers, the residual width, or their product."
    ),
]
STUDENT = "The student: `tiny`, a folder, or a name on the Hugging Face hub."
Model = Annotated[str, typer.Option("--model", "-m", help=STUDENT)]
Revision = Annotated[
    str | None,
    typer.Option(
        help="A branch, tag or commit of the student on the hub.", show_default="the newest"
    ),
]
Type = Literal["auto", "float32", "bfloat16", "float16"]
TYPE = "Type of the student's weights once loaded; `auto`: as in its files."
TrustRemoteCode = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Run the code that comes with the student, if any."),
]

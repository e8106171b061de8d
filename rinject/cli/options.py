"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="The student: `tiny`, a folder, or a name on the Hugging Face hub."
    ),
]

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
Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="The student: `tiny`, a folder, or a name on the Hugging Face hub."
    ),
]

"""``rinject export``: a compiled model as a directory that other tools load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from rinject.cli.console import note, print_json, waiting
from rinject.cli.options import Json

if TYPE_CHECKING:
    from rinject.circuit import CompiledModel

OUTPUT = Path("exported")
Target: TypeAlias = Literal["hf", "transformer-lens", "pytorch"]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject export compiled/shuffle_dyck --to hf -o dyck-hf")(export)


def export(
    directory: Annotated[
        Path, typer.Argument(help="What `rinject compile` wrote.", metavar="DIRECTORY")
    ],
    to: Annotated[
        Target,
        typer.Option(
            help="A Hugging Face model directory, a TransformerBridge of TransformerLens,"
            " or one file of plain PyTorch."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory.", show_default="exported/PROGRAM-TARGET"),
    ] = None,
    number: Annotated[
        bool,
        typer.Option("--number", help="End in the output as one number, not in a logit a value."),
    ] = False,
    json: Json = False,
) -> None:
    """Write a compiled program in a form that other tools load, without rinject."""
    with waiting(f"exporting to {to}", quiet=json):
        model = _load(directory)
        place = output or OUTPUT / f"{directory.resolve().name}-{to}"
        _exporter(to)(model, place, number=number)
    if json:
        print_json(_record(model, to, place))
    else:
        note(f"saved in {place}, see {place / 'README.md'}")


def _load(directory: Path) -> CompiledModel:
    from rinject.circuit import CompiledModel

    return CompiledModel.load(directory)


def _exporter(to: Target) -> Callable[..., None]:
    from rinject.circuit.export import (
        export_hugging_face,
        export_pytorch,
        export_transformer_lens,
    )

    exporters: dict[Target, Callable[..., None]] = {
        "hf": export_hugging_face,
        "transformer-lens": export_transformer_lens,
        "pytorch": export_pytorch,
    }
    return exporters[to]


def _record(model: CompiledModel, to: Target, place: Path) -> dict[str, Any]:
    return {
        "program": model.program.name if model.program else None,
        "to": to,
        "directory": str(place),
        "files": sorted(path.name for path in place.iterdir()),
    }

"""``rinject compress``: a compiled program with a narrower residual stream, learned."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.console import note, print_json, progress_bar, stdout
from rinject.cli.drawing import check_picture
from rinject.cli.metrics import share
from rinject.cli.options import Json
from rinject.errors import InputError, RinjectError
from rinject.placing import check_target

if TYPE_CHECKING:
    from rinject.circuit import CompiledModel
    from rinject.circuit.compression import Compression, CompressionSettings

OUTPUT = Path("compressed")
MARK = "compressed.safetensors"  # as rinject.circuit.compressed writes it; that import is slow
THREADS = 2
NARROW = 128  # dimensions up to which one thread is quicker
MOST_NORMS = 12  # of a variable in the table


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject compress compiled/histogram -d 12")(compress)


def compress(
    directory: Annotated[
        Path, typer.Argument(help="What `rinject compile` wrote.", metavar="DIRECTORY")
    ],
    width: Annotated[
        int | None,
        typer.Option("--dimensions", "-d", help="Dimensions to keep.", show_default=False),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            help="Try several numbers of dimensions, and save nothing.", metavar="2,4,6,…"
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of gradient descent.")] = 4000,
    learning_rate: Annotated[
        float, typer.Option(help="The highest; it rises, then falls to 0.")
    ] = 0.003,
    batch: Annotated[int, typer.Option(min=1, help="Random inputs in a step.")] = 256,
    layer_weight: Annotated[
        float,
        typer.Option(min=0, help="Weight of the loss that compares what each layer writes."),
    ] = 1.0,
    weight_decay: Annotated[
        float, typer.Option(min=0, help="AdamW's: lets go of what no layer needs.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of the inputs and of where W begins.")] = 42,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory.", show_default="compressed/PROGRAM-D"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw W Wᵀ by variable, or of a sweep accuracy by width: .png, .pdf or .svg.",
            metavar="FILE",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Learn to run a compiled program in fewer dimensions, its weights untouched.

    Ctrl-C ends the learning; what was best so far is kept.
    """
    if plot is not None:
        check_picture(plot)
    widths = _widths(width, sweep, output)
    place = None if sweep else output or OUTPUT / f"{directory.resolve().name}-{width}"
    if place is not None:
        check_target(place, MARK)

    import torch

    from rinject.circuit import CompiledModel
    from rinject.circuit.compression import CompressionSettings, check_width

    settings = [
        CompressionSettings(w, steps, learning_rate, batch, layer_weight, weight_decay, seed)
        for w in widths
    ]
    model = CompiledModel.load(directory)
    for w in widths:
        check_width(model, w)
    threads = 1 if model.residual_width <= NARROW else THREADS
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    begun = time.monotonic()
    results = _learn(model, settings, quiet=json)
    seconds = time.monotonic() - begun
    if place is None:
        _show_sweep(results, seconds, json=json)
    else:
        results[0].model.save(place)
        _show_one(results[0], seconds, place, json=json)
    if plot is not None:
        _plot(results, plot, is_sweep=place is None)
        if not json:
            note(f"drawn in {plot}")
    _end(results, len(widths), place)


def _widths(width: int | None, sweep: str | None, output: Path | None) -> list[int]:
    """The widths asked for. Raises InputError unless there is one, or a sweep."""
    if (width is None) == (sweep is None):
        raise InputError(
            "how many dimensions should be kept?" if width is None else "one width, or a sweep?",
            hint="give -d 6, or to try several --sweep 2,4,6",
        )
    if sweep is None:
        assert width is not None
        return [width]
    if output is not None:
        raise InputError("a sweep saves nothing", hint="leave out --output, or give one width: -d")
    try:
        widths = sorted({int(part) for part in sweep.split(",")})
    except ValueError:
        raise InputError(
            f"--sweep takes numbers, not {sweep!r}", hint="for example --sweep 2,4,6"
        ) from None
    return widths


def _learn(
    model: CompiledModel, settings: list[CompressionSettings], *, quiet: bool
) -> list[Compression]:
    """Up to the one during which Ctrl-C was pressed."""
    from rinject.circuit.compression import compress as learn

    results: list[Compression] = []
    for each in settings:
        with progress_bar(f"{model.residual_width} to {each.width}", quiet=quiet) as update:
            results.append(learn(model, each, update))
        if results[-1].was_stopped:
            break
    return results


def _end(results: list[Compression], asked: int, place: Path | None) -> None:
    """Raises RinjectError where Ctrl-C ended it."""
    last = results[-1]
    if last.was_stopped:
        of = f" of {last.settings.steps}"
        where = f", the best so far is in {place}" if place else f" of width {last.settings.width}"
        left = asked - len(results)
        raise RinjectError(
            f"stopped after step {last.steps}{of}{where}",
            hint=f"{left} more widths were not tried" if left else None,
        )


def _plot(results: list[Compression], path: Path, *, is_sweep: bool) -> None:
    from rinject.circuit.compression_plot import save_gram, save_sweep  # imports matplotlib

    if is_sweep:
        save_sweep(results, path)
    else:
        save_gram(results[0].model, path)


# --- what is shown ------------------------------------------------------------------------------


def _record(result: Compression) -> dict[str, Any]:
    original = result.model.original
    return {
        "program": original.program.name if original.program else None,
        "backend": original.backend,
        "residual_width": original.residual_width,
        "width": result.settings.width,
        "steps": result.steps,
        "best_step": result.best_step,
        "stopped": result.was_stopped,
        **result.measures.to_record(),
    }


def _show_one(result: Compression, seconds: float, place: Path, *, json: bool) -> None:
    if json:
        print_json({**_record(result), "seconds": round(seconds, 1), "directory": str(place)})
        return
    for table in (_summary(result, seconds), _layer_table(result), _variable_table(result)):
        stdout.print(table)
    note(f"saved in {place}")


def _summary(result: Compression, seconds: float) -> Table:
    measures, original = result.measures, result.model.original
    inputs = f"all {measures.inputs:,}" if measures.is_exhaustive else f"{measures.inputs:,} random"
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "program": original.program.name if original.program else original.graph.output,
        "dimensions": f"{original.residual_width} to {result.settings.width}",
        "accuracy": f"{measures.accuracy:.2%} of the positions of {inputs} inputs",
        "output loss": f"{measures.output_loss:.3g}",
        "learned in": f"{result.steps:,} steps, {seconds:.0f} s; best after {result.best_step:,}",
    }
    for label, value in rows.items():
        table.add_row(label, Text(value))
    return table


def _layer_table(result: Compression) -> Table:
    table = Table("cosine similarity", "attention", "MLP", "stream", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("embedding", "", "", share(result.measures.embedding))
    for index, layer in enumerate(result.measures.layers, start=1):
        figures = (layer.attention, layer.mlp, layer.stream)
        table.add_row(f"layer {index}", *map(share, figures))
    return table


def _variable_table(result: Compression) -> Table:
    """The diagonal of W Wᵀ, and how many dimensions each variable has to itself."""
    table = Table("variable", "of", "own", "kept, by dimension", box=box.SIMPLE_HEAD)
    for column in table.columns[1:3]:
        column.justify = "right"
    for kept in result.measures.variables:
        norms = [f"{norm:.2f}" for norm in kept.norms[:MOST_NORMS]]
        norms += ["…"] if kept.size > MOST_NORMS else []
        table.add_row(
            Text(kept.name), f"{kept.size}", f"{kept.dimensionality:.1f}", " ".join(norms)
        )
    return table


def _show_sweep(results: list[Compression], seconds: float, *, json: bool) -> None:
    if json:
        print_json({"sweep": [_record(r) for r in results], "seconds": round(seconds, 1)})
        return
    table = Table("d", "accuracy", "output loss", "stream at the end", box=box.SIMPLE_HEAD)
    for column in table.columns:
        column.justify = "right"
    for result in results:
        measures = result.measures
        last = measures.layers[-1].stream if measures.layers else measures.embedding
        figures = f"{measures.accuracy:.2%}", f"{measures.output_loss:.3g}", share(last)
        table.add_row(str(result.settings.width), *figures)
    stdout.print(table)

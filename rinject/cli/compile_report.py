"""What `rinject compile` tells about the models that it made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rinject.compiler import Verification
    from rinject.compiler.compare import Attempt
    from rinject.lang import Program


def record_of(program: Program, made: Attempt) -> dict[str, Any]:
    """One model, ready for JSON; it must be there."""
    model = made.model
    assert model is not None
    return {
        "program": program.name,
        "backend": model.backend,
        "layers": model.num_layers,
        "heads": model.num_heads,
        "residual_width": model.residual_width,
        "parameters": model.parameters,
        "variables": list(model.variables),
        "seconds": round(made.seconds, 3),
        "margin": model.margin,
        "verified": made.verified and _verified_record(made.verified),
    }


def _verified_record(verified: Verification) -> dict[str, Any]:
    return {
        "inputs": verified.inputs,
        "mismatches": verified.mismatches,
        "margin": verified.margin,
    }


def summary(record: dict[str, Any]) -> Table:
    """The same for a terminal."""
    verified = record["verified"]
    return _rows(
        {
            "program": record["program"],
            "backend": record["backend"],
            "layers": str(record["layers"]),
            "heads": f"{record['heads']} at most in a layer",
            "residual width": f"{record['residual_width']:,}",
            "parameters": f"{record['parameters']:,}",
            "variables": ", ".join(record["variables"]),
            "compiled in": f"{record['seconds']:.2f} s",
            "verified": "no"
            if verified is None
            else f"{verified['inputs']:,} inputs, {verified['mismatches']:,} mismatches",
            "margin": _margins(record),
        }
    )


def _rows(rows: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows.items():
        if value:
            table.add_row(label, Text(value))
    return table


def _rounded(margin: float) -> str:
    """Two digits, never more than it is: 1.00 is no rounding at all."""
    return f"{math.floor(margin * 100) / 100:.2f}"


def _margins(record: dict[str, Any]) -> str:
    """The least share of its margin that a score or threshold kept: 1 is all of it."""
    seen = record["verified"] and record["verified"]["margin"]
    parts = [] if seen is None else [f"{_rounded(seen)} seen"]
    parts += (
        [] if record["margin"] is None else [f"at least {_rounded(record['margin'])} by design"]
    )
    return ", ".join(parts)


def comparison(program: Program, attempts: Sequence[Attempt]) -> Iterator[RenderableType]:
    """The models of several backends side by side, and what is to be said about each."""
    yield Text(program.name, "bold")
    table = Table(box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    columns = [_column(made) for made in attempts]
    for made in attempts:
        table.add_column(made.backend, justify="right")
    for label in columns[0]:
        table.add_row(label, *(column[label] for column in columns))
    yield table
    for made in attempts:
        if made.refusal is not None:
            yield Text(made.refusal.message)
        if made.verified is not None and made.verified.first is not None:
            yield Text(f"{made.backend}, the first difference: {made.verified.first}")


def _column(made: Attempt) -> dict[str, str]:
    model = made.model
    return {
        "layers": f"{model.num_layers:,}" if model else "-",
        "heads in a layer": f"{model.num_heads:,}" if model else "-",
        "residual width": f"{model.residual_width:,}" if model else "-",
        "parameters": f"{model.parameters:,}" if model else "-",
        "seconds": f"{made.seconds:.3f}",
        "differs": _difference(made),
    }


def _difference(made: Attempt) -> str:
    if made.model is None:
        return "refused"
    if made.verified is None:
        return "not verified"
    return f"on {made.verified.mismatches:,} of {made.verified.inputs:,} inputs"

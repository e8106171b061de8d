"""Figures about a bundle, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text


def summary_table(metrics: Mapping[str, Any]) -> Table:
    """Accuracy and perplexity before and after, and fidelity; the keys are EvalReport's."""
    table = Table("", "before", "after", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    change = metrics["perplexity"] / metrics["base_perplexity"] - 1
    table.add_row(
        f"accuracy on {metrics['n']:,} unseen examples",
        f"{metrics['base_accuracy']:.1%}",
        f"{metrics['accuracy']:.1%}",
    )
    table.add_row(
        f"perplexity on {metrics['tokens']:,} held-out tokens",
        f"{metrics['base_perplexity']:.2f}",
        f"{metrics['perplexity']:.2f} ({change:+.1%})",
    )
    table.add_row("mean fidelity of the changing variables", "", share(metrics["fidelity"]))
    return table


def fidelity_table(metrics: Mapping[str, Any]) -> Table:
    """Each variable's fidelity; those that do not change are dim."""
    table = Table("variable", "fidelity", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    for name, value in metrics["variables"].items():
        changes = name in metrics["changing"]
        mark = "" if changes else " (constant)"
        table.add_row(Text(name + mark, style="" if changes else "dim"), share(value))
    return table


def share(value: float | None) -> str:
    """A share of one, to three places, or a dash where there is nothing to share."""
    return "-" if value is None else f"{value:.3f}"

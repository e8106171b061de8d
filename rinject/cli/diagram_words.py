"""What drawings say about a diagram, as text and as a picture alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rinject.compiler.diagram import Column, Diagram


def totals(diagram: Diagram) -> str:
    """One line about the whole transformer."""
    parts = (
        counted(diagram.layers, "layer"),
        f"residual width {diagram.residual_width:,}",
        counted(len(diagram.nodes), "variable"),
    )
    return ", ".join(parts)


def column_head(column: Column) -> tuple[str, str]:
    """What stands above a column."""
    if column.place == "embedding":
        return "embedding", ""
    part = "MLP" if column.place == "mlp" else f"attention, {counted(len(column.nodes), 'head')}"
    return f"layer {column.layer}", part


def counted(number: int, noun: str) -> str:
    """Such as "1 layer" and "2 layers"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def one_line(name: str) -> str:
    """A name that may have line breaks in it."""
    return " ".join(name.split())

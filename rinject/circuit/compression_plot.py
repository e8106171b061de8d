"""Pictures of compressed models: W and W Wᵀ by variable, and how a program fares by width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rinject.circuit.compressed import CompressedModel
from rinject.circuit.compression import Compression
from rinject.circuit.heat_map_panels import BIAS, Group, dimensions
from rinject.pictures import INK, LINE, RED, SIGNED, save_picture

CELL = 0.18  # inches of a dimension, where there are few
SMALLEST, LARGEST = 2.0, 9.0  # inches of a picture's side
MOST_LABELS = 60  # more dimensions are labelled by variable only


def save_gram(model: CompressedModel, path: str | Path) -> None:
    """Draws W and W Wᵀ into a file of a format that matplotlib knows by its ending."""
    save_picture(path, lambda: gram_figure(model))


def save_sweep(results: Sequence[Compression], path: str | Path) -> None:
    """Draws accuracy and output loss by width into a file; see :func:`save_gram`."""
    save_picture(path, lambda: sweep_figure(results))


def gram_figure(model: CompressedModel) -> Figure:
    """To the left W [D, d], to the right W Wᵀ [D, D], cut by variable."""
    groups = [group for group in dimensions(model.original) if group.label != BIAS]
    size, width = model.original.residual_width, model.width
    side = min(max(size * CELL, SMALLEST), LARGEST)
    narrow = max(side * width / size, 0.6)
    figure = Figure(figsize=(side + narrow + 3.6, side + 1.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[narrow, side])
    gram = model.gram().numpy()
    scale = float(max(np.abs(gram).max(), np.abs(model.embedding.numpy()).max()))
    for axes, matrix in ((left, model.embedding.numpy()), (right, gram)):
        image = axes.imshow(matrix, cmap=SIGNED, vmin=-scale, vmax=scale, aspect="auto")
    figure.colorbar(image, ax=right, fraction=0.05)
    left.set_title("W", color=INK)
    left.set_xticks([0, width - 1] if width > 1 else [0])
    right.set_title("W Wᵀ", color=INK)
    _label(left, groups, rows_only=True)
    _label(right, groups, rows_only=False)
    right.set_yticks([])
    figure.suptitle(f"{_name(model)}: {size} dimensions in {width}", color=INK)
    return figure


def _label(axes: Axes, groups: Sequence[Group], *, rows_only: bool) -> None:
    """A tick for each dimension, or where there are too many for each variable."""
    if sum(group.size for group in groups) <= MOST_LABELS:
        ticks = [float(group.start + i) for group in groups for i in range(group.size)]
        names = [_value_name(group, i) for group in groups for i in range(group.size)]
    else:
        ticks = [(group.start + group.stop - 1) / 2 for group in groups]
        names = [group.label for group in groups]
    axes.set_yticks(ticks, names, fontsize=6, parse_math=False)
    for group in groups[1:]:
        axes.axhline(group.start - 0.5, color=LINE, lw=0.6)
    if not rows_only:
        axes.set_xticks(ticks, names, fontsize=6, rotation=90, parse_math=False)
        for group in groups[1:]:
            axes.axvline(group.start - 0.5, color=LINE, lw=0.6)


def _value_name(group: Group, index: int) -> str:
    if group.size == 1 or not group.values:
        return group.label
    return f"{group.label}: {group.values[index]}"


def sweep_figure(results: Sequence[Compression]) -> Figure:
    """Accuracy by width, and on a second axis the output loss."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axes = figure.subplots()
    widths = [result.settings.width for result in results]
    axes.plot(widths, [100 * r.measures.accuracy for r in results], "o-", color=INK)
    axes.set(xlabel="dimensions d", ylabel="accuracy, %", ylim=(0, 103), xticks=widths)
    axes.grid(color=LINE, lw=0.5)
    losses = axes.twinx()
    losses.plot(widths, [r.measures.output_loss for r in results], "s--", color=RED)
    losses.set_ylabel("output loss", color=RED)
    losses.set_ylim(bottom=0)
    original = results[0].model.original
    axes.set_title(
        f"{_name(results[0].model)}, {original.residual_width} dimensions uncompressed", color=INK
    )
    return figure


def _name(model: CompressedModel) -> str:
    original = model.original
    return original.program.name if original.program else original.graph.output

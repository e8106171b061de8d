"""Fidelity by variable and layer, drawn."""

from __future__ import annotations

from matplotlib.figure import Figure

from rinject.evaluate.layers import LayerFidelity

CELL, ROW = 0.62, 0.3  # inches
MARGIN = (2.0, 1.3)
NOT_YET = "#d8dce3"


def draw_fidelity(found: LayerFidelity) -> Figure:
    """A heat map, variables by layers; grey where the program has not computed the variable yet."""
    rows, columns = len(found.variables), len(found.layers)
    width = max(CELL * columns + MARGIN[0], 4.5)
    figure = Figure(figsize=(width, ROW * rows + MARGIN[1]), layout="constrained")
    axes = figure.subplots()
    shares = [[float("nan") if one is None else one for one in row] for row in found.shares]
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_facecolor(NOT_YET)
    for row, line in enumerate(found.shares):
        for column, share in enumerate(line):
            if share is not None:
                ink = "white" if share < 0.6 else "black"
                words = f"{share:.2f}"
                axes.text(column, row, words, ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(columns), [f"{layer}\n({i})" for i, layer in enumerate(found.layers)])
    axes.set_yticks(range(rows), [name.replace("$", r"\$") for name in found.variables])
    axes.set_xlabel("layer of the student (of the program)")
    figure.colorbar(image, ax=axes, label="fidelity")
    return figure

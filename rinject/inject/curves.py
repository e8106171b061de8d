"""The curves of a training run as one picture: losses, accuracy, suites, fidelity by variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rinject.inject.history import read_history
from rinject.pictures import BLUE, GREEN, INK, LINE, RED, save_picture

WIDTH, HEIGHT = 7.0, 2.7  # inches of a panel
RANGE = 1e4  # from the largest loss downwards
MOST_IN_LEGEND = 24  # variables; more are drawn without their names
LOSSES = {"answer": BLUE, "alignment": RED, "text": GREEN}
Record = dict[str, Any]


def save_curves(metrics: str | Path, path: str | Path) -> None:
    """Draws a ``metrics.jsonl`` into a file of a format that matplotlib knows by its ending.

    Raises InputError for a file without reports.
    """
    records = read_history(metrics)
    save_picture(path, lambda: curves_figure(records))


def curves_figure(records: Sequence[Record]) -> Figure:
    """One panel below the other, by step; those of which nothing was measured are left out."""
    panels: list[Callable[[Axes, Sequence[Record]], None]] = [_losses]
    if any("accuracy" in r or "mean_fidelity" in r for r in records):
        panels.append(_shares)
    if any(r.get("suites") for r in records):
        panels.append(_suites)
    if any(r.get("fidelity") for r in records):
        panels.append(_variables)
    figure = Figure(figsize=(WIDTH, HEIGHT * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for one, draw in zip(axes, panels, strict=True):
        draw(one, records)
        one.grid(color=LINE, lw=0.5)
    axes[-1].set_xlabel("step")
    axes[-1].set_xlim(0, records[-1]["step"])
    return figure


def _losses(axes: Axes, records: Sequence[Record]) -> None:
    """On a scale of powers of ten; a loss of 0, as L_KL has it at first, has no place there."""
    names = dict.fromkeys(name for record in records for name in record["losses"])
    values = []
    for name in names:
        found = [(r["step"], r["losses"][name]) for r in records if name in r["losses"]]
        _line(axes, found, name, LOSSES.get(name, INK))
        values += [value for _, value in found]
    positive = [value for value in values if value > 0]
    if positive:
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(bottom=max(min(positive), max(positive) / RANGE) / 2)
    axes.set_ylabel("loss, unweighted")
    _legend(axes)


def _shares(axes: Axes, records: Sequence[Record]) -> None:
    """Of held-out examples: answered right, and decoded right on average."""
    curves = (("accuracy", "accuracy", INK), ("mean_fidelity", "mean fidelity", RED))
    for key, label, colour in curves:
        _line(axes, [(r["step"], 100 * r[key]) for r in records if key in r], label, colour)
    axes.set(ylabel="held out, %", ylim=(0, 103))
    _legend(axes)


def _suites(axes: Axes, records: Sequence[Record]) -> None:
    """The accuracy on each suite."""
    _named_shares(axes, records, "suites", "out of distribution, %")


def _variables(axes: Axes, records: Sequence[Record]) -> None:
    """The fidelity of each variable."""
    _named_shares(axes, records, "fidelity", "fidelity, %")


def _named_shares(axes: Axes, records: Sequence[Record], key: str, label: str) -> None:
    measured = [record for record in records if record.get(key)]
    names = list(dict.fromkeys(name for record in measured for name in record[key]))
    for index, name in enumerate(names):
        found = [(r["step"], 100 * r[key][name]) for r in measured if name in r[key]]
        style = ("-", "--", ":")[index // 10 % 3]  # ten colours, then other lines
        _line(axes, found, name, f"C{index % 10}", style)
    axes.set(ylabel=label, ylim=(0, 103))
    if len(names) <= MOST_IN_LEGEND:
        _legend(axes)


def _line(
    axes: Axes, points: Sequence[tuple[int, float]], label: str, colour: str, style: str = "-"
) -> None:
    """A few points are marked, many are only joined."""
    if points:
        marker = "o" if len(points) <= 30 else None
        steps, values = zip(*points, strict=True)
        axes.plot(
            *(steps, values), style, color=colour, label=label, lw=1.2, marker=marker, markersize=3
        )


def _legend(axes: Axes) -> None:
    """To the right of the panel, the names as they are written."""
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
